"""Gather and sum: the one operation that LightGCN's cost consists of, in one direction of the graph.

For every node ``i`` of one side, with neighbours ``j`` on the other,
``g_i = sum over j of y_j``; then ``total_i += factor * s_i * g_i`` and ``following_i = s_i^2 * g_i``.
If ``y`` is ``s * z`` for the layer's embeddings ``z``, then ``s_i * g_i`` is the next layer's embedding and
``following`` is that embedding scaled for the layer after: no normalisation is ever stored for an edge.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Literal, NamedTuple, Protocol

import torch
from torch import Tensor

from challenge.types import FloatArray, Int32Array, Int64Array

_WORTH_COMPILING = 500_000

KernelName = Literal["compiled", "embedding_bag", "triton"]


class Layout(NamedTuple):
    """The embeddings that the kernels of both directions gather and sum, and whether edges can be masked."""

    embedding_size: int
    device: torch.device
    storage: torch.dtype = torch.float32
    maskable: bool = False


class Kernel(Protocol):
    """Gather and sum over one direction of a graph."""

    def apply(self, source: Tensor, total: Tensor, following: Tensor | None, factor: float) -> None:
        """Add ``factor`` times the scaled sums to ``total`` and put the next input into ``following``.

        ``source`` (other side, D) and ``following`` (this side, D) have the storage's dtype, ``total`` fp32.
        """
        ...

    def mask(self, edges: Tensor, *, masked: bool) -> None:
        """Leave these edges, counted in this direction's order, out of all sums, or count them again.

        Indices are int64 or int32, here and below, and lie on the kernel's device.
        """
        ...

    def rescale(self, nodes: Tensor, scale: Tensor) -> None:
        """Replace the scales, fp32, of some nodes of this side."""
        ...


def choose_kernel(
    n_edges: int, device: torch.device, *, embedding_size: int, storage: torch.dtype
) -> tuple[KernelName, str]:
    """Return the kernel to use on a device, and the reason in words.

    The rules were set by ``benchmarks/`` and nothing is timed at each start: the kernels round differently,
    and results must not hang on a clock. On a GPU the Triton kernel has to agree with a plain sum first.
    """
    if device.type == "cpu":
        if n_edges >= _WORTH_COMPILING:
            return "compiled", "the fastest on a CPU"
        return "embedding_bag", "too few edges to repay compiling"
    if device.type != "cuda" or find_spec("triton") is None:
        return "embedding_bag", "triton is not installed"
    from challenge.lightgcn.kernels.triton import self_check

    failure = self_check(embedding_size, storage, device)
    if failure is not None:
        return "embedding_bag", f"Triton's failed its check: {failure}"
    return "triton", "agrees with a plain sum here"


def new_kernel(
    name: KernelName, indptr: Int64Array, indices: Int32Array, scale: FloatArray, layout: Layout
) -> Kernel:
    """Make the kernel ``name`` of one direction of a graph."""
    if name == "compiled":
        from challenge.lightgcn.kernels.cpu import CompiledKernel

        return CompiledKernel(indptr, indices, scale, layout)
    if name == "triton":
        from challenge.lightgcn.kernels.triton import TritonKernel

        return TritonKernel(indptr, indices, scale, device=layout.device)
    from challenge.lightgcn.kernels.reference import EmbeddingBagKernel

    return EmbeddingBagKernel(indptr, indices, scale, layout)
