"""What a source of candidates is, and the batches of queries it answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from challenge.sources.kernels import best_of_rows
from challenge.sources.postings import PlaylistIndex
from challenge.types import FloatArray, Int32Array, Int64Array


@dataclass(frozen=True, eq=False)
class QueryBatch:
    """A few neighbouring queries, answered together; letters B queries, S seeds in all.

    Attributes:
        start: the first query of the batch.
        stop: one past the last.
        seed_start: where the seeds of each query begin, int64, shape (B + 1,).
        seed_track: distinct seeds in playlist order, int32, shape (S,).
        own_row: the index row of each query, which its sources must not count, int32, shape (B,).
    """

    start: int
    stop: int
    seed_start: Int64Array
    seed_track: Int32Array
    own_row: Int32Array

    def __len__(self) -> int:
        return self.stop - self.start

    @property
    def seed_query(self) -> Int32Array:
        """The query, counted inside the batch, of each seed; int32, shape (S,)."""
        return np.repeat(np.arange(len(self), dtype=np.int32), np.diff(self.seed_start))


def query_batch(index: PlaylistIndex, start: int, stop: int) -> QueryBatch:
    """Cut queries ``start`` to ``stop`` out of the index."""
    rows = index.row_start[index.n_playlists + start : index.n_playlists + stop + 1]
    return QueryBatch(
        start=start,
        stop=stop,
        seed_start=rows - rows[0],
        seed_track=index.row_track[rows[0] : rows[-1]],
        own_row=np.arange(index.n_playlists + start, index.n_playlists + stop, dtype=np.int32),
    )


class Answer(Protocol):
    """What a source says of the queries of a batch."""

    @property
    def best(self) -> Int32Array:
        """Its best tracks of each query, seeds left out, best first, then -1; int32, shape (B, n)."""
        ...

    def score_of(self, query: Int32Array, track: Int32Array) -> FloatArray:
        """Scores of N pairs of a query, counted inside the batch, and a track; float32, shape (N,)."""
        ...


@dataclass(frozen=True, eq=False)
class DenseAnswer:
    """The answer of a source that has scored all tracks, float32, shape (B, T)."""

    best: Int32Array
    scores: FloatArray

    def score_of(self, query: Int32Array, track: Int32Array) -> FloatArray:
        """See :class:`Answer`."""
        found: FloatArray = self.scores[query, track]
        return found


def dense_answer(scores: FloatArray, batch: QueryBatch, num_candidates: int) -> DenseAnswer:
    """Choose the best of all scores, float32, shape (B, T); seeds are set to 0 in place."""
    scores[batch.seed_query, batch.seed_track] = 0.0
    return DenseAnswer(best_tracks(scores, num_candidates), scores)


def best_tracks(scores: FloatArray, limit: int) -> Int32Array:
    """The ``limit`` best positive entries of each row, best first, -1 where there are fewer; int32."""
    best = np.empty((scores.shape[0], min(limit, scores.shape[1])), np.int32)
    best_of_rows(scores, best.shape[1], best)
    return best


class CandidateGenerator(Protocol):
    """Scores tracks for the queries of a batch; higher is better, 0 or less is "no opinion"."""

    @property
    def name(self) -> str:
        """What features and reports call it."""
        ...

    @property
    def num_candidates(self) -> int:
        """How many of its best tracks of a query become candidates."""
        ...

    def scores(self, batch: QueryBatch) -> FloatArray:
        """Scores of all tracks, float32, shape (B, T); seeds may be scored too."""
        ...

    def answer(self, batch: QueryBatch) -> Answer:
        """Its best tracks, and its score of any other."""
        ...
