"""Compiled reading of JSON at an address, in words of eight bytes.

All functions take ``end``, the address behind the text, and an address ``p`` inside; they return addresses,
or -1 at anything that they do not expect. The text must be a ``bytes`` object: Python keeps a zero byte
behind its end, on which every loop stops.
"""
# ruff: noqa: PLR1714, SIM109 - plain comparisons compile to the fewest instructions

from __future__ import annotations

from typing import Final

import numpy as np
from numba import njit

from challenge.mpd.raw_memory import byte_at, trailing_zeros, word_at

QUOTE, _BACKSLASH, COMMA, COLON, _MINUS = 34, 92, 44, 58, 45
OPEN_OBJECT, CLOSE_OBJECT, OPEN_LIST, CLOSE_LIST = 123, 125, 91, 93
LARGEST_INT32: Final = 2**31 - 1
LOW_4_BYTES, LOW_5_BYTES, LOW_7_BYTES = (np.uint64(2 ** (8 * count) - 1) for count in (4, 5, 7))


def word_of(text: bytes) -> np.uint64:
    """Return the eight bytes of ``text``, filled up with zeros, as the number that memory shows."""
    return np.uint64(int.from_bytes(text.ljust(8, b"\0"), "little"))


def key_words(key: bytes) -> tuple[np.uint64, np.uint64]:
    """Return the first and the last eight bytes of a key with its closing quote: together they tell it."""
    return word_of(key[:8]), word_of(key[-8:])


_SPACES, _QUOTES, _BACKSLASHES = (word_of(sign * 8) for sign in (b" ", b'"', b"\\"))
_ONES, _TOPS = word_of(b"\x01" * 8), word_of(b"\x80" * 8)
_FROM_0, _BEYOND_9, _FROM_A, _BEYOND_Z = (
    word_of(bytes([128 - limit]) * 8) for limit in (ord("0"), ord("9") + 1, ord("a"), ord("z") + 1)
)


@njit(cache=True, inline="always")
def peek(end: int, p: int) -> np.uint64:  # pragma: no cover - compiled
    """Eight bytes from ``p``, zeros behind the end."""
    if p + 8 <= end:
        return word_at(p)  # type: ignore[no-any-return]
    word = np.uint64(0)
    for k in range(end - p):
        word |= np.uint64(byte_at(p + k)) << np.uint64(8 * k)
    return word


@njit(cache=True, inline="always")
def skip_space(end: int, p: int) -> int:  # pragma: no cover - compiled
    """Where the next character that is no white space stands."""
    return p if byte_at(p) > 32 else _skip_long_space(end, p)


@njit(cache=True)
def _skip_long_space(end: int, p: int) -> int:  # pragma: no cover - compiled
    while True:
        c = byte_at(p)
        if c != 10 and c != 32 and c != 13 and c != 9:
            return p
        p += 1
        while p + 8 <= end:
            other = word_at(p) ^ _SPACES
            if other != 0:
                p += trailing_zeros(other) >> 3
                break
            p += 8


@njit(cache=True)
def string_end(end: int, p: int) -> int:  # pragma: no cover - compiled
    """Where the string whose first character is at ``p`` has its closing quote; -1 if nowhere."""
    while True:
        # Eight characters at a time: the lowest marked byte is a quote, a backslash or a control character.
        while p + 8 <= end:
            word = word_at(p)
            quote, backslash = word ^ _QUOTES, word ^ _BACKSLASHES
            marks = ((quote - _ONES) & ~quote) | ((backslash - _ONES) & ~backslash)
            marks = (marks | ((word - _SPACES) & ~word)) & _TOPS
            if marks != 0:
                p += trailing_zeros(marks) >> 3
                break
            p += 8
        c = byte_at(p)
        if c == QUOTE:
            return p
        if c == _BACKSLASH:
            p += 1
            c = byte_at(p)
        if c < 32:
            return -1
        p += 1


