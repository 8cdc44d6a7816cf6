"""The compiled loop of the factorisation: a small least-squares problem for every row."""

from __future__ import annotations

from typing import Final

import numpy as np

from challenge.compiled import kernel
from challenge.types import FloatArray, Int32Array, Int64Array

KEPT: Final = 512
"""Entries of a row whose factors lie side by side; of a longer row they are fetched anew in every step."""
_TOLERANCE: Final = 1e-10
"""A squared residual this much less than the first one is a solution in float32."""


@kernel(inline="always")
def _fetch(
    factors: FloatArray, indices: Int32Array, first: int, count: int, kept: FloatArray
) -> int:  # pragma: no cover - compiled
    """Put the factors of some entries side by side, zeros behind up to a multiple of four; how many fours."""
    size = factors.shape[1]
    for e in range(count):
        column = indices[first + e]
        for k in range(size):
            kept[e, k] = factors[column, k]
    fours = (count + 3) // 4
    for e in range(count, 4 * fours):
        kept[e, :] = 0
    return fours


@kernel(inline="always")
def _add_products(
    kept: FloatArray, fours: int, confidence: float, direction: FloatArray, image: FloatArray
) -> None:  # pragma: no cover - compiled
    """Add ``c Σ z (zᵀ direction)`` to the image, z over what is kept, four at a time."""
    size = len(direction)
    for group in range(fours):
        z = kept[4 * group : 4 * group + 4]
        p0, p1, p2, p3 = np.float32(0), np.float32(0), np.float32(0), np.float32(0)
        for k in range(size):
            x = direction[k]
            p0 += z[0, k] * x
            p1 += z[1, k] * x
            p2 += z[2, k] * x
            p3 += z[3, k] * x
        p0 *= np.float32(confidence)
        p1 *= np.float32(confidence)
        p2 *= np.float32(confidence)
        p3 *= np.float32(confidence)
        for k in range(size):
            image[k] += p0 * z[0, k] + p1 * z[1, k] + p2 * z[2, k] + p3 * z[3, k]


@kernel(fastmath=True)
def solve_rows(  # noqa: C901 - a compiled loop; its parts are inlined: calls would take twice as long
    first: int,
    last: int,
    indptr: Int64Array,
    indices: Int32Array,
    factors: FloatArray,
    confidence: float,
    steps: int,
    solved: FloatArray,
) -> None:  # pragma: no cover - compiled
    """Solve ``(I + c Σ z zᵀ) w = (1 + c) Σ z`` for some rows, z over the ``factors`` of the row's entries.

    Conjugate gradients from zero, at most ``steps`` of them, for rows ``first`` to ``last``. Rows without
    entries become zero. Entries are taken four at a time, the last ones with zeros, so that ``direction`` and
    ``image`` are read and written once for every four.
    """
    size = factors.shape[1]
    kept = np.empty((KEPT, size), np.float32)
    residual = np.empty(size, np.float32)
    direction = np.empty(size, np.float32)
    image = np.empty(size, np.float32)
    for row in range(first, last):
        begin, n = indptr[row], indptr[row + 1] - indptr[row]
        w = solved[row]
        w[:] = 0
        residual[:] = 0
        fours = 0
        for start in range(0, n, KEPT):
            count = min(KEPT, n - start)
            fours = _fetch(factors, indices, begin + start, count, kept)
            for e in range(count):
                for k in range(size):
                    residual[k] += kept[e, k]
        norm = np.float32(0)
        for k in range(size):
            residual[k] *= np.float32(1 + confidence)
            direction[k] = residual[k]
            norm += residual[k] * residual[k]
        enough = norm * np.float32(_TOLERANCE)
        for _ in range(min(steps, n)):
            if norm <= enough:
                break
            image[:] = direction
            for start in range(0, n, KEPT):
                if n > KEPT:
                    fours = _fetch(factors, indices, begin + start, min(KEPT, n - start), kept)
                _add_products(kept, fours, confidence, direction, image)
            curvature = np.float32(0)
            for k in range(size):
                curvature += direction[k] * image[k]
            step = norm / curvature
            previous = norm
            norm = np.float32(0)
            for k in range(size):
                w[k] += step * direction[k]
                residual[k] -= step * image[k]
                norm += residual[k] * residual[k]
            ratio = norm / previous
            for k in range(size):
                direction[k] = residual[k] + ratio * direction[k]
