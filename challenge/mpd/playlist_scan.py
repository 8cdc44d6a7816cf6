"""Compiled scanner of the official slices: finds where everything stands without building a value.

It knows the official format and nothing else: at anything unexpected it gives up, and the general decoder
decides whether that is a fault. The compiler's cache knows only this file's age: whoever changes one of the
modules it is made of must touch this file, too.
"""
# ruff: noqa: C901, PLR0911 - one branch for each field; a failure returns at once

from __future__ import annotations

from typing import Final

import numpy as np
from numba import njit

from challenge.mpd.id_table import Bytes
from challenge.mpd.json_scan import (
    CLOSE_LIST,
    CLOSE_OBJECT,
    COMMA,
    LARGEST_INT32,
    LOW_4_BYTES,
    LOW_5_BYTES,
    LOW_7_BYTES,
    OPEN_LIST,
    OPEN_OBJECT,
    QUOTE,
    after_key,
    ends_key,
    integer,
    key_words,
    next_key,
    peek,
    skip_space,
    skip_value,
    string_end,
    value_at,
    word_of,
)
from challenge.mpd.raw_memory import byte_at
from challenge.mpd.track_scan import PATTERN_WORDS, TRACK_FIELDS, scan_tracks
from challenge.types import Int32Array, Int64Array

(
    PID, FOLLOWERS, EDITS, MODIFIED, COLLABORATIVE, DESCRIPTION_BYTES, TITLE, TITLE_BYTES, LENGTH,
    PLAYLIST_FIELDS,
) = range(10)  # fmt: skip
"""Columns of the playlist table; ``TITLE_BYTES`` and ``DESCRIPTION_BYTES`` are 0 where there is none."""
SHORTEST_PLAYLIST: Final = 20


_PID, _NAME, _TRACKS = word_of(b'pid"'), word_of(b'name"'), word_of(b'tracks"')
_COLLABOR, _ORATIVE = key_words(b'collaborative"')
_MODIFIED_WORD, _FIED_AT = key_words(b'modified_at"')
_NUM_FOLL, _LLOWERS = key_words(b'num_followers"')
_NUM_EDIT, _M_EDITS = key_words(b'num_edits"')
_DESCRIPT, _RIPTION = key_words(b'description"')
_PLAYLIST, _AYLISTS = key_words(b'playlists"')
_TRUE = word_of(b'true"')


@njit(cache=True)
def _playlist_key(end: int, p: int) -> tuple[int, int]:  # pragma: no cover - compiled
    """Which field of a playlist the key at ``p`` names (-1: none of ours), and its bytes with the quote."""
    word = peek(end, p)
    if (word & LOW_7_BYTES) == _TRACKS:
        return LENGTH, 7
    if (word & LOW_4_BYTES) == _PID:
        return PID, 4
    if (word & LOW_5_BYTES) == _NAME:
        return TITLE, 5
    if word == _COLLABOR and ends_key(end, p, 14, _ORATIVE):
        return COLLABORATIVE, 14
    if word == _MODIFIED_WORD and ends_key(end, p, 12, _FIED_AT):
        return MODIFIED, 12
    if word == _NUM_FOLL and ends_key(end, p, 14, _LLOWERS):
        return FOLLOWERS, 14
    if word == _NUM_EDIT and ends_key(end, p, 10, _M_EDITS):
        return EDITS, 10
    if word == _DESCRIPT and ends_key(end, p, 12, _RIPTION):
        return DESCRIPTION_BYTES, 12
    return -1, 0


@njit(cache=True)
def _scan_text_field(
    end: int, p: int, begin: int, field: int, row: Int64Array
) -> int:  # pragma: no cover - compiled
    """Record a title, description or the collaborative flag; return where it ends, -1 to give up."""
    inside = p + 1
    p = string_end(end, inside) if byte_at(p) == QUOTE else -1
    if p < 0:
        return -1
    if field == TITLE:
        row[TITLE] = inside - begin
        row[TITLE_BYTES] = p - inside
    elif field == DESCRIPTION_BYTES:
        row[DESCRIPTION_BYTES] = p - inside
    elif (peek(end, inside) & LOW_5_BYTES) == _TRUE:
        row[COLLABORATIVE] = 1
    return p + 1


