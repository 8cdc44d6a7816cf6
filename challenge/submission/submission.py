"""A submission that keeps the rules which can be checked without the challenge set."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from challenge.errors import InvalidSubmissionError
from challenge.submission.team import TeamInfo
from challenge.types import ID_LENGTH, LIST_LENGTH, IdArray, Int32Array


@dataclass(frozen=True, eq=False)
class Submission:
    """Q playlists with 500 distinct tracks each, best first.

    Attributes:
        team: who submits.
        pid: playlist ids, distinct, int32, shape (Q,).
        track_ids: ids without prefix, dtype S22, shape (Q, 500), none twice in a row.

    Raises:
        InvalidSubmissionError: the arrays are not so.
    """

    team: TeamInfo
    pid: Int32Array
    track_ids: IdArray

    def __post_init__(self) -> None:
        expected = (len(self.pid), LIST_LENGTH)
        if self.track_ids.shape != expected or self.track_ids.dtype != f"S{ID_LENGTH}":
            found = f"track_ids has shape {self.track_ids.shape} and dtype {self.track_ids.dtype}"
            raise InvalidSubmissionError(f"{found}; expected {expected} and S{ID_LENGTH}")
        pids, counts = np.unique(self.pid, return_counts=True)
        if len(pids) < len(self.pid):
            raise InvalidSubmissionError(f"pid {pids[counts > 1][0]}: has more than one list; expected one")
        if len(pids) and pids[0] < 0:
            raise InvalidSubmissionError(f"pid {pids[0]}: is negative")
        self._check_ids()
        self._check_distinct()

    def __len__(self) -> int:
        return len(self.pid)

    def _check_ids(self) -> None:
        for row in np.flatnonzero(~alphanumeric_rows(self.track_ids)):
            raise InvalidSubmissionError(
                f"pid {self.pid[row]}: holds an id that is not {ID_LENGTH} letters or digits"
            )

    def _check_distinct(self) -> None:
        for pid, row in zip(self.pid, self.track_ids, strict=True):
            distinct = len(set(row.tolist()))
            if distinct < LIST_LENGTH:
                raise InvalidSubmissionError(f"pid {pid}: {distinct} distinct tracks; expected {LIST_LENGTH}")


def alphanumeric_rows(ids: IdArray) -> np.ndarray:
    """Tell which rows hold nothing but ids of 22 letters or digits; bool, shape (Q,)."""
    allowed = np.zeros(256, bool)
    allowed[list(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")] = True
    letters = np.ascontiguousarray(ids).view(np.uint8).reshape(len(ids), ids.shape[1] * ID_LENGTH)
    return np.array([bool(allowed[row].all()) for row in letters], bool)
