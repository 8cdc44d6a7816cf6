"""One training under way: parameters, optimiser, a step, an evaluation."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from challenge.graph import BipartiteGraph
from challenge.lightgcn.batch_loss import BatchLoss
from challenge.lightgcn.batch_source import prepared_batches
from challenge.lightgcn.batches import PreparedBatch, TensorBatch
from challenge.lightgcn.config import LightGCNConfig
from challenge.lightgcn.export import initial_bias
from challenge.lightgcn.initialise import initial_embeddings
from challenge.lightgcn.memory import device_memory, rows_per_chunk
from challenge.lightgcn.parallel import Group
from challenge.lightgcn.propagation import Propagation, needed_passes
from challenge.lightgcn.sampling import Sampler
from challenge.lightgcn.scoring_head import ScoringHead
from challenge.lightgcn.validation import Validation, mean_ndcg


class Trainer:
    """Parameters of LightGCN on one graph and device, and what one step does to them.

    Of D dimensions a process holds D / n where n train together, and these stand for D below.

    Attributes:
        parameters: ``columns`` (C, D), with row embeddings ``rows`` (R, D), with biases ``bias`` (C,); fp32.
        sampler: where batches come from.
    """

    def __init__(
        self,
        graph: BipartiteGraph,
        config: LightGCNConfig,
        device: torch.device,
        group: Group | None = None,
    ) -> None:
        self.graph = graph.with_smoothing(config.smoothing)
        self.config = config
        self.device = device
        self._group = group or Group()
        self._width = self._group.width(config.embedding_size)
        self.sampler = Sampler(self.graph, config)
        chunk_rows = rows_per_chunk(device.type, device_memory(device.type).total)
        self._batches = prepared_batches(self.sampler, device, chunk_rows)
        self._head = ScoringHead(config)
        self._loss = BatchLoss(config, self._group)
        self._propagation = self._new_propagation(self.graph, maskable=config.masking)
        self.parameters = self._initial_parameters()
        self._optimiser = torch.optim.Adam(
            list(self.parameters.values()), lr=config.learning_rate, betas=(0.9, 0.99), eps=1e-10, fused=True
        )
        self._rows = torch.zeros(graph.n_rows, self._width, device=device)
        self._columns = torch.zeros(graph.n_columns, self._width, device=device)

    def _new_propagation(self, graph: BipartiteGraph, *, maskable: bool) -> Propagation:
        return Propagation(
            graph,
            embedding_size=self._width,
            layer_weights=self.config.readout,
            device=self.device,
            storage=self.config.storage,
            maskable=maskable,
        )

    def _initial_parameters(self) -> dict[str, Tensor]:
        graph, config = self.graph, self.config
        # The sketch is wider than an embedding in any case, so every process computes all of it.
        rows, columns = initial_embeddings(self._propagation, config, graph.n_rows, graph.n_columns)
        parameters = {"columns": self._group.own(columns)}
        if config.row_embeddings:
            parameters["rows"] = self._group.own(rows)
        if config.bias:
            bias = initial_bias(np.diff(graph.column_indptr), config)
            parameters["bias"] = torch.from_numpy(bias).to(self.device)
        return parameters

    def batch(self, step: int) -> TensorBatch:
        """Draw the batch of a step, on the device."""
        return self._batches.get(step).whole

    def step(self, step: int, *, learning_rate: float) -> Tensor:
        """Draw batch ``step``, move the parameters once, and return the loss, float64, on the device.

        On a GPU nothing waits for the work to end.
        """
        batch = self._batches.get(step)
        if self.config.masking:
            self._propagation.mask(batch.whole.masked, batch.whole.rows)
        self._forward()
        loss, bias_gradient = self._gradients_at_output(batch)
        self._propagation.apply_(self._rows, self._columns, columns_only="rows" not in self.parameters)
        if self.config.masking:
            self._propagation.unmask_all()
        self._penalise(batch.whole)
        self._update(learning_rate, bias_gradient)
        return loss

    def _forward(self) -> None:
        """Put the outputs of all nodes into the buffers of rows and columns."""
        self._columns.copy_(self.parameters["columns"])
        if "rows" in self.parameters:
            self._rows.copy_(self.parameters["rows"])
        else:
            self._rows.zero_()
        self._propagation.apply_(self._rows, self._columns, rows_are_zero="rows" not in self.parameters)

    @property
    def kernel(self) -> str:
        """Which kernel propagates, and why."""
        return f"{self._propagation.kernel} ({self._propagation.kernel_reason})"

    @property
    def passes_per_step(self) -> int:
        """How often a step reads all edges: forward and backward, once for each direction of a layer."""
        own = "rows" in self.parameters
        forward = needed_passes(self.config.readout, rows_are_zero=not own)
        backward = needed_passes(self.config.readout, columns_only=not own)
        return sum(map(sum, [*forward, *backward]))

    def _gradients_at_output(self, batch: PreparedBatch) -> tuple[Tensor, Tensor | None]:
        """Replace the outputs by the loss's gradients there; only rows of the batch have any.

        Logits exist for some rows at a time, so that a batch may be large where propagation is dear.
        """
        of_positives, biases = len(batch.whole.positives), self.parameters.get("bias")
        parts = [
            self._loss.gradients(part, of_positives, self._rows, self._columns, biases)
            for part in batch.parts
        ]
        self._rows.zero_()
        self._columns.zero_()
        bias = torch.zeros_like(self.parameters["bias"]) if self.config.bias else None
        for part in parts:
            self._rows.index_copy_(0, part.at_rows, part.rows)
            self._columns.index_add_(0, part.at_columns, part.columns)
            if bias is not None and part.bias is not None:
                bias.index_add_(0, part.at_columns, part.bias)
        loss = torch.zeros((), dtype=torch.float64, device=self.device)
        return sum((part.loss for part in parts), loss), bias

    def _penalise(self, batch: TensorBatch) -> None:
        """Add the gradient of l2 / 2 times the mean square norm of the batch's layer-0 embeddings."""
        if self.config.l2 == 0:
            return
        weight = self.config.l2 / max(1, len(batch.positives))
        columns = torch.cat([batch.positives, batch.negatives])
        _add_at(self._columns, columns, self.parameters["columns"][columns], weight)
        if "rows" in self.parameters:
            rows = batch.rows[batch.row_of_positive]
            _add_at(self._rows, rows, self.parameters["rows"][rows], weight)

    def _update(self, learning_rate: float, bias_gradient: Tensor | None) -> None:
        self.parameters["columns"].grad = self._columns
        if "rows" in self.parameters:
            self.parameters["rows"].grad = self._rows
        if bias_gradient is not None:
            self.parameters["bias"].grad = bias_gradient
        self._optimiser.param_groups[0]["lr"] = learning_rate
        self._optimiser.step()

    def evaluate(self, validation: Validation) -> float:
        """Mean NDCG on held-out tracks."""
        self._forward()
        rows = self._head.exported_rows(
            self._group.whole(self._rows[torch.from_numpy(validation.rows).to(self.device)])
        )
        tracks = self._group.whole(self._columns[: self.graph.n_tracks])
        bias = self._biases()[: self.graph.n_tracks]
        return mean_ndcg(rows, self._head.exported_columns(tracks, bias), self.graph, validation)

    def release(self) -> None:
        """Give back all memory but the parameters; no step can follow."""
        self._batches.close()
        self._optimiser.state.clear()
        for parameter in self.parameters.values():
            parameter.grad = None
        del self._propagation, self._batches, self._rows, self._columns

    def _biases(self) -> Tensor:
        zeros = torch.zeros(self.graph.n_columns, device=self.device)
        return self.parameters.get("bias", zeros)

    def tensors(self) -> dict[str, Tensor]:
        """Parameters and Adam's moments of all dimensions, by name; views where one process trains."""
        found = dict(self.parameters)
        for name, parameter in self.parameters.items():
            for key, value in self._optimiser.state.get(parameter, {}).items():
                found[f"adam.{name}.{key}"] = value
        return {name: self.whole(value) for name, value in found.items()}

    def whole(self, tensor: Tensor) -> Tensor:
        """All dimensions of a tensor of embeddings; others, such as biases, as they are."""
        return self._group.whole(tensor) if tensor.dim() == 2 else tensor

    def own(self, tensor: Tensor) -> Tensor:
        """Inverse of :meth:`whole`."""
        return self._group.own(tensor) if tensor.dim() == 2 else tensor

    def restore(self, tensors: dict[str, Tensor]) -> None:
        """Take over what :meth:`tensors` gave."""
        for name, parameter in self.parameters.items():
            parameter.copy_(self.own(tensors[name]))
            prefix = f"adam.{name}."
            state = {key[len(prefix) :]: value for key, value in tensors.items() if key.startswith(prefix)}
            if state:
                self._optimiser.state[parameter] = {
                    key: self.own(value.to(self.device)) for key, value in state.items()
                }


def _add_at(target: Tensor, index: Tensor, values: Tensor, weight: float) -> None:
    """Add ``weight * values`` to rows of ``target``, some of them several times."""
    if target.device.type == "cpu":
        target.index_add_(0, index, values, alpha=weight)
    else:  # index_add_ would add in whatever order the GPU's threads come
        target.index_put_((index,), weight * values, accumulate=True)
