"""Reads a submission file that keeps the rules into the type; a broken one is refused."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Final

import numpy as np

from challenge.errors import InvalidSubmissionError
from challenge.submission.parser import PlaylistLine, parse_file
from challenge.submission.rules import Rule, Violations
from challenge.submission.submission import Submission
from challenge.submission.team import TeamInfo
from challenge.types import ID_LENGTH, LIST_LENGTH, TRACK_PREFIX, IdArray

_SHOWN: Final = 3


def read_submission(path: Path) -> Submission:
    """Read a .csv or .csv.gz file that keeps every rule which can be checked without the challenge set.

    Raises:
        MissingInputError: nothing there.
        InvalidSubmissionError: a rule is broken; the first violations are named.
    """
    violations = Violations()
    teams: list[TeamInfo] = []
    rows = dict(_rows(path, violations, teams))
    if len(violations) or not teams:
        raise _invalid(path, violations)
    ids = np.stack(list(rows.values())) if rows else np.empty((0, LIST_LENGTH), f"S{ID_LENGTH}")
    return Submission(teams[0], np.fromiter(rows, np.int32, len(rows)), ids)


def _rows(path: Path, violations: Violations, teams: list[TeamInfo]) -> Iterator[tuple[int, IdArray]]:
    first_line: dict[int, int] = {}
    for item in parse_file(path, violations):
        if isinstance(item, TeamInfo):
            teams.append(item)
        elif item.pid in first_line:
            found = f"the first is line {first_line[item.pid]}"
            violations.add(Rule.REPEATED_PID, found, line=item.number, pid=item.pid)
        elif item.pid is not None and not len(violations):
            first_line[item.pid] = item.number
            yield item.pid, _ids_of_line(item)


def _ids_of_line(line: PlaylistLine) -> IdArray:
    """Ids of a line's tracks without their prefix, S22, shape (n,)."""
    width = len(TRACK_PREFIX) + ID_LENGTH
    letters = np.frombuffer(b"".join(line.uris), np.uint8).reshape(-1, width)[:, len(TRACK_PREFIX) :]
    return np.ascontiguousarray(letters).view(f"S{ID_LENGTH}").ravel()


def _invalid(path: Path, violations: Violations) -> InvalidSubmissionError:
    shown = "; ".join(str(violation) for violation in islice(violations, _SHOWN))
    more = len(violations) - _SHOWN
    return InvalidSubmissionError(
        f"{path}: {shown}" + (f"; and {more:,} more violations" if more > 0 else ""),
        hint=f"'challenge validate {path} --challenge ...' lists them all",
    )