@njit(cache=True)
def _scan_playlist(
    end: int, p: int, begin: int, row: Int64Array, tracks: int, pattern: int
) -> tuple[int, int]:  # pragma: no cover - compiled
    """Fill one row of the table, and its tracks at an address; return where it ends, and how many."""
    row[:] = 0
    row[PID] = -1
    row[LENGTH] = -1
    p = skip_space(end, p + 1) if byte_at(p) == OPEN_OBJECT else -1
    if p < 0 or byte_at(p) != QUOTE:
        return -1, 0
    p += 1
    while True:
        field, size = _playlist_key(end, p)
        p = after_key(end, p) if field < 0 else value_at(end, p + size)
        if p < 0:
            return -1, 0
        if field < 0:
            p = skip_value(end, p)
        elif field == LENGTH:
            if row[LENGTH] >= 0:
                return -1, 0
            p, row[LENGTH] = scan_tracks(end, p, begin, tracks, pattern)
        elif field <= MODIFIED:
            row[field], p = integer(end, p)
            if row[field] < 0 or (field != MODIFIED and row[field] > LARGEST_INT32):
                return -1, 0
        else:
            p = _scan_text_field(end, p, begin, field, row)
        if p < 0:
            return -1, 0
        p = skip_space(end, p)
        if byte_at(p) == CLOSE_OBJECT:
            complete = row[PID] >= 0 and row[LENGTH] >= 0
            return (p + 1 if complete else -1), row[LENGTH]
        p = next_key(end, p)
        if p < 0:
            return -1, 0


@njit(cache=True)
def _scan_playlists(
    end: int, p: int, begin: int, playlists: Int64Array, tracks: int, pattern: int
) -> tuple[int, int, int]:  # pragma: no cover - compiled
    """Scan the list at ``p``; return where it ends, and how many playlists and tracks were found."""
    count = found = 0
    p = skip_space(end, p + 1) if byte_at(p) == OPEN_LIST else -1
    if p < 0 or byte_at(p) == CLOSE_LIST:
        return p + 1 if p >= 0 else -1, 0, 0
    while True:
        row = tracks + 4 * TRACK_FIELDS * found
        p, length = _scan_playlist(end, p, begin, playlists[count], row, pattern)
        if p < 0:
            return -1, 0, 0
        found += length
        count += 1
        p = skip_space(end, p)
        if byte_at(p) == CLOSE_LIST:
            return p + 1, count, found
        if byte_at(p) != COMMA:
            return -1, 0, 0
        p = skip_space(end, p + 1)


@njit(cache=True, nogil=True)
def scan(
    text: Bytes, playlists: Int64Array, tracks: Int32Array
) -> tuple[int, int]:  # pragma: no cover - compiled
    """Fill both tables from the JSON of one slice; return how many rows of each, or -1 to give up.

    ``playlists`` has :data:`PLAYLIST_FIELDS` columns and ``tracks`` ``TRACK_FIELDS``; there must be a
    row for every :data:`SHORTEST_PLAYLIST` and ``SHORTEST_TRACK`` bytes of text, and one more.
    """
    count, found = -1, 0
    begin, table = np.int64(text.ctypes.data), np.int64(tracks.ctypes.data)
    end = begin + len(text)
    pattern = np.zeros(PATTERN_WORDS, np.int64)
    layout = np.int64(pattern.ctypes.data)
    p = skip_space(end, begin)
    p = skip_space(end, p + 1) if byte_at(p) == OPEN_OBJECT else -1
    if p < 0 or byte_at(p) != QUOTE:
        return -1, 0
    p += 1
    while True:
        if peek(end, p) == _PLAYLIST and ends_key(end, p, 10, _AYLISTS):
            p = value_at(end, p + 10)
            if p < 0 or count >= 0:
                return -1, 0
            p, count, found = _scan_playlists(end, p, begin, playlists, table, layout)
        else:
            p = after_key(end, p)
            p = skip_value(end, p) if p >= 0 else -1
        p = skip_space(end, p) if p >= 0 else -1
        if p >= 0 and byte_at(p) == CLOSE_OBJECT:
            at_end = skip_space(end, p + 1) == end
            return (count, found) if at_end and pattern[0] >= 0 else (-1, 0)
        p = next_key(end, p) if p >= 0 else -1
        if p < 0:
            return -1, 0
