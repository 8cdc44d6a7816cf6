"""Edges masked from the propagation: where they stand in the other direction, and their rows' scales."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from challenge.graph import BipartiteGraph, inverse_root
from challenge.types import Int32Array, Int64Array


class EdgeMasking:
    """Knows of every edge where it stands in both directions and what it adds to its row's degree.

    Attributes:
        mirror: place in ``column_indices`` of each edge of ``row_indices``, shape (E,); int32 or int64.
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

    def rows_of(self, edges: Tensor) -> Tensor:
        """Return the distinct rows that edges (ascending) belong to, ascending; int64."""
        rows: Tensor = torch.unique_consecutive(torch.searchsorted(self._indptr, edges, right=True) - 1)
        return rows

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
        begin, end = (np.searchsorted(edges, graph.row_indptr[place]) for place in (rows, rows + 1))
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
    """Return the place in ``column_indices`` of each edge of ``row_indices``, shape (E,).

    int32, or int64 from 2**31 edges on.
    """
    # Turning a matrix of edge numbers is a counting sort: far faster than sorting 66 million columns.
    dtype: type[np.signedinteger] = np.int32 if graph.n_edges < 2**31 else np.int64
    numbers = np.arange(graph.n_edges, dtype=dtype)
    shape = (graph.n_rows, graph.n_columns)
    turned = sp.csr_matrix((numbers, graph.row_indices, graph.row_indptr), shape=shape).tocsc()
    place: Int32Array | Int64Array = np.empty(graph.n_edges, dtype)
    place[turned.data] = numbers
    return place
