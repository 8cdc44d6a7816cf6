"""What is known of tracks: their artist, album, duration and names."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np

from challenge.data.faults import index_faults, shape_faults
from challenge.data.strings import StringTable
from challenge.data.vocabulary import Vocabulary
from challenge.types import ALBUM_PREFIX, ARTIST_PREFIX, TRACK_PREFIX, Int32Array


@dataclass(frozen=True, eq=False)
class Catalog:
    """Tracks with their artists and albums; the letter T stands for the number of tracks.

    Attributes:
        tracks, artists, albums: their ids.
        track_artist, track_album: dense artist and album index of each track, int32, shape (T,).
        track_duration_ms: milliseconds, int32, shape (T,).
        track_names, artist_names: their names.
    """

    tracks: Vocabulary
    artists: Vocabulary
    albums: Vocabulary
    track_artist: Int32Array
    track_album: Int32Array
    track_duration_ms: Int32Array
    track_names: StringTable
    artist_names: StringTable

    @property
    def n_tracks(self) -> int:
        """Number of tracks."""
        return len(self.tracks)

    def columns(self) -> dict[str, Any]:
        """Columns of all tracks by name, T entries each: URIs, names and milliseconds."""
        names = list(self.artist_names)
        return {
            "track_uri": self.tracks.uris(np.arange(self.n_tracks, dtype=np.int32)),
            "track_name": list(self.track_names),
            "artist_uri": self.artists.uris(self.track_artist),
            "artist_name": [names[i] for i in self.track_artist.tolist()],
            "album_uri": self.albums.uris(self.track_album),
            "duration_ms": np.asarray(self.track_duration_ms),
        }

    def to_polars(self) -> Any:
        """Return :meth:`columns` as a ``polars.DataFrame``, where polars is installed."""
        return import_module("polars").DataFrame(self.columns())

    def to_arrow(self) -> Any:
        """Return :meth:`columns` as a ``pyarrow.Table``, where pyarrow is installed."""
        return import_module("pyarrow").table(self.columns())

    def faults(self) -> Iterator[str]:
        """Say what is wrong with columns that were read; see :mod:`challenge.data.faults`."""
        for ids, prefix in (
            (self.tracks, TRACK_PREFIX),
            (self.artists, ARTIST_PREFIX),
            (self.albums, ALBUM_PREFIX),
        ):
            yield from ids.faults()
            if ids.prefix != prefix:
                yield f"ids have the prefix {ids.prefix!r}; expected {prefix!r}"
        yield from shape_faults(
            (self.n_tracks,),
            track_artist=self.track_artist,
            track_album=self.track_album,
            track_duration_ms=self.track_duration_ms,
        )
        yield from index_faults("track_artist", self.track_artist, len(self.artists))
        yield from index_faults("track_album", self.track_album, len(self.albums))
        for names, ids in ((self.track_names, self.tracks), (self.artist_names, self.artists)):
            yield from shape_faults((len(ids) + 1,), offsets=names.offsets)
            yield from names.faults()
