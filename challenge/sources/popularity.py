"""Popularity: what most playlists hold, the fallback that never runs out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from challenge.data.dataset import Queries
from challenge.sources.base import QueryBatch
from challenge.sources.postings import PlaylistIndex
from challenge.types import FloatArray, Int32Array


def commonest_tracks(index: PlaylistIndex) -> Int32Array:
    """Tracks that some row holds, commonest first, ties by index; int32."""
    order = np.argsort(-index.popularity, kind="stable").astype(np.int32)
    return order[: np.count_nonzero(index.popularity)]


@dataclass(frozen=True)
class Popularity:
    """Configuration of the popularity source.

    Attributes:
        num_candidates: candidates for each query.
        name: what features call it.
    """

    num_candidates: int = 200
    name: str = "popularity"

    def fit(self, index: PlaylistIndex, queries: Queries) -> PopularityGenerator:
        """Order the tracks."""
        return PopularityGenerator(self.name, self.num_candidates, index, commonest_tracks(index))


@dataclass(frozen=True, eq=False)
class PopularityGenerator:
    """The same scores for every query.

    Attributes:
        order: tracks that some row holds, commonest first, int32.
    """

    name: str
    num_candidates: int
    index: PlaylistIndex
    order: Int32Array

    def scores(self, batch: QueryBatch) -> FloatArray:
        """Number of playlists that hold each track, float32, shape (B, T)."""
        return np.broadcast_to(self.index.popularity, (len(batch), self.index.n_tracks)).copy()

    def answer(self, batch: QueryBatch) -> PopularityAnswer:
        """See :class:`challenge.sources.base.CandidateGenerator`."""
        best = np.full((len(batch), min(self.num_candidates, self.index.n_tracks)), -1, np.int32)
        for query, row in enumerate(best):
            seeds = batch.seed_track[batch.seed_start[query] : batch.seed_start[query + 1]]
            commonest = self.order[: self.num_candidates + len(seeds)]
            left = commonest[~np.isin(commonest, seeds)][: self.num_candidates]
            row[: len(left)] = left
        return PopularityAnswer(best, self.index.popularity)


@dataclass(frozen=True, eq=False)
class PopularityAnswer:
    """The commonest tracks but the seeds, and how common each track is, float32, shape (T,)."""

    best: Int32Array
    popularity: FloatArray

    def score_of(self, query: Int32Array, track: Int32Array) -> FloatArray:
        """See :class:`challenge.sources.base.Answer`."""
        found: FloatArray = self.popularity[track]
        return found
