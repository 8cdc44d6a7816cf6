"""The validator against a second implementation of the rules: the same verdict, and the same rules broken."""

from __future__ import annotations

import itertools
from pathlib import Path
from random import Random

import pytest

from benchmarks.validator import Judge, broken_twice
from tests.official_rules import broken_rules
from tests.submission_mutants import BREAKING, HARMLESS, Setting, edited, harmless, name_of_file, valid

SETTING = Setting.of_size(3)
PAIRS = list(itertools.combinations_with_replacement(BREAKING, 2))


@pytest.fixture
def judge(tmp_path: Path) -> Judge:
    return Judge(SETTING, tmp_path)


@pytest.mark.parametrize("rule", BREAKING)
def test_one_rule_broken_is_that_rule(judge: Judge, rule: str) -> None:
    for seed, way in itertools.product(range(12), BREAKING[rule]):
        random = Random(seed)
        draft = valid(SETTING, random)
        way(draft, SETTING, random)
        data = draft.data(random)
        assert judge.ours(data, draft.name) == {rule}
        assert broken_rules(data, draft.name, SETTING.seeds, SETTING.known) == {rule}


def test_what_no_rule_forbids_is_valid(judge: Judge) -> None:
    alone = [[way] for ways in HARMLESS for way in ways] * 3
    for seed, chosen in enumerate([*alone, *(harmless(Random(seed)) for seed in range(60))]):
        random = Random(seed)
        draft = valid(SETTING, random)
        for way in chosen:
            way(draft, SETTING, random)
        data = draft.data(random)
        assert judge.ours(data, draft.name) == set(), chosen
        assert broken_rules(data, draft.name, SETTING.seeds, SETTING.known) == set(), chosen


def test_two_rules_broken_are_those_two(judge: Judge) -> None:
    for seed, pair in enumerate(PAIRS):
        random = Random(seed)
        draft = broken_twice(pair, SETTING, random)
        if draft is not None:
            data = draft.data(random)
            assert judge.ours(data, draft.name) == broken_rules(
                data, draft.name, SETTING.seeds, SETTING.known
            ), pair


def test_the_name_of_the_file_is_a_rule_too(judge: Judge) -> None:
    for seed in range(8):
        random = Random(seed)
        draft = valid(SETTING, random)
        rules = name_of_file(draft, random)
        assert judge.ours(draft.data(random), draft.name) == rules


def test_edits_of_bytes_are_judged_alike(judge: Judge) -> None:
    for seed in range(150):
        random = Random(seed)
        draft = valid(SETTING, random)
        data = edited(draft.data(random), random)
        rules = broken_rules(data, draft.name, SETTING.seeds, SETTING.known)
        assert judge.ours(data, draft.name) == rules, seed
