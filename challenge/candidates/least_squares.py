"""The compiled loop of the factorisation: a small least-squares problem for every row."""

from __future__ import annotations

from typing import Any, Final

import numba as nb
import numpy as np

from challenge.types import FloatArray, Int32Array, Int64Array

KEPT: Final = 1024
"""Entries of a row whose factors are copied side by side: they are read in every step."""
_TOLERANCE: Final = 1e-10
"""A squared residual this much less than the first one is a solution in float32."""


@nb.njit(fastmath=True, inline="always")
def _apply(
    kept: FloatArray, count: int, confidence: Any, direction: FloatArray, image: FloatArray
) -> None:  # pragma: no cover - compiled
    """``image += c Σ z (z · direction)`` over ``count`` rows of ``kept``."""
    size = len(direction)
    for e in range(count):
        dot = np.float32(0)
        for k in range(size):
            dot += kept[e, k] * direction[k]
        dot *= confidence
        for k in range(size):
            image[k] += dot * kept[e, k]


@nb.njit(parallel=True, fastmath=True, cache=True, nogil=True)
def solve_rows(  # noqa: C901, PLR0912 - a compiled loop
    indptr: Int64Array,
    indices: Int32Array,
    blocks: Int64Array,
    factors: FloatArray,
    confidence: float,
    steps: int,
    solved: FloatArray,
) -> None:  # pragma: no cover - compiled
    """Solve ``(I + c Σ z zᵀ) w = (1 + c) Σ z`` for each row, z over the ``factors`` of the row's entries.

    Conjugate gradients from zero, at most ``steps`` of them. Rows without entries become zero. ``blocks`` are
    ranges of rows dealt out to threads; results do not depend on them.
    """
    size = factors.shape[1]
    for block in nb.prange(len(blocks) - 1):
        kept = np.empty((KEPT, size), np.float32)
        residual = np.empty(size, np.float32)
        direction = np.empty(size, np.float32)
        image = np.empty(size, np.float32)
        for row in range(blocks[block], blocks[block + 1]):
            w = solved[row]
            w[:] = 0
            begin, end = indptr[row], indptr[row + 1]
            if begin == end:
                continue
            held = min(end - begin, KEPT)
            residual[:] = 0
            for e in range(end - begin):
                z = factors[indices[begin + e]]
                if e < KEPT:
                    kept[e] = z
                for k in range(size):
                    residual[k] += z[k]
            norm = np.float32(0)
            for k in range(size):
                residual[k] *= np.float32(1) + confidence
                direction[k] = residual[k]
                norm += residual[k] * residual[k]
            enough = norm * np.float32(_TOLERANCE)
            for _ in range(min(steps, end - begin)):
                if norm <= enough:
                    break
                image[:] = direction
                _apply(kept, held, confidence, direction, image)
                for e in range(held, end - begin):
                    z = factors[indices[begin + e]]
                    dot = np.float32(0)
                    for k in range(size):
                        dot += z[k] * direction[k]
                    dot *= confidence
                    for k in range(size):
                        image[k] += dot * z[k]
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
