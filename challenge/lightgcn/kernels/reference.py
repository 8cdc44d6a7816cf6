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


class EmbeddingBagKernel:
    """``torch.nn.functional.embedding_bag``; runs on every device."""

    def __init__(self, indptr: Int64Array, indices: Int32Array, scale: FloatArray, layout: Layout) -> None:
        device = layout.device
        index_type = np.int64 if len(indices) >= 2**31 else np.int32
        self._indices = torch.from_numpy(indices.astype(index_type, copy=False)).to(device)
        self._offsets = torch.from_numpy(indptr.astype(index_type)).to(device)
        self._scale = torch.from_numpy(scale.copy()).to(device)[:, None]
        self._square = self._scale * self._scale
        self._weights: Tensor | None = None
        if layout.maskable:
            self._weights = torch.ones(len(indices), dtype=layout.storage, device=device)

    def apply(self, source: Tensor, total: Tensor, following: Tensor | None, factor: float) -> None:
        """See :class:`challenge.lightgcn.kernels.base.Kernel`."""
        sums = embedding_bag(
            self._indices,
            source,
            self._offsets,
            mode="sum",
            include_last_offset=True,
            per_sample_weights=self._weights,
        )
        total.addcmul_(sums, self._scale, value=factor)
        if following is not None:
            torch.mul(sums, self._square, out=following)

    def mask(self, edges: Tensor, *, masked: bool) -> None:
        """See :class:`challenge.lightgcn.kernels.base.Kernel`."""
        if self._weights is None:
            raise ValueError("the kernel was built without masking")
        self._weights[edges] = 0.0 if masked else 1.0

    def rescale(self, nodes: Tensor, scale: Tensor) -> None:
        """See :class:`challenge.lightgcn.kernels.base.Kernel`."""
        self._scale[nodes] = scale[:, None]
        self._square[nodes] = (scale * scale)[:, None]
