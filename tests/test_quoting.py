"""Other people's text acts neither in messages, nor on terminals, nor in tables."""

from __future__ import annotations

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from challenge.quoting import printable, printable_json, quoted, table_cell

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("Café 🎷", "'Café 🎷'"),
        ("it's", '"it\'s"'),
        ("a\nError: forged", r"'a\nError: forged'"),
        ("\x1b[2J\x9b31m", r"'\x1b[2J\x9b31m'"),
        ("\u202egpj.exe", r"'\u202egpj.exe'"),
        ("\ud800", r"'\ud800'"),
        (b"\xff\x00a", r"'\ufffd\x00a'".replace(r"\ufffd", "\ufffd")),
        ("x" * 61, "'" + "x" * 60 + "'…"),
        (7, "7"),
        (None, "None"),
        ([[[[[[1]]]]]], "[[[[...]]]]"),
        ({"a": "b" * 3_000_000}, "{'a': '" + "b" * 27 + "..." + "b" * 28 + "'}"),
    ],
)
def test_values_are_shown_on_one_short_line(value: object, shown: str) -> None:
    assert quoted(value) == shown


def test_a_number_of_thousands_of_digits_is_not_written_out() -> None:
    assert quoted([10**5000]) == "[a number of about 4,983 digits]"


@given(ANYTHING)
def test_whatever_is_quoted_is_short_and_acts_on_nothing(value: object) -> None:
    shown = quoted(value)
    assert len(shown) < 5000
    assert shown == printable(shown)
    shown.encode()


@given(st.text())
def test_what_is_printable_has_no_control_character(text: str) -> None:
    shown = printable(text)
    assert not any(unicodedata.category(each) in {"Cc", "Cs", "Zl", "Zp"} for each in shown)
    assert not any(unicodedata.bidirectional(each) in {"LRE", "RLE", "LRO", "RLO", "RLI"} for each in shown)
    assert printable(shown) == shown


@given(st.recursive(st.text(), lambda inner: st.dictionaries(st.text(), inner) | st.lists(inner)))
def test_printable_json_is_the_same_value(value: object) -> None:
    for indent in (None, 2):
        text = printable_json(json.dumps(value, indent=indent, ensure_ascii=False))
        assert json.loads(text) == value
        assert printable(text.replace("\n", "")) == text.replace("\n", "")


@pytest.mark.parametrize("text", ["=1", "+1", "-1", "@a", "\t=1", "\r=1"])
def test_no_cell_is_a_formula(text: str) -> None:
    assert table_cell(text) == "'" + text
    assert table_cell("a" + text) == "a" + text
