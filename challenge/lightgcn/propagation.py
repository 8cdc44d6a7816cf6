"""LightGCN's propagation: a polynomial of the normalised adjacency, applied in place, some edges masked.

``P = sum over k of w_k * A^k`` with the symmetric ``A = [[0, N], [N^T, 0]]``. ``P`` is symmetric, so the
gradient of a loss with respect to the layer-0 embeddings is ``P`` applied to its gradient with respect to the
outputs: backward is ``P`` again, and no activation is kept.

Source: He et al., LightGCN, SIGIR 2020, equations 7, 8 and 11.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from challenge.graph import BipartiteGraph, inverse_root
from challenge.lightgcn.kernels.base import KernelName, Layout, choose_kernel, new_kernel
from challenge.types import Int32Array, Int64Array

_CHUNK_ROWS = 4096
"""Rows that a CPU scales and weighs at a time: they are still in a cache when they are read again."""

STORAGE = {"fp32": torch.float32, "bf16": torch.bfloat16}


class Passes(NamedTuple):
    """Directions in which one layer is computed."""

    to_rows: bool
    to_columns: bool


def needed_passes(layer_weights: tuple[float, ...], *, rows_are_zero: bool = False) -> list[Passes]:
    """Return for layers 1, 2, … up to the last that counts which directions bring anything but zero.

    Rows without embeddings of their own start from zero, so that the sums of an odd layer reach rows alone
    and those of an even layer columns alone: half the work.
    """
    last = max((layer for layer, weight in enumerate(layer_weights) if weight != 0), default=0)
    both = not rows_are_zero
    return [Passes(both or layer % 2 == 1, both or layer % 2 == 0) for layer in range(1, last + 1)]


class Propagation:
    """The operator ``P`` of one graph on one device; letters R rows, C columns, D dimensions.

    ``kernel`` None takes what ``kernels.base.choose_kernel`` says; ``kernel_reason`` tells why.
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

        layout = Layout(embedding_size, device, dtype, maskable)
        self._to_rows = new_kernel(self.kernel, graph.row_indptr, graph.row_indices, graph.row_scale, layout)
        self._to_columns = new_kernel(
            self.kernel, graph.column_indptr, graph.column_indices, graph.column_scale, layout
        )
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

    def apply_(self, rows: Tensor, columns: Tensor, *, rows_are_zero: bool = False) -> None:
        """Replace ``rows`` (R, D) and ``columns`` (C, D), both fp32, by ``P`` applied to them.

        What is zero because the rows are is left out.
        """
        passes = needed_passes(self._weights, rows_are_zero=rows_are_zero)
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

    def apply_to_columns_(self, rows: Tensor, columns: Tensor) -> None:
        """Replace ``columns`` (C, D) by those of ``P`` applied to ``rows`` (R, D) and to them, both fp32.

        Horner's rule: from the last layer to the first, what has been summed and the values themselves go on
        together to the other side. That is one direction a layer, where the layers one by one would have to
        go both ways. The values of ``rows`` stay.
        """
        last = len(needed_passes(self._weights))
        for layer in range(last, 0, -1):
            row_source, column_source = self._buffers[0]
            weight, is_sum = self._weights[layer], layer < last
            if layer % 2 == 0:
                _scale_into(column_source, columns, weight * self._column_scale, add=is_sum)
                self._to_rows.apply(column_source, rows, row_source, 0.0)
            else:
                _scale_into(row_source, rows, weight * self._row_scale, add=is_sum)
                if layer > 1:
                    self._to_columns.apply(row_source, columns, column_source, 0.0)
        columns.mul_(self._weights[0])
        if last > 0:
            self._to_columns.apply(self._buffers[0][0], columns, None, 1.0)

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

    def mask(self, edges: Tensor, rows: Tensor) -> None:
        """Leave these edges (positions in ``graph.row_indices``, ascending) out until :meth:`unmask_all`.

        Degrees of the rows are counted without them; those of the columns stay, being large where it matters.
        ``rows`` are those that the edges belong to, and maybe more, ascending and distinct. Both are int64,
        on the propagation's device.
        """
        assert self._masking is not None, "the propagation was built without masking"
        self._masked = (edges, rows)
        self._to_rows.mask(edges, masked=True)
        self._to_columns.mask(self._masking.mirror[edges], masked=True)
        self._rescale(*self._masking.scales(edges, rows))

    def unmask_all(self) -> None:
        """Count all edges again."""
        if self._masking is None or self._masked is None:
            return
        edges, rows = self._masked
        self._to_rows.mask(edges, masked=False)
        self._to_columns.mask(self._masking.mirror[edges], masked=False)
        self._rescale(rows, self._masking.row_scale[rows])
        self._masked = None

    def _rescale(self, rows: Tensor, scale: Tensor) -> None:
        self._to_rows.rescale(rows, scale)
        self._row_scale[rows] = scale[:, None]


