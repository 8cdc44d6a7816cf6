"""Compiled copying of JSON strings with their escapes resolved."""
# ruff: noqa: PLR0911, PLR1714 - plain comparisons compile to the fewest instructions

from __future__ import annotations

from typing import Final

import numpy as np
from numba import njit

from challenge.mpd.id_table import Bytes
from challenge.mpd.raw_memory import put_word, trailing_zeros, word_at
from challenge.types import Int32Array, Int64Array

WORD_BYTES: Final = 8
_BACKSLASHES: Final = np.uint64(0x5C5C5C5C5C5C5C5C)
_ONES: Final = np.uint64(0x0101010101010101)
_TOPS: Final = np.uint64(0x8080808080808080)


@njit(cache=True, nogil=True)
def unescape(
    text: Bytes, spans: Int32Array, blob: Bytes, offsets: Int64Array
) -> int:  # pragma: no cover - compiled
    """Copy the JSON strings at ``spans`` (offset and bytes, shape (n, 2)) end to end into ``blob``.

    ``blob`` needs :data:`WORD_BYTES` more than all the strings have. Fills ``offsets``, shape (n + 1,), and
    returns the bytes written, or -1 at an escape that is none and at a lone surrogate.
    """
    out = np.int64(0)
    for i in range(len(spans)):
        p = np.int64(spans[i, 0])
        end = p + np.int64(spans[i, 1])
        while p < end:
            count = _copy_plain(text, p, end, blob, out)
            p += count
            out += count
            if p < end:
                code, p = _escape(text, p + 1, end)
                if code < 0:
                    return -1
                out = _encode(code, blob, out)
        offsets[i + 1] = out
    return out  # type: ignore[return-value]


@njit(cache=True, inline="always")
def _copy_plain(text: Bytes, p: int, end: int, blob: Bytes, out: int) -> int:  # pragma: no cover - compiled
    """Copy up to the next backslash or the end; return how many bytes that were."""
    source, target = np.int64(text.ctypes.data) + p, np.int64(blob.ctypes.data) + out
    length = end - p
    done = 0
    while done < length:
        if p + done + WORD_BYTES > len(text):
            if text[p + done] == 92:
                return done
            blob[out + done] = text[p + done]
            done += 1
            continue
        # A whole word is written even where fewer bytes count: what follows overwrites the rest.
        word = word_at(source + done)
        put_word(target + done, word)
        marks = ((word ^ _BACKSLASHES) - _ONES) & ~(word ^ _BACKSLASHES) & _TOPS
        if marks != 0:
            return min(done + (trailing_zeros(marks) >> 3), length)  # type: ignore[no-any-return]
        done += WORD_BYTES
    return length


@njit(cache=True)
def _escape(text: Bytes, p: int, end: int) -> tuple[int, int]:  # pragma: no cover - compiled
    """Character behind the backslash before ``p``, and where it ends; -1 if there is none such."""
    c = text[p]
    if c == 117:  # u
        code = _hexadecimal(text, p + 1, end)
        p += 5
        if 0xD800 <= code < 0xDC00 and p + 1 < end and text[p] == 92 and text[p + 1] == 117:
            low = _hexadecimal(text, p + 2, end)
            if 0xDC00 <= low < 0xE000:
                return 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00), p + 6
        return (-1 if 0xD800 <= code < 0xE000 else code), p
    if c == 34 or c == 47 or c == 92:  # " / \
        return np.int64(c), p + 1  # type: ignore[return-value]
    if c == 98:  # b
        return 8, p + 1
    if c == 102:  # f
        return 12, p + 1
    if c == 110:  # n
        return 10, p + 1
    if c == 114:  # r
        return 13, p + 1
    if c == 116:  # t
        return 9, p + 1
    return -1, p


@njit(cache=True)
def _hexadecimal(text: Bytes, p: int, end: int) -> int:  # pragma: no cover - compiled
    """Value of four hexadecimal digits; -1 if they are none."""
    if p + 4 > end:
        return -1
    value = 0
    for i in range(4):
        c = np.int64(text[p + i])
        if 48 <= c <= 57:
            digit = c - 48
        elif 97 <= (c | 32) <= 102:
            digit = (c | 32) - 87
        else:
            return -1
        value = value * 16 + digit  # type: ignore[assignment]
    return value


@njit(cache=True)
def _encode(code: int, blob: Bytes, out: int) -> int:  # pragma: no cover - compiled
    """Write one character in UTF-8, never longer than its escape; return where the next one goes."""
    if code < 0x80:
        blob[out] = code
        return out + 1
    if code < 0x800:
        blob[out] = 0xC0 | code >> 6
        blob[out + 1] = 0x80 | code & 63
        return out + 2
    if code < 0x10000:
        blob[out] = 0xE0 | code >> 12
        blob[out + 1] = 0x80 | code >> 6 & 63
        blob[out + 2] = 0x80 | code & 63
        return out + 3
    blob[out] = 0xF0 | code >> 18
    blob[out + 1] = 0x80 | code >> 12 & 63
    blob[out + 2] = 0x80 | code >> 6 & 63
    blob[out + 3] = 0x80 | code & 63
    return out + 4
