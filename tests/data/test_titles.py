import pytest
from hypothesis import given
from hypothesis import strategies as st

from challenge.data.titles import official_title, title_key, tokens


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("  Chill.Vibes!! ", "chill vibes"),
        ("90's  R&B", "90's r&b"),
        ("(Work-Out) #1", "work-out 1"),
        ("a_b/c,d:e;f", "a b c d e f"),
        ("...", ""),
        ("🎉 Party", "🎉 party"),
        ("", ""),
    ],
)
def test_official_title_follows_the_organisers_rule(title: str, expected: str) -> None:
    assert official_title(title) == expected


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("Café del Mar", ("cafe", "del", "mar")),
        ("Don’t Stop", ("dont", "stop")),
        ("Don't Stop", ("dont", "stop")),
        ("SUMMER 2017", ("summer", "2017")),
        ("party🎉🎉", ("party", "🎉", "🎉")),
        ("❤️ love", ("❤", "love")),
        ("❤ love", ("❤", "love")),
        ("👍🏽", ("👍",)),
        ("ＣＨＩＬＬ", ("chill",)),
        ("chill-out_mix", ("chill", "out", "mix")),
        ("straße", ("strasse",)),
        ("R&B", ("r", "&", "b")),
        ("!!!", ()),
        ("", ()),
    ],
)
def test_tokens_are_folded_words_numbers_and_single_emoji(title: str, expected: tuple[str, ...]) -> None:
    assert tokens(title) == expected


def test_title_key_makes_spellings_of_one_title_equal() -> None:
    assert title_key("Chill  VIBES!") == title_key("chill vibes") == title_key("Chíll-Vibes")
    assert title_key("90s") != title_key("80s")


@given(st.text())
def test_official_title_is_idempotent(title: str) -> None:
    once = official_title(title)
    assert official_title(once) == once


@given(st.text())
def test_title_key_is_idempotent_and_keeps_its_tokens(title: str) -> None:
    once = title_key(title)
    assert title_key(once) == once
    assert tokens(once) == tokens(title)


@given(st.text(alphabet="abcdefghij XYZ'-!"))
def test_title_key_ignores_case(title: str) -> None:
    assert title_key(title.upper()) == title_key(title.lower())
