"""Trained embeddings: scores are inner products, and unseen playlists are encoded by what they hold."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from challenge.artifacts import atomic_directory, read_json, write_json
from challenge.errors import FormatError, MissingInputError
from challenge.graph import BipartiteGraph
from challenge.lightgcn.config import LightGCNConfig
from challenge.lightgcn.initialisation import initial_bias
from challenge.lightgcn.model import ScoringHead
from challenge.lightgcn.propagation import Propagation
from challenge.types import FloatArray, Int64Array

_ARRAYS = ("rows", "columns", "messages", "column_weight")
_VALUES = ("smoothing", "temperature", "graph_fingerprint")
_FACTS = "embeddings.json"


@dataclass(frozen=True, eq=False)
class Embeddings:
    """What training leaves; letters R rows, C columns, D dimensions, X = D + 1 with biases and D without.

    The score of a column for a row is the inner product of their vectors; higher is better. With the softmax
    objective it is a logit.

    Attributes:
        rows: float32, shape (R, X).
        columns: float32, shape (C, X); tracks first, then title tokens.
        messages: what each column contributes to the embedding of a row that holds it, float32, shape (C, D).
        column_weight: what an edge into each column adds to the degree of a row, float32, shape (C,).
        smoothing: added to degrees.
        temperature: what the cosine is divided by; 0 where the inner product is taken as it is.
        graph_fingerprint: of the graph whose rows and columns these are.
    """

    rows: FloatArray
    columns: FloatArray
    messages: FloatArray
    column_weight: FloatArray
    smoothing: float
    temperature: float
    graph_fingerprint: str

    def encode(self, held: sp.csr_matrix) -> FloatArray:
        """Return vectors, like ``rows``, of Q playlists that need not be in the graph; float32, shape (Q, X).

        ``held`` (Q × C) marks the columns each playlist holds. A playlist with none gets the zero vector
        (and the bias dimension), so that its scores are the biases. Equals what the graph gives a row of the
        same columns if rows have no embeddings of their own.
        """
        pattern = sp.csr_matrix((np.ones(held.nnz, np.float32), held.indices, held.indptr), shape=held.shape)
        sums = np.asarray(pattern @ self.messages, np.float32)
        if self.temperature > 0:
            norms = np.linalg.norm(sums, axis=1, keepdims=True)
            vectors = sums / np.maximum(norms, 1e-12) / self.temperature
        else:
            degree = np.asarray(pattern @ self.column_weight)[:, None]
            vectors = sums / np.sqrt(np.where(degree > 0, degree + self.smoothing, 1.0))
        if self.columns.shape[1] > self.messages.shape[1]:
            vectors = np.hstack([vectors, np.ones((len(vectors), 1))])
        result: FloatArray = vectors.astype(np.float32)
        return result

    def save(self, folder: Path) -> None:
        """Write the arrays and their facts into ``folder``, atomically.

        Raises:
            ResourceError: the disk is full.
        """
        with atomic_directory(folder) as temporary:
            for name in _ARRAYS:
                np.save(temporary / f"{name}.npy", getattr(self, name))
            write_json(temporary / _FACTS, {name: getattr(self, name) for name in _VALUES} | self._counts())

    def _counts(self) -> dict[str, int]:
        return {"n_rows": len(self.rows), "n_columns": len(self.columns)}

    @classmethod
    def load(cls, folder: Path, *, graph_fingerprint: str) -> Embeddings:
        """Map the arrays of ``folder`` into memory, if they were trained on the graph of this fingerprint.

        Raises:
            MissingInputError: nothing there, or embeddings of another graph.
            FormatError: damaged.
        """
        facts = read_json(folder / _FACTS)
        found = facts.get("graph_fingerprint", "none")
        if found != graph_fingerprint:
            raise MissingInputError(
                f"{folder}: LightGCN was trained on another graph: {facts.get('n_rows', 0):,} playlists and "
                f"{facts.get('n_columns', 0):,} tracks and title words, fingerprint {found[:12]}; expected "
                f"{graph_fingerprint[:12]}",
                hint="run 'challenge train' again with these inputs",
            )
        try:
            arrays = {name: np.load(folder / f"{name}.npy", mmap_mode="r") for name in _ARRAYS}
            embeddings = cls(**arrays, **{name: facts[name] for name in _VALUES})
        except (OSError, ValueError, KeyError) as error:
            raise FormatError(
                f"{folder}: damaged embeddings ({error})", hint="run 'challenge train' again"
            ) from error
        return embeddings


def embed(
    graph: BipartiteGraph,
    config: LightGCNConfig,
    parameters: dict[str, Tensor],
    columns: Int64Array,
    *,
    device: torch.device,
) -> Embeddings:
    """Embed all nodes of ``graph`` with ``parameters`` trained on its ``columns`` (ascending).

    Other columns start from zero and get what the propagation brings them; their bias is what training would
    have started from, moved as far as those of the rarest trained columns were.
    """
    fingerprint, graph = graph.fingerprint, graph.with_smoothing(config.smoothing)
    head = ScoringHead(config)
    rows, all_columns = _propagated(graph, config, parameters, columns, config.readout, device)
    bias = _all_biases(graph, config, parameters["bias"], columns) if config.bias else None
    result_rows = head.row_vectors(rows).cpu().numpy()
    result_columns = head.column_vectors(all_columns, bias).cpu().numpy()
    del rows, all_columns
    # A row is the sum over layers k of w[k + 1] times what the columns' layer k sends it.
    _, messages = _propagated(graph, config, parameters, columns, config.readout[1:] or (0.0,), device)
    messages.mul_(torch.from_numpy(graph.column_scale).to(device)[:, None])
    return Embeddings(
        rows=result_rows,
        columns=result_columns,
        messages=messages.cpu().numpy(),
        column_weight=graph.column_weight,
        smoothing=config.smoothing,
        temperature=config.temperature if config.similarity == "cosine" else 0.0,
        graph_fingerprint=fingerprint,
    )


def _propagated(
    graph: BipartiteGraph,
    config: LightGCNConfig,
    parameters: dict[str, Tensor],
    columns: Int64Array,
    layer_weights: tuple[float, ...],
    device: torch.device,
) -> tuple[Tensor, Tensor]:
    size = config.embedding_size
    all_columns = torch.zeros(graph.n_columns, size, device=device)
    all_columns[torch.from_numpy(columns).to(device)] = parameters["columns"]
    rows = torch.zeros(graph.n_rows, size, device=device)
    if "rows" in parameters:
        rows.copy_(parameters["rows"])
    propagation = Propagation(
        graph, embedding_size=size, layer_weights=layer_weights, device=device, storage=config.storage
    )
    propagation.apply_(rows, all_columns, rows_are_zero="rows" not in parameters)
    return rows, all_columns


def _all_biases(
    graph: BipartiteGraph, config: LightGCNConfig, trained: Tensor, columns: Int64Array
) -> Tensor:
    degree = np.diff(graph.column_indptr)
    bias = initial_bias(degree, config)
    if len(columns):
        trained_bias = trained.cpu().numpy()
        rare = degree[columns] <= max(config.min_degree, int(degree[columns].min()))
        bias += np.float32(np.mean(trained_bias[rare] - bias[columns][rare]))
        bias[columns] = trained_bias
    return torch.from_numpy(bias).to(trained.device)
