"""Continuation: further tracks by the artists and from the albums of the seeds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from challenge.data.dataset import Queries
from challenge.sources.base import DenseAnswer, QueryBatch, dense_answer
from challenge.sources.kernels import continue_artists
from challenge.sources.postings import PlaylistIndex
from challenge.types import FloatArray, Int32Array, Int64Array


@dataclass(frozen=True)
class Continuation:
    """Configuration of the artist and album source.

    A track scores the share of seeds by its artist plus ``album_weight`` times the share from its album,
    weighed by how popular it is among the artist's tracks. It needs no co-occurrence, so it also answers
    for seeds that no training playlist holds.

    Attributes:
        album_weight: how much more the same album says than the same artist.
        num_candidates: candidates for each query.
        name: what features call it.
    """

    album_weight: float = 1.0
    num_candidates: int = 100
    name: str = "continuation"

    def fit(self, index: PlaylistIndex, queries: Queries) -> ContinuationGenerator:
        """List the tracks of each artist."""
        start, track = tracks_by_artist(index)
        return ContinuationGenerator(self.name, self.num_candidates, self.album_weight, index, start, track)


def tracks_by_artist(index: PlaylistIndex) -> tuple[Int64Array, Int32Array]:
    """Where the tracks of each artist begin, int64, and the tracks by artist, int32, shape (T,)."""
    order = np.argsort(index.track_artist, kind="stable").astype(np.int32)
    counts = np.bincount(index.track_artist, minlength=len(index.artist_popularity))
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64), order


@dataclass(frozen=True, eq=False)
class ContinuationGenerator:
    """Tracks that continue the artists and albums of the seeds.

    Attributes:
        artist_start: where the tracks of each artist begin, int64.
        artist_track: tracks by artist, int32, shape (T,).
    """

    name: str
    num_candidates: int
    album_weight: float
    index: PlaylistIndex
    artist_start: Int64Array
    artist_track: Int32Array

    def scores(self, batch: QueryBatch) -> FloatArray:
        """Artist and album shares by popularity within the artist, float32, shape (B, T)."""
        index = self.index
        scores = np.zeros((len(batch), index.n_tracks), np.float32)
        continue_artists(
            batch.seed_start,
            batch.seed_track,
            index.track_artist,
            index.track_album,
            index.popularity,
            self.artist_start,
            self.artist_track,
            self.album_weight,
            scores,
        )
        return scores

    def answer(self, batch: QueryBatch) -> DenseAnswer:
        """See :class:`challenge.sources.base.CandidateGenerator`."""
        return dense_answer(self.scores(batch), batch, self.num_candidates)
