"""Rows with masked tracks, on which training is watched."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor

from challenge.data.interactions import Interactions
from challenge.graph import BipartiteGraph
from challenge.lightgcn.sampling import track_edge_counts
from challenge.types import LIST_LENGTH, Int64Array


@dataclass(frozen=True, eq=False)
class Validation:
    """V rows of a graph with tracks that belong to them but are masked from the training.

    Attributes:
        rows: int64, shape (V,).
        relevant: the masked tracks, V rows.
        length: of the ranked list that is scored.
        masked: edges of the graph that lead to them, int64; none where the graph never had them.
    """

    rows: Int64Array
    relevant: Interactions
    length: int = LIST_LENGTH
    masked: Int64Array = field(default_factory=lambda: np.empty(0, np.int64))

    def remaining(self, graph: BipartiteGraph) -> BipartiteGraph:
        """Return the graph that may be trained on: without what is masked, all nodes."""
        if len(self.masked) == 0:
            return graph
        removed = np.zeros(graph.n_edges, bool)
        removed[self.masked] = True
        return graph.without_edges(removed)

    def within(self, columns: Int64Array) -> Validation:
        """Number masked tracks by their indices in ``columns`` (ascending); drop those not there."""
        if len(columns) == 0:
            return replace(self, relevant=self.relevant.where(np.zeros(len(self.relevant.track_index), bool)))
        index = np.searchsorted(columns, self.relevant.track_index)
        found = np.minimum(index, len(columns) - 1)
        renumbered = replace(self.relevant, track_index=found.astype(np.int32))
        return replace(self, relevant=renumbered.where(columns[found] == self.relevant.track_index))


def hold_out(graph: BipartiteGraph, *, n_rows: int = 500, share: float = 0.5, seed: int = 0) -> Validation:
    """Mask a random ``share`` of the tracks of some training playlists, at least one of each and never all.

    A track that would be left without any row is not masked.
    """
    rng = np.random.default_rng(seed)
    counts = track_edge_counts(graph)[: graph.n_playlists]
    eligible = np.flatnonzero(counts >= 2)
    rows = np.sort(rng.choice(eligible, min(n_rows, len(eligible)), replace=False))
    left = np.diff(graph.column_indptr).copy()
    edges, masked = [], []
    for row in rows:
        begin = graph.row_indptr[row]
        wanted = rng.permutation(counts[row])[: max(1, min(counts[row] - 1, round(share * counts[row])))]
        columns = graph.row_indices[begin + wanted]
        removed = left[columns] > 1
        left[columns[removed]] -= 1
        edges.append(np.sort(begin + wanted[removed]))
        masked.append(np.sort(columns[removed]).tolist())
    all_edges = np.concatenate([np.empty(0, np.int64), *edges])
    return Validation(rows, Interactions.from_rows(masked), masked=all_edges)


def mean_ndcg(
    rows: Tensor, columns: Tensor, graph: BipartiteGraph, validation: Validation, *, chunk: int = 128
) -> float:
    """Mean NDCG of the best tracks by inner product, from 0 to 1, higher is better.

    ``rows`` (V, D) are the vectors of ``validation.rows``, ``columns`` (T, D) those of the tracks. A row's
    edges are no candidates. Rows without masked tracks do not count. A hit at rank i, counted from 1, gains
    1 / log2(i + 1).
    """
    length = min(validation.length, len(columns))
    discount = 1.0 / np.log2(np.arange(length) + 2.0)
    ideal = np.concatenate([[0.0], np.cumsum(discount)])
    values = []
    for start in range(0, len(rows), chunk):
        lists = _best(rows[start : start + chunk], columns, graph, validation.rows[start:], length)
        for offset, ranked in enumerate(lists):
            relevant = validation.relevant.row(start + offset)
            if len(relevant):
                hits = np.isin(ranked, relevant)
                values.append(float(discount[hits].sum() / ideal[min(len(relevant), length)]))
    return float(np.mean(values)) if values else 0.0


def _best(
    rows: Tensor, columns: Tensor, graph: BipartiteGraph, row_ids: Int64Array, length: int
) -> np.ndarray:
    scores = rows @ columns.T
    for offset, row in enumerate(row_ids[: len(rows)]):
        own = graph.row_indices[graph.row_indptr[row] : graph.row_indptr[row + 1]]
        scores[offset, torch.from_numpy(own[own < len(columns)]).to(scores.device).long()] = -torch.inf
    return np.asarray(torch.topk(scores, length, dim=1).indices.cpu())
