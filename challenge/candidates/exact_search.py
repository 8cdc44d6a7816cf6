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

from challenge.types import FloatArray, Int32Array

_BLOCK: Final = 8192
"""Items scored at once."""
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


def search(queries: FloatArray, items: FloatArray, count: int, *, softmax: bool = False) -> Found:
    """Find the ``count`` best of ``items`` (N, D) for each of ``queries`` (B, D), float32 both.

    With ``softmax`` the sums that turn products into probabilities are made too.
    """
    n_queries, count = len(queries), min(count, len(items))
    room = (n_queries, 4 * count + _BLOCK)
    kept_score, kept_item = np.empty(room, np.float32), np.empty(room, np.int32)
    kept = np.zeros(n_queries, np.int64)
    bound = np.full(n_queries, -np.inf, np.float32)
    highest = np.full(n_queries, -np.inf, np.float32)
    total = np.zeros(n_queries)
    block = np.empty((n_queries, min(_BLOCK, len(items))), np.float32)
    for start in range(0, len(items), _BLOCK):
        part = items[start : start + _BLOCK]
        scores = block[:, : len(part)]
        np.matmul(queries, part.T, out=scores)
        _absorb(scores, start, count, kept_score, kept_item, kept, bound, highest, total, softmax)
    found = Found(
        np.full((n_queries, count), -1, np.int32), np.zeros((n_queries, count), np.float32), highest, total
    )
    _finish(count, kept_score, kept_item, kept, found.item, found.score)
    return found


@nb.njit(parallel=True, cache=True, nogil=True)
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
    """Take in the scores of a block of items whose first is ``first``; kept ones are in order of items."""
    width = scores.shape[1]
    for query in nb.prange(len(scores)):
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


@nb.njit(parallel=True, cache=True, nogil=True)
def _finish(
    count: int,
    kept_score: FloatArray,
    kept_item: Int32Array,
    kept: np.ndarray,
    item: Int32Array,
    score: FloatArray,
) -> None:  # pragma: no cover - compiled
    for query in nb.prange(len(kept)):
        n = kept[query]
        order = np.argsort(-kept_score[query, :n], kind="mergesort")
        for i in range(min(n, count)):
            item[query, i] = kept_item[query, order[i]]
            score[query, i] = kept_score[query, order[i]]


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
