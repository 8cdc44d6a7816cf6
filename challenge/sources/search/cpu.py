"""Exact search for the greatest inner products, block by block, without a table of all scores.

An approximate index buys nothing at this size, and a table of queries × tracks costs more in memory traffic
than the products do: a block of scores is used while it is in the caches, and forgotten.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import exp
from typing import Final, NamedTuple

import numba as nb
import numpy as np

from challenge.blocks import each_block
from challenge.compiled import kernel
from challenge.sources.search.base import Found
from challenge.sources.selection import nth_greatest
from challenge.types import FloatArray, Int32Array

_BLOCK: Final = 4096
"""Items scored at once."""
_STRETCH: Final = 1 << 17
"""Items that one thread looks through; fixed, so that nothing depends on the number of threads."""
_ROUNDING: Final = 1e-3
"""Share by which lengths and products may be rounded, more than by :func:`_rounded`."""
_NEGLIGIBLE: Final = 20.0
"""Logits this far below the greatest add nothing to a sum of millions of exponentials."""


@dataclass(frozen=True, eq=False)
class BlockSearch:
    """:func:`search` among items (N, D), float32, on the CPU.

    Items that are too short to be found are left out where their Euclidean lengths are given, float32, (N,).
    """

    items: FloatArray
    lengths: FloatArray | None = None

    def best(self, queries: FloatArray, count: int, *, softmax: bool = False) -> Found:
        """See :func:`search`."""
        # Sums of a softmax are over all items.
        reach = None if softmax or self.lengths is None else self.reach(self.lengths, queries, count)
        return search(queries, self.items, count, softmax=softmax, reach=reach)

    @cached_property
    def longest(self) -> Int32Array:
        """The longest items, int32, at most as many as a block has; they bound what is within reach."""
        assert self.lengths is not None
        first = max(len(self.items) - _BLOCK, 0)
        return np.argpartition(self.lengths, first)[first:].astype(np.int32)

    def reach(self, lengths: FloatArray, queries: FloatArray, count: int) -> Reach | None:
        """Tell which items can be among the ``count`` best of a query; None where most of them can.

        No product is greater than that of the two lengths, and the best among the longest items are a bound
        for the best of all. Factors of tracks are the longer the more playlists hold them, so that of two
        million tracks less than a fifth are within reach. A query of length 0 has no best.
        """
        if count > len(self.longest) or len(self.longest) == len(self.items):
            return None
        bound = np.full(len(queries), -np.inf, np.float32)
        size = np.linalg.norm(queries, axis=1)
        some = np.flatnonzero(size)
        if len(some):
            products = queries[some] @ self.items[self.longest].T
            bound[some] = np.partition(products, -count, axis=1)[:, -count] * (1 - _ROUNDING)
        shortest = (bound[some] / size[some]).min(initial=np.inf)
        if shortest <= 0:
            return None
        within = np.flatnonzero(lengths >= shortest).astype(np.int32)
        return Reach(within, bound) if len(within) <= len(self.items) // 2 else None


def lengths_of(items: FloatArray) -> FloatArray:
    """Euclidean lengths of items (N, D), float32, shape (N,)."""
    lengths = np.empty(len(items), np.float32)

    def measure(start: int, stop: int) -> None:
        lengths[start:stop] = np.linalg.norm(items[start:stop], axis=1)

    each_block(measure, len(lengths), _STRETCH)
    return lengths


class Reach(NamedTuple):
    """What a search looks at: item numbers, ascending, int32; and what scores must exceed, float32, (B,)."""

    items: Int32Array
    bound: FloatArray


def search(
    queries: FloatArray, items: FloatArray, count: int, *, softmax: bool = False, reach: Reach | None = None
) -> Found:
    """Find the ``count`` best of ``items`` (N, D) for each of ``queries`` (B, D), float32 both.

    With ``softmax`` the sums that turn products into probabilities are made too. With ``reach`` no items but
    those are looked at.
    """
    count = min(count, len(items))
    total, stretch = (len(items), _STRETCH) if reach is None else (len(reach.items), _STRETCH // 8)
    bound = np.full(len(queries), -np.inf, np.float32) if reach is None else reach.bound
    stretches = [_Kept(bound, count) for _ in range(0, total, stretch)]

    def look(start: int, stop: int) -> None:
        kept, size = stretches[start // stretch], min(_BLOCK, stop - start)
        block = np.empty((len(queries), size), np.float32)
        rows = np.empty((0 if reach is None else size, items.shape[1]), np.float32)
        for first in range(start, stop, _BLOCK):
            last = min(first + _BLOCK, stop)
            if reach is None:
                part = items[first:last]
            else:
                part = rows[: last - first]
                np.take(items, reach.items[first:last], axis=0, out=part, mode="clip")
            scores = block[:, : len(part)]
            np.matmul(queries, part.T, out=scores)
            kept.absorb(scores, first, softmax=softmax)

    each_block(look, total, stretch)
    found = _united(stretches, len(queries), count)
    if reach is not None and total:
        found.item[:] = np.where(found.item < 0, -1, reach.items[found.item])
    return found


class _Kept:
    """The best items of a stretch so far, ``count`` or more, in order of items."""

    def __init__(self, bound: FloatArray, count: int) -> None:
        n_queries = len(bound)
        room = (n_queries, 4 * count + _BLOCK)
        self.count = count
        self.score, self.item = np.empty(room, np.float32), np.empty(room, np.int32)
        self.size = np.zeros(n_queries, np.int64)
        self.bound = bound.copy()
        self.highest = np.full(n_queries, -np.inf, np.float32)
        self.total = np.zeros(n_queries)

    def absorb(self, scores: FloatArray, first: int, *, softmax: bool) -> None:
        """Take in the scores of a block of items, the first of which is ``first``."""
        _absorb(
            scores,
            first,
            self.count,
            self.score,
            self.item,
            self.size,
            self.bound,
            self.highest,
            self.total,
            softmax,
        )


def _united(stretches: list[_Kept], n_queries: int, count: int) -> Found:
    """Merge what was found in stretches of items, which follow each other."""
    found = Found.nothing(n_queries, count)
    for kept in stretches:
        np.maximum(found.highest, kept.highest, out=found.highest)
    for kept in stretches:
        found.total[:] += kept.total * np.exp((kept.highest - found.highest).astype(np.float64))
    for query in range(n_queries):
        scores = np.concatenate(
            [np.empty(0, np.float32), *(k.score[query, : k.size[query]] for k in stretches)]
        )
        items = np.concatenate([np.empty(0, np.int32), *(k.item[query, : k.size[query]] for k in stretches)])
        order = np.argsort(-scores, kind="stable")[:count]
        found.item[query, : len(order)], found.score[query, : len(order)] = items[order], scores[order]
    return found


@kernel()
def _cut_down(scores: FloatArray, items: Int32Array, count: int) -> float:  # pragma: no cover - compiled
    """Move the best ``count`` items to the front, in their order, and return the least of their scores.

    Of equal scores the first items stay; later ones that equal the least come too late.
    """
    least = nth_greatest(scores.copy(), count)
    equals = count - np.count_nonzero(scores > least)
    n = 0
    for i in range(len(scores)):
        if scores[i] > least or (scores[i] == least and equals > 0):
            equals -= scores[i] == least
            scores[n], items[n] = scores[i], items[i]
            n += 1
    return least  # type: ignore[no-any-return]


@kernel(inline="always")
def _rounded(score: np.float32) -> np.float32:  # pragma: no cover - compiled
    """Round a float32 to 12 bits, so that products that are the same but for their rounding are the same.

    How a product is rounded depends on what it is made together with; of tracks that stand in the same
    playlists the first would otherwise be found in one batch and the second in another.
    Source: Dekker 1971, after Veltkamp.
    """
    large = score * np.float32(4097)
    return large - (large - score)


@kernel()
def _absorb(
    scores: FloatArray,
    first: int,
    count: int,
    kept_score: FloatArray,
    kept_item: Int32Array,
    kept: np.ndarray,
    bound: FloatArray,
    highest: FloatArray,
    total: np.ndarray,
    softmax: bool,
) -> None:  # pragma: no cover - compiled
    width = scores.shape[1]
    for query in range(len(scores)):
        row = scores[query]
        n, least = kept[query], bound[query]
        top = highest[query]
        for i in range(width):
            top = max(top, row[i])
        if softmax:
            total[query] *= exp(highest[query] - top) if highest[query] > -np.inf else 0.0
            for i in range(width):
                if row[i] > top - np.float32(_NEGLIGIBLE):
                    total[query] += exp(row[i] - top)
        highest[query] = top
        for i in range(width):
            score = _rounded(row[i])
            if score > least:
                kept_score[query, n] = score
                kept_item[query, n] = first + i
                n += 1
        if n > 4 * count:
            bound[query] = _cut_down(kept_score[query, :n], kept_item[query, :n], count)
            n = count
        kept[query] = n


@kernel(parallel=True, fastmath=True)
def pair_products(
    queries: FloatArray, items: FloatArray, query: Int32Array, item: Int32Array, products: FloatArray
) -> None:  # pragma: no cover - compiled
    """Inner product of each pair of a query and an item; writes ``products``, float32, shape (N,)."""
    for pair in nb.prange(len(query)):
        left, right = queries[query[pair]], items[item[pair]]
        dot = np.float32(0)
        for k in range(len(left)):
            dot += left[k] * right[k]
        products[pair] = dot
