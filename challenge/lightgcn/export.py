"""From trained parameters to the embeddings of every node, those that took no part in training included."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from challenge.graph import BipartiteGraph
from challenge.lightgcn.config import LightGCNConfig
from challenge.lightgcn.embeddings import Embeddings
from challenge.lightgcn.initialisation import initial_bias
from challenge.lightgcn.model import ScoringHead
from challenge.lightgcn.propagation import Propagation
from challenge.types import Int64Array


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
