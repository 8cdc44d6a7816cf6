"""LightGCN's loss: sampled softmax or BPR for a batch, its gradients at the outputs, and the L2 penalty.

The softmax brings its gradients in closed form, for a few rows at a time. Derived automatically, they need
several tables of rows × negatives, which on a CPU cost more in fresh memory than in arithmetic. Here a table
of some rows is made, turned into its gradient in place, and used up while it is in the caches.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import embedding_bag, logsigmoid

from challenge.lightgcn.batches import MicroBatch, PreparedBatch, TensorBatch, row_chunks
from challenge.lightgcn.model import LightGCN, ScoringHead

_TABLE_BYTES: Final = 8 << 20
"""Logits of a CPU's table: they should stay in the last cache."""


class BatchLoss:
    """The loss that a model's configuration asks for; of several processes each takes a share of the rows."""

    def __init__(self, model: LightGCN) -> None:
        self._model, self._config, self._group = model, model.config, model.group
        self._head = ScoringHead(model.config)

    def differentiate(self, prepared: PreparedBatch) -> tuple[Tensor, Tensor | None]:
        """Replace the outputs in the model's buffers by the loss's gradients there.

        Returns the loss, float64, and the gradient of the biases (C,), if there are any. Logits exist for one
        micro-batch at a time, so that a batch may be large where propagation is dear.
        """
        model, biases = self._model, self._model.parameters.get("bias")
        n_positives = len(prepared.batch.positives)
        found = [self._gradients(micro_batch, n_positives) for micro_batch in prepared.micro_batches]
        model.rows.zero_()
        model.columns.zero_()
        bias_gradient = None if biases is None else torch.zeros_like(biases)
        loss = torch.zeros((), dtype=torch.float64, device=model.device)
        for gradients in found:
            model.rows.index_copy_(0, gradients.row_index, gradients.rows)
            model.columns.index_add_(0, gradients.column_index, gradients.columns)
            if bias_gradient is not None and gradients.bias is not None:
                bias_gradient.index_add_(0, gradients.column_index, gradients.bias)
            loss += gradients.loss
        return loss, bias_gradient

    def _gradients(self, micro_batch: MicroBatch, n_positives: int) -> _Gradients:
        """Loss and gradients of a micro-batch; its batch has ``n_positives`` positives in all."""
        model, group, batch = self._model, self._group, micro_batch.batch
        rows = group.all_gather(model.rows[batch.rows]).requires_grad_()
        columns = group.all_gather(model.columns[micro_batch.columns]).requires_grad_()
        bias = None
        if "bias" in model.parameters:
            bias = model.parameters["bias"][micro_batch.columns].requires_grad_()
        loss = len(batch.positives) / max(1, n_positives) * self._loss(micro_batch, rows, columns, bias)
        loss.backward()  # type: ignore[no-untyped-call]
        return _Gradients(
            batch.rows,
            micro_batch.columns,
            group.shard(group.all_reduce(_gradient(rows))),
            group.shard(group.all_reduce(_gradient(columns))),
            None if bias is None else group.all_reduce(_gradient(bias)),
            group.all_reduce(loss.detach().clone()),
        )

    def _loss(self, micro_batch: MicroBatch, rows: Tensor, columns: Tensor, bias: Tensor | None) -> Tensor:
        """This process's part of the micro-batch's loss: that of every n-th row."""
        batch, softmax = micro_batch.batch, self._config.objective == "softmax"
        at_positive, at_negative = micro_batch.column_index.tensor_split([len(batch.positives)])
        of_row, rank, size = batch.row_of_positive, self._group.rank, self._group.size
        if size > 1:
            mine = of_row % size == rank
            at_positive, of_row = at_positive[mine], of_row[mine]
            at_negative = at_negative if softmax else at_negative[mine]
        share = len(of_row) / max(1, len(batch.positives))
        if share == 0:  # a mean over nothing would not be a number
            return (rows.sum() + columns.sum() + (0.0 if bias is None else bias.sum())) * 0.0
        rows, columns = self._head.rows(rows), self._head.columns(columns)
        if softmax:
            targets = Targets(of_row // size, at_positive, at_negative, batch.log_expected)
            return share * softmax_loss(rows[rank::size], columns, bias, targets)
        rows, positive, negative = _at(rows, of_row), _at(columns, at_positive), _at(columns, at_negative)
        return share * bpr((rows * positive).sum(1), (rows * negative).sum(1))

    def add_l2_gradient(self, batch: TensorBatch) -> None:
        """Add the gradient of l2 / 2 times the mean square norm of the batch's layer-0 embeddings.

        The model's buffers must hold the gradients of the embeddings already.
        """
        if self._config.l2 == 0:
            return
        model, weight = self._model, self._config.l2 / max(1, len(batch.positives))
        columns = torch.cat([batch.positives, batch.negatives])
        _add_at(model.columns, columns, model.parameters["columns"][columns], weight)
        if self._config.row_embeddings:
            rows = batch.rows[batch.row_of_positive]
            _add_at(model.rows, rows, model.parameters["rows"][rows], weight)


class _Gradients(NamedTuple):
    """Loss of a micro-batch, and its gradients at the outputs of the rows and columns of these indices."""

    row_index: Tensor
    column_index: Tensor
    rows: Tensor
    columns: Tensor
    bias: Tensor | None
    loss: Tensor


def _gradient(leaf: Tensor) -> Tensor:
    """Gradient of a leaf; zeros where it took no part in the loss."""
    return torch.zeros_like(leaf) if leaf.grad is None else leaf.grad


def _at(table: Tensor, index: Tensor) -> Tensor:
    """Take rows of ``table``, some of them several times, with a gradient summed in the same order always."""
    # Indexing sums its gradient in whatever order a CPU's threads come, index_select a GPU's.
    return table.index_select(0, index) if table.device.type == "cpu" else table[index]


def _add_at(target: Tensor, index: Tensor, values: Tensor, weight: float) -> None:
    """Add ``weight * values`` to rows of ``target``, some of them several times."""
    if target.device.type == "cpu":
        target.index_add_(0, index, values, alpha=weight)
    else:  # index_add_ would add in whatever order the GPU's threads come
        target.index_put_((index,), weight * values, accumulate=True)


def bpr(positive: Tensor, negative: Tensor) -> Tensor:
    """Return the mean of -log sigmoid(positive - negative) over pairs of logits, both of shape (E,).

    Source: Rendle et al., BPR, UAI 2009.
    """
    return -logsigmoid(positive - negative).mean()


class Targets(NamedTuple):
    """What is predicted; letters B rows, E positives, N negatives, U distinct columns.

    Attributes:
        of_row: the row of each positive, ascending, int64, shape (E,).
        at_positive: the column of each positive, int64, shape (E,).
        at_negative: the column of each negative, shared by all rows, int64, shape (N,).
        log_expected: log(N * q) for the probability q of each negative, shape (N,).
    """

    of_row: Tensor
    at_positive: Tensor
    at_negative: Tensor
    log_expected: Tensor


def softmax_loss(rows: Tensor, columns: Tensor, bias: Tensor | None, targets: Targets) -> Tensor:
    """Return the mean cross-entropy of each positive against itself and the shared negatives, differentiable.

    Logits are inner products of ``rows`` (B, D) and ``columns`` (U, D) plus the column's ``bias`` (U,), all
    fp32. The negatives' logits are lowered by the logarithm of how often each is expected in the sample, so
    that their sum estimates the sum over all columns.

    Source: Jean et al., On using very large target vocabulary, ACL 2015; Bengio and Senécal 2008.
    """
    # torch's apply is untyped
    loss: Tensor = _SoftmaxLoss.apply(rows, columns, bias, targets)  # type: ignore[no-untyped-call]
    return loss


class _SoftmaxLoss(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, rows: Tensor, columns: Tensor, bias: Tensor | None, targets: Targets) -> Tensor:
        loss, *gradients = loss_and_gradients(rows, columns, bias, targets)
        ctx.gradients = gradients
        return loss

    @staticmethod
    def backward(ctx: Any, *outer: Tensor) -> tuple[Tensor | None, ...]:
        # The tensors are nobody else's, and nobody goes back through a loss twice.
        return (*(None if part is None else part.mul_(outer[0]) for part in ctx.gradients), None)


def loss_and_gradients(
    rows: Tensor, columns: Tensor, bias: Tensor | None, targets: Targets
) -> tuple[Tensor, Tensor, Tensor, Tensor | None]:
    """Return the loss and its gradients for rows, columns and bias.

    With n = logsumexp of a row's negatives and p a positive's logit, a positive costs log(e^n + e^p) - p. So
    its gradient is -s for p and s for n, s = sigmoid(n - p), and that for n goes on to the negatives' logits
    in proportion to their softmax.
    """
    negatives = columns[targets.at_negative]
    offset = -targets.log_expected if bias is None else bias[targets.at_negative] - targets.log_expected
    of_rows, of_negatives = torch.empty_like(rows), torch.zeros_like(negatives)
    of_offset = torch.zeros_like(offset)
    surplus = rows.new_empty(len(targets.of_row))
    share = 1.0 / max(1, len(surplus))
    loss = rows.new_zeros(())
    table_rows = _table_rows(len(rows), len(negatives), rows.device)
    for here, pairs in row_chunks(targets.of_row, len(rows), table_rows):
        some = rows[here]
        of_row = targets.of_row[pairs] - here.start
        at_positive = targets.at_positive[pairs]
        positive = (some[of_row] * columns[at_positive]).sum(1)
        if bias is not None:
            positive += bias[at_positive]
        table = torch.addmm(offset, some, negatives.T)
        highest = table.amax(1, keepdim=True)
        table.sub_(highest).exp_()
        total = table.sum(1, keepdim=True)
        normaliser = (highest + total.log())[:, 0][of_row]
        loss += (torch.logaddexp(normaliser, positive) - positive).sum() * share
        surplus[pairs] = torch.sigmoid(normaliser - positive) * share
        weight = _sums(of_row, surplus[pairs][:, None], len(some))
        table.mul_(weight / total)
        torch.mm(table, negatives, out=of_rows[here])
        of_negatives.addmm_(table.T, some)
        of_offset += table.sum(0)
    of_rows -= _weighted_sums(targets.of_row, surplus, columns, targets.at_positive, len(rows))
    order = torch.argsort(targets.at_positive, stable=True)
    at, sources = targets.at_positive[order], targets.of_row[order]
    of_columns = _weighted_sums(at, surplus[order], rows, sources, len(columns)).neg_()
    of_columns += _sums(targets.at_negative, of_negatives, len(columns))
    if bias is None:
        return loss, of_rows, of_columns, None
    of_bias = _sums(targets.at_negative, of_offset[:, None], len(columns))
    of_bias -= _sums(targets.at_positive, surplus[:, None], len(columns))
    return loss, of_rows, of_columns, of_bias[:, 0]


def _table_rows(n_rows: int, n_negatives: int, device: torch.device) -> int:
    return max(1, _TABLE_BYTES // (4 * max(1, n_negatives))) if device.type == "cpu" else n_rows


def _sums(at: Tensor, values: Tensor, size: int) -> Tensor:
    """Sum ``values`` (n, D) by ``at`` (n,) in 0 … size - 1, always in the same order; (size, D)."""
    order = torch.argsort(at, stable=True)
    return _bags(order, values, at[order], size, None)


def _weighted_sums(at: Tensor, weight: Tensor, values: Tensor, source: Tensor, size: int) -> Tensor:
    """Sum ``weight * values[source]`` by ``at``, which is ascending; (size, D)."""
    return _bags(source, values, at, size, weight)


def _bags(source: Tensor, values: Tensor, at: Tensor, size: int, weight: Tensor | None) -> Tensor:
    starts = torch.searchsorted(at, torch.arange(size + 1, device=at.device))
    sums: Tensor = embedding_bag(
        source, values, starts, mode="sum", include_last_offset=True, per_sample_weights=weight
    )
    return sums
