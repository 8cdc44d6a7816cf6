"""Factorisation of a binary matrix by alternating least squares."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Final

import numpy as np
import scipy.linalg
import scipy.sparse as sp
from msgspec import Meta

from challenge import progress
from challenge.blocks import each_block, each_range, even_blocks
from challenge.settings import Settings
from challenge.sources.least_squares import solve_rows
from challenge.types import EmbeddingSize, FloatArray, NonNegative, NonNegativeInt

_CHUNK: Final = 1 << 15
"""Rows that one thread multiplies at once, in place."""
_LAST_ITERATIONS: Final = 2
"""Alternations of all rows after those of a sample."""


@dataclass(frozen=True)
class FactorisationConfig(Settings):
    """Settings of the factorisation.

    Attributes:
        embedding_size: factors, D.
        confidence: an observed entry weighs 1 plus this.
        regularisation: weight of the squared norms.
        iterations: alternations.
        cg_steps: conjugate-gradient steps for each row and alternation.
        early_rows: of more rows an even sample of this many takes part in all alternations but the last
            two; 0 takes all in all of them.
    """

    embedding_size: EmbeddingSize = 256
    confidence: NonNegative = 20.0
    regularisation: Annotated[float, Meta(ge=1e-3, le=1e9)] = 10.0
    iterations: Annotated[int, Meta(ge=1, le=1000)] = 8
    cg_steps: Annotated[int, Meta(ge=1, le=1000)] = 2
    early_rows: NonNegativeInt = 200_000


class FactorMatrix:
    """Factors of rows or of columns: coordinates times a basis, so that either may be chosen freely.

    Attributes:
        coordinates: float32, shape (n, D).
        basis: float64, shape (D, D); the factors are ``coordinates @ basis``.
    """

    def __init__(self, coordinates: FloatArray, basis: np.ndarray | None = None) -> None:
        self.coordinates = coordinates
        self.basis = np.eye(coordinates.shape[1]) if basis is None else basis

    def factors(self) -> FloatArray:
        """Return the factors, float32, shape (n, D), in the memory of the coordinates."""
        self._apply_basis(self.basis)
        self.basis = np.eye(len(self.basis))
        return self.coordinates

    def whiten(self, regularisation: float) -> np.ndarray:
        """Choose the basis ``Lᵀ`` with ``L Lᵀ = Σ y yᵀ + λ I``, y over the factors; returns ``L⁻¹``."""
        gram = self.basis.T @ gram_matrix(self.coordinates) @ self.basis
        lower = np.linalg.cholesky(gram + regularisation * np.eye(len(gram)))
        inverse = scipy.linalg.solve_triangular(lower, np.eye(len(lower)), lower=True)
        self._apply_basis(self.basis @ inverse.T)
        self.basis = lower.T
        return np.asarray(inverse)

    def _apply_basis(self, matrix: np.ndarray) -> None:
        factor = matrix.astype(np.float32)

        def apply_rows(start: int, stop: int) -> None:
            self.coordinates[start:stop] = self.coordinates[start:stop] @ factor

        each_block(apply_rows, len(self.coordinates), _CHUNK)


def factorise(
    matrix: sp.csr_matrix,
    config: FactorisationConfig,
    *,
    late: Callable[[], sp.csr_matrix] | None = None,
    seed: int = 0,
) -> tuple[FloatArray, FloatArray]:
    """Factorise a binary matrix, shape (R, C); returns rows (R, D) and columns (C, D), float32.

    Rows without entries become zero. ``late`` makes a matrix (R, L) of further columns, which have no part in
    the alternation: they are solved for with the columns in its last step, and the rows after it with them;
    then C + L columns are returned. Of many rows a sample finds where all begin
    (:attr:`FactorisationConfig.early_rows`). Source: Hu, Koren and Volinsky 2008, solved with conjugate
    gradients as in Takács, Pilászy and Tikk 2011, preconditioned by the Gram matrix (:func:`solve_side`).
    """
    sampled = 0 < config.early_rows < matrix.shape[0]
    early = max(0, config.iterations - _LAST_ITERATIONS) if sampled else 0
    with progress.task("factorise", config.iterations, unit="iterations") as advance:
        columns = _begin(matrix, config, early, advance, seed)
        transposed = matrix.T.tocsr()
        for iteration in range(early + 1, config.iterations + 1):
            rows = solve_side(matrix, columns, config, config.cg_steps)
            del columns  # two of a side at once would be the largest that is ever held
            if late is not None and iteration == config.iterations:
                del transposed
                matrix = sp.csr_matrix(sp.hstack([matrix, late()], format="csr"))
                transposed = matrix.T.tocsr()
            columns = solve_side(transposed, rows, config, config.cg_steps)
            del rows
            advance()
    # Queries are read off the rows, so these get a last, more exact solution.
    rows = solve_side(matrix, columns, config, 3 * config.cg_steps)
    return rows.factors(), columns.factors()


def _begin(
    matrix: sp.csr_matrix,
    config: FactorisationConfig,
    iterations: int,
    advance: Callable[[], None],
    seed: int,
) -> FactorMatrix:
    """Make the factors of the columns that all rows begin with: chance, after ``iterations`` over some rows.

    What no row of the sample has gets zeros, and its factors from the first alternation of all rows.
    """
    rng, size = np.random.default_rng(seed), config.embedding_size
    if not iterations:
        return _by_chance(matrix.shape[1], size, rng)
    some = matrix[np.linspace(0, matrix.shape[0] - 1, config.early_rows).astype(np.int64)]
    used = np.unique(some.indices)
    some = some[:, used]
    transposed = some.T.tocsr()
    columns = _by_chance(len(used), size, rng)
    for _ in range(iterations):
        rows = solve_side(some, columns, config, config.cg_steps)
        columns = solve_side(transposed, rows, config, config.cg_steps)
        advance()
    factors = np.zeros((matrix.shape[1], size), np.float32)
    factors[used] = columns.factors()
    return FactorMatrix(factors)


def _by_chance(count: int, size: int, rng: np.random.Generator) -> FactorMatrix:
    return FactorMatrix(rng.standard_normal((count, size), np.float32) * np.float32(0.01))


def solve_side(
    matrix: sp.csr_matrix, fixed: FactorMatrix, config: FactorisationConfig, steps: int
) -> FactorMatrix:
    """Solve for the rows of ``matrix`` (n, m) with the other side's factors, ``fixed`` (m, D).

    A row x minimises ``(1 + c) Σ (1 - x·y)² + Σ_others (x·y)² + λ|x|²``, Σ being over its entries' factors y,
    so that ``(G + c Σ y yᵀ) x = (1 + c) Σ y`` with ``G = Σ_all y yᵀ + λ I = L Lᵀ``. In the coordinates
    ``z = L⁻¹ y`` and ``w = Lᵀ x`` it reads ``(I + c Σ z zᵀ) w = (1 + c) Σ z``: no row pays for
    the D × D matrix, and the conjugate gradients are exact for a row of as many entries as steps.
    """
    inverse = fixed.whiten(config.regularisation)
    solved = np.empty((matrix.shape[0], len(inverse)), np.float32)
    indptr = matrix.indptr.astype(np.int64)
    arguments = indptr, matrix.indices, fixed.coordinates, np.float32(config.confidence), steps, solved
    each_range(solve_rows, even_blocks(indptr), *arguments)
    return FactorMatrix(solved, inverse)


def fold_in(
    held: sp.csr_matrix, factors: FloatArray, gram: np.ndarray, config: FactorisationConfig
) -> FloatArray:
    """Solve for Q rows that took no part in the factorisation; float32, shape (Q, D).

    ``held`` (Q, C) marks the columns that each holds, ``factors`` (C, D) are theirs and ``gram`` (D, D) the
    sum of their squares (:func:`gram_matrix`). A row solves ``(G + λ I + c Σ y yᵀ) x = (1 + c) Σ y`` exactly.
    """
    rows = np.zeros((held.shape[0], factors.shape[1]), np.float32)
    fixed = gram + config.regularisation * np.eye(len(gram))

    def solve_row(row: int, _: int) -> None:
        some = factors[held.indices[held.indptr[row] : held.indptr[row + 1]]].astype(np.float64)
        if len(some):
            system = fixed + config.confidence * some.T @ some
            rows[row] = scipy.linalg.solve(system, (1 + config.confidence) * some.sum(axis=0), assume_a="pos")

    each_block(solve_row, len(rows), 1)
    return rows


def gram_matrix(factors: FloatArray) -> np.ndarray:
    """Products of all pairs of columns of ``factors`` (n, D), summed over rows; float64, shape (D, D)."""
    size = factors.shape[1]
    parts = np.zeros((-(-len(factors) // _CHUNK), size, size), np.float32)

    def square_rows(start: int, stop: int) -> None:
        rows = factors[start:stop]
        np.matmul(rows.T, rows, out=parts[start // _CHUNK])

    each_block(square_rows, len(factors), _CHUNK)
    return np.asarray(parts.sum(axis=0, dtype=np.float64))
