"""The optimiser against torch's own."""

from __future__ import annotations

import subprocess
import sys

import torch

from challenge.lightgcn.adam import BETAS, EPSILON, Adam


def test_steps_are_those_of_torch_to_the_last_bit() -> None:
    """With moments as torch names them, so that a checkpoint of either is one of the other."""
    generator = torch.Generator().manual_seed(3)
    start = {"columns": torch.randn(40, 8, generator=generator), "bias": torch.randn(40, generator=generator)}
    own, theirs = ({name: tensor.clone() for name, tensor in start.items()} for _ in range(2))
    adam = Adam(own)
    expected = torch.optim.Adam(theirs.values(), lr=1.0, betas=BETAS, eps=EPSILON, fused=True)
    for step in range(5):
        rate = 0.1 / (1 + step)
        gradients = {name: torch.randn(each.shape, generator=generator) for name, each in start.items()}
        gradients["bias"][::3] = 0
        for name, gradient in gradients.items():
            own[name].grad, theirs[name].grad = gradient.clone(), gradient.clone()
        expected.param_groups[0]["lr"] = rate
        expected.step()
        adam.step(rate)
        for name, parameter in theirs.items():
            assert torch.equal(own[name], parameter)
            moments = expected.state[parameter]
            assert list(adam.state[name]) == list(moments)
            assert all(torch.equal(adam.state[name][key], moments[key]) for key in moments)
        assert not torch.equal(own["columns"], start["columns"])


def test_no_compiler_is_imported() -> None:
    lines = (
        "import sys, torch",
        "from challenge.lightgcn.adam import Adam",
        "parameter = torch.zeros(2)",
        "parameter.grad = torch.ones(2)",
        "Adam({'a': parameter}).step(.1)",
        "sys.exit('torch._dynamo' in sys.modules)",
    )
    assert subprocess.run([sys.executable, "-c", "\n".join(lines)], check=False).returncode == 0
