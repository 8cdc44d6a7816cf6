"""Trained embeddings: scores are inner products, and unseen playlists are encoded by what they hold."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from challenge.data.faults import number_faults, shape_faults
from challenge.types import FloatArray


@dataclass(frozen=True, eq=False)
class Embeddings:
    """What training leaves; letters R rows, C columns, D dimensions, X = D + 1 with biases and D without.

    The score of a column for a row is the inner product of their vectors; higher is better. With the softmax
    objective it is a logit.

    Attributes:
        rows: float32, shape (R, X).
        columns: float32, shape (C, X); tracks first, then title tokens.
        messages: what each column contributes to the embedding of a row that holds it, float32, shape (C, D).
        column_weight: what an edge into each column adds to the degree of a row, float32, shape (C,).
        smoothing: added to degrees.
        temperature: what the cosine is divided by; 0 where the inner product is taken as it is.
        graph_fingerprint: of the graph whose rows and columns these are.
    """

    rows: FloatArray
    columns: FloatArray
    messages: FloatArray
    column_weight: FloatArray
    smoothing: float
    temperature: float
    graph_fingerprint: str

    def faults(self) -> Iterator[str]:
        """Say what is wrong with arrays that were read; see :mod:`challenge.data.faults`."""
        n_columns, size = self.columns.shape
        yield from shape_faults((len(self.rows), size), rows=self.rows)
        yield from shape_faults((n_columns,), column_weight=self.column_weight)
        if self.messages.shape not in {(n_columns, size), (n_columns, size - 1)}:
            yield f"messages has shape {self.messages.shape}; expected {(n_columns, size)} or one less"
        arrays = ("rows", "columns", "messages", "column_weight")
        yield from number_faults(**{name: getattr(self, name) for name in arrays})

    def encode(self, held: sp.csr_matrix) -> FloatArray:
        """Return vectors, like ``rows``, of Q playlists that need not be in the graph; float32, shape (Q, X).

        ``held`` (Q × C) marks the columns each playlist holds. A playlist with none gets the zero vector
        (and the bias dimension), so that its scores are the biases. Equals what the graph gives a row of the
        same columns if rows have no embeddings of their own.
        """
        pattern = sp.csr_matrix((np.ones(held.nnz, np.float32), held.indices, held.indptr), shape=held.shape)
        sums = np.asarray(pattern @ self.messages, np.float32)
        if self.temperature > 0:
            norms = np.linalg.norm(sums, axis=1, keepdims=True)
            vectors = sums / np.maximum(norms, 1e-12) / self.temperature
        else:
            degree = np.asarray(pattern @ self.column_weight)[:, None]
            vectors = sums / np.sqrt(np.where(degree > 0, degree + self.smoothing, 1.0))
        if self.columns.shape[1] > self.messages.shape[1]:
            vectors = np.hstack([vectors, np.ones((len(vectors), 1))])
        result: FloatArray = vectors.astype(np.float32)
        return result
