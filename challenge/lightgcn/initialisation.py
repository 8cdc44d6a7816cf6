"""Where training starts: the leading singular vectors of the normalised adjacency, or noise."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from challenge.graph import BipartiteGraph
from challenge.lightgcn.config import LightGCNConfig
from challenge.lightgcn.propagation import Propagation
from challenge.types import FloatArray, Int64Array

_EXTRA = 16
"""Vectors sketched beyond those wanted; Halko et al. suggest 5 to 10."""


def initial_embeddings(
    propagation: Propagation, graph: BipartiteGraph, config: LightGCNConfig, seed: int
) -> tuple[Tensor, Tensor]:
    """Return initial embeddings of rows (R, D) and columns (C, D), fp32, on the propagation's device."""
    generator = torch.Generator().manual_seed(seed)
    if config.initialisation == "normal" or min(graph.n_rows, graph.n_columns) == 0:
        rows = torch.randn(graph.n_rows, config.embedding_size, generator=generator)
        columns = torch.randn(graph.n_columns, config.embedding_size, generator=generator)
        return (
            rows.mul_(config.initial_scale).to(propagation.device),
            columns.mul_(config.initial_scale).to(propagation.device),
        )
    left, values, right = randomised_svd(propagation, config.embedding_size, graph.n_columns, generator)
    root = values.sqrt()
    rows, columns = left.mul_(root), right.mul_(root)
    scale = config.initial_scale / columns.square().mean().sqrt().clamp_min(1e-12)
    return rows.mul_(scale), columns.mul_(scale)


def initial_bias(degree: Int64Array, config: LightGCNConfig) -> FloatArray:
    """Biases before training: logarithms of degrees, half a row for columns without any; float32."""
    bias: FloatArray = (config.bias_start * np.log(np.maximum(degree, 0.5))).astype(np.float32)
    return bias


def randomised_svd(
    propagation: Propagation, rank: int, n_columns: int, generator: torch.Generator, *, passes: int = 2
) -> tuple[Tensor, Tensor, Tensor]:
    """Return about the ``rank`` leading singular triplets of the normalised adjacency (R × C).

    Left vectors (R, rank), values (rank,) descending, right vectors (C, rank); zero columns where the matrix
    has fewer.

    Source: Halko, Martinsson, Tropp, SIAM Review 53 (2011), algorithm 4.4, with Gram matrices for QR.
    """
    sketch = torch.randn(n_columns, rank + _EXTRA, generator=generator).to(propagation.device)
    for _ in range(passes):
        left = orthonormal(propagation.rows_from(sketch))
        sketch = orthonormal(propagation.columns_from(left))
    image = propagation.rows_from(sketch)
    values, turn = _descending_eigen(image.T @ image, rank)
    singular = values.sqrt()
    keep = singular > 1e-6 * singular[0].clamp_min(1e-30)
    inverse = torch.where(keep, 1.0 / singular.clamp_min(1e-30), torch.zeros_like(singular))
    return image @ (turn * inverse), singular * keep, sketch @ (turn * keep)


def orthonormal(matrix: Tensor) -> Tensor:
    """Orthonormal basis of the columns' span by the Gram matrix; directions lost in rounding become 0."""
    values, vectors = _descending_eigen(matrix.T @ matrix, matrix.shape[1])
    keep = values > 1e-10 * values[0].clamp_min(1e-30)
    inverse = torch.where(keep, values.clamp_min(1e-30).rsqrt(), torch.zeros_like(values))
    return matrix @ (vectors * inverse)


def _descending_eigen(gram: Tensor, rank: int) -> tuple[Tensor, Tensor]:
    """Leading eigenvalues and vectors, computed in double; each vector's largest entry is made positive."""
    values, vectors = torch.linalg.eigh(gram.double())
    values, vectors = values.flip(0)[:rank].clamp_min(0.0), vectors.flip(1)[:, :rank]
    largest = vectors.gather(0, vectors.abs().argmax(0, keepdim=True))
    return values.to(gram.dtype), (vectors * torch.sign(largest)).to(gram.dtype)
