"""Losses against values computed on paper."""

import math

import pytest
import torch

from challenge.model.losses import bpr, sampled_softmax


def test_bpr_of_equal_logits_is_ln_2():
    assert bpr(torch.zeros(3), torch.zeros(3)).item() == pytest.approx(math.log(2))


def test_bpr_by_hand():
    value = bpr(torch.tensor([1.0, 0.0]), torch.tensor([0.0, 2.0])).item()
    # -log sigmoid(1) = log(1 + e^-1), -log sigmoid(-2) = log(1 + e^2)
    assert value == pytest.approx((math.log1p(math.exp(-1)) + math.log1p(math.exp(2))) / 2)


def test_softmax_by_hand():
    positive = torch.tensor([math.log(2.0), 0.0])
    negative = torch.log(torch.tensor([[1.0, 3.0], [1.0, 1.0]]))
    # Two draws of probabilities 1/4 and 3/4: expected counts 1/2 and 3/2.
    log_expected = torch.log(torch.tensor([0.5, 1.5]))
    # Row 0: negatives weigh 1/.5 + 3/1.5 = 4; row 1: 1/.5 + 1/1.5 = 8/3.
    first = -math.log(2 / (2 + 4))
    second = -math.log(1 / (1 + 8 / 3))
    value = sampled_softmax(positive, negative, torch.tensor([0, 1]), log_expected).item()
    assert value == pytest.approx((first + second) / 2, rel=1e-6)


def test_softmax_gradient_is_probability_minus_one():
    positive = torch.tensor([0.3], requires_grad=True)
    negative = torch.tensor([[0.1, -0.2]], requires_grad=True)
    sampled_softmax(positive, negative, torch.tensor([0]), torch.zeros(2)).backward()
    weights = [math.exp(x) for x in (0.3, 0.1, -0.2)]
    assert positive.grad.item() == pytest.approx(weights[0] / sum(weights) - 1, rel=1e-5)
    assert negative.grad[0, 1].item() == pytest.approx(weights[2] / sum(weights), rel=1e-5)
