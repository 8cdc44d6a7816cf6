"""BPR; sampled softmax, which brings its gradients, is in :mod:`challenge.lightgcn.softmax_gradient`."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import logsigmoid


def bpr(positive: Tensor, negative: Tensor) -> Tensor:
    """Return the mean of -log sigmoid(positive - negative) over pairs of logits, both of shape (E,).

    Source: Rendle et al., BPR, UAI 2009.
    """
    return -logsigmoid(positive - negative).mean()
