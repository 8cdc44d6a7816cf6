"""Popularity: what most playlists hold, the fallback that never runs out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from challenge.candidates.base import QueryTile
from challenge.candidates.index import CorpusIndex
from challenge.data.corpus import Queries
from challenge.types import FloatArray


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
        """Nothing to learn beyond the index."""
        return PopularityGenerator(self.name, self.depth, index)


@dataclass(frozen=True, eq=False)
class PopularityGenerator:
    """The same scores for every query."""

    name: str
    depth: int
    index: CorpusIndex

    def scores(self, tile: QueryTile) -> FloatArray:
        """Number of playlists that hold each track, float32, shape (B, T)."""
        return np.broadcast_to(self.index.popularity, (len(tile), self.index.n_tracks)).copy()
