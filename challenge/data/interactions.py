"""Which tracks stand in which playlist, in order: a ragged array in compressed rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from challenge.data.faults import index_faults, indptr_faults, shape_faults
from challenge.data.ragged import indptr_from_lengths, ragged_indices
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
        entries = ragged_indices(self.indptr[rows], lengths)
        return Interactions(indptr_from_lengths(lengths), self.track_index[entries], self.position[entries])

    def where(self, keep: np.ndarray) -> Interactions:
        """Drop the entries whose flag in ``keep`` (bool, shape (entries,)) is false; rows stay."""
        kept_before = indptr_from_lengths(keep)
        return Interactions(kept_before[self.indptr], self.track_index[keep], self.position[keep])

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
        tracks = np.array([track for row in rows for track in row], np.int32)
        if positions is None:
            position = ragged_indices(np.zeros_like(lengths), lengths).astype(np.int32)
        else:
            position = np.array([p for row in positions for p in row], np.int32)
        return cls(indptr_from_lengths(lengths), tracks, position)

    @classmethod
    def concatenate(cls, parts: Sequence[Interactions]) -> Interactions:
        """Stack the rows of several interactions over the same tracks."""
        return cls(
            indptr_from_lengths(np.concatenate([part.lengths for part in parts])),
            np.concatenate([part.track_index for part in parts]).astype(np.int32, copy=False),
            np.concatenate([part.position for part in parts]).astype(np.int32, copy=False),
        )

    def faults(self, rows: int, n_tracks: int) -> Iterator[str]:
        """Say what is wrong with ``rows`` rows that were read; see :mod:`challenge.data.faults`."""
        yield from shape_faults((rows + 1,), indptr=self.indptr)
        yield from indptr_faults("indptr", self.indptr, self.track_index.size)
        yield from shape_faults(
            (self.track_index.size,), track_index=self.track_index, position=self.position
        )
        yield from index_faults("track_index", self.track_index, n_tracks)
