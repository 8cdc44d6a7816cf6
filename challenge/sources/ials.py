"""Implicit-feedback factorisation of playlists by tracks and title words, by alternating least squares."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import scipy.linalg
import scipy.sparse as sp

from challenge import progress
from challenge.blocks import each_block, even_blocks
from challenge.errors import ResourceError
from challenge.graph import BipartiteGraph
from challenge.lightgcn.memory import halvings
from challenge.machine import memory
from challenge.sources.least_squares import solve_rows
from challenge.types import FloatArray

_CHUNK: Final = 1 << 15
"""Rows that one thread turns at once, in place."""


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


class Side:
    """Factors of one side as a product of coordinates and a basis, so that either may be chosen freely.

    Attributes:
        coordinates: float32, shape (n, D).
        basis: float64, shape (D, D); the factors are ``coordinates @ basis``.
    """

    def __init__(self, coordinates: FloatArray, basis: np.ndarray | None = None) -> None:
        self.coordinates = coordinates
        self.basis = np.eye(coordinates.shape[1]) if basis is None else basis

    def factors(self) -> FloatArray:
        """Return the factors, float32, shape (n, D), in the memory of the coordinates."""
        self._turn(self.basis)
        self.basis = np.eye(len(self.basis))
        return self.coordinates

    def whiten(self, regularisation: float) -> np.ndarray:
        """Choose the basis ``Lᵀ`` with ``L Lᵀ = Σ y yᵀ + λ I``, y over the factors; returns ``L⁻¹``."""
        gram = self.basis.T @ self._square() @ self.basis
        lower = np.linalg.cholesky(gram + regularisation * np.eye(len(gram)))
        inverse = scipy.linalg.solve_triangular(lower, np.eye(len(lower)), lower=True)
        self._turn(self.basis @ inverse.T)
        self.basis = lower.T
        return np.asarray(inverse)

    def _square(self) -> np.ndarray:
        """Products of all pairs of coordinates, summed over rows; float64, shape (D, D)."""
        size = self.coordinates.shape[1]
        parts = np.zeros((-(-len(self.coordinates) // _CHUNK), size, size), np.float32)

        def square_rows(start: int, stop: int) -> None:
            rows = self.coordinates[start:stop]
            np.matmul(rows.T, rows, out=parts[start // _CHUNK])

        each_block(square_rows, len(self.coordinates), _CHUNK)
        return np.asarray(parts.sum(axis=0, dtype=np.float64))

    def _turn(self, matrix: np.ndarray) -> None:
        turn = matrix.astype(np.float32)

        def turn_rows(start: int, stop: int) -> None:
            self.coordinates[start:stop] = self.coordinates[start:stop] @ turn

        each_block(turn_rows, len(self.coordinates), _CHUNK)


def estimate_memory(graph: BipartiteGraph, size: int) -> int:
    """Bytes that ``size`` factors of all rows and columns take, and the matrix both ways beside them."""
    return 4 * size * (graph.n_rows + graph.n_columns) + 16 * graph.n_edges


def require_memory(graph: BipartiteGraph, config: FactorsConfig) -> None:
    """Refuse before anything is trained what would not fit.

    Raises:
        ResourceError: more memory would be needed than is free; the hint names a size that would fit.
    """
    available, needed = memory().available, estimate_memory(graph, config.embedding_size)
    if needed <= available:
        return
    smaller = halvings(config.embedding_size)
    fits = next((size for size in smaller if estimate_memory(graph, size) <= available), None)
    raise ResourceError(
        f"factorising {graph.n_rows:,} playlists × {graph.n_columns:,} tracks and title words with "
        f"embedding_size {config.embedding_size} needs {needed / 1e9:.1f} GB, "
        f"{available / 1e9:.1f} GB are free",
        hint="use a machine with more memory, or fewer playlists"
        if fits is None
        else f"set embedding_size = {fits} under [sources.factors] in a file for --config",
    )


def factorise(matrix: sp.csr_matrix, config: FactorsConfig) -> tuple[FloatArray, FloatArray]:
    """Factorise a binary matrix, shape (R, C); returns rows (R, D) and columns (C, D), float32.

    Rows without entries become zero. Source: Hu, Koren and Volinsky 2008, solved with conjugate gradients as
    in Takács, Pilászy and Tikk 2011, preconditioned by the Gram matrix (:func:`solve_side`).
    """
    rng, size = np.random.default_rng(config.seed), config.embedding_size
    transposed = matrix.T.tocsr()
    columns = Side(rng.standard_normal((matrix.shape[1], size), np.float32) * np.float32(0.01))
    with progress.task("factorise", config.iterations, unit="iterations") as advance:
        for _ in range(config.iterations):
            rows = solve_side(matrix, columns, config, config.cg_steps)
            del columns  # two of a side at once would be the largest that is ever held
            columns = solve_side(transposed, rows, config, config.cg_steps)
            del rows
            advance()
    # Queries are read off the rows, so these get a last, more exact solution.
    rows = solve_side(matrix, columns, config, 3 * config.cg_steps)
    return rows.factors(), columns.factors()


def solve_side(matrix: sp.csr_matrix, fixed: Side, config: FactorsConfig, steps: int) -> Side:
    """Solve for the rows of ``matrix`` (n, m) with the other side's factors, ``fixed`` (m, D).

    A row x minimises ``(1 + c) Σ (1 - x·y)² + Σ_all (x·y)² + λ|x|²`` over its entries' factors y, so that
    ``(G + c Σ y yᵀ) x = (1 + c) Σ y`` with ``G = Σ_all y yᵀ + λ I = L Lᵀ``. In the coordinates ``z = L⁻¹ y``
    and ``w = Lᵀ x`` it reads ``(I + c Σ z zᵀ) w = (1 + c) Σ z``: no row pays for the D × D matrix, and the
    conjugate gradients are exact for a row of as many entries as steps.
    """
    inverse = fixed.whiten(config.regularisation)
    solved = np.empty((matrix.shape[0], len(inverse)), np.float32)
    indptr = matrix.indptr.astype(np.int64)
    solve_rows(
        indptr,
        matrix.indices,
        even_blocks(indptr),
        fixed.coordinates,
        np.float32(config.confidence),
        steps,
        solved,
    )
    return Side(solved, inverse)
