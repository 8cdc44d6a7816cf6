"""Reads one slice into columns: its playlists, their tracks as codes, and each distinct track once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, TypeVar

import numpy as np

from challenge.data.strings import StringTable
from challenge.errors import FormatError
from challenge.mpd.columns import pick
from challenge.mpd.records import (
    REPAIR_HINT,
    PlaylistRecord,
    decode_playlists,
    filled_positions,
    refuse_slice,
)
from challenge.types import (
    ALBUM_PREFIX,
    ARTIST_PREFIX,
    ID_LENGTH,
    TRACK_PREFIX,
    IdArray,
    Int32Array,
    Int64Array,
)

PLAYLIST_COLUMNS: Final = {
    "pid": np.int32,
    "num_followers": np.int32,
    "num_edits": np.int32,
    "modified_at": np.int64,
    "collaborative": np.bool_,
    "has_description": np.bool_,
    "lengths": np.int32,
}
"""What is kept of a playlist beside its title and tracks; times are Unix seconds."""

_PREFIXES: Final = {"track": TRACK_PREFIX, "artist": ARTIST_PREFIX, "album": ALBUM_PREFIX}
_URIS: Final = np.dtype(
    [
        field
        for kind, prefix in _PREFIXES.items()
        for field in ((f"{kind}_prefix", f"S{len(prefix)}"), (kind, f"S{ID_LENGTH}"))
    ]
)
Key = TypeVar("Key")


@dataclass(frozen=True, eq=False)
class SliceColumns:
    """What one slice adds; n playlists, r rows, u distinct tracks, in order of first occurrence.

    Attributes:
        playlists: a field for each of :data:`PLAYLIST_COLUMNS`, shape (n,).
        titles: n titles as written; None where empty or missing.
        track_code: index into ``tracks`` of each row, int32, shape (r,).
        position: place of each row in its playlist, int32, shape (r,).
        tracks, artists, albums: ids of each distinct track, S22, shape (u,).
        duration_ms: of each distinct track, int32, shape (u,).
        track_names, artist_names, album_names: of each distinct track, u names.
    """

    playlists: np.ndarray
    titles: list[str | None]
    track_code: Int32Array
    position: Int32Array
    tracks: IdArray
    artists: IdArray
    albums: IdArray
    duration_ms: Int32Array
    track_names: StringTable
    artist_names: StringTable
    album_names: StringTable


def read_columns(data: bytes, name: str) -> SliceColumns:
    """Decode the JSON of one slice; ``name`` is for messages.

    Raises:
        FormatError: not JSON, or not in the official format; names the playlist and the field.
    """
    rows = _Rows()
    for playlist in decode_playlists(data, name, PlaylistRecord):
        _require_all_tracks(playlist, name)
        rows.add(playlist)
    columns = rows.columns()
    if columns is None:
        refuse_slice(data, name)
    return columns


def _require_all_tracks(playlist: PlaylistRecord, name: str) -> None:
    given, told = len(playlist.tracks), playlist.num_tracks
    if told is not None and told != given:
        message = f"{name}, playlist {playlist.pid}: num_tracks is {told}, but {given} tracks are there"
        raise FormatError(message, hint=REPAIR_HINT)


class _Rows:
    """Gathers playlists as text and plain numbers; of their records nothing is kept."""

    def __init__(self) -> None:
        self._playlists: list[tuple[int, ...]] = []
        self._titles: list[str | None] = []
        self._uris: list[str] = []
        self._positions: list[int] = []
        self._durations: list[int] = []
        self._track_names = _Names()
        self._artist_names = _Names()
        self._album_names = _Names()

    def add(self, playlist: PlaylistRecord) -> None:
        """Append one playlist."""
        tracks = playlist.tracks
        self._playlists.append(_values(playlist))
        self._titles.append(playlist.name or None)
        self._uris.append("".join([f"{t.track_uri}{t.artist_uri}{t.album_uri}" for t in tracks]))
        self._positions += [track.pos for track in tracks]
        self._durations += [track.duration_ms for track in tracks]
        self._track_names.add([track.track_name for track in tracks])
        self._artist_names.add([track.artist_name for track in tracks])
        self._album_names.add([track.album_name for track in tracks])

    def columns(self) -> SliceColumns | None:
        """Return all that was added; None if a URI is not well formed."""
        ids = _ids("".join(self._uris))
        if ids is None:
            return None
        playlists = np.array(self._playlists, list(PLAYLIST_COLUMNS.items()))
        code, first = number(ids["track"].tolist(), {})
        return SliceColumns(
            playlists=playlists,
            titles=self._titles,
            track_code=code,
            position=filled_positions(np.array(self._positions, np.int32), playlists["lengths"]),
            tracks=ids["track"][first],
            artists=ids["artist"][first],
            albums=ids["album"][first],
            duration_ms=np.array(self._durations, np.int32)[first],
            track_names=pick(self._track_names.table(), first),
            artist_names=pick(self._artist_names.table(), first),
            album_names=pick(self._album_names.table(), first),
        )


class _Names:
    """Names end to end: kept as many strings they would take several times the time and memory."""

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._lengths: list[int] = []

    def add(self, names: list[str]) -> None:
        self._texts.append("".join(names))
        self._lengths += map(len, names)

    def table(self) -> StringTable:
        return StringTable.from_joined("".join(self._texts), self._lengths)


def _values(playlist: PlaylistRecord) -> tuple[int, ...]:
    """Values of a playlist in the order of ``PLAYLIST_COLUMNS``."""
    return (
        playlist.pid,
        playlist.num_followers,
        playlist.num_edits,
        playlist.modified_at,
        playlist.collaborative in (True, "true"),
        bool(playlist.description),
        len(playlist.tracks),
    )


def _ids(uris: str) -> np.ndarray | None:
    """Cut the ids out of the URIs of track, artist and album of r rows, end to end and each of its length.

    Returns:
        Fields ``track``, ``artist`` and ``album``, S22, shape (r,); None unless all URIs are well formed.
    """
    if not uris.isascii():
        return None
    table = np.frombuffer(uris.encode(), _URIS)
    ids = np.empty(len(table), [(kind, f"S{ID_LENGTH}") for kind in _PREFIXES])
    for kind, prefix in _PREFIXES.items():
        if not (table[f"{kind}_prefix"] == prefix.encode()).all():
            return None
        ids[kind] = table[kind]
    return ids if (b"0" + ids.tobytes()).isalnum() else None


def number(keys: Iterable[Key], numbers: dict[Key, int]) -> tuple[Int32Array, Int64Array]:
    """Number ``keys`` by first occurrence, going on from ``numbers``, to which new ones are added.

    Returns:
        The number of each key, int32, shape (n,); and where new ones stand for the first time, in order of
        their numbers, int64.
    """
    known = len(numbers)
    numbered = np.array([numbers.setdefault(key, len(numbers)) for key in keys], np.int32)
    # New numbers rise by one from key to key, so that each raises the largest so far.
    largest = np.maximum.accumulate(np.maximum(numbered, known - 1))
    return numbered, np.flatnonzero(np.diff(largest, prepend=known - 1))
