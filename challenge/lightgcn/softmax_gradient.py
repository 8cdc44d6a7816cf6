"""Sampled softmax with its gradients in closed form, a few rows at a time.

Derived automatically, the gradients need several tables of rows × negatives, which on a CPU cost more in
fresh memory than in arithmetic. Here a table of some rows is made, turned into its gradient in place, and
used up while it is in the caches.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import embedding_bag

_TABLE_BYTES: Final = 8 << 20
"""Logits of a CPU's table: they should stay in the last cache."""


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
        # The tensors are nobody else's, and a loss is removed through once.
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
    for here, pairs in _tables(rows, targets):
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


def _tables(rows: Tensor, targets: Targets) -> list[tuple[slice, slice]]:
    """Some rows at a time, and their positives."""
    size = len(rows)
    if rows.device.type == "cpu":
        size = max(1, _TABLE_BYTES // (4 * max(1, len(targets.at_negative))))
    if size >= len(rows):  # asking where the positives begin would make a GPU's host wait
        return [(slice(0, len(rows)), slice(0, len(targets.of_row)))]
    starts = list(range(0, len(rows), size))
    marks = torch.tensor([*starts, len(rows)], device=rows.device)
    ends = torch.searchsorted(targets.of_row, marks).tolist()
    return [
        (slice(start, min(start + size, len(rows))), slice(first, last))
        for start, first, last in zip(starts, ends[:-1], ends[1:], strict=True)
    ]


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
