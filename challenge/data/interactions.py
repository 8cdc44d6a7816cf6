"""Which tracks stand in which playlist, in order: a ragged array in compressed rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from challenge.types import Int32Array, Int64Array


@dataclass(frozen=True, eq=False)
class Interactions:
    """Rows of tracks with their positions, in playlist order.

    Attributes:
        indptr: where each row begins, int64, shape (rows + 1,).
        track_index: dense track index of each entry, int32, shape (entries,).
        position: place in the full playlist from 0, int32, shape (entries,).
    """

    indptr: Int64Array
    track_index: Int32Array
    position: Int32Array

    def __len__(self) -> int:
        return len(self.indptr) - 1

    @property
    def lengths(self) -> Int64Array:
        """Entries of each row, int64, shape (rows,)."""
        return np.diff(self.indptr)

    def row(self, index: int) -> Int32Array:
        """Tracks of one row in order."""
        return self.track_index[self.indptr[index] : self.indptr[index + 1]]

    def row_positions(self, index: int) -> Int32Array:
        """Positions of one row, aligned with :meth:`row`."""
        return self.position[self.indptr[index] : self.indptr[index + 1]]

    def row_ids(self) -> Int32Array:
        """The row of each entry, int32, shape (entries,)."""
        return np.repeat(np.arange(len(self), dtype=np.int32), self.lengths)

    def take(self, rows: Sequence[int] | Int64Array | Int32Array) -> Interactions:
        """Return the given rows, in the given order."""
        rows = np.asarray(rows, np.int64)
        lengths = self.lengths[rows]
        indptr = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        entries = np.arange(indptr[-1]) + np.repeat(self.indptr[rows] - indptr[:-1], lengths)
        return Interactions(indptr, self.track_index[entries], self.position[entries])

    def where(self, keep: np.ndarray) -> Interactions:
        """Drop the entries whose flag in ``keep`` (bool, shape (entries,)) is false; rows stay."""
        kept = np.concatenate([[0], np.cumsum(keep)]).astype(np.int64)
        return Interactions(kept[self.indptr], self.track_index[keep], self.position[keep])

    def binary_matrix(self, n_tracks: int) -> sp.csr_matrix:
        """Rows × tracks with 1.0 where a track occurs, however often; float32, sorted indices."""
        matrix = sp.csr_matrix(
            (np.ones(len(self.track_index), np.float32), self.track_index.copy(), self.indptr),
            shape=(len(self), n_tracks),
        )
        matrix.sum_duplicates()
        matrix.data[:] = 1.0
        return matrix

    @classmethod
    def from_rows(
        cls, rows: Sequence[Sequence[int]], positions: Sequence[Sequence[int]] | None = None
    ) -> Interactions:
        """Build from Python lists; positions count from 0 in each row unless given."""
        lengths = np.array([len(row) for row in rows], np.int64)
        indptr = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        tracks = np.array([track for row in rows for track in row], np.int32)
        if positions is None:
            place = (np.arange(indptr[-1]) - np.repeat(indptr[:-1], lengths)).astype(np.int32)
        else:
            place = np.array([p for row in positions for p in row], np.int32)
        return cls(indptr, tracks, place)

    @classmethod
    def concatenate(cls, parts: Sequence[Interactions]) -> Interactions:
        """Stack the rows of several interactions over the same tracks."""
        ends = np.cumsum([0] + [part.indptr[-1] for part in parts])
        indptr = [part.indptr[1:] + end for part, end in zip(parts, ends, strict=False)]
        return cls(
            np.concatenate([[0], *indptr]).astype(np.int64),
            np.concatenate([part.track_index for part in parts]).astype(np.int32, copy=False),
            np.concatenate([part.position for part in parts]).astype(np.int32, copy=False),
        )
