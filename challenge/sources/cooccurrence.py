"""Track co-occurrence: tracks that stand in the same playlists as the seeds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from challenge.blocks import each_part
from challenge.settings import Settings
from challenge.sources.base import DenseScores, FitContext, QueryBatch
from challenge.sources.kernels import cooccurrence_scores
from challenge.sources.postings import PlaylistIndex
from challenge.types import CandidateCount, Exponent, FloatArray, NonNegative, PositiveInt


@dataclass(frozen=True)
class Cooccurrence(Settings):
    """Settings of damped co-occurrence.

    The score of a track is the sum over seeds and shared playlists of
    ``1 / ((popularity(seed) + shrinkage)^seed_damping * length^length_damping)``, divided by
    ``(popularity(track) + 1)^track_damping``: asymmetric cosine similarity with shrinkage.
    Source: Deshpande and Karypis 2004, item-based top-N with conditional probability and row normalisation.

    Attributes:
        seed_damping: exponent of the seed's popularity.
        track_damping: exponent of the track's popularity.
        length_damping: exponent of the playlist's length.
        shrinkage: added to the seed's popularity.
        max_postings: of a more popular seed an even sample of at most this many playlists is read.
    """

    seed_damping: Exponent = 0.6
    track_damping: Exponent = 0.3
    length_damping: Exponent = 0.5
    shrinkage: NonNegative = 2.0
    max_postings: PositiveInt = 2000
    num_candidates: CandidateCount = 300
    weight: NonNegative = 0.5

    def fit(self, context: FitContext) -> FittedCooccurrence:
        """Weigh tracks and rows; counts are made query by query."""
        index = context.index
        return FittedCooccurrence(
            self,
            index,
            ((np.maximum(index.popularity, 1) + self.shrinkage) ** -self.seed_damping).astype(np.float32),
            ((index.popularity + 1) ** -self.track_damping).astype(np.float32),
            (np.maximum(index.row_lengths, 1) ** -self.length_damping).astype(np.float32),
        )


@dataclass(frozen=True, eq=False)
class FittedCooccurrence:
    """Damped co-occurrence with the seeds.

    Attributes:
        seed_weight: of each track as a seed, float32, shape (T,).
        track_scale: of each track as a candidate, float32, shape (T,).
        row_scale: of each playlist, float32, shape (P + Q,).
    """

    config: Cooccurrence
    index: PlaylistIndex
    seed_weight: FloatArray
    track_scale: FloatArray
    row_scale: FloatArray

    def score(self, batch: QueryBatch) -> DenseScores:
        """Sum the damped co-occurrences of each track with the seeds."""
        scores = np.zeros((len(batch), self.index.n_tracks), np.float32)
        each_part(
            cooccurrence_scores,
            len(batch),
            batch.seed_indptr,
            batch.seed_track,
            self.seed_weight[batch.seed_track],
            batch.index_row,
            *self.index.links,
            self.row_scale,
            self.config.max_postings,
            scores,
            per_thread=8,
        )
        scores *= self.track_scale
        return DenseScores(scores)
