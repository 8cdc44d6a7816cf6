"""The Triton kernel against sums in float64 and embedding_bag: on a GPU, else under Triton's interpreter."""

from __future__ import annotations

import os

import numpy as np
import pytest
import torch

from tests.lightgcn.graphs import dense_propagation, random_graph

ON_GPU = torch.cuda.is_available()
if not ON_GPU:
    os.environ.setdefault("TRITON_INTERPRET", "1")
pytest.importorskip("triton", reason="triton is not installed here: it comes with torch for CUDA")
if not ON_GPU and np.lib.NumpyVersion(np.__version__) >= "2.4.0":
    pytest.skip("Triton's interpreter needs numpy before 2.4", allow_module_level=True)

from challenge.lightgcn.kernels import base as kernels
from challenge.lightgcn.kernels.base import Kernel, Layout
from challenge.lightgcn.kernels.reference import EmbeddingBagKernel
from challenge.lightgcn.kernels.triton import TritonKernel, Tuning, self_check
from challenge.lightgcn.propagation import Propagation

DEVICE = torch.device("cuda" if ON_GPU else "cpu")


def skewed(seed: int = 0, nodes: int = 40, others: int = 25) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Nodes without edges, with few and with hundreds."""
    rng = np.random.default_rng(seed)
    degree = np.concatenate([[0, 130, 1, 0, 64, 65], rng.integers(0, 9, nodes - 6)])
    indptr = np.concatenate([[0], np.cumsum(degree)])
    indices = rng.integers(0, others, indptr[-1]).astype(np.int32)
    return indptr, indices, rng.random(nodes).astype(np.float32)


@pytest.mark.parametrize("size", [1, 6, 16, 80])
@pytest.mark.parametrize("storage", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("tuning", [Tuning(numbers=32, piece=16), Tuning(piece=64, warps=2), Tuning()])
def test_equals_the_sums_in_float64(size: int, storage: torch.dtype, tuning: Tuning) -> None:
    indptr, indices, scale = skewed()
    kernel = TritonKernel(indptr, indices, scale, device=DEVICE, tuning=tuning)
    source = torch.randn(25, size, generator=torch.Generator().manual_seed(1)).to(storage)
    total = torch.full((40, size), 2.0, device=DEVICE)
    following = torch.full((40, size), torch.nan, dtype=storage, device=DEVICE)
    masked = np.flatnonzero(np.random.default_rng(2).random(len(indices)) < 0.4)
    kept = np.setdiff1d(np.arange(len(indices)), masked)

    def check(edges: np.ndarray, scale: np.ndarray, factor: float) -> None:
        sums = np.zeros((40, size))
        owner = np.searchsorted(indptr, edges, side="right") - 1
        np.add.at(sums, owner, source.double().numpy()[indices[edges]])
        wanted = 2.0 + factor * scale[:, None] * sums
        np.testing.assert_allclose(total.cpu().numpy(), wanted, atol=2e-5, rtol=1e-5)
        # The interpreter cuts bf16 off where a GPU rounds.
        rounding = (2.0**-8 if ON_GPU else 2.0**-7) if storage == torch.bfloat16 else 1e-5
        wanted = scale[:, None].astype(np.float64) ** 2 * sums
        np.testing.assert_allclose(following.cpu().float().numpy(), wanted, atol=2e-5, rtol=rounding)

    kernel.mask(torch.from_numpy(masked).to(DEVICE), masked=True)
    kernel.apply(source.to(DEVICE), total, following, 0.25)
    check(kept, scale, 0.25)
    kernel.mask(torch.from_numpy(masked).to(DEVICE), masked=False)
    changed = scale.copy()
    changed[[1, 4]] = 3.0
    kernel.rescale(torch.tensor([1, 4], device=DEVICE), torch.tensor([3.0, 3.0], device=DEVICE))
    total.fill_(2.0)
    kernel.apply(source.to(DEVICE), total, following, 0.25)
    check(np.arange(len(indices)), changed, 0.25)


def test_agrees_with_embedding_bag_and_with_itself() -> None:
    indptr, indices, scale = skewed(seed=3)
    bag = EmbeddingBagKernel(indptr, indices, scale, Layout(8, DEVICE, torch.float32, maskable=True))
    source = torch.randn(25, 8, device=DEVICE)
    results = []
    triton = [TritonKernel(indptr, indices, scale, device=DEVICE) for _ in range(2)]
    compared: list[Kernel] = [bag, *triton]
    for kernel in compared:
        total, following = torch.zeros(40, 8, device=DEVICE), torch.empty(40, 8, device=DEVICE)
        kernel.mask(torch.tensor([3, 70, 131], device=DEVICE), masked=True)
        kernel.apply(source, total, following, 1.0)
        results.append((total, following))
    for one, other in zip(results[0], results[1], strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-5)
    for one, other in zip(results[1], results[2], strict=True):
        assert one.equal(other)


@pytest.mark.parametrize("weights", [(0.25, 0.25, 0.25, 0.25), (0.0, 1.0)])
def test_propagates_by_the_dense_formula(weights: tuple[float, ...]) -> None:
    graph = random_graph(tokens=3, smoothing=2.0)
    rng = np.random.default_rng(1)
    rows, columns = rng.normal(size=(graph.n_rows, 6)), rng.normal(size=(graph.n_columns, 6))
    propagation = Propagation(
        graph, embedding_size=6, layer_weights=weights, device=DEVICE, maskable=True, kernel="triton"
    )
    out = [torch.tensor(value, dtype=torch.float32, device=DEVICE) for value in (rows, columns)]
    propagation.apply_(*out)
    for found, wanted in zip(out, dense_propagation(graph, rows, columns, weights), strict=True):
        np.testing.assert_allclose(found.cpu().numpy(), wanted, atol=2e-6)


@pytest.mark.parametrize("storage", [torch.float32, torch.bfloat16])
def test_checks_itself(storage: torch.dtype, monkeypatch: pytest.MonkeyPatch) -> None:
    assert self_check(8, storage, DEVICE) is None
    # Marks of masked edges that do not mask: the check must tell.
    monkeypatch.setattr("challenge.lightgcn.kernels.triton._MASKED", 0)
    self_check.cache_clear()
    assert "total is off by" in (self_check(8, storage, DEVICE) or "")
    monkeypatch.setattr(TritonKernel, "apply", None)
    self_check.cache_clear()
    assert "TypeError" in (self_check(8, storage, DEVICE) or "")
    cuda = torch.device("cuda")
    monkeypatch.setattr("challenge.lightgcn.kernels.triton.self_check", lambda *_: "total is off by 3")
    name, reason = kernels.choose_kernel(100, cuda, embedding_size=8, storage=storage)
    assert name == "embedding_bag"
    assert reason == "Triton's failed its check: total is off by 3"
    self_check.cache_clear()
