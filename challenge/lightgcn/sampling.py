"""The random numbers of batches of positive edges and negatives, drawn with numpy.

Every draw is seeded by the training's seed and the step, never by what came before, so a resumed
training sees the very batches that an uninterrupted one would have seen.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from challenge.graph import BipartiteGraph
from challenge.lightgcn.config import LightGCNConfig
from challenge.types import Int64Array

_EPOCH, _STEP = 0, 1  # which stream of random numbers


@dataclass(frozen=True, eq=False)
class RowDraws:
    """The random numbers of one batch of B rows with N negatives, for whoever puts the batch together.

    M edges of the rows' T track edges are masked where edges are masked, all T are predicted otherwise.

    Attributes:
        rows: distinct rows, ascending, int64, shape (B,).
        masking: one number in [0, 1) for each track edge, float64, shape (T,); empty without masking.
        kept_share: share of each row's track edges that are not masked, float64, shape (B,).
        title_masked: rows whose title is masked, ascending, int64.
        rest: M numbers that choose positives, then N that choose negatives, float64, shape (T + N,).
    """

    rows: Int64Array
    masking: NDArray[np.float64]
    kept_share: NDArray[np.float64]
    title_masked: Int64Array
    rest: NDArray[np.float64]


class Sampler:
    """Draws the batches of one graph under one configuration; several threads may ask at once.

    Attributes:
        track_counts: edges of each row that lead to tracks, int64, shape (R,).
        probability: of each track in one draw of a negative, float64, shape (T,).
        cumulative: sums of ``probability`` up to each track, float64, shape (T,).
        log_expected: log(N * q) of each track, q being its probability, N the negatives, float32, shape (T,).
        batch_size: rows of a batch (softmax) or edges (bpr).
    """

    def __init__(self, graph: BipartiteGraph, config: LightGCNConfig, seed: int = 0) -> None:
        self.graph, self.config, self._seed = graph, config, seed
        self.track_counts = track_edge_counts(graph)
        self._rows = np.flatnonzero(self.track_counts >= (2 if config.masking else 1))
        self.batch_size = config.rows_per_batch(len(self._rows))
        degrees = np.diff(graph.column_indptr)[: graph.n_tracks]
        self.probability = np.where(degrees > 0, degrees.astype(np.float64) ** config.negative_power, 0.0)
        self.probability /= max(self.probability.sum(), 1e-300)
        self.cumulative = np.cumsum(self.probability)
        with np.errstate(divide="ignore"):  # tracks that are never drawn
            self.log_expected = np.log(config.negatives * self.probability).astype(np.float32)
        self._permutation: tuple[int, Int64Array] = (-1, self._rows)

    @cached_property
    def _matrix(self) -> sp.csr_matrix:
        """The graph as a matrix, in which edges are looked up."""
        return self.graph.matrix()

    @property
    def has_rows(self) -> bool:
        """Whether any row has tracks enough to learn from: two where some are masked, else one."""
        return len(self._rows) > 0

    @property
    def steps_per_epoch(self) -> int:
        """Batches in a pass over all rows (softmax) or as many edges as there are (bpr)."""
        bpr = self.config.objective == "bpr"
        amount = int(self.track_counts.sum()) if bpr else len(self._rows)
        return max(1, -(-amount // self.batch_size))

    def row_draws(self, step: int, empty: Callable[[int], NDArray[np.float64]] = np.empty) -> RowDraws:
        """Draw for one step (softmax), counted from 0 over all epochs, into arrays that ``empty`` makes."""
        config, rng = self.config, np.random.default_rng((self._seed, _STEP, step))
        rows = self._epoch_rows(step)
        n_edges = int(self.track_counts[rows].sum())
        masking, rest = empty(n_edges if config.masking else 0), empty(n_edges + config.negatives)
        kept_share, title_masked = np.empty(0), rows[:0]
        if config.masking:
            rng.random(out=masking)
            kept_share = self._kept_share(rows, rng)
            title_masked = rows[rng.random(len(rows)) < config.mask_title]
        rng.random(out=rest)
        return RowDraws(rows, masking, kept_share, title_masked, rest)

    def pairs(self, step: int) -> tuple[Int64Array, Int64Array, Int64Array, Int64Array]:
        """Draw for one step (bpr) rows uniformly, one of their edges each, and a negative that is no edge.

        Returns the distinct rows, the index into them of each positive, the positives and their negatives.
        """
        graph, rng = self.graph, np.random.default_rng((self._seed, _STEP, step))
        drawn = self._rows[rng.integers(0, len(self._rows), self.batch_size)]
        offset = (rng.random(len(drawn)) * self.track_counts[drawn]).astype(np.int64)
        positives = graph.row_indices[graph.row_indptr[drawn] + offset].astype(np.int64)
        negatives = rng.integers(0, graph.n_tracks, len(drawn))
        for _ in range(10):
            clash = np.flatnonzero(self._matrix[drawn, negatives])
            if len(clash) == 0:
                break
            negatives[clash] = rng.integers(0, graph.n_tracks, len(clash))
        rows, local = np.unique(drawn, return_inverse=True)
        return rows, local.astype(np.int64), positives, negatives

    def _epoch_rows(self, step: int) -> Int64Array:
        """Rows of the step, ascending: the epoch's permutation cut into batches."""
        epoch, index = divmod(step, self.steps_per_epoch)
        known, permutation = self._permutation
        if known != epoch:
            rng = np.random.default_rng((self._seed, _EPOCH, epoch))
            permutation = rng.permutation(self._rows)
            self._permutation = (epoch, permutation)
        size = self.batch_size
        return np.sort(permutation[index * size : (index + 1) * size])

    def _kept_share(self, rows: Int64Array, rng: np.random.Generator) -> NDArray[np.float64]:
        """Share of each row's tracks that the propagation may see."""
        config = self.config
        share = rng.uniform(config.min_kept, config.max_kept, len(rows))
        # One track of few as often as most of many: as unlike in number as the challenge's seeds are.
        short = rng.random(len(rows)) < config.log_uniform_share
        share[short] = self.track_counts[rows[short]] ** (rng.random(np.count_nonzero(short)) - 1.0)
        share[rng.random(len(rows)) < config.mask_all_tracks] = 0.0
        return share


def track_edge_counts(graph: BipartiteGraph) -> Int64Array:
    """Edges of each row that lead to tracks, which stand before its title tokens; int64, shape (R,)."""
    is_track = np.concatenate([[0], np.cumsum(graph.row_indices < graph.n_tracks, dtype=np.int64)])
    counts: Int64Array = is_track[graph.row_indptr[1:]] - is_track[graph.row_indptr[:-1]]
    return counts
