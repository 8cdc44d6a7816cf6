"""Adam, as in ``torch.optim``, for gradients that are computed by hand.

The arithmetic is torch's own (``torch.optim.adam.adam``, fused). Its class imports torch's compiler as soon
as one is made, which takes seconds at the start of each training.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import torch
from torch import Tensor
from torch.optim.adam import adam

BETAS: Final = (0.9, 0.99)
EPSILON: Final = 1e-10


class Adam:
    """The moments of some parameters, and the step that moves them.

    Attributes:
        state: the moments of each parameter by name: ``step``, ``exp_avg`` and ``exp_avg_sq``; empty before
            the first step.
    """

    def __init__(self, parameters: Mapping[str, Tensor]) -> None:
        self._parameters = dict(parameters)
        self.state: dict[str, dict[str, Tensor]] = {}

    def step(self, learning_rate: float) -> None:
        """Move each parameter against its ``grad``."""
        moments, gradients = [], []
        for name, parameter in self._parameters.items():
            assert parameter.grad is not None
            gradients.append(parameter.grad)
            if name not in self.state:
                self.state[name] = {
                    "step": torch.zeros((), dtype=torch.float32, device=parameter.device),
                    "exp_avg": torch.zeros_like(parameter),
                    "exp_avg_sq": torch.zeros_like(parameter),
                }
            moments.append(self.state[name])
        adam(
            list(self._parameters.values()),
            gradients,
            [each["exp_avg"] for each in moments],
            [each["exp_avg_sq"] for each in moments],
            [],
            [each["step"] for each in moments],
            fused=True,
            amsgrad=False,
            beta1=BETAS[0],
            beta2=BETAS[1],
            lr=learning_rate,
            weight_decay=0.0,
            eps=EPSILON,
            maximize=False,
        )
