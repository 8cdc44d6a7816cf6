"""What is known of tracks: their artist, album, duration and names."""

from __future__ import annotations

from dataclasses import dataclass

from challenge.data.strings import StringTable
from challenge.data.vocabulary import Vocabulary
from challenge.types import Int32Array


@dataclass(frozen=True, eq=False)
class Catalog:
    """Tracks with their artists and albums; the letter T stands for the number of tracks.

    Attributes:
        tracks: the T track ids.
        artists: the artist ids.
        albums: the album ids.
        track_artist: dense artist index of each track, int32, shape (T,).
        track_album: dense album index of each track, int32, shape (T,).
        track_duration_ms: milliseconds, int32, shape (T,).
        track_names: names of the tracks, T strings.
        artist_names: names of the artists.
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
