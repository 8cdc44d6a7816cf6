"""Compiled scanner of the tracks of a playlist in the official format."""
# ruff: noqa: C901, PLR0911, PLR0912 - one branch for each field; a failure returns at once

from __future__ import annotations

from typing import Final

from numba import njit

from challenge.data.json_scan import (
    CLOSE_LIST,
    CLOSE_OBJECT,
    COMMA,
    LARGEST_INT32,
    LOW_4_BYTES,
    OPEN_LIST,
    OPEN_OBJECT,
    QUOTE,
    after_key,
    ends_key,
    integer,
    is_id,
    key_words,
    next_key,
    peek,
    skip_space,
    skip_value,
    string_end,
    value_at,
    word_of,
)
from challenge.data.raw_memory import byte_at, put_int32

(
    TRACK, ARTIST, ALBUM, TRACK_NAME, TRACK_NAME_BYTES, ARTIST_NAME, ARTIST_NAME_BYTES, ALBUM_NAME,
    ALBUM_NAME_BYTES, DURATION, POSITION, TRACK_FIELDS,
) = range(12)  # fmt: skip
"""Columns of the track table: offsets of ids and names in the text, lengths in bytes, and two values."""
SHORTEST_TRACK: Final = 130
"""No track takes fewer bytes of JSON, by its three URIs alone."""

_ALL_URIS: Final = 0b111
_SPOTIFY_: Final = word_of(b"spotify:")
_TRACK_TAIL, _ARTIST_TAIL, _ALBUM_TAIL = word_of(b"y:track:"), word_of(b":artist:"), word_of(b"y:album:")
_POS = word_of(b'pos"')
_TRACK_UR, _ACK_URI = key_words(b'track_uri"')
_ARTIST_U, _IST_URI = key_words(b'artist_uri"')
_ALBUM_UR, _BUM_URI = key_words(b'album_uri"')
_TRACK_NA, _CK_NAME = key_words(b'track_name"')
_ARTIST_N, _ST_NAME = key_words(b'artist_name"')
_ALBUM_NA, _UM_NAME = key_words(b'album_name"')
_DURATION_WORD, _TION_MS = key_words(b'duration_ms"')


@njit(cache=True, inline="always")
def _track_key(end: int, p: int) -> tuple[int, int]:  # pragma: no cover - compiled
    """Which field of a track the key at ``p`` names (-1: none of ours), and its bytes with the quote."""
    word = peek(end, p)
    if word == _TRACK_UR and ends_key(end, p, 10, _ACK_URI):
        return TRACK, 10
    if word == _ARTIST_U and ends_key(end, p, 11, _IST_URI):
        return ARTIST, 11
    if word == _ALBUM_UR and ends_key(end, p, 10, _BUM_URI):
        return ALBUM, 10
    if word == _TRACK_NA and ends_key(end, p, 11, _CK_NAME):
        return TRACK_NAME, 11
    if word == _ARTIST_N and ends_key(end, p, 12, _ST_NAME):
        return ARTIST_NAME, 12
    if word == _ALBUM_NA and ends_key(end, p, 11, _UM_NAME):
        return ALBUM_NAME, 11
    if word == _DURATION_WORD and ends_key(end, p, 12, _TION_MS):
        return DURATION, 12
    if (word & LOW_4_BYTES) == _POS:
        return POSITION, 4
    return -1, 0


@njit(cache=True, inline="always")
def _uri_at(end: int, p: int, field: int) -> int:  # pragma: no cover - compiled
    """Where the id of the URI string at ``p`` begins; -1 if it is not one of the field's kind."""
    if byte_at(p) != QUOTE or peek(end, p + 1) != _SPOTIFY_:
        return -1
    if field == TRACK:
        good, p = peek(end, p + 7) == _TRACK_TAIL, p + 15
    elif field == ALBUM:
        good, p = peek(end, p + 7) == _ALBUM_TAIL, p + 15
    else:
        good, p = peek(end, p + 8) == _ARTIST_TAIL, p + 16
    return p if good and is_id(end, p) else -1


@njit(cache=True)
def _scan_track(end: int, p: int, begin: int, row: int) -> int:  # pragma: no cover - compiled
    """Fill the row of the track table at the address ``row``; return where the object at ``p`` ends.

    Offsets are counted from ``begin``. Returns -1 to give up.
    """
    for field in range(TRACK_FIELDS):
        put_int32(row + 4 * field, 0)
    put_int32(row + 4 * POSITION, -1)
    found = 0
    if byte_at(p) != OPEN_OBJECT:
        return -1
    p = skip_space(end, p + 1)
    if byte_at(p) != QUOTE:
        return -1
    p += 1
    while True:
        field, size = _track_key(end, p)
        p = after_key(end, p) if field < 0 else value_at(end, p + size)
        if p < 0:
            return -1
        if field < 0:
            p = skip_value(end, p)
        elif field <= ALBUM:
            p = _uri_at(end, p, field)
            put_int32(row + 4 * field, p - begin)
            found |= 1 << field
            p = p + 23 if p > 0 else -1
        elif field < DURATION:
            put_int32(row + 4 * field, p + 1 - begin)
            name = p + 1
            p = string_end(end, name) if byte_at(p) == QUOTE else -1
            put_int32(row + 4 * field + 4, p - name)
            p = p + 1 if p > 0 else -1
        else:
            value, p = integer(end, p)
            put_int32(row + 4 * field, value)
            if not -1 <= value <= LARGEST_INT32:
                return -1
        if p < 0:
            return -1
        p = skip_space(end, p)
        if byte_at(p) == CLOSE_OBJECT:
            return p + 1 if found == _ALL_URIS else -1
        p = next_key(end, p)
        if p < 0:
            return -1


@njit(cache=True)
def scan_tracks(end: int, p: int, begin: int, row: int) -> tuple[int, int]:  # pragma: no cover - compiled
    """Fill rows from the address ``row``; return where the list at ``p`` ends, and how many tracks it has."""
    first = row
    if byte_at(p) != OPEN_LIST:
        return -1, 0
    p = skip_space(end, p + 1)
    if byte_at(p) == CLOSE_LIST:
        return p + 1, 0
    while True:
        p = _scan_track(end, p, begin, row)
        if p < 0:
            return -1, 0
        row += 4 * TRACK_FIELDS
        p = skip_space(end, p)
        if byte_at(p) == CLOSE_LIST:
            return p + 1, (row - first) // (4 * TRACK_FIELDS)
        if byte_at(p) != COMMA:
            return -1, 0
        p = skip_space(end, p + 1)
