"""One slice as columns: its playlists, their tracks as codes, and each distinct track once."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final

import msgspec
import numpy as np

from challenge.data.strings import StringTable
from challenge.data.vocabulary import ids_of
from challenge.errors import FormatError
from challenge.mpd.id_table import IdTable
from challenge.types import (
    ALBUM_PREFIX,
    ARTIST_PREFIX,
    ID_PATTERN,
    TRACK_PREFIX,
    IdArray,
    Int32Array,
    Int64Array,
)

REPAIR_HINT: Final = "take this file from the original again, or remove what is wrong from it"
_PREFIXES: Final = {"track_uri": TRACK_PREFIX, "artist_uri": ARTIST_PREFIX, "album_uri": ALBUM_PREFIX}
_URIS: Final = {key: re.compile(prefix + ID_PATTERN) for key, prefix in _PREFIXES.items()}


@dataclass(frozen=True, eq=False)
class SliceColumns:
    """What one slice adds; n playlists, r rows, u distinct tracks, in order of first occurrence.

    Attributes:
        pid, num_followers, num_edits, lengths: int32, shape (n,).
        modified_at: Unix seconds, int64, shape (n,).
        collaborative, has_description: bool, shape (n,).
        titles: n titles as written; None where empty or missing.
        track_code: index into ``tracks`` of each row, int32, shape (r,).
        position: int32, shape (r,); None where each playlist simply counts from 0.
        tracks: ids, S22, shape (u,).
        artist_code: index into ``artists`` of each distinct track, int32, shape (u,); ``album_code`` alike.
        duration_ms: int32, shape (u,).
        track_names: u names.
        artists: ids with their ``artist_names``; ``albums`` with ``album_names``.
    """

    pid: Int32Array
    num_followers: Int32Array
    num_edits: Int32Array
    lengths: Int32Array
    modified_at: Int64Array
    collaborative: np.ndarray
    has_description: np.ndarray
    titles: list[str | None]
    track_code: Int32Array
    position: Int32Array | None
    tracks: IdArray
    artist_code: Int32Array
    album_code: Int32Array
    duration_ms: Int32Array
    track_names: StringTable
    artists: IdArray
    artist_names: StringTable
    albums: IdArray
    album_names: StringTable


Int32 = Annotated[int, msgspec.Meta(ge=-1, lt=2**31)]


class TrackRecord(msgspec.Struct, gc=False):
    """A track as the official files have it; names, duration and position may be missing."""

    track_uri: str
    artist_uri: str
    album_uri: str
    pos: Int32 = -1
    duration_ms: Int32 = 0
    track_name: str = ""
    artist_name: str = ""
    album_name: str = ""


class _PlaylistRecord(msgspec.Struct):
    pid: Annotated[int, msgspec.Meta(ge=0, lt=2**31)]
    tracks: list[TrackRecord]
    name: str | None = None
    collaborative: str | bool = "false"
    modified_at: Annotated[int, msgspec.Meta(ge=0, lt=2**62)] = 0
    num_followers: Int32 = 0
    num_edits: Int32 = 0
    description: str | None = None


class _SliceRecord(msgspec.Struct):
    playlists: list[_PlaylistRecord]


def decode_slice(data: bytes, name: str) -> SliceColumns:
    """Decode one slice by the general JSON decoder; slower than the scan, and it explains what is wrong.

    Raises:
        FormatError: not JSON, or not in the official format; names the playlist and the field.
    """
    try:
        playlists = msgspec.json.decode(data, type=_SliceRecord).playlists
    except (msgspec.DecodeError, UnicodeDecodeError):
        playlists = _decode_leniently(data, name)
    rows = [track for playlist in playlists for track in playlist.tracks]
    if not _all_well_formed(rows):
        raise _first_fault(msgspec.to_builtins(playlists), name)
    return _columns(playlists, rows)


def _decode_leniently(data: bytes, name: str) -> list[_PlaylistRecord]:
    """Decode what the strict decoder declined: either a fault can be named or it was not one."""
    raw = decode_json(data, name)
    try:
        return msgspec.convert(raw, _SliceRecord).playlists
    except msgspec.ValidationError as error:
        raise _fault_of(raw, name, str(error)) from None


def decode_json(data: bytes, name: str) -> Any:
    """Decode JSON by the standard library, which also takes lone surrogates.

    Raises:
        FormatError: not JSON; tells at which byte.
    """
    import json

    try:
        return json.loads(data)
    except json.JSONDecodeError as error:
        offset = len(error.doc[: error.pos].encode("utf-8", "replace"))
        what = f"not JSON: {error.msg} at byte {offset:,} of {len(data):,}"
    except UnicodeDecodeError as error:
        what = f"not JSON: byte {error.start:,} of {len(data):,} is not UTF-8"
    raise FormatError(f"{name}: {what}", hint=REPAIR_HINT)


def _all_well_formed(rows: Sequence[TrackRecord]) -> bool:
    matches = [pattern.fullmatch for pattern in _URIS.values()]
    return all(matches[0](t.track_uri) and matches[1](t.artist_uri) and matches[2](t.album_uri) for t in rows)


def _fault_of(raw: Any, name: str, message: str) -> FormatError:
    playlists = raw.get("playlists") if isinstance(raw, dict) else None
    if not isinstance(playlists, list):
        found = "an object without it" if isinstance(raw, dict) else type(raw).__name__
        return FormatError(
            f'{name}: expected an object with a list "playlists", found {found}', hint=REPAIR_HINT
        )
    return _first_fault(playlists, name, message)


def _first_fault(playlists: list[Any], name: str, message: str = "") -> FormatError:
    """Name the first playlist that is not as it should be, and its field."""
    for number, playlist in enumerate(playlists):
        fault = playlist_fault(playlist)
        if fault is not None:
            pid = playlist.get("pid") if isinstance(playlist, dict) else None
            where = f"playlist {pid}" if isinstance(pid, int) else f"playlists[{number}]"
            return FormatError(f"{name}, {where}: {fault}", hint=REPAIR_HINT)
    return FormatError(f"{name}: not in the official format: {message}", hint=REPAIR_HINT)


def playlist_fault(playlist: Any) -> str | None:
    """Say what is wrong with one playlist of a slice or challenge set, decoded from JSON; None if nothing."""
    if not isinstance(playlist, dict):
        return f"expected an object, found {type(playlist).__name__}"
    if type(playlist.get("pid")) is not int:
        return f"pid is {playlist.get('pid')!r}; expected a whole number"
    if not isinstance(playlist.get("tracks"), list):
        found = "missing" if "tracks" not in playlist else type(playlist["tracks"]).__name__
        return f"tracks is {found}; expected a list"
    faults = (track_fault(track) for track in playlist["tracks"])
    return next((f"tracks[{i}]{fault}" for i, fault in enumerate(faults) if fault is not None), None)


def track_fault(track: Any) -> str | None:
    """Say what is wrong with one track, decoded from JSON; None if nothing."""
    if not isinstance(track, dict):
        return f" is {type(track).__name__}; expected an object"
    for key, pattern in _URIS.items():
        value = track.get(key)
        if not isinstance(value, str) or not pattern.fullmatch(value):
            found = repr(value) if key in track else "missing"
            return f".{key} is {found}; expected {_PREFIXES[key]!r} followed by 22 letters or digits"
    return None


def _columns(playlists: list[_PlaylistRecord], rows: list[TrackRecord]) -> SliceColumns:
    def column(field: Callable[[_PlaylistRecord], int | bool], dtype: type) -> Any:
        return np.array([field(playlist) for playlist in playlists], dtype)

    lengths = column(lambda p: len(p.tracks), np.int32)
    code, first = _numbered(ids_of((t.track_uri for t in rows), TRACK_PREFIX))
    distinct = [rows[i] for i in first]
    artists = ids_of((t.artist_uri for t in distinct), ARTIST_PREFIX)
    albums = ids_of((t.album_uri for t in distinct), ALBUM_PREFIX)
    artist_code, artist_first = _numbered(artists)
    album_code, album_first = _numbered(albums)
    return SliceColumns(
        pid=column(lambda p: p.pid, np.int32),
        num_followers=column(lambda p: p.num_followers, np.int32),
        num_edits=column(lambda p: p.num_edits, np.int32),
        lengths=lengths,
        modified_at=column(lambda p: p.modified_at, np.int64),
        collaborative=column(lambda p: p.collaborative in (True, "true"), np.bool_),
        has_description=column(lambda p: bool(p.description), np.bool_),
        titles=[playlist.name or None for playlist in playlists],
        track_code=code,
        position=odd_positions(np.array([t.pos for t in rows], np.int32), lengths),
        tracks=ids_of((t.track_uri for t in distinct), TRACK_PREFIX),
        artist_code=artist_code,
        album_code=album_code,
        duration_ms=np.array([t.duration_ms for t in distinct], np.int32),
        track_names=StringTable.from_strings(t.track_name for t in distinct),
        artists=artists[artist_first],
        artist_names=StringTable.from_strings(distinct[i].artist_name for i in artist_first),
        albums=albums[album_first],
        album_names=StringTable.from_strings(distinct[i].album_name for i in album_first),
    )


def _numbered(ids: IdArray) -> tuple[Int32Array, Int32Array]:
    return IdTable(len(ids) + 1).add_ids(ids)


def counted_positions(lengths: Int32Array | Int64Array) -> Int32Array:
    """Positions that count from 0 in each row of the given lengths, int32."""
    count = np.arange(lengths.max(initial=0), dtype=np.int32)
    return np.concatenate([count[:0], *(count[:length] for length in lengths.tolist())])


def filled_positions(position: Int32Array, lengths: Int32Array | Int64Array) -> Int32Array:
    """Fill in missing positions (-1) by counting in each row of the given lengths; int32."""
    return np.where(position < 0, counted_positions(lengths), position).astype(np.int32)


def odd_positions(position: Int32Array, lengths: Int32Array) -> Int32Array | None:
    """Fill in missing positions; None where all of them simply count from 0."""
    counted = counted_positions(lengths)
    missing = position < 0
    if np.array_equal(np.where(missing, counted, position) if missing.any() else position, counted):
        return None
    return filled_positions(position, lengths)
