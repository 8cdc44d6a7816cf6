"""The type of a submission: it cannot be made with lists that break the rules which its arrays can show."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from challenge.data.dataset import Queries
from challenge.data.vocabulary import Vocabulary
from challenge.errors import InvalidSubmissionError, InvariantError
from challenge.submission.team import TeamInfo
from challenge.types import ID_LENGTH, LIST_LENGTH, IdArray, Int32Array


@dataclass(frozen=True, eq=False)
class Submission:
    """Q playlists with 500 distinct tracks each, best first.

    What the challenge set alone can tell, that a list holds no seed of its playlist, is checked where a
    submission is made by :meth:`for_challenge`.

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
        self._check_lists()

    def __len__(self) -> int:
        return len(self.pid)

    @classmethod
    def for_challenge(
        cls, team: TeamInfo, queries: Queries, tracks: Int32Array, vocabulary: Vocabulary
    ) -> Submission:
        """Make the submission to a challenge, whose seeds no list of their playlist may hold.

        Args:
            team: who submits.
            queries: the Q playlists of the challenge.
            tracks: dense track indices, best first, int32, shape (Q, 500).
            vocabulary: the ids of these indices.

        Raises:
            InvariantError: a list lacks a track or holds a seed of its playlist.
            InvalidSubmissionError: see :class:`Submission`.
        """
        _require_full(queries, tracks)
        _require_no_seed(queries, tracks, vocabulary)
        return cls(team, queries.pid, vocabulary.ids[tracks])

    def _check_lists(self) -> None:
        for pid, row in zip(self.pid, self.track_ids, strict=True):
            if not row.tobytes().isalnum():  # shorter ids end in NUL
                raise InvalidSubmissionError(
                    f"pid {pid}: holds an id that is not {ID_LENGTH} letters or digits"
                )
            distinct = len(set(row.tolist()))
            if distinct < LIST_LENGTH:
                raise InvalidSubmissionError(f"pid {pid}: {distinct} distinct tracks; expected {LIST_LENGTH}")


def id_characters(ids: IdArray) -> np.ndarray:
    """Bytes of ids of full length, uint8, shape (n, 22)."""
    return np.ascontiguousarray(ids).view(np.uint8).reshape(-1, ID_LENGTH)


def _require_full(queries: Queries, tracks: Int32Array) -> None:
    for row in np.flatnonzero((tracks < 0).any(axis=1)):
        rank = int(np.argmax(tracks[row] < 0)) + 1
        raise InvariantError(f"pid {queries.pid[row]}: no track at rank {rank}; expected {LIST_LENGTH}")


def _require_no_seed(queries: Queries, tracks: Int32Array, vocabulary: Vocabulary) -> None:
    # One ascending sequence of all lists: each row is sorted, and rows lie apart by the number of tracks.
    span = np.int64(len(vocabulary))
    listed = (np.sort(tracks, axis=1) + span * np.arange(len(tracks))[:, None]).ravel()
    rows, seeds = queries.seeds.row_ids(), queries.seeds.track_index
    wanted = seeds + span * rows
    found = np.searchsorted(listed, wanted)
    held = listed[np.minimum(found, len(listed) - 1)] == wanted if len(listed) else np.zeros(0, bool)
    for entry in np.flatnonzero(held):
        (uri,) = vocabulary.uris(seeds[entry : entry + 1])
        raise InvariantError(
            f"pid {queries.pid[rows[entry]]}: its list holds {uri}, one of its seeds; expected none of them"
        )
