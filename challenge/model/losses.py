"""Losses on the rows of a batch: sampled softmax and BPR."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid


def sampled_softmax(
    positive: Tensor, negative: Tensor, row_of_positive: Tensor, log_expected: Tensor
) -> Tensor:
    """Return the mean cross-entropy of each positive against itself and the shared negatives.

    The negatives' logits are lowered by the logarithm of how often each is expected in the sample, so that
    their sum estimates the sum over all columns.

    Args:
        positive: logits of the positive edges, shape (E,).
        negative: logits of every row of the batch for every negative, shape (B, N).
        row_of_positive: the batch row of each positive edge, int64, shape (E,).
        log_expected: log(N * q) for the probability q of each negative, shape (N,).

    Source: Jean et al., On using very large target vocabulary, ACL 2015; Bengio and Senécal 2008.
    """
    normaliser = torch.logsumexp(negative - log_expected, dim=1)[row_of_positive]
    return (torch.logaddexp(normaliser, positive) - positive).mean()


def bpr(positive: Tensor, negative: Tensor) -> Tensor:
    """Return the mean of -log sigmoid(positive - negative) over pairs of logits, both of shape (E,).

    Source: Rendle et al., BPR, UAI 2009.
    """
    return -logsigmoid(positive - negative).mean()
