"""Implicit-feedback factorisation of playlists by tracks and title words, by alternating least squares."""

from __future__ import annotations

from dataclasses import dataclass

import numba as nb
import numpy as np
import scipy.sparse as sp

from challenge import progress
from challenge.types import FloatArray, Int32Array, Int64Array


@dataclass(frozen=True)
class FactorsConfig:
    """Configuration of the factorisation.

    Attributes:
        embedding_size: factors, D.
        confidence: an observed entry weighs 1 plus this.
        regularisation: weight of the squared norms.
        iterations: alternations.
        cg_steps: conjugate-gradient steps for each row and alternation.
        seed: of the random start.
    """

    embedding_size: int = 256
    confidence: float = 20.0
    regularisation: float = 10.0
    iterations: int = 8
    cg_steps: int = 3
    seed: int = 0


def factorise(matrix: sp.csr_matrix, config: FactorsConfig) -> tuple[FloatArray, FloatArray]:
    """Factorise a binary matrix, shape (R, C); returns rows (R, D) and columns (C, D), float32.

    Rows without entries become zero. Source: Hu, Koren and Volinsky 2008, solved with conjugate gradients as
    in Takács, Pilászy and Tikk 2011.
    """
    rng = np.random.default_rng(config.seed)
    size = config.embedding_size
    transposed = matrix.T.tocsr()
    start = np.float32(0.01)
    rows = rng.standard_normal((matrix.shape[0], size), np.float32) * start
    columns = rng.standard_normal((matrix.shape[1], size), np.float32) * start
    with progress.task("factorise", config.iterations, unit="iterations") as advance:
        for _ in range(config.iterations):
            _solve(matrix, columns, rows, config, config.cg_steps)
            _solve(transposed, rows, columns, config, config.cg_steps)
            advance()
        # Queries are read off the rows, so these get a last, more exact solution.
        _solve(matrix, columns, rows, config, 3 * config.cg_steps)
    return rows, columns


def _solve(
    matrix: sp.csr_matrix, fixed: FloatArray, solved: FloatArray, config: FactorsConfig, steps: int
) -> None:
    gram = fixed.T @ fixed
    gram[np.diag_indices_from(gram)] += np.float32(config.regularisation)
    solve_rows(
        matrix.indptr.astype(np.int64),
        matrix.indices,
        fixed,
        gram,
        np.float32(config.confidence),
        steps,
        solved,
    )


@nb.njit(parallel=True, fastmath=True, cache=True, nogil=True)
def solve_rows(  # noqa: C901, PLR0912 - a compiled loop
    indptr: Int64Array,
    indices: Int32Array,
    fixed: FloatArray,
    gram: FloatArray,
    confidence: float,
    steps: int,
    solved: FloatArray,
) -> None:  # pragma: no cover - compiled
    """Improve each row x of ``solved`` on ``(gram + c Σ y yᵀ) x = (1 + c) Σ y``, y over the row's entries.

    ``gram`` holds the regularisation on its diagonal. Conjugate gradients from the present value of x.
    """
    size = fixed.shape[1]
    for row in nb.prange(len(indptr) - 1):
        x = solved[row]
        begin, end = indptr[row], indptr[row + 1]
        if begin == end:
            x[:] = 0
            continue
        residual = np.zeros(size, np.float32)
        for e in range(begin, end):
            y = fixed[indices[e]]
            dot = np.float32(0)
            for k in range(size):
                dot += y[k] * x[k]
            factor = np.float32(1 + confidence - confidence * dot)
            for k in range(size):
                residual[k] += factor * y[k]
        for i in range(size):
            dot = np.float32(0)
            for k in range(size):
                dot += gram[i, k] * x[k]
            residual[i] -= dot
        direction = residual.copy()
        image = np.empty(size, np.float32)
        norm = np.float32(0)
        for k in range(size):
            norm += residual[k] * residual[k]
        for _ in range(steps):
            if norm < 1e-12:
                break
            for i in range(size):
                dot = np.float32(0)
                for k in range(size):
                    dot += gram[i, k] * direction[k]
                image[i] = dot
            for e in range(begin, end):
                y = fixed[indices[e]]
                dot = np.float32(0)
                for k in range(size):
                    dot += y[k] * direction[k]
                dot *= np.float32(confidence)
                for k in range(size):
                    image[k] += dot * y[k]
            curvature = np.float32(0)
            for k in range(size):
                curvature += direction[k] * image[k]
            step = norm / curvature
            previous = norm
            norm = np.float32(0)
            for k in range(size):
                x[k] += step * direction[k]
                residual[k] -= step * image[k]
                norm += residual[k] * residual[k]
            for k in range(size):
                direction[k] = residual[k] + norm / previous * direction[k]