def _scale_and_weigh(values: Tensor, weight: float, scale: Tensor, source: Tensor | None) -> None:
    """Put ``values * scale`` into ``source``, if wanted, and multiply ``values`` by ``weight`` in place."""
    for here in _chunks(values):
        some = values[here]
        if source is not None:
            _scale_into(source[here], some, scale[here])
        if weight == 0:
            some.zero_()
        else:
            some.mul_(weight)


def _scale_into(source: Tensor, values: Tensor, scale: Tensor, *, add: bool = False) -> None:
    """Put ``values * scale`` into ``source``, or add it to what is there."""
    for here in _chunks(values):
        if add:
            source[here].add_(values[here] * scale[here])
        elif values.device.type == "cpu" and source.dtype != values.dtype:
            source[here].copy_(values[here] * scale[here])  # faster than a product into another dtype
        else:
            torch.mul(values[here], scale[here], out=source[here])


def _chunks(values: Tensor) -> Iterator[slice]:
    """Cut the rows of ``values`` where that is of use, on a CPU."""
    step = _CHUNK_ROWS if values.device.type == "cpu" else max(1, len(values))
    return (slice(start, start + step) for start in range(0, len(values), step))


class EdgeMasking:
    """Knows of every edge its position in both directions and what it adds to its row's degree.

    Attributes:
        mirror: position in ``column_indices`` of each edge of ``row_indices``, shape (E,); int32 or int64.
        row_scale: the rows' scales with all edges, fp32, shape (R,).
    """

    def __init__(self, graph: BipartiteGraph, device: torch.device) -> None:
        self._graph = graph
        self._on_cpu = device.type == "cpu"
        self.mirror = torch.from_numpy(mirror_edges(graph)).to(device)
        self.row_scale = torch.from_numpy(graph.row_scale).to(device)
        self._indptr = torch.from_numpy(graph.row_indptr).to(device)
        self._columns = torch.from_numpy(graph.row_indices).to(device)
        self._weight = torch.from_numpy(graph.column_weight).to(device)

    def scales(self, edges: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Return rows that lose edges, and maybe others, with their scales without ``edges``, fp32.

        ``edges`` and ``rows`` (all rows of the edges) are ascending, int64.
        """
        if not self._on_cpu:
            return rows, self._scales_on_device(edges, rows)
        lost_by, scale = self._scales_in_numpy(edges.numpy(), rows.numpy())
        return torch.from_numpy(lost_by), torch.from_numpy(scale)

    def _scales_in_numpy(self, edges: Int64Array, rows: Int64Array) -> tuple[Int64Array, np.ndarray]:
        graph = self._graph
        begin, end = (np.searchsorted(edges, graph.row_indptr[index]) for index in (rows, rows + 1))
        some = begin < end
        rows, begin, end = rows[some], begin[some], end[some]
        if len(rows) == 0:
            return rows, np.empty(0, np.float32)
        lost = np.add.reduceat(graph.column_weight[graph.row_indices[edges]], begin)
        scale = graph.row_scale[rows]
        positive = scale > 0
        denominator = np.where(positive, 1.0 / np.where(positive, scale, 1.0) ** 2, 0.0)
        left = graph.row_indptr[rows + 1] - graph.row_indptr[rows] > end - begin
        return rows, inverse_root(np.where(left, denominator - lost, 0.0))

    def _scales_on_device(self, edges: Tensor, rows: Tensor) -> Tensor:
        """The same where every question of a size would make the host wait for the device."""
        first, last = self._indptr[rows], self._indptr[rows + 1]
        lost_count = torch.searchsorted(edges, last) - torch.searchsorted(edges, first)
        lost = torch.segment_reduce(
            self._weight[self._columns[edges]], "sum", lengths=lost_count, unsafe=True, initial=0.0
        )
        scale = self.row_scale[rows]
        denominator = torch.where(scale > 0, 1.0 / scale.square(), 0.0) - lost
        left = (last - first > lost_count) & (denominator > 0)
        without = torch.where(left, 1.0 / denominator.sqrt(), 0.0)
        return torch.where(lost_count > 0, without, scale)


def mirror_edges(graph: BipartiteGraph) -> Int32Array | Int64Array:
    """Return the position in ``column_indices`` of each edge of ``row_indices``, shape (E,).

    int32, or int64 from 2**31 edges on.
    """
    # Transposing a matrix of edge numbers is a counting sort: far faster than sorting 66 million columns.
    dtype: type[np.signedinteger] = np.int32 if graph.n_edges < 2**31 else np.int64
    numbers = np.arange(graph.n_edges, dtype=dtype)
    shape = (graph.n_rows, graph.n_columns)
    transposed = sp.csr_matrix((numbers, graph.row_indices, graph.row_indptr), shape=shape).tocsc()
    mirror: Int32Array | Int64Array = np.empty(graph.n_edges, dtype)
    mirror[transposed.data] = numbers
    return mirror
