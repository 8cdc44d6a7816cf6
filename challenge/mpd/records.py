"""The official JSON as typed records, and what to say of JSON that does not fit them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Final, NoReturn, TypeVar

import msgspec
import numpy as np

from challenge.data.ragged import ragged_indices
from challenge.errors import FormatError
from challenge.inputs import decode_json
from challenge.quoting import quoted
from challenge.types import (
    ALBUM_PREFIX,
    ARTIST_PREFIX,
    ID_LENGTH,
    ID_PATTERN,
    TRACK_PREFIX,
    Int32Array,
    Int64Array,
)

REPAIR_HINT: Final = "take this file from the original again, or remove what is wrong from it"
UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What msgspec raises for anything that is not JSON, or not the JSON that a record describes."""

_PREFIXES: Final = {"track_uri": TRACK_PREFIX, "artist_uri": ARTIST_PREFIX, "album_uri": ALBUM_PREFIX}
_URIS: Final = {key: re.compile(prefix + ID_PATTERN) for key, prefix in _PREFIXES.items()}
_SHOWN: Final = 80

Record = TypeVar("Record")
Int32 = Annotated[int, msgspec.Meta(ge=-1, lt=2**31)]
Pid = Annotated[int, msgspec.Meta(ge=0, lt=2**31)]
Count = Annotated[int, msgspec.Meta(ge=0, lt=2**30)]
"""A number of tracks; the sum of two is an int32."""


def _length_of_uris(prefix: str) -> msgspec.Meta:
    """The length that URIs have; what they consist of is looked at for all rows at once."""
    length = len(prefix) + ID_LENGTH
    return msgspec.Meta(min_length=length, max_length=length)


class TrackRecord(msgspec.Struct, gc=False):
    """A track as the official files have it; names, duration and position may be missing."""

    track_uri: Annotated[str, _length_of_uris(TRACK_PREFIX)]
    artist_uri: Annotated[str, _length_of_uris(ARTIST_PREFIX)]
    album_uri: Annotated[str, _length_of_uris(ALBUM_PREFIX)]
    pos: Int32 = -1
    duration_ms: Int32 = 0
    track_name: str = ""
    artist_name: str = ""
    album_name: str = ""


class PlaylistRecord(msgspec.Struct, gc=False):
    """A playlist of a slice; all but its pid and its tracks may be missing."""

    pid: Pid
    tracks: list[TrackRecord]
    name: str | None = None
    collaborative: str | bool = "false"
    modified_at: Annotated[int, msgspec.Meta(ge=0, lt=2**62)] = 0
    num_followers: Int32 = 0
    num_edits: Int32 = 0
    num_tracks: Count | None = None
    description: str | None = None


class _FileRecord(msgspec.Struct):
    playlists: list[msgspec.Raw]


def decode_playlists(
    data: bytes, name: str, kind: type[Record], *, hint: str = REPAIR_HINT
) -> Iterator[Record]:
    """Decode a file one playlist at a time; URIs are checked for their length only.

    A playlist's records fit into the processor's cache and are gone before the next ones come; with all of a
    slice's at once, making columns of them takes twice as long.

    Raises:
        FormatError: not JSON, or not in the official format; names the playlist and the field.
    """
    decode = msgspec.json.Decoder(kind).decode
    decoded = 0
    try:
        if not data.isascii():
            data.decode()  # msgspec overlooks what is not UTF-8 in what it skips
        playlists = msgspec.json.decode(data, type=_FileRecord).playlists
        decode_json(_without(data, playlists), name, hint=hint)  # refuses a second list of playlists
        for playlist in playlists:
            yield decode(playlist)
            decoded += 1
    except UNREADABLE:
        yield from _decode_leniently(data, name, kind, begin=decoded, hint=hint)


def _without(data: bytes, playlists: Sequence[msgspec.Raw]) -> bytes:
    """The JSON with an empty list in place of all playlists, which are parts of ``data`` in their order."""
    if not playlists:
        return data
    first, last = (np.frombuffer(each, np.uint8) for each in (playlists[0], playlists[-1]))
    begin = np.frombuffer(data, np.uint8).ctypes.data
    return data[: first.ctypes.data - begin] + data[last.ctypes.data + len(last) - begin :]


