"""LightGCN itself: parameters, propagation with masked edges, and the scores that it ends in."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import normalize

from challenge.graph import BipartiteGraph
from challenge.lightgcn.batches import TensorBatch
from challenge.lightgcn.config import LightGCNConfig
from challenge.lightgcn.initialisation import initial_bias, initial_embeddings
from challenge.lightgcn.parallel import Group
from challenge.lightgcn.propagation import Propagation, needed_passes


class ScoringHead:
    """Similarity, temperature and bias of one configuration: from outputs to logits and to vectors."""

    def __init__(self, config: LightGCNConfig) -> None:
        self._cosine = config.similarity == "cosine"
        self._temperature = config.temperature if self._cosine else 1.0
        self._bias = config.bias

    def rows(self, outputs: Tensor) -> Tensor:
        """Vectors of rows without the bias dimension; their inner products with columns are logits."""
        return normalize(outputs) / self._temperature if self._cosine else outputs

    def columns(self, outputs: Tensor) -> Tensor:
        """Vectors of columns without the bias dimension."""
        return normalize(outputs) if self._cosine else outputs

    def row_vectors(self, outputs: Tensor) -> Tensor:
        """Vectors of rows as users get them: with a last dimension of 1 where there are biases."""
        vectors = self.rows(outputs)
        return torch.cat([vectors, torch.ones_like(vectors[:, :1])], 1) if self._bias else vectors

    def column_vectors(self, outputs: Tensor, bias: Tensor | None) -> Tensor:
        """Vectors of columns as users get them: with the bias as the last dimension, where there is one."""
        vectors = self.columns(outputs)
        return vectors if bias is None else torch.cat([vectors, bias[:, None]], 1)


class LightGCN:
    """LightGCN on one graph and device; letters R rows, C columns, D dimensions.

    There is one buffer for each side: :meth:`forward` leaves the outputs there, the loss replaces them by its
    gradients, and :meth:`backward` turns those into the gradients of the embeddings. Where n processes train
    together each holds D / n of the dimensions, and these stand for D below.

    Attributes:
        graph: the graph, smoothed.
        group: the processes that train together.
        parameters: ``columns`` (C, D), with row embeddings ``rows`` (R, D), with biases ``bias`` (C,); fp32.
        rows: outputs or gradients of the rows, fp32, shape (R, D).
        columns: the same of the columns, fp32, shape (C, D).
    """

    def __init__(
        self,
        graph: BipartiteGraph,
        config: LightGCNConfig,
        device: torch.device,
        *,
        group: Group | None = None,
        seed: int = 0,
    ) -> None:
        self.graph = graph.with_smoothing(config.smoothing)
        self.config, self.device = config, device
        self.group = group or Group()
        size = self.group.shard_size(config.embedding_size)
        self._head = ScoringHead(config)
        self._propagation = Propagation(
            self.graph,
            embedding_size=size,
            layer_weights=config.readout,
            device=device,
            storage=config.storage,
            maskable=config.masking,
        )
        self.parameters = self._initial_parameters(seed)
        self.rows = torch.zeros(graph.n_rows, size, device=device)
        self.columns = torch.zeros(graph.n_columns, size, device=device)

    def _initial_parameters(self, seed: int) -> dict[str, Tensor]:
        # The sketch is wider than an embedding in any case, so every process computes all of it.
        rows, columns = initial_embeddings(self._propagation, self.graph, self.config, seed)
        parameters = {"columns": self.group.shard(columns)}
        if self.config.row_embeddings:
            parameters["rows"] = self.group.shard(rows)
        if self.config.bias:
            bias = initial_bias(np.diff(self.graph.column_indptr), self.config)
            parameters["bias"] = torch.from_numpy(bias).to(self.device)
        return parameters

    def forward(self, batch: TensorBatch | None = None) -> None:
        """Put the outputs of all nodes into the buffers; edges that ``batch`` masks take no part."""
        if batch is not None and self.config.masking:
            self._propagation.mask(batch.masked, batch.rows)
        self.columns.copy_(self.parameters["columns"])
        if self.config.row_embeddings:
            self.rows.copy_(self.parameters["rows"])
        else:
            self.rows.zero_()
        self._propagation.apply_(self.rows, self.columns, rows_are_zero=not self.config.row_embeddings)

    def backward(self) -> None:
        """Turn the gradients at the outputs into those of the embeddings, and unmask all edges."""
        if self.config.row_embeddings:
            self._propagation.apply_(self.rows, self.columns)
        else:
            self._propagation.apply_to_columns_(self.rows, self.columns)
        self._propagation.unmask_all()

    def vectors(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Vectors of some rows and of all tracks, of all dimensions; their inner products are the scores."""
        self.forward()
        n_tracks, bias = self.graph.n_tracks, self.parameters.get("bias")
        row_outputs = self.group.all_gather(self.rows[rows])
        track_outputs = self.group.all_gather(self.columns[:n_tracks])
        track_bias = None if bias is None else bias[:n_tracks]
        return self._head.row_vectors(row_outputs), self._head.column_vectors(track_outputs, track_bias)

    @property
    def kernel(self) -> str:
        """Which kernel propagates, and why."""
        return f"{self._propagation.kernel} ({self._propagation.kernel_reason})"

    @property
    def passes_per_step(self) -> int:
        """How often a step reads all edges: forward and backward, once for each direction of a layer."""
        forward = needed_passes(self.config.readout, rows_are_zero=not self.config.row_embeddings)
        return 2 * sum(map(sum, forward))

    def release(self) -> None:
        """Give back all memory but the parameters."""
        del self._propagation, self.rows, self.columns
