"""The statistics that every source draws on: which playlists hold which track, where, and how often."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from challenge.compiled import kernel
from challenge.data.dataset import Dataset
from challenge.data.distinct import distinct
from challenge.data.faults import index_faults, indptr_faults, number_faults, shape_faults
from challenge.data.interactions import Interactions
from challenge.types import FloatArray, Int32Array, Int64Array

_SECONDS_PER_YEAR: Final = 365.25 * 86400
_BY_TRACK: Final = (
    "popularity", "track_artist", "track_album", "duration_ms", "mean_playlist_age", "mean_playlist_length",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class PlaylistIndex:
    """Playlists by track and tracks by playlist: P playlists, Q queries, T tracks, E entries.

    Rows are the P training playlists, then the Q queries with their seeds; each track counts once a row, at
    its first position. A query never sees its own row, so its seeds do not vouch for themselves.

    Attributes:
        row_indptr: where each row begins, int64, shape (P + Q + 1,).
        row_track: tracks of each row in playlist order, int32, shape (E,).
        track_indptr: where the postings of each track begin, int64, shape (T + 1,).
        track_row: rows that hold each track, ascending, int32, shape (E,).
        track_position: at which position of that row it stands, counted from 0, int32, shape (E,).
        popularity: number of rows that hold each track, float32, shape (T,).
        track_artist: int32, shape (T,).
        track_album: int32, shape (T,).
        artist_popularity: sum of the popularity of an artist's tracks, float32.
        album_popularity: the same for albums, float32.
        duration_ms: int32, shape (T,).
        mean_playlist_age: mean time at which the training playlists with a track were last modified, in years
            before the newest of them, float32, shape (T,); 0 for a track that is in none.
        mean_playlist_length: mean length of the training playlists with a track, float32, shape (T,); 0 for a
            track that is in none.
        n_playlists: P.
        n_queries: Q.
    """

    row_indptr: Int64Array
    row_track: Int32Array
    track_indptr: Int64Array
    track_row: Int32Array
    track_position: Int32Array
    popularity: FloatArray
    track_artist: Int32Array
    track_album: Int32Array
    artist_popularity: FloatArray
    album_popularity: FloatArray
    duration_ms: Int32Array
    mean_playlist_age: FloatArray
    mean_playlist_length: FloatArray
    n_playlists: int
    n_queries: int

    @property
    def n_tracks(self) -> int:
        """Number of tracks, T."""
        return len(self.popularity)

    @property
    def row_lengths(self) -> Int64Array:
        """Distinct tracks of each row, int64, shape (P + Q,)."""
        return np.diff(self.row_indptr)

    @property
    def links(self) -> tuple[Int64Array, Int32Array, Int64Array, Int32Array]:
        """Tracks by row and rows by track, as compiled loops take them."""
        return self.row_indptr, self.row_track, self.track_indptr, self.track_row

    def tracks_of(self, row: int) -> Int32Array:
        """Distinct tracks of a row, in playlist order."""
        return self.row_track[self.row_indptr[row] : self.row_indptr[row + 1]]

    def rows_of(self, track: int) -> Int32Array:
        """Rows that hold a track, ascending."""
        return self.track_row[self.track_indptr[track] : self.track_indptr[track + 1]]

    def faults(self) -> Iterator[str]:
        """Say what is wrong with arrays that were read; see :mod:`challenge.data.faults`."""
        entries, n_tracks, n_rows = (
            self.row_track.size,
            self.popularity.size,
            self.n_playlists + self.n_queries,
        )
        if min(self.n_playlists, self.n_queries) < 0:
            yield f"{self.n_playlists} playlists and {self.n_queries} queries"
        yield from shape_faults((n_rows + 1,), row_indptr=self.row_indptr)
        yield from shape_faults((n_tracks + 1,), track_indptr=self.track_indptr)
        yield from indptr_faults("row_indptr", self.row_indptr, entries)
        yield from indptr_faults("track_indptr", self.track_indptr, entries)
        by_entry = {name: getattr(self, name) for name in ("row_track", "track_row", "track_position")}
        yield from shape_faults((entries,), **by_entry)
        by_track = {name: getattr(self, name) for name in _BY_TRACK}
        yield from shape_faults((n_tracks,), **by_track)
        yield from index_faults("row_track", self.row_track, n_tracks)
        yield from index_faults("track_row", self.track_row, n_rows)
        for kind in ("artist", "album"):
            popularity = getattr(self, f"{kind}_popularity")
            yield from shape_faults((popularity.size,), **{f"{kind}_popularity": popularity})
            yield from index_faults(f"track_{kind}", by_track[f"track_{kind}"], len(popularity))
        yield from number_faults(**by_track)


def build_index(dataset: Dataset) -> PlaylistIndex:
    """Index a dataset; O(E) time and about 12 bytes an entry."""
    catalog = dataset.catalog
    rows = distinct(
        Interactions.concatenate([dataset.playlists.interactions, dataset.queries.seeds]), catalog.n_tracks
    )
    counts = np.bincount(rows.track_index, minlength=catalog.n_tracks)
    track_indptr = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    track_row, track_position = np.empty((2, len(rows.track_index)), np.int32)
    _fill_postings(rows.indptr, rows.track_index, track_indptr[:-1].copy(), track_row, track_position)
    popularity = counts.astype(np.float32)
    mean_age, mean_length = _means_by_track(dataset, rows)
    return PlaylistIndex(
        row_indptr=rows.indptr,
        row_track=rows.track_index,
        track_indptr=track_indptr,
        track_row=track_row,
        track_position=track_position,
        popularity=popularity,
        track_artist=catalog.track_artist,
        track_album=catalog.track_album,
        artist_popularity=_sum_by(catalog.track_artist, popularity, len(catalog.artists)),
        album_popularity=_sum_by(catalog.track_album, popularity, len(catalog.albums)),
        duration_ms=catalog.track_duration_ms,
        mean_playlist_age=mean_age,
        mean_playlist_length=mean_length,
        n_playlists=len(dataset.playlists),
        n_queries=len(dataset.queries),
    )


@kernel()
def _fill_postings(
    indptr: Int64Array, track: Int32Array, free: Int64Array, track_row: Int32Array, track_position: Int32Array
) -> None:  # pragma: no cover - compiled
    """Counting sort of entries by track; ``free`` (T,) tells where the next posting of each track goes."""
    for row in range(len(indptr) - 1):
        for entry in range(indptr[row], indptr[row + 1]):
            slot = free[track[entry]]
            free[track[entry]] = slot + 1
            track_row[slot] = row
            track_position[slot] = entry - indptr[row]


def _means_by_track(dataset: Dataset, rows: Interactions) -> tuple[FloatArray, FloatArray]:
    """Mean age in years and mean length of the training playlists that hold each track."""
    lengths = rows.lengths[: len(dataset.playlists)]
    entries = int(rows.indptr[len(dataset.playlists)])
    tracks, n_tracks = rows.track_index[:entries], dataset.n_tracks
    count = np.maximum(np.bincount(tracks, minlength=n_tracks), 1)
    modified = dataset.playlists.modified_at
    years = (modified.max(initial=0) - modified) / _SECONDS_PER_YEAR
    age = np.bincount(tracks, weights=np.repeat(years, lengths), minlength=n_tracks) / count
    length = np.bincount(tracks, weights=np.repeat(lengths, lengths), minlength=n_tracks) / count
    return age.astype(np.float32), length.astype(np.float32)


def _sum_by(group: Int32Array, values: FloatArray, size: int) -> FloatArray:
    return np.bincount(group, weights=values, minlength=size).astype(np.float32)
