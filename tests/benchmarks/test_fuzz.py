"""A short form of the fuzzing: mutants of every kind of file are refused, or read as they read plainly."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks import _plain as plain
from benchmarks._fuzz_targets import Outcome, Target, judge, make_targets
from benchmarks._mutation import mutate
from benchmarks.fuzz import SHARES, run_here
from challenge.errors import FormatError

CASES = {"settings": 60, "submissions": 80, "challenge sets": 150, "zips of slices": 150}


@pytest.fixture(scope="module")
def targets(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Target]:
    return make_targets(tmp_path_factory.mktemp("fuzz"))


@pytest.mark.parametrize("name", SHARES)
def test_no_mutant_is_read_wrongly(targets: dict[str, Target], name: str) -> None:
    tally = run_here(targets[name], CASES.get(name, 300), seed=1)
    assert not tally.wrong, "\n".join(tally.wrong)
    assert tally.verdicts["accepted"] >= len(targets[name].seeds)
    assert tally.verdicts["refused"] > 20


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None), max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_any_value_in_any_place_is_read_as_it_is_or_refused(
    targets: dict[str, Target], data: st.DataObject
) -> None:
    target = targets[data.draw(st.sampled_from(["slices", "challenge sets", "answers", "playlists"]))]
    content: Any = json.loads(target.seeds[0])
    parent: Any = {"": content}
    key: Any = ""
    while isinstance(parent[key], dict | list) and parent[key] and data.draw(st.integers(0, 4)):
        parent = parent[key]
        key = data.draw(st.sampled_from(list(parent) if isinstance(parent, dict) else range(len(parent))))
    parent[key] = data.draw(JSON)
    text = json.dumps(content if key != "" else parent[key], ensure_ascii=data.draw(st.booleans()))
    assert judge(target, text.encode("utf-8", "surrogatepass")).verdict in {"accepted", "refused"}


def test_the_judge_sees_what_is_wrong() -> None:
    def refuse(data: bytes) -> None:
        raise FormatError(f"no: {data.decode()}")

    def refuse_plainly(data: bytes) -> None:
        raise plain.RefusedError

    def fail(data: bytes) -> None:
        raise KeyError(data)

    assert judge(Target([], len, len), b"ab") == Outcome("accepted")
    assert judge(Target([], len, lambda data: 3), b"ab").words == "accepted as another value"
    assert judge(Target([], len, refuse_plainly), b"ab").words == "accepted, but refused plainly"
    assert judge(Target([], refuse, refuse_plainly), b"ab") == Outcome("refused")
    assert judge(Target([], refuse, len), b"ab").words == "refused, but plainly proper: no: ab"
    assert judge(Target([], refuse, len, strict=False), b"ab") == Outcome("refused")
    assert judge(Target([], refuse, refuse_plainly), b"\x1b[2J").verdict == "wrong"
    assert judge(Target([], fail, len), b"ab").words == "KeyError: b'ab'"


def test_mutants_differ_and_repeat_with_their_seed() -> None:
    seeds = [Path(__file__).read_bytes(), b'{"a": [1, "b"]}', b""]
    made = [mutate(seeds[number % 3], seeds, Random(number)) for number in range(300)]
    assert made == [mutate(seeds[number % 3], seeds, Random(number)) for number in range(300)]
    assert sum(data != seeds[number % 3] for number, data in enumerate(made)) > 220
