"""Playlists and tracks as a bipartite graph, symmetrically normalised and stored in both directions.

Rows are playlists: those to train on, then the queries with their given tracks. Columns are tracks, then the
tokens of titles where wanted: a title is a column that its playlists connect to, so that a playlist known by
its title alone has neighbours too.

The normalised adjacency is never stored. With a weight for each column (1 for tracks) an entry is
``column_weight / sqrt((degree(row) + s) * (degree(column) + s))``, degrees being sums of weights and ``s`` a
smoothing that is 0 in the LightGCN paper. This factors into a scale of the row times a scale of the column.
Smoothing keeps tiny islands of rare tracks, whose singular values are near 1, from filling the leading
singular vectors.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from challenge.data.dataset import Dataset
from challenge.data.interactions import Interactions
from challenge.data.ragged import indptr_from_lengths
from challenge.types import FloatArray, Int32Array, Int64Array

Tokeniser = Callable[[str], Iterable[str]]
"""Cuts a title, as written, into the tokens that stand for it."""


@dataclass(frozen=True, eq=False)
class BipartiteGraph:
    """An undirected bipartite graph; letters R rows, C columns, E edges.

    Attributes:
        row_indptr: where the edges of each row begin, int64, shape (R + 1,).
        row_indices: the columns of each row, ascending and distinct, int32, shape (E,).
        column_indptr: where the edges of each column begin, int64, shape (C + 1,).
        column_indices: the rows of each column, ascending, int32, shape (E,).
        column_weight: what an edge into each column counts, float32, shape (C,).
        row_scale: factor of each row's edges, 0 for a row without edges, float32, shape (R,).
        column_scale: the same for columns, float32, shape (C,).
        n_playlists: the first rows are training playlists; the rest are queries.
        n_tracks: the first columns are tracks; the rest are title tokens.
        tokens: the title tokens in column order, C - n_tracks strings.
        smoothing: what was added to the degrees.
    """

    row_indptr: Int64Array
    row_indices: Int32Array
    column_indptr: Int64Array
    column_indices: Int32Array
    column_weight: FloatArray
    row_scale: FloatArray
    column_scale: FloatArray
    n_playlists: int
    n_tracks: int
    tokens: tuple[str, ...] = ()
    smoothing: float = 0.0

    @property
    def n_rows(self) -> int:
        """Number of rows, R."""
        return len(self.row_indptr) - 1

    @property
    def n_columns(self) -> int:
        """Number of columns, C."""
        return len(self.column_indptr) - 1

    @property
    def n_edges(self) -> int:
        """Number of distinct edges, E."""
        return len(self.row_indices)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of nodes, edges and weights in hexadecimal; the smoothing is a setting and not in it.

        Arrays made of a graph belong to any graph of the same fingerprint, whatever its tracks are called.
        """
        facts = [self.n_playlists, self.n_tracks, self.n_rows, self.n_columns, self.n_edges]
        digest = hashlib.sha256(repr((facts, self.tokens)).encode())
        for array in (self.row_indptr, self.row_indices, self.column_weight):
            digest.update(np.ascontiguousarray(array).data)
        return digest.hexdigest()

    @classmethod
    def from_matrix(
        cls,
        matrix: sp.csr_matrix,
        *,
        column_weight: FloatArray | None = None,
        smoothing: float = 0.0,
        n_playlists: int | None = None,
        n_tracks: int | None = None,
        tokens: Sequence[str] = (),
    ) -> BipartiteGraph:
        """Build from a rows × columns matrix whose stored entries are the edges, whatever their values."""
        pattern = _ones(matrix.indptr, matrix.indices, matrix.shape[1])
        if not pattern.has_canonical_format:
            pattern = pattern.copy()
            pattern.sum_duplicates()
        transposed = pattern.tocsc()
        rows, columns = matrix.shape
        weight = np.ones(columns, np.float32) if column_weight is None else column_weight
        unscaled = cls(
            pattern.indptr.astype(np.int64),
            pattern.indices.astype(np.int32, copy=False),
            transposed.indptr.astype(np.int64),
            transposed.indices.astype(np.int32, copy=False),
            weight.astype(np.float32, copy=False),
            np.zeros(rows, np.float32),
            np.zeros(columns, np.float32),
            rows if n_playlists is None else n_playlists,
            columns if n_tracks is None else n_tracks,
            tuple(tokens),
        )
        return unscaled.with_smoothing(smoothing)

    def with_smoothing(self, smoothing: float) -> BipartiteGraph:
        """Return the same edges with ``smoothing`` added to every degree that is not 0."""
        row_degree = _segment_sums(self.column_weight, self.row_indptr, self.row_indices)
        column_degree = np.diff(self.column_indptr) * self.column_weight.astype(np.float64)
        return replace(
            self,
            smoothing=smoothing,
            row_scale=inverse_root(row_degree, smoothing),
            column_scale=self.column_weight * inverse_root(column_degree, smoothing),
        )

    def without_edges(self, removed: np.ndarray) -> BipartiteGraph:
        """Return the graph without the edges flagged in ``removed`` (bool, in row order); all nodes stay."""
        kept_before = indptr_from_lengths(~removed)
        indptr, indices = kept_before[self.row_indptr], self.row_indices[~removed]
        return self._of_columns(_ones(indptr, indices, self.n_columns), np.arange(self.n_columns))

    def with_columns(self, columns: Int64Array) -> BipartiteGraph:
        """Return the graph of these columns (ascending) and all rows."""
        return self._of_columns(sp.csr_matrix(self.matrix()[:, columns]), columns)

    def _of_columns(self, matrix: sp.csr_matrix, columns: Int64Array) -> BipartiteGraph:
        """The graph of other edges over some of the columns."""
        n_tracks = int(np.searchsorted(columns, self.n_tracks))
        return BipartiteGraph.from_matrix(
            matrix,
            column_weight=self.column_weight[columns],
            smoothing=self.smoothing,
            n_playlists=self.n_playlists,
            n_tracks=n_tracks,
            tokens=[self.tokens[column - self.n_tracks] for column in columns[n_tracks:].tolist()],
        )

    def columns_of_degree(self, min_degree: int) -> Int64Array:
        """Columns with at least this many edges, ascending; int64."""
        return np.flatnonzero(np.diff(self.column_indptr) >= min_degree)

    def matrix(self) -> sp.csr_matrix:
        """The edges as a sparse R × C matrix of ones, int8."""
        return _ones(self.row_indptr, self.row_indices, self.n_columns)

    def normalised_matrix(self) -> sp.csr_matrix:
        """The normalised adjacency as a sparse R × C matrix, float64; for small graphs and tests."""
        rows, columns = (sp.diags_array(s.astype(np.float64)) for s in (self.row_scale, self.column_scale))
        return sp.csr_matrix(rows @ self.matrix().astype(np.float64) @ columns)


