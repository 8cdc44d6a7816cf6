"""Exact search for the greatest inner products, block by block, without a table of all scores.

An approximate index buys nothing at this size, and a table of queries × tracks costs more in memory traffic
than the products do: a block of scores is used while it is in the caches, and forgotten.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final, NamedTuple

import numpy as np

from challenge.blocks import each_block, each_range
from challenge.compiled import kernel
from challenge.sources.search.base import Found
from challenge.sources.selection import nth_greatest
from challenge.types import FloatArray, Int32Array

_BLOCK: Final = 4096
"""Items scored at once."""
_STRETCH: Final = 1 << 17
"""Items that one thread looks through; fixed, so that nothing depends on the number of threads."""
_SPARE: Final = 64
"""Items kept beyond twice those wanted when the kept ones are cut down, for near ties."""
_PAIRS: Final = 1 << 13
"""Pairs that one thread multiplies at once."""
_ROUNDING: Final = 1e-4
"""Share by which lengths and products may be rounded."""
_NEGLIGIBLE: Final = np.float32(-60)
"""A logit this far from the greatest adds nothing to a sum of exponentials; further ones are taken for it."""


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
        margin = rounding_margin(queries, self.greatest_length)
        return search(queries, self.items, count, margin, softmax=softmax, reach=reach)

    @cached_property
    def greatest_length(self) -> float:
        """Euclidean length of the longest item."""
        lengths = lengths_of(self.items) if self.lengths is None else self.lengths
        return float(lengths.max(initial=0))

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
            bound -= rounding_margin(queries, self.greatest_length)
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


def rounding_margin(queries: FloatArray, length: float) -> FloatArray:
    """How far apart two products may be rounded to that are equal; float32, shape (B,).

    ``queries`` are (B, D), and no item is longer than ``length``. How a product is rounded depends on what it
    is made together with, by at most D / 2^24 of both lengths; two products are made in two ways each.
    """
    share = 4 * queries.shape[1] * 2.0**-24 * length
    return np.asarray(np.linalg.norm(queries, axis=1) * share, np.float32)


def search(
    queries: FloatArray,
    items: FloatArray,
    count: int,
    margin: FloatArray,
    *,
    softmax: bool = False,
    reach: Reach | None = None,
) -> Found:
    """Find the ``count`` best of ``items`` (N, D) for each of ``queries`` (B, D), float32 both.

    Blocks of products find what may be among the best, by ``margin`` (:func:`rounding_margin`), and products
    made one by one decide: so the same items are found for a query whatever else is in its batch. Only where
    more are within the margin than :func:`_most` has room for, the first of them are looked at. With
    ``softmax`` the sums that turn products into probabilities are made too. With ``reach`` no items but those
    are looked at.
    """
    count = min(count, len(items))
    total, stretch = (len(items), _STRETCH) if reach is None else (len(reach.items), _STRETCH // 8)
    bound = np.full(len(queries), -np.inf, np.float32) if reach is None else reach.bound
    stretches = [_Kept(bound, margin, count) for _ in range(0, total, stretch)]

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
    return _united(
        stretches, queries, items, count, margin, None if reach is None else reach.items, softmax=softmax
    )


class _Kept:
    """Items of a stretch that may be among the best so far, ``count`` or more, in order of items."""

    def __init__(self, bound: FloatArray, margin: FloatArray, count: int) -> None:
        n_queries = len(bound)
        room = (n_queries, 2 * _most(count) + _BLOCK)
        self.count, self.margin = count, margin
        self.score, self.item = np.empty(room, np.float32), np.empty(room, np.int32)
        self.size = np.zeros(n_queries, np.int64)
        self.bound = bound.copy()
        self.highest = np.full(n_queries, -np.inf, np.float32)
        self.total = np.zeros(n_queries)

    def absorb(self, scores: FloatArray, first: int, *, softmax: bool) -> None:
        """Take in the scores of a block of items from ``first`` on; with ``softmax`` they are overwritten."""
        _absorb(
            scores,
            first,
            self.count,
            self.score,
            self.item,
            self.size,
            self.bound,
            self.margin,
        )
        highest = np.maximum(self.highest, scores.max(axis=1))
        if softmax:
            self.total *= np.exp(self.highest - highest.astype(np.float64))
            scores -= highest[:, None]
            np.maximum(scores, _NEGLIGIBLE, out=scores)
            self.total += np.exp(scores, out=scores).sum(axis=1)
        self.highest = highest


@kernel(inline="always")
def _most(count: int) -> int:  # pragma: no cover - compiled
    """How many are kept, near ties included, where ``count`` are wanted."""
    return 2 * count + _SPARE


def _united(
    stretches: list[_Kept],
    queries: FloatArray,
    items: FloatArray,
    count: int,
    margin: FloatArray,
    numbers: Int32Array | None,
    *,
    softmax: bool,
) -> Found:
    """Choose from what was kept of stretches of items, which follow each other, by products made anew.

    ``numbers`` are those of the items that were looked at, ascending; None where these are all.
    """
    found = Found.nothing(len(queries), count)
    near = [_near(stretches, query, count, margin[query]) for query in range(len(queries))]
    item = np.concatenate([np.empty(0, np.int32), *(items for items, _ in near)])
    item = item if numbers is None else numbers[item]
    query = np.repeat(np.arange(len(queries), dtype=np.int32), [len(some) for some, _ in near])
    score = pair_products(queries, items, query, item)
    order = np.lexsort((item, -score, query))
    rank = np.arange(len(order)) - np.searchsorted(query, query)
    wanted = rank < count
    found.item[query[wanted], rank[wanted]] = item[order[wanted]]
    found.score[query[wanted], rank[wanted]] = score[order[wanted]]
    for kept in stretches:
        np.maximum(found.highest, kept.highest, out=found.highest)
    if count:
        some = found.item[:, 0] >= 0
        found.highest[some] = found.score[some, 0]
    if softmax:
        highest = found.highest.astype(np.float64)
        for kept in stretches:
            found.total[:] += kept.total * np.exp(kept.highest - highest)
        # The greatest terms as made anew: with them goes most of the rounding.
        before = np.concatenate([np.empty(0, np.float32), *(scores for _, scores in near)])
        change = np.exp(score - highest[query]) - np.exp(before - highest[query])
        found.total[:] += np.bincount(query, change, len(queries))
    return found


def _near(stretches: list[_Kept], query: int, count: int, margin: float) -> tuple[Int32Array, FloatArray]:
    """Items of all stretches that may be among the ``count`` best of a query, ascending, and their scores."""
    scores = np.concatenate([np.empty(0, np.float32), *(k.score[query, : k.size[query]] for k in stretches)])
    items = np.concatenate([np.empty(0, np.int32), *(k.item[query, : k.size[query]] for k in stretches)])
    if len(scores) > count:
        least = np.partition(scores, len(scores) - count)[len(scores) - count]
        near = scores >= least - margin
        items, scores = items[near], scores[near]
    return items, scores


@kernel()
def _cut_down(
    scores: FloatArray, items: Int32Array, count: int, margin: float
) -> tuple[float, int]:  # pragma: no cover - compiled
    """Move what may be among the best ``count`` to the front, in its order; a bound for others, and how many.

    Of near ties of the least the first stay.
    """
    least = nth_greatest(scores.copy(), count)
    bound, clear = least - margin, least + margin
    ties = _most(count) - np.count_nonzero(scores > clear)
    n = 0
    for i in range(len(scores)):
        if scores[i] > clear or (scores[i] >= bound and ties > 0):
            ties -= scores[i] <= clear
            scores[n], items[n] = scores[i], items[i]
            n += 1
    return bound, n


@kernel()
def _absorb(
    scores: FloatArray,
    first: int,
    count: int,
    kept_score: FloatArray,
    kept_item: Int32Array,
    kept: np.ndarray,
    bound: FloatArray,
    margin: FloatArray,
) -> None:  # pragma: no cover - compiled
    width = scores.shape[1]
    for query in range(len(scores)):
        row = scores[query]
        n, least = kept[query], bound[query]
        for i in range(width):
            if row[i] > least:
                kept_score[query, n] = row[i]
                kept_item[query, n] = first + i
                n += 1
        if n > 2 * _most(count):
            bound[query], n = _cut_down(kept_score[query, :n], kept_item[query, :n], count, margin[query])
        kept[query] = n


def pair_products(queries: FloatArray, items: FloatArray, query: Int32Array, item: Int32Array) -> FloatArray:
    """Inner product of each of N pairs of a query and an item, float32, shape (N,)."""
    products = np.empty(len(query), np.float32)
    bounds = [*range(0, len(query), _PAIRS), len(query)]
    each_range(_multiply, bounds, queries, items, query, item, products)
    return products


@kernel(fastmath=True)
def _multiply(
    first: int,
    last: int,
    queries: FloatArray,
    items: FloatArray,
    query: Int32Array,
    item: Int32Array,
    products: FloatArray,
) -> None:  # pragma: no cover - compiled
    for pair in range(first, last):
        left, right = queries[query[pair]], items[item[pair]]
        dot = np.float32(0)
        for k in range(len(left)):
            dot += left[k] * right[k]
        products[pair] = dot
