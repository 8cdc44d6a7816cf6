"""A growing numbering of Spotify ids by first occurrence, at memory speed."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from challenge.mpd.raw_memory import byte_at, word_at
from challenge.types import ID_LENGTH, IdArray, Int32Array

Bytes = NDArray[np.uint8]
_SMALLEST = 1 << 12


class IdTable:
    """Numbers distinct ids from 0 in the order of their coming."""

    def __init__(self, capacity: int = _SMALLEST) -> None:
        self._keys: Bytes = np.empty(capacity * ID_LENGTH, np.uint8)
        self._slots: Int32Array = np.full(_power_of_two(2 * capacity), -1, np.int32)
        self._count = 0

    def __len__(self) -> int:
        return self._count

    @property
    def ids(self) -> IdArray:
        """All ids in order of number, dtype S22; a view that later additions may leave behind."""
        return self._keys[: self._count * ID_LENGTH].view(f"S{ID_LENGTH}")

    def add(self, text: Bytes, at: Int32Array) -> tuple[Int32Array, Int32Array]:
        """Number the ids that begin at the offsets ``at`` of ``text``.

        Returns the number of each, int32, shape (len(at),), and which of them were new, as indices into
        ``at`` in order of their new numbers.
        """
        self._reserve(self._count + len(at))
        codes = np.empty(len(at), np.int32)
        first = np.empty(len(at), np.int32)
        before = self._count
        self._count = int(_add(text, at, self._slots, self._keys, before, codes, first))
        return codes, first[: self._count - before].copy()

    def add_ids(self, ids: IdArray) -> tuple[Int32Array, Int32Array]:
        """Do the same for an array of ids, dtype S22."""
        text = np.ascontiguousarray(ids).view(np.uint8)
        return self.add(text, np.arange(len(ids), dtype=np.int32) * ID_LENGTH)

    def _reserve(self, capacity: int) -> None:
        if capacity * ID_LENGTH > len(self._keys):
            keys = np.empty(max(capacity, len(self._keys) // 11) * ID_LENGTH, np.uint8)
            keys[: self._count * ID_LENGTH] = self._keys[: self._count * ID_LENGTH]
            self._keys = keys
        if 2 * capacity > len(self._slots):
            self._slots = np.full(_power_of_two(2 * capacity), -1, np.int32)
            _rehash(self._slots, self._keys, self._count)


def _power_of_two(least: int) -> int:
    return 1 << max(least - 1, 1).bit_length()


@njit(cache=True, inline="always")
def _hash(p: int) -> np.uint64:  # pragma: no cover - compiled
    """Mix the 22 bytes at the address ``p``; the last word overlaps the second."""
    h = word_at(p) * np.uint64(0x9E3779B97F4A7C15)
    h = (h ^ (h >> np.uint64(32)) ^ word_at(p + 8)) * np.uint64(0xBF58476D1CE4E5B9)
    h = (h ^ (h >> np.uint64(29)) ^ word_at(p + 14)) * np.uint64(0x94D049BB133111EB)
    return np.uint64(h ^ (h >> np.uint64(31)))


@njit(cache=True, inline="always")
def _same(p: int, q: int) -> bool:  # pragma: no cover - compiled
    return bool(
        word_at(p) == word_at(q) and word_at(p + 8) == word_at(q + 8) and word_at(p + 14) == word_at(q + 14)
    )


@njit(cache=True, nogil=True)
def _add(
    text: Bytes,
    at: Int32Array,
    slots: Int32Array,
    keys: Bytes,
    count: int,
    codes: Int32Array,
    first: Int32Array,
) -> int:  # pragma: no cover - compiled
    mask = np.int64(len(slots) - 1)
    begin, numbered = np.int64(text.ctypes.data), np.int64(keys.ctypes.data)
    new = 0
    for i in range(len(at)):
        p = begin + np.int64(at[i])
        slot = np.int64(_hash(p)) & mask
        while True:
            code = slots[slot]
            if code < 0:
                slots[slot] = count
                for k in range(22):
                    keys[count * 22 + k] = byte_at(p + k)
                codes[i] = count
                first[new] = i
                new += 1
                count += 1
                break
            if _same(numbered + np.int64(code) * 22, p):
                codes[i] = code
                break
            slot = (slot + 1) & mask
    return count


@njit(cache=True, nogil=True)
def _rehash(slots: Int32Array, keys: Bytes, count: int) -> None:  # pragma: no cover - compiled
    mask = np.int64(len(slots) - 1)
    begin = np.int64(keys.ctypes.data)
    for code in range(count):
        slot = np.int64(_hash(begin + np.int64(code) * 22)) & mask
        while slots[slot] >= 0:
            slot = (slot + 1) & mask
        slots[slot] = code
