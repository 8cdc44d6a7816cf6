"""The loss of a part of a batch, and its gradients at the outputs of the propagation."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from challenge.lightgcn.batches import Part, TensorBatch
from challenge.lightgcn.config import LightGCNConfig
from challenge.lightgcn.losses import bpr
from challenge.lightgcn.parallel import Group
from challenge.lightgcn.scoring_head import ScoringHead
from challenge.lightgcn.softmax_gradient import Targets, softmax_loss


class Gradients(NamedTuple):
    """Gradients at the outputs of some rows and columns, and the loss."""

    at_rows: Tensor
    at_columns: Tensor
    rows: Tensor
    columns: Tensor
    bias: Tensor | None
    loss: Tensor


class BatchLoss:
    """The loss that a configuration asks for; of several processes each judges its share of the rows."""

    def __init__(self, config: LightGCNConfig, group: Group) -> None:
        self._config, self._group = config, group
        self._head = ScoringHead(config)

    def gradients(
        self, part: Part, of_positives: int, all_rows: Tensor, all_columns: Tensor, biases: Tensor | None
    ) -> Gradients:
        """Return loss and gradients of a part of a batch with ``of_positives`` positives in all.

        ``all_rows`` (R, D) and ``all_columns`` (C, D) are the outputs, ``biases`` (C,), all fp32.
        """
        batch = part.batch
        rows = self._group.whole(all_rows[batch.rows]).requires_grad_()
        columns = self._group.whole(all_columns[part.distinct]).requires_grad_()
        bias = None if biases is None else biases[part.distinct].requires_grad_()
        share = len(batch.positives) / max(1, of_positives)
        loss = share * self._loss(batch, rows, columns, bias, part.place)
        loss.backward()  # type: ignore[no-untyped-call]
        return Gradients(
            batch.rows,
            part.distinct,
            self._own_gradient(rows),
            self._own_gradient(columns),
            None if bias is None else self._group.total(_gradient(bias)),
            self._group.total(loss.detach().clone()),
        )

    def _own_gradient(self, leaf: Tensor) -> Tensor:
        return self._group.own(self._group.total(_gradient(leaf)))

    def _loss(
        self, batch: TensorBatch, rows: Tensor, columns: Tensor, bias: Tensor | None, place: Tensor
    ) -> Tensor:
        """This process's part of the batch's loss: that of every n-th row."""
        at_positive, at_negative = place[: len(batch.positives)], place[len(batch.positives) :]
        of_row = batch.row_of_positive
        rank, size = self._group.rank, self._group.size
        bpr_negative = at_negative
        if size > 1:
            mine = of_row % size == rank
            at_positive, of_row = at_positive[mine], of_row[mine]
            bpr_negative = at_negative[mine] if self._config.objective == "bpr" else at_negative
        share = len(of_row) / max(1, len(batch.positives))
        if share == 0:  # a mean over nothing would not be a number
            return (rows.sum() + columns.sum() + (0.0 if bias is None else bias.sum())) * 0.0
        rows, columns = self._head.rows(rows), self._head.columns(columns)
        if self._config.objective == "softmax":
            targets = Targets(of_row // size, at_positive, at_negative, batch.log_expected)
            return share * softmax_loss(rows[rank::size], columns, bias, targets)
        own = rows[of_row]
        return share * bpr((own * columns[at_positive]).sum(1), (own * columns[bpr_negative]).sum(1))


def _gradient(tensor: Tensor) -> Tensor:
    """Gradient of a leaf; zeros where it took no part in the loss."""
    return torch.zeros_like(tensor) if tensor.grad is None else tensor.grad
