"""Judges the validator: mutants of valid submissions, each checked by it and by a second implementation.

The second one is the plain reading of the official rules in ``tests/official_rules.py``. A verdict is wrong
where one accepts what the other refuses; rules differ where both refuse, but for other rules.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random

import numpy as np

from challenge.submission.validator import validate_against
from challenge.types import IdArray
from tests.official_rules import broken_rules
from tests.submission_mutants import BREAKING, Draft, Setting, edited, harmless, name_of_file, valid

_PAIRS = list(itertools.combinations_with_replacement(BREAKING, 2))
_FILE_LEVEL = {"empty-file", "only-comments", "damaged-gzip"}
_SHOWN = 10


class Judge:
    """Our validator for one challenge, as the set of rules that a file breaks."""

    def __init__(self, setting: Setting, folder: Path) -> None:
        self._seeds = {pid: frozenset(uri.encode() for uri in given) for pid, given in setting.seeds.items()}
        self._known = {uri[14:].encode() for uri in setting.known}
        self._folder = folder

    def ours(self, data: bytes, name: str) -> set[str]:
        """Names of the rules that the file breaks."""
        path = self._folder / name
        path.write_bytes(data)
        report = validate_against(path, self._seeds, track_exists=self._exists)
        assert report.valid == (not report.counts)
        return {rule.value for rule in report.counts}

    def _exists(self, ids: IdArray) -> np.ndarray:
        return np.array([each in self._known for each in ids.tolist()], bool)


def broken_twice(pair: tuple[str, str], setting: Setting, random: Random) -> Draft | None:
    """Break two rules of one submission; None where the first leaves nothing that the second could break."""
    draft = valid(setting, random)
    try:
        for rule in sorted(pair, key=_FILE_LEVEL.__contains__):
            random.choice(BREAKING[rule])(draft, setting, random)
    except (StopIteration, IndexError, ValueError):
        return None
    return draft


def mutants(setting: Setting, count: int, seed: int) -> Iterator[tuple[str, bytes, str]]:
    """Yield kind, bytes and file name of each mutant; the kinds take turns."""
    random = Random(seed)
    rules, pairs = itertools.cycle(BREAKING), itertools.cycle(_PAIRS)
    kinds = itertools.cycle(
        ["harmless", "one rule", "two rules", "two rules", "bytes edited", "bytes edited"]
    )
    made = 0
    while made < count:
        kind = next(kinds)
        draft: Draft | None = valid(setting, random)
        if kind == "two rules":
            draft = broken_twice(next(pairs), setting, random)
        if draft is None:
            continue
        if kind == "one rule":
            random.choice(BREAKING[next(rules)])(draft, setting, random)
        elif kind == "harmless":
            for way in harmless(random):
                way(draft, setting, random)
        if kind != "harmless" and random.random() < 0.05:
            name_of_file(draft, random)
        data = draft.data(random)
        yield kind, edited(data, random) if kind == "bytes edited" else data, draft.name
        made += 1


def judge(playlists: int, count: int, seed: int) -> int:
    """Judge mutants and print what came of them; return the number of verdicts and rules that differ."""
    setting, begin = Setting.of_size(playlists), time.monotonic()
    totals: Counter[tuple[str, str]] = Counter()
    shown = 0
    in_memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=in_memory if in_memory.is_dir() else None) as folder:
        validator = Judge(setting, Path(folder))
        for number, (kind, data, name) in enumerate(mutants(setting, count, seed)):
            ours = validator.ours(data, name)
            theirs = broken_rules(data, name, setting.seeds, setting.known)
            totals[kind, "mutants"] += 1
            totals[kind, "valid"] += not theirs
            totals[kind, "wrong verdicts"] += bool(ours) != bool(theirs)
            totals[kind, "other rules"] += bool(ours) == bool(theirs) and ours != theirs
            if ours != theirs and shown < _SHOWN:
                shown += 1
                print(f"mutant {number} ({kind}, {name}): ours {sorted(ours)}, theirs {sorted(theirs)}")
    seconds = time.monotonic() - begin
    columns = ("mutants", "valid", "wrong verdicts", "other rules")
    print(f"| mutants of {playlists} playlists | {' | '.join(columns)} |\n|---|{'---|' * len(columns)}")
    for kind in dict.fromkeys(kind for kind, _ in totals):
        print(f"| {kind} | {' | '.join(f'{totals[kind, column]:,}' for column in columns)} |")
    print(f"{count / seconds:,.0f} mutants a second, seed {seed}")
    return sum(count for (_, column), count in totals.items() if column in columns[2:])


def main() -> None:
    """Read the options and judge; ends with 1 where a verdict or a rule differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mutants", type=int, default=100_000)
    parser.add_argument("--playlists", type=int, default=2, help="in a submission")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    sys.exit(bool(judge(options.playlists, options.mutants, options.seed)))


if __name__ == "__main__":
    main()
