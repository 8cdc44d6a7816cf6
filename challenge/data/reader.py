"""Reads one slice into columns: its playlists, their tracks as codes, and each distinct track once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar

import msgspec
import numpy as np

from challenge.data.records import decode_slice, filled_positions, first_fault
from challenge.data.strings import StringTable
from challenge.types import (
    ALBUM_PREFIX,
    ARTIST_PREFIX,
    ID_LENGTH,
    TRACK_PREFIX,
    IdArray,
    Int32Array,
    Int64Array,
)

Key = TypeVar("Key")


@dataclass(frozen=True, eq=False)
class SliceColumns:
    """What one slice adds; n playlists, r rows, u distinct tracks, in order of first occurrence.

    Attributes:
        pid, num_followers, num_edits, lengths: int32, shape (n,).
        modified_at: Unix seconds, int64, shape (n,).
        collaborative, has_description: bool, shape (n,).
        titles: n titles as written; None where empty or missing.
        track_code: index into ``tracks`` of each row, int32, shape (r,).
        position: of each row in its playlist, int32, shape (r,).
        tracks, artists, albums: ids of each distinct track, S22, shape (u,).
        duration_ms: of each distinct track, int32, shape (u,).
        track_names, artist_names, album_names: of each distinct track, u names.
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
    playlists = decode_slice(data, name)
    rows = [track for playlist in playlists for track in playlist.tracks]
    uris = [t.track_uri for t in rows]
    # The URIs of every row are checked, though only the ids of distinct tracks are kept.
    tracks = _ids(uris, TRACK_PREFIX)
    artists = _ids([t.artist_uri for t in rows], ARTIST_PREFIX)
    albums = _ids([t.album_uri for t in rows], ALBUM_PREFIX)
    if tracks is None or artists is None or albums is None:
        raise first_fault(msgspec.to_builtins(playlists), name)
    lengths = np.array([len(p.tracks) for p in playlists], np.int32)
    code, first = number(uris, {})
    distinct = [rows[i] for i in first.tolist()]
    return SliceColumns(
        pid=np.array([p.pid for p in playlists], np.int32),
        num_followers=np.array([p.num_followers for p in playlists], np.int32),
        num_edits=np.array([p.num_edits for p in playlists], np.int32),
        lengths=lengths,
        modified_at=np.array([p.modified_at for p in playlists], np.int64),
        collaborative=np.array([p.collaborative in (True, "true") for p in playlists], np.bool_),
        has_description=np.array([bool(p.description) for p in playlists], np.bool_),
        titles=[p.name or None for p in playlists],
        track_code=code,
        position=filled_positions(np.array([t.pos for t in rows], np.int32), lengths),
        tracks=tracks[first],
        artists=artists[first],
        albums=albums[first],
        duration_ms=np.array([t.duration_ms for t in distinct], np.int32),
        track_names=StringTable.from_strings(t.track_name for t in distinct),
        artist_names=StringTable.from_strings(t.artist_name for t in distinct),
        album_names=StringTable.from_strings(t.album_name for t in distinct),
    )


def _ids(uris: list[str], prefix: str) -> IdArray | None:
    """Cut the ids out of URIs, S22, shape (n,); None unless all are ``prefix`` and 22 letters or digits.

    The URIs, which have the right length, are checked at once as a table of fixed-width text.
    """
    layout = np.dtype([("prefix", f"S{len(prefix)}"), ("id", f"S{ID_LENGTH}")])
    text = "".join(uris).encode("utf-8", "replace")
    if len(text) != len(uris) * layout.itemsize:  # not ASCII
        return None
    table = np.frombuffer(text, layout)
    ids = np.ascontiguousarray(table["id"])
    well_formed = (table["prefix"] == prefix.encode()).all() and (b"0" + ids.tobytes()).isalnum()
    return ids if well_formed else None


def number(keys: Iterable[Key], numbers: dict[Key, int]) -> tuple[Int32Array, Int64Array]:
    """Number ``keys`` by first occurrence, going on from ``numbers``, to which new ones are added.

    Returns:
        The number of each key, int32, shape (n,); and which keys were new, as indices into ``keys`` in
        order of their new numbers, int64, shape (number of new ones,).
    """
    known = len(numbers)
    numbered = np.array([numbers.setdefault(key, len(numbers)) for key in keys], np.int32)
    # New numbers rise by one from key to key, so that each raises the largest so far.
    largest = np.maximum.accumulate(np.maximum(numbered, known - 1))
    return numbered, np.flatnonzero(np.diff(largest, prepend=known - 1))
