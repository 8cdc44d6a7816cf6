"""Gather and sum by ``torch.nn.functional.embedding_bag``: the reference, and what runs everywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import embedding_bag

from challenge.types import FloatArray, Int32Array, Int64Array

if TYPE_CHECKING:
    from challenge.lightgcn.kernels.base import Layout

_CHUNK_BYTES = 16 << 20
"""Sums of this many bytes at a time: larger temporaries are mapped afresh by the allocator at every call,
and the page faults cost more than the sums (CPU)."""


class EmbeddingBagKernel:
    """``torch.nn.functional.embedding_bag`` in chunks of nodes; runs on every device."""

    def __init__(self, indptr: Int64Array, indices: Int32Array, scale: FloatArray, layout: Layout) -> None:
        device = layout.device
        wide = len(indices) >= 2**31
        index_type = np.int64 if wide else np.int32
        self._indices = torch.from_numpy(indices.astype(index_type, copy=False)).to(device)
        self._scale = torch.from_numpy(scale.copy()).to(device)[:, None]
        self._square = self._scale * self._scale
        self._weights: Tensor | None = None
        if layout.maskable:
            self._weights = torch.ones(len(indices), dtype=layout.storage, device=device)
        whole = device.type != "cpu"
        rows = len(scale) if whole else max(1, _CHUNK_BYTES // (4 * layout.embedding_size))
        self._chunks: list[tuple[slice, slice, Tensor]] = []
        for start in range(0, len(scale), rows):
            stop = min(start + rows, len(scale))
            first = indptr[start]
            offsets = torch.from_numpy((indptr[start : stop + 1] - first).astype(index_type)).to(device)
            self._chunks.append((slice(start, stop), slice(int(first), int(indptr[stop])), offsets))

    def apply(self, source: Tensor, total: Tensor, following: Tensor | None, factor: float) -> None:
        """See :class:`challenge.lightgcn.kernels.base.Kernel`."""
        for here, edges, offsets in self._chunks:
            weights = None if self._weights is None else self._weights[edges]
            sums = embedding_bag(
                self._indices[edges],
                source,
                offsets,
                mode="sum",
                include_last_offset=True,
                per_sample_weights=weights,
            )
            total[here].addcmul_(sums, self._scale[here], value=factor)
            if following is not None:
                torch.mul(sums, self._square[here], out=following[here])

    def mask(self, edges: Tensor, *, masked: bool) -> None:
        """See :class:`challenge.lightgcn.kernels.base.Kernel`."""
        if self._weights is None:
            raise ValueError("the kernel was built without masking")
        self._weights[edges] = 0.0 if masked else 1.0

    def rescale(self, nodes: Tensor, scale: Tensor) -> None:
        """See :class:`challenge.lightgcn.kernels.base.Kernel`."""
        self._scale[nodes] = scale[:, None]
        self._square[nodes] = (scale * scale)[:, None]
