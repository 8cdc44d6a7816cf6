"""The fast way from a slice to columns: the compiled scanner, and each distinct track's facts once."""

from __future__ import annotations

import msgspec
import numpy as np

from challenge.data.strings import StringTable
from challenge.mpd import playlist_scan as pl
from challenge.mpd import track_scan as tr
from challenge.mpd.id_table import Bytes, IdTable
from challenge.mpd.json_strings import WORD_BYTES, unescape
from challenge.mpd.slice_columns import SliceColumns, odd_positions
from challenge.types import Int32Array, Int64Array


def scan_slice(data: bytes) -> SliceColumns | None:
    """Read one slice in the official format; None where anything about it is unexpected.

    Gives exactly what :func:`challenge.mpd.slice_columns.decode_slice` gives, several times faster.
    """
    if len(data) >= 2**31:
        return None
    text = np.frombuffer(data, np.uint8)
    playlists = np.empty((len(data) // pl.SHORTEST_PLAYLIST + 1, pl.PLAYLIST_FIELDS), np.int64)
    tracks = np.empty((len(data) // tr.SHORTEST_TRACK + 1, tr.TRACK_FIELDS), np.int32)
    count, found = pl.scan(text, playlists, tracks)
    if count < 0:
        return None
    try:
        return _columns(data, text, playlists[:count].copy(), tracks[:found])
    except (ValueError, msgspec.DecodeError):  # a name or title that is not UTF-8, or a lone surrogate
        return None


def _columns(data: bytes, text: Bytes, playlists: Int64Array, tracks: Int32Array) -> SliceColumns:
    lengths = playlists[:, pl.LENGTH].astype(np.int32)
    code, first, ids = _numbered(text, tracks[:, tr.TRACK])
    distinct = tracks.take(first, axis=0)
    artist_code, artist_first, artists = _numbered(text, distinct[:, tr.ARTIST])
    album_code, album_first, albums = _numbered(text, distinct[:, tr.ALBUM])
    return SliceColumns(
        pid=playlists[:, pl.PID].astype(np.int32),
        num_followers=playlists[:, pl.FOLLOWERS].astype(np.int32),
        num_edits=playlists[:, pl.EDITS].astype(np.int32),
        lengths=lengths,
        modified_at=playlists[:, pl.MODIFIED].copy(),
        collaborative=playlists[:, pl.COLLABORATIVE].astype(np.bool_),
        has_description=playlists[:, pl.DESCRIPTION_BYTES] > 0,
        titles=[_title(data, at, size) for at, size in playlists[:, pl.TITLE : pl.TITLE_BYTES + 1].tolist()],
        track_code=code,
        position=odd_positions(tracks[:, tr.POSITION], lengths),
        tracks=ids,
        artist_code=artist_code,
        album_code=album_code,
        duration_ms=distinct[:, tr.DURATION].copy(),
        track_names=_strings(text, distinct[:, tr.TRACK_NAME : tr.TRACK_NAME_BYTES + 1]),
        artists=artists,
        artist_names=_strings(text, distinct[artist_first, tr.ARTIST_NAME : tr.ARTIST_NAME_BYTES + 1]),
        albums=albums,
        album_names=_strings(text, distinct[album_first, tr.ALBUM_NAME : tr.ALBUM_NAME_BYTES + 1]),
    )


def _numbered(text: Bytes, at: Int32Array) -> tuple[Int32Array, Int32Array, np.ndarray]:
    table = IdTable(len(at) + 1)
    code, first = table.add(text, np.ascontiguousarray(at))
    return code, first, table.ids.copy()


def _title(data: bytes, at: int, size: int) -> str | None:
    if size == 0:
        return None
    raw = data[at : at + size]
    if b"\\" not in raw:
        return raw.decode()
    title: str = msgspec.json.decode(b'"' + raw + b'"', type=str)
    return title


def _strings(text: Bytes, spans: Int32Array) -> StringTable:
    """Copy out the JSON strings at the given (offset, bytes), resolving escapes.

    Raises:
        ValueError: not UTF-8, or an escape that is none.
    """
    offsets = np.zeros(len(spans) + 1, np.int64)
    blob = np.empty(int(spans[:, 1].sum(dtype=np.int64)) + WORD_BYTES, np.uint8)
    total = unescape(text, np.ascontiguousarray(spans), blob, offsets)
    if total < 0:
        raise ValueError("malformed escape")
    str(blob[:total].data, "utf-8")
    return StringTable(blob[:total].copy(), offsets)
