"""Which kernel runs where, and the compiled one's rounding."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from challenge.lightgcn.kernels import base as kernels
from challenge.lightgcn.kernels.base import Layout


def test_compiled_rounding_to_bf16_is_that_of_torch() -> None:
    from challenge.lightgcn.kernels.cpu import CompiledKernel

    values = torch.randn(500, 8) * torch.logspace(-20, 20, 500)[:, None]
    source = values.bfloat16()
    kernel = CompiledKernel(
        np.arange(501),
        np.arange(500, dtype=np.int32),
        np.full(500, 3.0, np.float32),
        Layout(8, torch.device("cpu"), torch.bfloat16),
    )
    total, following = torch.zeros(500, 8), torch.empty(500, 8, dtype=torch.bfloat16)
    kernel.apply(source, total, following, 0.5)
    torch.testing.assert_close(total, source.float() * 1.5)
    torch.testing.assert_close(following, (source.float() * 9).bfloat16(), rtol=0, atol=0)


def test_large_graphs_on_a_cpu_use_the_compiled_kernel() -> None:
    def name(n_edges: int, device: str) -> str:
        found, _ = kernels.choose_kernel(
            n_edges, torch.device(device), embedding_size=8, storage=torch.float32
        )
        return found

    assert name(10_000_000, "cpu") == "compiled"
    assert name(1_000, "cpu") == "embedding_bag"
    assert name(10_000_000, "cuda") != "compiled"


def test_without_triton_a_gpu_uses_embedding_bag(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernels, "find_spec", lambda name: None)
    choice = kernels.choose_kernel(10, torch.device("cuda"), embedding_size=8, storage=torch.float32)
    assert choice == ("embedding_bag", "triton is not installed")
