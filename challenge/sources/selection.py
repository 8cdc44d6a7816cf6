"""The greatest of some values, for compiled loops.

numba's own ``np.partition`` and ``np.argsort`` do the same at the same speed, but take 13 and 3 seconds to
compile, and these one each.
"""

from __future__ import annotations

import numpy as np

from challenge.compiled import kernel
from challenge.types import FloatArray, Int64Array


@kernel()
def nth_greatest(values: FloatArray, n: int) -> float:  # pragma: no cover - compiled
    """The ``n``-th greatest value, counted from 1; 1 <= n <= len(values).

    Hoare's selection (1961): narrows down to the side of a pivot with the position; reorders ``values``.
    """
    position = n - 1
    first, last = 0, len(values) - 1
    while first < last:
        pivot = values[(first + last) // 2]
        i, j = first, last
        while i <= j:
            while values[i] > pivot:
                i += 1
            while pivot > values[j]:
                j -= 1
            if i <= j:
                values[i], values[j] = values[j], values[i]
                i += 1
                j -= 1
        if position <= j:
            last = j
        elif position >= i:
            first = i
        else:
            break
    return values[position]  # type: ignore[no-any-return]


@kernel()
def greatest_first(values: FloatArray) -> Int64Array:  # pragma: no cover - compiled
    """Indices of all values, greatest first, equal ones in order: a merge sort from runs of one on."""
    n = len(values)
    order, merged = np.arange(n), np.empty(n, np.int64)
    width = 1
    while width < n:
        for begin in range(0, n, 2 * width):
            middle = min(begin + width, n)
            end = min(middle + width, n)
            i, j = begin, middle
            for k in range(begin, end):
                if j >= end or (i < middle and values[order[i]] >= values[order[j]]):
                    merged[k] = order[i]
                    i += 1
                else:
                    merged[k] = order[j]
                    j += 1
        order, merged = merged, order
        width *= 2
    return order
