"""Exact search for the greatest inner products, block by block, without a table of all scores.

An approximate index buys nothing at this size, and a table of queries × tracks costs more in memory traffic
than the products do: a block of scores is used while it is in the caches, and forgotten.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp
from typing import Final

import numba as nb
import numpy as np

from challenge.blocks import each_block
from challenge.types import FloatArray, Int32Array

_BLOCK: Final = 4096
"""Items scored at once."""
_STRETCH: Final = 1 << 17
"""Items that one thread looks through; fixed, so that nothing depends on the number of threads."""
_NEGLIGIBLE: Final = 20.0
"""Logits this far below the greatest add nothing to a sum of millions of exponentials."""


@dataclass(frozen=True, eq=False)
class Found:
    """The items with the greatest inner products for each of B queries.

    Attributes:
        item: best first, ties by the lower index, -1 where there are fewer than asked for; int32, (B, count).
        score: their inner products, float32, (B, count).
        highest: the greatest inner product over all items, float32, (B,).
        total: sum over all items of exp(product - highest), float64, (B,); 0 unless asked for.
    """

    item: Int32Array
    score: FloatArray
    highest: FloatArray
    total: np.ndarray

    @classmethod
    def nothing(cls, n_queries: int, count: int) -> Found:
        """Room for what will be found, with nothing in it."""
        return cls(
            np.full((n_queries, count), -1, np.int32),
            np.zeros((n_queries, count), np.float32),
            np.full(n_queries, -np.inf, np.float32),
            np.zeros(n_queries),
        )


@dataclass(frozen=True, eq=False)
class BlockSearch:
    """:func:`search` among items (N, D), float32, on the CPU."""

    items: FloatArray

    def best(self, queries: FloatArray, count: int, *, softmax: bool = False) -> Found:
        """See :func:`search`."""
        return search(queries, self.items, count, softmax=softmax)


def search(queries: FloatArray, items: FloatArray, count: int, *, softmax: bool = False) -> Found:
    """Find the ``count`` best of ``items`` (N, D) for each of ``queries`` (B, D), float32 both.

    With ``softmax`` the sums that turn products into probabilities are made too.
    """
    count = min(count, len(items))
    stretches = [_Kept(len(queries), count) for _ in range(0, len(items), _STRETCH)]

    def look(start: int, stop: int) -> None:
        kept = stretches[start // _STRETCH]
        block = np.empty((len(queries), min(_BLOCK, stop - start)), np.float32)
        for first in range(start, stop, _BLOCK):
            part = items[first : min(first + _BLOCK, stop)]
            scores = block[:, : len(part)]
            np.matmul(queries, part.T, out=scores)
            kept.absorb(scores, first, softmax=softmax)

    each_block(look, len(items), _STRETCH)
    return _united(stretches, len(queries), count)


class _Kept:
    """The best items of a stretch so far, in order of items or cut down to the best ``count``."""

    def __init__(self, n_queries: int, count: int) -> None:
        room = (n_queries, 4 * count + _BLOCK)
        self.count = count
        self.score, self.item = np.empty(room, np.float32), np.empty(room, np.int32)
        self.size = np.zeros(n_queries, np.int64)
        self.bound = np.full(n_queries, -np.inf, np.float32)
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


@nb.njit(cache=True, nogil=True)
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
            if row[i] > least:
                kept_score[query, n] = row[i]
                kept_item[query, n] = first + i
                n += 1
        if n > 4 * count:
            order = np.argsort(-kept_score[query, :n], kind="mergesort")[:count]
            # Equal scores stay in order of items, and later items that equal the least come too late.
            kept_score[query, :count] = kept_score[query, :n][order]
            kept_item[query, :count] = kept_item[query, :n][order]
            n = count
            bound[query] = kept_score[query, count - 1]
        kept[query] = n


@nb.njit(parallel=True, fastmath=True, cache=True, nogil=True)
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