def _decode_leniently(
    data: bytes, name: str, kind: type[Record], *, begin: int, hint: str
) -> Iterator[Record]:
    """Decode playlists that msgspec declined, from one on: either a fault can be named or it was not one.

    Raises:
        FormatError: not JSON, or not in the official format; names the playlist and the field.
    """
    raw = decode_json(data, name, hint=hint)
    playlists = raw.get("playlists") if isinstance(raw, dict) else None
    if not isinstance(playlists, list):
        found = "an object without it" if isinstance(raw, dict) else type(raw).__name__
        raise FormatError(f'{name}: expected an object with a list "playlists", found {found}', hint=hint)
    for number, playlist in enumerate(playlists[begin:], begin):
        fault = playlist_fault(playlist) or _field_fault(playlist, kind)
        if fault is not None:
            pid = playlist.get("pid") if isinstance(playlist, dict) else None
            where = f"playlist {pid}" if type(pid) is int else f"playlists[{number}]"
            raise FormatError(f"{name}, {where}: {fault}", hint=REPAIR_HINT)
        yield msgspec.convert(playlist, kind)


def refuse_slice(data: bytes, name: str) -> NoReturn:
    """Say what is wrong with a slice that was decoded, but has a URI that is none.

    Raises:
        FormatError: names the playlist and the field.
    """
    for _ in _decode_leniently(data, name, PlaylistRecord, begin=0, hint=REPAIR_HINT):
        pass
    raise FormatError(f"{name}: not in the official format", hint=REPAIR_HINT)


def playlist_fault(playlist: Any) -> str | None:
    """Say what is wrong with one playlist of a slice or challenge set, decoded from JSON; None if nothing."""
    if not isinstance(playlist, dict):
        return f"expected an object, found {type(playlist).__name__}"
    if type(playlist.get("pid")) is not int:
        return f"pid is {quoted(playlist.get('pid'), _SHOWN)}; expected a whole number"
    if not isinstance(playlist.get("tracks"), list):
        found = "missing" if "tracks" not in playlist else type(playlist["tracks"]).__name__
        return f"tracks is {found}; expected a list"
    faults = (_track_fault(track) for track in playlist["tracks"])
    return next((f"tracks[{i}]{fault}" for i, fault in enumerate(faults) if fault is not None), None)


def _track_fault(track: Any) -> str | None:
    if not isinstance(track, dict):
        return f" is {type(track).__name__}; expected an object"
    for key, pattern in _URIS.items():
        value = track.get(key)
        if not isinstance(value, str) or not pattern.fullmatch(value):
            found = quoted(value, _SHOWN) if key in track else "missing"
            return f".{key} is {found}; expected {_PREFIXES[key]!r} followed by 22 letters or digits"
    return None


def _field_fault(playlist: Any, kind: type) -> str | None:
    """Say which field msgspec refuses, what it is and what was expected; None if nothing."""
    try:
        msgspec.convert(playlist, kind)
    except msgspec.ValidationError as error:
        expected, _, path = str(error).partition(" - at ")
        field = path.strip("`").removeprefix("$.")
        found = quoted(_value_at(playlist, field), _SHOWN)
        return f"not in the official format: {field} is {found}; {expected}"
    return None


def _value_at(value: Any, path: str) -> Any:
    """Follow a path such as ``tracks[3].pos``."""
    for step in re.findall(r"\w+", path):
        value = value[int(step)] if isinstance(value, list) else value[step]
    return value


def filled_positions(position: Int32Array, lengths: Int32Array | Int64Array) -> Int32Array:
    """Fill in missing positions (-1) by counting from 0 in each row of the given lengths; int32, (r,)."""
    counted = ragged_indices(np.zeros(len(lengths), np.int64), lengths)
    return np.where(position < 0, counted, position).astype(np.int32)
