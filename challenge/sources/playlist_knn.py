"""Nearest playlists: those most similar to the seeds vote for their tracks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from challenge.blocks import each_part
from challenge.settings import Settings
from challenge.sources.base import FitContext, QueryBatch
from challenge.sources.kernels import find_neighbours
from challenge.sources.postings import PlaylistIndex
from challenge.sources.sparse import Entries, SparseScores, sum_of_rows
from challenge.types import CandidateCount, Exponent, FloatArray, NonNegative, PositiveInt


@dataclass(frozen=True)
class PlaylistKnn(Settings):
    """Settings of the nearest playlists.

    Seeds weigh ``1 / ((popularity - 1)^popularity_damping + 1)``, so that a hit everybody has says little.
    Source: the seed weight of the Definitive Turtles (RecSys Challenge 2018).

    Attributes:
        num_neighbours: how many playlists vote.
        popularity_damping: exponent of the seed weight, 0 or more.
        length_damping: similarities are divided by row length to this power.
        amplification: votes are similarities, divided by the best one, to this power (case amplification,
            Breese et al. 1998).
    """

    num_neighbours: PositiveInt = 300
    popularity_damping: Exponent = 0.4
    length_damping: Exponent = 0.5
    amplification: Exponent = 1.5
    num_candidates: CandidateCount = 1000
    weight: NonNegative = 1.0

    def fit(self, context: FitContext) -> FittedPlaylistKnn:
        """Weigh tracks and rows; the neighbours themselves are found query by query."""
        index = context.index
        weight = 1.0 / (np.maximum(index.popularity - 1, 0) ** self.popularity_damping + 1)
        scale = np.maximum(index.row_lengths, 1) ** -self.length_damping
        return FittedPlaylistKnn(self, index, weight.astype(np.float32), scale.astype(np.float32))


@dataclass(frozen=True, eq=False)
class FittedPlaylistKnn:
    """Votes of the most similar playlists.

    Attributes:
        track_weight: what a shared track adds to a similarity, float32, shape (T,).
        row_scale: what a row's similarity is multiplied by, float32, shape (P + Q,).
    """

    config: PlaylistKnn
    index: PlaylistIndex
    track_weight: FloatArray
    row_scale: FloatArray

    def score(self, batch: QueryBatch) -> SparseScores:
        """Sum the votes for each track."""
        index = self.index
        postings = np.concatenate([[0], np.cumsum(np.diff(index.track_indptr)[batch.seed_track])])
        holding = np.diff(postings[batch.seed_indptr])  # rows that hold several seeds counted several times
        votes = Entries.with_room(np.minimum(holding, len(index.row_lengths)))
        each_part(
            find_neighbours,
            len(batch),
            batch.seed_indptr,
            batch.seed_track,
            self.track_weight[batch.seed_track],
            batch.index_row,
            index.track_indptr,
            index.track_row,
            self.row_scale,
            self.config.num_neighbours,
            self.config.amplification,
            *votes,
        )
        return sum_of_rows(votes, index)
