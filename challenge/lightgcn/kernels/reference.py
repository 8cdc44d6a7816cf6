"""Gather and sum by ``torch.nn.functional.embedding_bag``: the reference, and what runs everywhere."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import embedding_bag

from challenge.types import FloatArray, Int32Array, Int64Array

_CHUNK_BYTES = 16 << 20
"""Sums of this many bytes at a time: larger temporaries are mapped afresh by the allocator at every call,
and the page faults cost more than the sums (CPU)."""


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
        """See :class:`challenge.lightgcn.kernels.base.Kernel`."""
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

    def mask(self, edges: Tensor) -> None:
        """See :class:`challenge.lightgcn.kernels.base.Kernel`."""
        self._set(edges, 0.0)

    def unmask(self, edges: Tensor) -> None:
        """See :class:`challenge.lightgcn.kernels.base.Kernel`."""
        self._set(edges, 1.0)

    def _set(self, edges: Tensor, value: float) -> None:
        if self._weights is None:
            raise ValueError("the kernel was built without masking")
        self._weights[edges] = value

    def rescale(self, nodes: Tensor, scale: Tensor) -> None:
        """See :class:`challenge.lightgcn.kernels.base.Kernel`."""
        self._scale[nodes] = scale[:, None]
        self._square[nodes] = (scale * scale)[:, None]


def _ranges(total: int, step: int) -> list[tuple[int, int]]:
    return [(start, min(start + step, total)) for start in range(0, total, step)]
