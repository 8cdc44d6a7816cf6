"""The submission file: CSV in the official form, gzipped where the name ends in .gz."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import IO, Final, cast

import numpy as np
from isal import igzip

from challenge.errors import InvalidSubmissionError
from challenge.files import atomic_file
from challenge.submission.parser import scan
from challenge.submission.playlist_line import PlaylistLine
from challenge.submission.rules import Rule, Violations
from challenge.submission.submission import Submission
from challenge.submission.team import TeamInfo
from challenge.types import ID_LENGTH, LIST_LENGTH, TRACK_PREFIX, IdArray

_SEPARATED_PREFIX: Final = b"," + TRACK_PREFIX.encode()
_COMPRESSION_LEVEL: Final = 2
_SHOWN: Final = 3


def write_submission(submission: Submission, path: Path) -> None:
    """Write the file; equal submissions give equal bytes, and no half-written file is ever left.

    Raises:
        ResourceError: the disk is full.
    """
    with atomic_file(path) as file:
        if path.suffix == ".gz":
            # No name and no time in the header, so that the bytes depend on the content only.
            with igzip.IGzipFile("", "wb", _COMPRESSION_LEVEL, fileobj=file, mtime=0) as zipped:
                _write_lines(submission, cast("IO[bytes]", zipped))
        else:
            _write_lines(submission, file)


def _write_lines(submission: Submission, file: IO[bytes]) -> None:
    file.write(submission.team.line().encode() + b"\n")
    fields = np.empty((LIST_LENGTH, len(_SEPARATED_PREFIX) + ID_LENGTH), np.uint8)
    fields[:, : len(_SEPARATED_PREFIX)] = np.frombuffer(_SEPARATED_PREFIX, np.uint8)
    for pid, row in zip(submission.pid.tolist(), submission.track_ids, strict=True):
        fields[:, len(_SEPARATED_PREFIX) :] = letters_of(row)
        file.write(b"%d%s\n" % (pid, fields.tobytes()))


def letters_of(ids: IdArray) -> np.ndarray:
    """Bytes of ids of full length, uint8, shape (n, 22)."""
    return np.ascontiguousarray(ids).view(np.uint8).reshape(-1, ID_LENGTH)


def read_submission(path: Path) -> Submission:
    """Read a .csv or .csv.gz file that keeps every rule which can be checked without the challenge set.

    Raises:
        MissingInputError: nothing there.
        InvalidSubmissionError: a rule is broken; the first places are named.
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
    for item in scan(path, violations):
        if isinstance(item, TeamInfo):
            teams.append(item)
        elif item.pid in first_line:
            found = f"the first is line {first_line[item.pid]}"
            violations.add(Rule.REPEATED_PID, found, line=item.number, pid=item.pid)
        elif item.pid is not None and not len(violations):
            first_line[item.pid] = item.number
            yield item.pid, ids_of_line(item)


def ids_of_line(line: PlaylistLine) -> IdArray:
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
