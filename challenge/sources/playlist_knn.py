"""Playlist neighbours: the playlists most similar to the seeds vote for their tracks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from challenge.data.dataset import Queries
from challenge.sources.base import DenseAnswer, QueryTile, dense_answer
from challenge.sources.kernels import neighbour_scores
from challenge.sources.postings import CorpusIndex
from challenge.types import FloatArray


@dataclass(frozen=True)
class PlaylistNeighbours:
    """Configuration of the playlist neighbourhood.

    Seeds weigh ``1 / ((popularity - 1)^popularity_damping + 1)``, so that a hit everybody has says little.
    Source: the seed weight of the Definitive Turtles (RecSys Challenge 2018).

    Attributes:
        neighbours: how many playlists vote.
        popularity_damping: exponent of the seed weight, 0 or more.
        length_damping: similarities are divided by row length to this power.
        sharpness: votes are normalised similarities to this power.
        depth: candidates for each query.
        name: what features call it.
    """

    neighbours: int = 300
    popularity_damping: float = 0.4
    length_damping: float = 0.5
    sharpness: float = 1.5
    depth: int = 500
    name: str = "neighbours"

    def fit(self, index: CorpusIndex, queries: Queries) -> NeighbourGenerator:
        """Weigh tracks and rows; the neighbours themselves are found query by query."""
        weight = 1.0 / (np.maximum(index.popularity - 1, 0) ** self.popularity_damping + 1)
        scale = np.maximum(index.row_lengths, 1) ** -self.length_damping
        return NeighbourGenerator(
            self.name, self.depth, self, index, weight.astype(np.float32), scale.astype(np.float32)
        )


@dataclass(frozen=True, eq=False)
class NeighbourGenerator:
    """Votes of the most similar playlists.

    Attributes:
        track_weight: what a shared track adds to a similarity, float32, shape (T,).
        row_scale: what a row's similarity is multiplied by, float32, shape (P + Q,).
    """

    name: str
    depth: int
    config: PlaylistNeighbours
    index: CorpusIndex
    track_weight: FloatArray
    row_scale: FloatArray

    def scores(self, tile: QueryTile) -> FloatArray:
        """Sum of votes for each track, float32, shape (B, T)."""
        scores = np.zeros((len(tile), self.index.n_tracks), np.float32)
        neighbour_scores(
            tile.seed_start,
            tile.seed_track,
            self.track_weight[tile.seed_track],
            tile.own_row,
            self.index.row_start,
            self.index.row_track,
            self.index.track_start,
            self.index.track_row,
            self.row_scale,
            self.config.neighbours,
            self.config.sharpness,
            scores,
        )
        return scores

    def answer(self, tile: QueryTile) -> DenseAnswer:
        """See :class:`challenge.sources.base.CandidateGenerator`."""
        return dense_answer(self.scores(tile), tile, self.depth)
