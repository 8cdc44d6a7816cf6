"""Playlist neighbours: the playlists most similar to the seeds vote for their tracks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from challenge.data.dataset import Queries
from challenge.sources.base import DenseAnswer, QueryBatch, dense_answer
from challenge.sources.kernels import neighbour_scores
from challenge.sources.postings import PlaylistIndex
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
        amplification: votes are normalised similarities to this power.
        num_candidates: candidates for each query.
        name: what features call it.
    """

    neighbours: int = 300
    popularity_damping: float = 0.4
    length_damping: float = 0.5
    amplification: float = 1.5
    num_candidates: int = 500
    name: str = "neighbours"

    def fit(self, index: PlaylistIndex, queries: Queries) -> NeighbourGenerator:
        """Weigh tracks and rows; the neighbours themselves are found query by query."""
        weight = 1.0 / (np.maximum(index.popularity - 1, 0) ** self.popularity_damping + 1)
        scale = np.maximum(index.row_lengths, 1) ** -self.length_damping
        return NeighbourGenerator(
            self.name, self.num_candidates, self, index, weight.astype(np.float32), scale.astype(np.float32)
        )


@dataclass(frozen=True, eq=False)
class NeighbourGenerator:
    """Votes of the most similar playlists.

    Attributes:
        track_weight: what a shared track adds to a similarity, float32, shape (T,).
        row_scale: what a row's similarity is multiplied by, float32, shape (P + Q,).
    """

    name: str
    num_candidates: int
    config: PlaylistNeighbours
    index: PlaylistIndex
    track_weight: FloatArray
    row_scale: FloatArray

    def scores(self, batch: QueryBatch) -> FloatArray:
        """Sum of votes for each track, float32, shape (B, T)."""
        scores = np.zeros((len(batch), self.index.n_tracks), np.float32)
        neighbour_scores(
            batch.seed_start,
            batch.seed_track,
            self.track_weight[batch.seed_track],
            batch.own_row,
            self.index.row_start,
            self.index.row_track,
            self.index.track_start,
            self.index.track_row,
            self.row_scale,
            self.config.neighbours,
            self.config.amplification,
            scores,
        )
        return scores

    def answer(self, batch: QueryBatch) -> DenseAnswer:
        """See :class:`challenge.sources.base.CandidateGenerator`."""
        return dense_answer(self.scores(batch), batch, self.num_candidates)
