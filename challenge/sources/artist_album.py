"""Further tracks by the artists and from the albums of the seeds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from challenge.blocks import each_part
from challenge.settings import Settings
from challenge.sources.base import FitContext, QueryBatch
from challenge.sources.kernels import artist_album_scores
from challenge.sources.postings import PlaylistIndex
from challenge.sources.sparse import Entries, SparseScores
from challenge.types import CandidateCount, Int32Array, Int64Array, NonNegative


@dataclass(frozen=True)
class ArtistAlbum(Settings):
    """Settings of the source of artists and albums.

    A track scores the share of seeds by its artist plus ``album_weight`` times the share from its album,
    weighed by how popular it is among the artist's tracks. It needs no co-occurrence, so it also scores
    tracks for seeds that no training playlist holds.

    Attributes:
        album_weight: how much more the same album says than the same artist.
    """

    album_weight: NonNegative = 1.0
    num_candidates: CandidateCount = 100
    weight: NonNegative = 0.0

    def fit(self, context: FitContext) -> FittedArtistAlbum:
        """List the tracks of each artist."""
        return FittedArtistAlbum(self, context.index, *tracks_by_artist(context.index))


def tracks_by_artist(index: PlaylistIndex) -> tuple[Int64Array, Int32Array]:
    """Where the tracks of each artist begin, int64, and the tracks by artist, int32, shape (T,)."""
    order = np.argsort(index.track_artist, kind="stable").astype(np.int32)
    counts = np.bincount(index.track_artist, minlength=len(index.artist_popularity))
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64), order


@dataclass(frozen=True, eq=False)
class FittedArtistAlbum:
    """Tracks by the artists and from the albums of the seeds.

    Attributes:
        artist_indptr: where the tracks of each artist begin, int64.
        artist_track: tracks by artist, int32, shape (T,).
    """

    config: ArtistAlbum
    index: PlaylistIndex
    artist_indptr: Int64Array
    artist_track: Int32Array

    def score(self, batch: QueryBatch) -> SparseScores:
        """Weigh the shares of artist and album by the track's popularity within the artist."""
        index = self.index
        tracks = np.diff(self.artist_indptr)[index.track_artist[batch.seed_track]]
        room = np.diff(np.concatenate([[0], np.cumsum(tracks)])[batch.seed_indptr])
        scores = Entries.with_room(np.minimum(room, index.n_tracks))
        each_part(
            artist_album_scores,
            len(batch),
            batch.seed_indptr,
            batch.seed_track,
            index.track_artist,
            index.track_album,
            index.popularity,
            self.artist_indptr,
            self.artist_track,
            self.config.album_weight,
            *scores,
            per_thread=4,
        )
        return SparseScores(scores, index.n_tracks)