@njit(cache=True)
def skip_value(end: int, p: int) -> int:  # pragma: no cover - compiled
    """Where the value at ``p`` ends; -1 if it is none."""
    depth = 0
    while True:
        c = byte_at(p)
        if c == QUOTE:
            p = string_end(end, p + 1)
            if p < 0:
                return -1
            p += 1
        elif c == OPEN_OBJECT or c == OPEN_LIST:
            depth += 1
            p += 1
        elif c == CLOSE_OBJECT or c == CLOSE_LIST:
            depth -= 1
            p += 1
        elif c == 0 or (depth == 0 and not _is_scalar(c)):
            return -1
        elif depth > 0:
            p += 1
        else:
            while _is_scalar(byte_at(p)):
                p += 1
        if depth <= 0:
            return p if depth == 0 else -1


@njit(cache=True, inline="always")
def _is_scalar(c: int) -> bool:  # pragma: no cover - compiled
    """Whether a number, ``true``, ``false`` or ``null`` may hold the character."""
    return (48 <= c <= 57) or (97 <= c <= 122) or c == 43 or c == _MINUS or c == 46 or c == 69


@njit(cache=True)
def integer(end: int, p: int) -> tuple[int, int]:  # pragma: no cover - compiled
    """Value of the whole number at ``p`` and where it ends; -1 if it is none."""
    negative = byte_at(p) == _MINUS
    begin = p = p + 1 if negative else p
    value = 0
    while 48 <= byte_at(p) <= 57:
        value = value * 10 + np.int64(byte_at(p)) - 48  # type: ignore[assignment]
        p += 1
    if p == begin or p - begin > 18 or _is_scalar(byte_at(p)):
        return 0, -1
    return (-value if negative else value), p


@njit(cache=True, inline="always")
def _id_faults(word: np.uint64) -> np.uint64:  # pragma: no cover - compiled
    """Mark, in its top bit, each of eight bytes that is neither a letter nor a digit."""
    lower = word | _SPACES
    digit = (word + _FROM_0) & ~(word + _BEYOND_9)
    letter = (lower + _FROM_A) & ~(lower + _BEYOND_Z)
    return np.uint64((~(digit | letter) | word) & _TOPS)


@njit(cache=True, inline="always")
def is_bare_id(p: int) -> bool:  # pragma: no cover - compiled
    """Whether 22 letters or digits stand at ``p``; all 22 bytes must be there."""
    faults = _id_faults(word_at(p)) | _id_faults(word_at(p + 8)) | _id_faults(word_at(p + 14))
    return bool(faults == 0)


@njit(cache=True, inline="always")
def is_id(end: int, p: int) -> bool:  # pragma: no cover - compiled
    """Whether 22 letters or digits and a quote stand at ``p``."""
    return p + 22 < end and byte_at(p + 22) == QUOTE and is_bare_id(p)


@njit(cache=True, inline="always")
def ends_key(end: int, p: int, size: int, tail: np.uint64) -> bool:  # pragma: no cover - compiled
    """Whether the key that began rightly also ends rightly: ``size`` is its length with the quote."""
    return bool(peek(end, p + size - 8) == tail)


@njit(cache=True)
def after_key(end: int, p: int) -> int:  # pragma: no cover - compiled
    """Where the value begins, from anywhere in the key; -1 if there is none."""
    p = string_end(end, p)
    if p < 0:
        return -1
    p = skip_space(end, p + 1)
    return skip_space(end, p + 1) if byte_at(p) == COLON else -1


@njit(cache=True, inline="always")
def next_key(end: int, p: int) -> int:  # pragma: no cover - compiled
    """First character of the next key, from the comma before it; -1 at anything else."""
    if byte_at(p) != COMMA:
        return -1
    p = skip_space(end, p + 1)
    return p + 1 if byte_at(p) == QUOTE else -1


@njit(cache=True, inline="always")
def value_at(end: int, p: int) -> int:  # pragma: no cover - compiled
    """Where the value begins, from behind the key; -1 if there is none."""
    if byte_at(p) == COLON and byte_at(p + 1) == 32 and byte_at(p + 2) > 32:
        return p + 2
    p = skip_space(end, p)
    return skip_space(end, p + 1) if byte_at(p) == COLON else -1
