"""Popularity: what most playlists hold, the fallback that never runs out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from challenge.data.dataset import Queries
from challenge.sources.base import QueryTile
from challenge.sources.postings import CorpusIndex
from challenge.types import FloatArray, Int32Array


def commonest_tracks(index: CorpusIndex) -> Int32Array:
    """Tracks that some row holds, commonest first, ties by index; int32."""
    order = np.argsort(-index.popularity, kind="stable").astype(np.int32)
    return order[: np.count_nonzero(index.popularity)]


@dataclass(frozen=True)
class Popularity:
    """Configuration of the popularity source.

    Attributes:
        depth: candidates for each query.
        name: what features call it.
    """

    depth: int = 200
    name: str = "popularity"

    def fit(self, index: CorpusIndex, queries: Queries) -> PopularityGenerator:
        """Order the tracks."""
        return PopularityGenerator(self.name, self.depth, index, commonest_tracks(index))


@dataclass(frozen=True, eq=False)
class PopularityGenerator:
    """The same scores for every query.

    Attributes:
        order: tracks that some row holds, commonest first, int32.
    """

    name: str
    depth: int
    index: CorpusIndex
    order: Int32Array

    def scores(self, tile: QueryTile) -> FloatArray:
        """Number of playlists that hold each track, float32, shape (B, T)."""
        return np.broadcast_to(self.index.popularity, (len(tile), self.index.n_tracks)).copy()

    def answer(self, tile: QueryTile) -> PopularityAnswer:
        """See :class:`challenge.sources.base.CandidateGenerator`."""
        best = np.full((len(tile), min(self.depth, self.index.n_tracks)), -1, np.int32)
        for query, row in enumerate(best):
            seeds = tile.seed_track[tile.seed_start[query] : tile.seed_start[query + 1]]
            commonest = self.order[: self.depth + len(seeds)]
            left = commonest[~np.isin(commonest, seeds)][: self.depth]
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
