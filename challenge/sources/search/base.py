"""What a search for the greatest inner products is asked and what it finds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from challenge.types import FloatArray, Int32Array


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


class ItemSearch(Protocol):
    """Finds the best of N items, wherever these lie."""

    def best(self, queries: FloatArray, count: int, *, softmax: bool = False) -> Found:
        """Find the ``count`` best items for each of ``queries`` (B, D), float32.

        With ``softmax`` the sums that turn products into probabilities are made too.
        """
        ...
