"""Popularity: what most playlists hold, the fallback that never runs out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from challenge.settings import Settings
from challenge.sources.base import FitContext, QueryBatch
from challenge.types import CandidateCount, FloatArray, Int32Array, NonNegative


@dataclass(frozen=True)
class Popularity(Settings):
    """Settings of the most popular tracks."""

    num_candidates: CandidateCount = 200
    weight: NonNegative = 0.001

    def fit(self, context: FitContext) -> FittedPopularity:
        """Order the tracks."""
        popularity = context.index.popularity
        return FittedPopularity(popularity, by_popularity(popularity)[: np.count_nonzero(popularity)])


def by_popularity(popularity: FloatArray) -> Int32Array:
    """All tracks, most popular first, ties by index; int32, shape (T,)."""
    return np.argsort(-popularity, kind="stable").astype(np.int32)


@dataclass(frozen=True, eq=False)
class FittedPopularity:
    """The same scores for every query.

    Attributes:
        popularity: number of rows that hold each track, float32, shape (T,).
        order: tracks that some row holds, most popular first, int32.
    """

    popularity: FloatArray
    order: Int32Array

    def score(self, batch: QueryBatch) -> PopularityScores:
        """Score each track by the number of playlists that hold it."""
        return PopularityScores(len(batch), self)


@dataclass(frozen=True, eq=False)
class PopularityScores:
    """See :class:`challenge.sources.base.Scores`: the same for each of B queries."""

    n_queries: int
    fitted: FittedPopularity

    def best(self, count: int) -> Int32Array:
        """The most popular tracks; int32, shape (B, count)."""
        best = np.full((self.n_queries, count), -1, np.int32)
        order = self.fitted.order[:count]
        best[:, : len(order)] = order
        return best

    def of(self, query: Int32Array, track: Int32Array) -> FloatArray:
        """The popularity of each track."""
        found: FloatArray = self.fitted.popularity[track]
        return found