def _ones(indptr: Int64Array, indices: Int32Array, n_columns: int) -> sp.csr_matrix:
    shape = (len(indptr) - 1, n_columns)
    return sp.csr_matrix((np.ones(len(indices), np.int8), indices, indptr), shape=shape)


def build_graph(
    dataset: Dataset, *, tokens_of: Tokeniser | None = None, token_weight: float = 0.3
) -> BipartiteGraph:
    """Connect every playlist and query to its tracks and, with a tokeniser, to its title's tokens.

    Tokens on fewer than two rows connect nothing and are left out.
    """
    parts = [dataset.playlists.interactions, dataset.queries.seeds]
    tracks = Interactions.concatenate(parts).binary_matrix(dataset.n_tracks)
    n_playlists = len(dataset.playlists)
    if tokens_of is None:
        return BipartiteGraph.from_matrix(tracks, n_playlists=n_playlists)
    vocabulary, token_matrix = token_columns(row_titles(dataset), tokens_of, min_rows=2)
    return BipartiteGraph.from_matrix(
        sp.hstack([tracks, token_matrix], format="csr"),
        column_weight=np.repeat(np.array([1, token_weight], np.float32), [dataset.n_tracks, len(vocabulary)]),
        n_playlists=n_playlists,
        n_tracks=dataset.n_tracks,
        tokens=vocabulary,
    )


def row_titles(dataset: Dataset) -> list[str | None]:
    """Titles as written of all rows: playlists, then queries."""
    titles = list(dataset.playlists.titles)
    index = dataset.playlists.title_index.tolist()
    return [titles[i] if i >= 0 else None for i in index] + list(dataset.queries.titles)


def token_columns(
    titles: Sequence[str | None], tokens_of: Tokeniser, *, min_rows: int
) -> tuple[tuple[str, ...], sp.csr_matrix]:
    """Return the tokens that at least ``min_rows`` titles share, sorted, and the titles × tokens matrix."""
    distinct: dict[str, tuple[str, ...]] = {
        title: tuple(dict.fromkeys(tokens_of(title))) for title in dict.fromkeys(titles) if title is not None
    }
    rows = [distinct[title] if title is not None else () for title in titles]
    counts = Counter(token for row in rows for token in row)
    vocabulary = tuple(sorted(token for token, count in counts.items() if count >= min_rows))
    place = {token: index for index, token in enumerate(vocabulary)}
    kept = [[place[token] for token in row if token in place] for row in rows]
    return vocabulary, Interactions.from_rows(kept).binary_matrix(len(vocabulary))


def inverse_root(degree: np.ndarray, smoothing: float = 0.0) -> FloatArray:
    """1 / sqrt(degree + smoothing), and 0 where the degree is 0; float32."""
    positive = degree > 0
    return np.where(positive, 1.0 / np.sqrt(np.where(positive, degree + smoothing, 1.0)), 0.0).astype(
        np.float32
    )


def _segment_sums(weight: FloatArray, indptr: Int64Array, indices: Int32Array) -> NDArray[np.float64]:
    """Sum the weights of each row's columns; float64."""
    if np.all(weight == 1):
        return np.diff(indptr).astype(np.float64)
    ends = np.concatenate([[0.0], np.cumsum(weight[indices], dtype=np.float64)])
    sums: NDArray[np.float64] = ends[indptr[1:]] - ends[indptr[:-1]]
    return sums
