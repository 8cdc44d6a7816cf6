"""Gather and sum: the one operation that LightGCN's cost consists of, in one direction of the graph.

For every node ``i`` of one side, with neighbours ``j`` on the other,
``g_i = sum over j of y_j``; then ``total_i += factor * s_i * g_i`` and ``following_i = s_i^2 * g_i``.
If ``y`` is ``s * z`` for the layer's embeddings ``z``, then ``s_i * g_i`` is the next layer's embedding and
``following`` is that embedding scaled for the layer after: no normalisation is ever stored for an edge.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import embedding_bag

from challenge.types import FloatArray, Int32Array, Int64Array

_CHUNK_BYTES = 16 << 20
"""Sums of this many bytes at a time: larger temporaries are mapped afresh by the allocator at every call,
and the page faults cost more than the sums (CPU)."""


_WORTH_COMPILING = 500_000


class Kernel(Protocol):
    """Gather and sum over one direction of a graph."""

    def apply(self, source: Tensor, total: Tensor, following: Tensor | None, factor: float) -> None:
        """Add ``factor`` times the scaled sums to ``total`` and put the next input into ``following``.

        ``source`` (other side, D) and ``following`` (this side, D) have the storage's dtype, ``total`` fp32.
        """
        ...

    def hide(self, edges: Tensor) -> None:
        """Leave these edges, counted in this direction's order, out of all sums until :meth:`show`.

        Indices are int64 (int32 will do on a GPU), here and below, and lie on the kernel's device.
        """
        ...

    def show(self, edges: Tensor) -> None:
        """Count these edges again."""
        ...

    def rescale(self, nodes: Tensor, scale: Tensor) -> None:
        """Replace the scales, fp32, of some nodes of this side."""
        ...


class EmbeddingBagKernel:
    """``torch.nn.functional.embedding_bag`` in chunks of nodes; runs on every device."""

    def __init__(
        self,
        indptr: Int64Array,
        indices: Int32Array,
        scale: FloatArray,
        *,
        embedding_size: int,
        device: torch.device,
        storage: torch.dtype,
        maskable: bool,
    ) -> None:
        wide = len(indices) >= 2**31
        index_type = np.int64 if wide else np.int32
        self._indices = torch.from_numpy(indices.astype(index_type, copy=False)).to(device)
        self._scale = torch.from_numpy(scale.copy()).to(device)[:, None]
        self._square = self._scale * self._scale
        self._weights = torch.ones(len(indices), dtype=storage, device=device) if maskable else None
        whole = device.type != "cpu"
        rows = len(scale) if whole else max(1, _CHUNK_BYTES // (4 * embedding_size))
        self._chunks = [
            (
                start,
                stop,
                int(indptr[start]),
                int(indptr[stop]),
                self._offsets(indptr, start, stop, index_type),
            )
            for start, stop in _ranges(len(scale), rows)
        ]

    def _offsets(self, indptr: Int64Array, start: int, stop: int, index_type: type) -> Tensor:
        offsets = indptr[start : stop + 1] - indptr[start]
        return torch.from_numpy(offsets.astype(index_type)).to(self._indices.device)

    def apply(self, source: Tensor, total: Tensor, following: Tensor | None, factor: float) -> None:
        """See :class:`Kernel`."""
        for start, stop, first, last, offsets in self._chunks:
            weights = None if self._weights is None else self._weights[first:last]
            sums = embedding_bag(
                self._indices[first:last],
                source,
                offsets,
                mode="sum",
                include_last_offset=True,
                per_sample_weights=weights,
            )
            total[start:stop].addcmul_(sums, self._scale[start:stop], value=factor)
            if following is not None:
                torch.mul(sums, self._square[start:stop], out=following[start:stop])

    def hide(self, edges: Tensor) -> None:
        """See :class:`Kernel`."""
        self._set(edges, 0.0)

    def show(self, edges: Tensor) -> None:
        """See :class:`Kernel`."""
        self._set(edges, 1.0)

    def _set(self, edges: Tensor, value: float) -> None:
        if self._weights is None:
            raise ValueError("the kernel was built without masking")
        self._weights[edges] = value

    def rescale(self, nodes: Tensor, scale: Tensor) -> None:
        """See :class:`Kernel`."""
        self._scale[nodes] = scale[:, None]
        self._square[nodes] = (scale * scale)[:, None]


def _ranges(total: int, step: int) -> list[tuple[int, int]]:
    return [(start, min(start + step, total)) for start in range(0, total, step)]


def prefers_compiled(n_edges: int, device: torch.device) -> bool:
    """Whether the compiled kernel is the faster one: on a CPU, where edges repay two seconds of compiling.

    The rule was set by ``benchmarks/propagation.py`` and is not measured at each start: the two kernels round
    differently, and results must not hang on a clock.
    """
    return device.type == "cpu" and n_edges >= _WORTH_COMPILING


def new_kernel(
    indptr: Int64Array,
    indices: Int32Array,
    scale: FloatArray,
    *,
    compiled: bool,
    embedding_size: int,
    device: torch.device,
    storage: torch.dtype,
    maskable: bool,
) -> Kernel:
    """Make the kernel of one direction of a graph."""
    if compiled:
        from challenge.model.compiled import CompiledKernel

        return CompiledKernel(
            indptr, indices, scale, embedding_size=embedding_size, storage=storage, maskable=maskable
        )
    return EmbeddingBagKernel(
        indptr,
        indices,
        scale,
        embedding_size=embedding_size,
        device=device,
        storage=storage,
        maskable=maskable,
    )
