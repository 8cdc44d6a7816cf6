"""LightGCN's propagation: a polynomial of the normalised adjacency, applied in place.

``P = sum over k of w_k * A^k`` with the symmetric ``A = [[0, N], [N^T, 0]]``. ``P`` is symmetric, so the
gradient of a loss with respect to the layer-0 embeddings is ``P`` applied to its gradient with respect to the
outputs: backward is the same call as forward, and no activation is kept.

Source: He et al., LightGCN, SIGIR 2020, equations 7, 8 and 11.
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor

from challenge.graph import BipartiteGraph
from challenge.lightgcn.edge_masking import EdgeMasking
from challenge.lightgcn.kernels.reference import Kernel, KernelName, choose_kernel, new_kernel
from challenge.types import FloatArray, Int32Array, Int64Array

_CHUNK_ROWS = 4096
"""Rows that a CPU scales and weighs at a time: they are still in a cache when they are read again."""

STORAGE = {"fp32": torch.float32, "bf16": torch.bfloat16}


class Passes(NamedTuple):
    """Directions in which one layer is computed."""

    to_rows: bool
    to_columns: bool


def needed_passes(
    layer_weights: tuple[float, ...], *, rows_are_zero: bool = False, columns_only: bool = False
) -> list[Passes]:
    """Return for layers 1, 2, … which directions bring anything but zero that anything wanted depends on.

    Rows without embeddings of their own start from zero, so that the sums of an odd layer reach rows alone
    and those of an even layer columns alone: half the work of a forward pass.
    """
    filled = [Passes(not rows_are_zero, True)]
    for _ in layer_weights[1:]:
        filled.append(Passes(filled[-1].to_columns, filled[-1].to_rows))
    passes: list[Passes] = []
    later = Passes(False, False)
    for weight, nonzero in zip(layer_weights[:0:-1], filled[:0:-1], strict=True):
        rows = (weight != 0 and not columns_only) or later.to_columns
        columns = weight != 0 or later.to_rows
        later = Passes(rows and nonzero.to_rows, columns and nonzero.to_columns)
        passes.append(later)
    return passes[::-1]


class Propagation:
    """The operator ``P`` of one graph on one device; letters R rows, C columns, D dimensions.

    ``kernel`` None takes what ``kernels.reference.choose_kernel`` says; ``kernel_reason`` tells why.
    Besides the caller's tensors it holds two buffers of (R + C) × D in the storage's dtype.
    """

    def __init__(
        self,
        graph: BipartiteGraph,
        *,
        embedding_size: int,
        layer_weights: tuple[float, ...],
        device: torch.device | None = None,
        storage: str = "fp32",
        maskable: bool = False,
        kernel: KernelName | None = None,
    ) -> None:
        self._weights = layer_weights
        self.device = device = device or torch.device("cpu")
        self._dtype = dtype = STORAGE[storage]

        self.kernel, self.kernel_reason = (
            (kernel, "as asked")
            if kernel is not None
            else choose_kernel(graph.n_edges, device, embedding_size=embedding_size, storage=dtype)
        )

        def one_way(indptr: Int64Array, indices: Int32Array, scale: FloatArray) -> Kernel:
            return new_kernel(
                self.kernel,
                indptr,
                indices,
                scale,
                embedding_size=embedding_size,
                device=device,
                storage=dtype,
                maskable=maskable,
            )

        self._to_rows = one_way(graph.row_indptr, graph.row_indices, graph.row_scale)
        self._to_columns = one_way(graph.column_indptr, graph.column_indices, graph.column_scale)
        self._row_scale = torch.from_numpy(graph.row_scale.copy()).to(device)[:, None]
        self._column_scale = torch.from_numpy(graph.column_scale.copy()).to(device)[:, None]
        self._buffers = [
            (
                torch.zeros(graph.n_rows, embedding_size, dtype=dtype, device=device),
                torch.zeros(graph.n_columns, embedding_size, dtype=dtype, device=device),
            )
            for _ in range(min(2, len(layer_weights) - 1))
        ]
        self._masking = EdgeMasking(graph, device) if maskable else None
        self._masked: tuple[Tensor, Tensor] | None = None

    def apply_(
        self, rows: Tensor, columns: Tensor, *, rows_are_zero: bool = False, columns_only: bool = False
    ) -> None:
        """Replace ``rows`` (R, D) and ``columns`` (C, D), both fp32, by ``P`` applied to them.

        What is zero because the rows are, and what only the rows of the result would need where
        ``columns_only`` are wanted, is left out; with ``columns_only`` the rows' values are of no use after.
        """
        passes = needed_passes(self._weights, rows_are_zero=rows_are_zero, columns_only=columns_only)
        first = passes[0] if passes else Passes(False, False)
        weight = self._weights[0]
        _scale_and_weigh(rows, weight, self._row_scale, self._buffers[0][0] if first.to_columns else None)
        _scale_and_weigh(columns, weight, self._column_scale, self._buffers[0][1] if first.to_rows else None)
        for layer, (this, following) in enumerate(pairwise([*passes, Passes(False, False)]), start=1):
            row_source, column_source = self._buffers[(layer - 1) % 2]
            # Nothing reads the buffers behind the last layer, and a single layer has but one pair.
            row_next, column_next = self._buffers[layer % 2 if len(self._buffers) > 1 else 0]
            weight = self._weights[layer]
            if this.to_rows:
                self._to_rows.apply(column_source, rows, row_next if following.to_columns else None, weight)
            if this.to_columns:
                self._to_columns.apply(
                    row_source, columns, column_next if following.to_rows else None, weight
                )

    def rows_from(self, columns: Tensor) -> Tensor:
        """Multiply the normalised R × C adjacency by ``columns`` (C, any width); a new fp32 tensor."""
        result = torch.zeros(len(self._row_scale), columns.shape[1], device=self.device)
        self._to_rows.apply((columns * self._column_scale).to(self._dtype), result, None, 1.0)
        return result

    def columns_from(self, rows: Tensor) -> Tensor:
        """Multiply the transposed adjacency by ``rows`` (R, any width); a new fp32 tensor."""
        result = torch.zeros(len(self._column_scale), rows.shape[1], device=self.device)
        self._to_columns.apply((rows * self._row_scale).to(self._dtype), result, None, 1.0)
        return result

    def mask(self, edges: Tensor, rows: Tensor | None = None) -> None:
        """Leave these edges (places in ``graph.row_indices``, ascending) out until :meth:`unmask_all`.

        Degrees of the rows are counted without them; those of the columns stay, being large where it matters.
        ``rows`` are those that the edges belong to, and maybe more, ascending and distinct; without them they
        are looked up. Both are int64 and lie on the propagation's device.
        """
        assert self._masking is not None, "the propagation was built without masking"
        rows = self._masking.rows_of(edges) if rows is None else rows
        self._masked = (edges, rows)
        self._to_rows.mask(edges)
        self._to_columns.mask(self._masking.mirror[edges])
        self._rescale(*self._masking.scales(edges, rows))

    def unmask_all(self) -> None:
        """Count all edges again."""
        if self._masking is None or self._masked is None:
            return
        edges, rows = self._masked
        self._to_rows.unmask(edges)
        self._to_columns.unmask(self._masking.mirror[edges])
        self._rescale(rows, self._masking.row_scale[rows])
        self._masked = None

    def _rescale(self, rows: Tensor, scale: Tensor) -> None:
        self._to_rows.rescale(rows, scale)
        self._row_scale[rows] = scale[:, None]


def _scale_and_weigh(values: Tensor, weight: float, scale: Tensor, source: Tensor | None) -> None:
    """Put ``values * scale`` into ``source``, if wanted, and multiply ``values`` by ``weight`` in place."""
    on_cpu = values.device.type == "cpu"
    step = _CHUNK_ROWS if on_cpu else max(1, len(values))
    for start in range(0, len(values), step):
        here = slice(start, start + step)
        some = values[here]
        if source is not None and on_cpu and source.dtype != values.dtype:
            source[here].copy_(some * scale[here])  # faster than a product into another dtype
        elif source is not None:
            torch.mul(some, scale[here], out=source[here])
        if weight == 0:
            some.zero_()
        else:
            some.mul_(weight)
