"""Losses against values computed on paper."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch

from challenge.lightgcn import loss as loss_module
from challenge.lightgcn.loss import Targets, bpr, softmax_loss
from tests.lightgcn.graphs import gradient


def test_bpr_of_equal_logits_is_ln_2() -> None:
    assert bpr(torch.zeros(3), torch.zeros(3)).item() == pytest.approx(math.log(2))


def test_bpr_by_hand() -> None:
    value = bpr(torch.tensor([1.0, 0.0]), torch.tensor([0.0, 2.0])).item()
    # -log sigmoid(1) = log(1 + e^-1), -log sigmoid(-2) = log(1 + e^2)
    assert value == pytest.approx((math.log1p(math.exp(-1)) + math.log1p(math.exp(2))) / 2)


def targets_of(
    of_row: list[int], at_positive: list[int], at_negative: list[int], log_expected: torch.Tensor
) -> Targets:
    return Targets(torch.tensor(of_row), torch.tensor(at_positive), torch.tensor(at_negative), log_expected)


def test_softmax_by_hand() -> None:
    # Rows are unit vectors, so a column's entries are its logits: two positives, then two negatives.
    logits = torch.tensor([[math.log(2.0), 9.0], [9.0, 0.0], [0.0, 0.0], [math.log(3.0), 0.0]])
    # Two draws of probabilities 1/4 and 3/4: expected counts 1/2 and 3/2.
    targets = targets_of([0, 1], [0, 1], [2, 3], torch.log(torch.tensor([0.5, 1.5])))
    # Row 0: negatives weigh 1/.5 + 3/1.5 = 4; row 1: 1/.5 + 1/1.5 = 8/3.
    first = -math.log(2 / (2 + 4))
    second = -math.log(1 / (1 + 8 / 3))
    value = softmax_loss(torch.eye(2), logits, None, targets).item()
    assert value == pytest.approx((first + second) / 2, rel=1e-6)
    # The same logits, partly as biases.
    bias = torch.tensor([1.0, 2.0, 3.0, 4.0])
    assert softmax_loss(torch.eye(2), logits - bias[:, None], bias, targets).item() == pytest.approx(value)


def test_softmax_gradient_is_probability_minus_one() -> None:
    columns = torch.tensor([[0.3], [0.1], [-0.2]], requires_grad=True)
    loss = softmax_loss(torch.ones(1, 1), columns, None, targets_of([0], [0], [1, 2], torch.zeros(2)))
    loss.backward()  # type: ignore[no-untyped-call]
    weights = [math.exp(x) for x in (0.3, 0.1, -0.2)]
    assert gradient(columns)[0].item() == pytest.approx(weights[0] / sum(weights) - 1, rel=1e-5)
    assert gradient(columns)[2].item() == pytest.approx(weights[2] / sum(weights), rel=1e-5)


@pytest.mark.parametrize("with_bias", [True, False])
@pytest.mark.parametrize("table_bytes", [1, 4 * 6 * 7, 1 << 20])
def test_closed_form_gradients_are_those_derived_automatically(
    with_bias: bool, table_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loss_module, "_TABLE_BYTES", table_bytes)
    generator = torch.Generator().manual_seed(1)
    rows, columns, bias = (torch.randn(*shape, generator=generator) for shape in ((20, 5), (9, 5), (9,)))
    # Rows 2 and 19 have no positive, some columns occur several times, one both ways, one never.
    targets = Targets(
        of_row=torch.tensor([0, 0, 1, 3, 3, 3, *range(4, 19)]),
        at_positive=torch.tensor([4, 4, 0, 1, 2, 4, *(i % 4 for i in range(15))]),
        at_negative=torch.tensor([5, 6, 6, 4, 7, 5]),
        log_expected=torch.randn(6, generator=generator),
    )

    def by_autograd(rows: torch.Tensor, columns: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
        added = torch.zeros(9) if bias is None else bias
        positive = (rows[targets.of_row] * columns[targets.at_positive]).sum(1) + added[targets.at_positive]
        negative = rows @ columns[targets.at_negative].T + added[targets.at_negative]
        normaliser = torch.logsumexp(negative - targets.log_expected, dim=1)[targets.of_row]
        return (torch.logaddexp(normaliser, positive) - positive).mean()

    def in_closed_form(rows: torch.Tensor, columns: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
        return softmax_loss(rows, columns, bias, targets)

    def value_and_gradients(loss: Callable[..., torch.Tensor]) -> list[torch.Tensor]:
        leaves = [leaf.clone().requires_grad_() for leaf in (rows, columns, bias)]
        value = 3.0 * loss(*leaves[:2], leaves[2] if with_bias else None)
        value.backward()  # type: ignore[no-untyped-call]
        return [value.detach(), *map(gradient, leaves if with_bias else leaves[:2])]

    found, expected = value_and_gradients(in_closed_form), value_and_gradients(by_autograd)
    for ours, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-6)
    for untouched in (found[1][2], found[1][19], found[2][8]):
        assert not untouched.any()
