"""Compiled scanner of the tracks of a playlist in the official format."""
# ruff: noqa: C901, PLR0911, PLR0912 - one branch for each field; a failure returns at once
# ruff: noqa: SIM110

from __future__ import annotations

from typing import Final

import numpy as np
from numba import njit

from challenge.mpd.json_scan import (
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
    is_bare_id,
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
from challenge.mpd.raw_memory import byte_at, put_int32, put_word, word_at

(
    TRACK, ARTIST, ALBUM, TRACK_NAME, TRACK_NAME_BYTES, ARTIST_NAME, ARTIST_NAME_BYTES, ALBUM_NAME,
    ALBUM_NAME_BYTES, DURATION, POSITION, TRACK_FIELDS,
) = range(12)  # fmt: skip
"""Columns of the track table: offsets of ids and names in the text, lengths in bytes, and two values."""
SHORTEST_TRACK: Final = 130
"""No track takes fewer bytes of JSON, by its three URIs alone."""

MOST_FIELDS: Final = 8
"""Fields of a track that are read."""
PATTERN_WORDS: Final = 1 + 3 * (MOST_FIELDS + 1)
"""How many fields a layout has; then of each, and of the end: field, text before its value, its bytes."""
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


@njit(cache=True, inline="always")
def _learn(pattern: int, place: int, field: int, glue: int, size: int) -> None:  # pragma: no cover - compiled
    """Record what stands before the value of a field, or (-1) behind the last one."""
    at = pattern + 8 + 24 * place
    put_word(at, np.uint64(field))
    put_word(at + 8, np.uint64(glue))
    put_word(at + 16, np.uint64(size))


@njit(cache=True, inline="always")
def _same_text(p: int, q: int, size: int) -> bool:  # pragma: no cover - compiled
    """Whether ``size`` bytes at two addresses are equal."""
    if size < 8:
        for k in range(size):
            if byte_at(p + k) != byte_at(q + k):
                return False
        return True
    k = 0
    while k <= size - 8:
        if word_at(p + k) != word_at(q + k):
            return False
        k += 8
    return bool(word_at(p + size - 8) == word_at(q + size - 8))


@njit(cache=True)
def _scan_alike(end: int, p: int, begin: int, row: int, pattern: int) -> int:  # pragma: no cover - compiled
    """Fill a row from a track laid out like the one that ``pattern`` tells of; -1 where it is another layout.

    Nearly all tracks of a file have the same keys in the same order between the same white space, so that
    what lies between the values need only be compared.
    """
    count = np.int64(word_at(pattern))
    for place in range(count + 1):
        at = pattern + 8 + 24 * place
        field, glue, size = np.int64(word_at(at)), np.int64(word_at(at + 8)), np.int64(word_at(at + 16))
        if p + size + 32 > end or not _same_text(p, glue, size):
            return -1
        p += size  # type: ignore[assignment]
        if place == count:
            return p
        put_int32(row + 4 * field, p - begin)
        if field <= ALBUM:
            if not is_bare_id(p):
                return -1
            p += 22
        elif field < DURATION:
            name = p
            p = string_end(end, name)
            if p < 0:
                return -1
            put_int32(row + 4 * field + 4, p - name)
        else:
            value, digits = np.int64(0), p
            while 48 <= byte_at(p) <= 57:
                value = value * 10 + np.int64(byte_at(p)) - 48
                p += 1
            if not 1 <= p - digits <= 9:
                return -1
            put_int32(row + 4 * field, value)
    return -1


@njit(cache=True)
def _scan_any(end: int, p: int, begin: int, row: int, pattern: int) -> int:  # pragma: no cover - compiled
    """Fill a row from a track in any layout, and learn the layout; -1 to give up."""
    put_word(pattern, np.uint64(0))
    glue, place, found = p, 0, 0
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
        value_begin = value_end = p
        if field < 0:
            p = skip_value(end, p)
        elif field <= ALBUM:
            value_begin = _uri_at(end, p, field)
            put_int32(row + 4 * field, value_begin - begin)
            found |= 1 << field
            value_end = value_begin + 22
            p = value_end + 1 if value_begin > 0 else -1
        elif field < DURATION:
            value_begin = p + 1
            value_end = string_end(end, value_begin) if byte_at(p) == QUOTE else -1
            put_int32(row + 4 * field, value_begin - begin)
            put_int32(row + 4 * field + 4, value_end - value_begin)
            p = value_end + 1 if value_end > 0 else -1
        else:
            value, p = integer(end, p)
            value_end = p
            put_int32(row + 4 * field, value)
            if not -1 <= value <= LARGEST_INT32:
                return -1
        if p < 0:
            return -1
        if field < 0 or place >= MOST_FIELDS:
            place = 2 * MOST_FIELDS  # other keys, or one twice: no layout to learn
        else:
            _learn(pattern, place, field, glue, value_begin - glue)
            glue = value_end
            place += 1
        p = skip_space(end, p)
        if byte_at(p) == CLOSE_OBJECT:
            break
        p = next_key(end, p)
        if p < 0:
            return -1
    if place <= MOST_FIELDS:
        _learn(pattern, place, -1, glue, p + 1 - glue)
        put_word(pattern, np.uint64(place))
    return p + 1 if found == _ALL_URIS else -1


@njit(cache=True, inline="always")
def _clear(row: int) -> None:  # pragma: no cover - compiled
    for field in range(TRACK_FIELDS):
        put_int32(row + 4 * field, 0)
    put_int32(row + 4 * POSITION, -1)


@njit(cache=True)
def scan_tracks(
    end: int, p: int, begin: int, row: int, pattern: int
) -> tuple[int, int]:  # pragma: no cover - compiled
    """Fill rows from the address ``row``; return where the list at ``p`` ends, and how many tracks it has.

    Offsets are counted from ``begin``. ``pattern`` is the address of :data:`PATTERN_WORDS` words, zero at
    first, that keep the layout of tracks.
    """
    first = row
    if byte_at(p) != OPEN_LIST:
        return -1, 0
    p = skip_space(end, p + 1)
    if byte_at(p) == CLOSE_LIST:
        return p + 1, 0
    while True:
        _clear(row)
        behind = _scan_alike(end, p, begin, row, pattern) if word_at(pattern) > 0 else -1
        if behind < 0:
            _clear(row)
            behind = _scan_any(end, p, begin, row, pattern)
        if behind < 0:
            return -1, 0
        row += 4 * TRACK_FIELDS
        p = skip_space(end, behind)
        if byte_at(p) == CLOSE_LIST:
            return p + 1, (row - first) // (4 * TRACK_FIELDS)
        if byte_at(p) != COMMA:
            return -1, 0
        p = skip_space(end, p + 1)
