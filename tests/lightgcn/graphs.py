"""Small graphs and settings for LightGCN's tests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import scipy.sparse as sp
import torch

from challenge.graph import BipartiteGraph
from challenge.lightgcn.config import LightGCNConfig, paper_config

_TINY = LightGCNConfig(embedding_size=8, batch_size=16, negatives=16, positives=4, storage="fp32")
SMALL = replace(_TINY, epochs=6, smoothing=1.0, learning_rate=0.01)
PAPER = paper_config(embedding_size=8, batch_size=64, epochs=20, learning_rate=0.01)


def random_graph(
    rows: int = 23,
    columns: int = 17,
    *,
    density: float = 0.3,
    seed: int = 0,
    tokens: int = 0,
    smoothing: float = 0.0,
) -> BipartiteGraph:
    """Random edges; the last row and the first column are isolated."""
    rng = np.random.default_rng(seed)
    dense = rng.random((rows, columns)) < density
    dense[-1], dense[:, 0] = False, False
    weight = np.ones(columns, np.float32)
    weight[columns - tokens :] = 0.5
    return BipartiteGraph.from_matrix(
        sp.csr_matrix(dense.astype(np.int8)),
        column_weight=weight,
        n_playlists=rows - 3,
        n_tracks=columns - tokens,
        tokens=[f"t{i}" for i in range(tokens)],
        smoothing=smoothing,
    )


def two_genres(rows: int = 60, tracks: int = 40, *, per_row: int = 8, seed: int = 0) -> BipartiteGraph:
    """Even rows hold even tracks and odd rows odd ones, so what belongs to a row is known."""
    rng = np.random.default_rng(seed)
    dense = np.zeros((rows, tracks), np.int8)
    for row in range(rows):
        own = np.arange(row % 2, tracks, 2)
        dense[row, rng.choice(own, per_row, replace=False)] = 1
    return BipartiteGraph.from_matrix(sp.csr_matrix(dense))


def dense_propagation(
    graph: BipartiteGraph, rows: np.ndarray, columns: np.ndarray, weights: Sequence[float]
) -> tuple[np.ndarray, np.ndarray]:
    """The propagation by its formula, in float64."""
    normalised = graph.normalised_matrix().toarray()
    total_rows, total_columns = weights[0] * rows, weights[0] * columns
    for weight in weights[1:]:
        rows, columns = normalised @ columns, normalised.T @ rows
        total_rows, total_columns = total_rows + weight * rows, total_columns + weight * columns
    return total_rows, total_columns


def gradient(leaf: torch.Tensor) -> torch.Tensor:
    """Gradient of a leaf that took part in a loss."""
    assert leaf.grad is not None
    return leaf.grad
