"""Scores from embeddings of queries and tracks, such as LightGCN's or factors of the playlist matrix."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from challenge.candidates.base import QueryTile
from challenge.errors import InvariantError
from challenge.types import FloatArray


@dataclass(frozen=True, eq=False)
class EmbeddingGenerator:
    """Inner products of embeddings; exact, since an approximate index buys nothing at this size.

    Attributes:
        name: what features call it.
        depth: candidates for each query.
        query_embedding: float32, shape (Q, D).
        track_embedding: float32, shape (T, D).
        answers: which queries the embeddings know anything of, bool, shape (Q,); others get no opinion.
        logits: inner products are logits of a softmax over tracks, and scores its probabilities; otherwise
            the inner products are the scores.
    """

    name: str
    depth: int
    query_embedding: FloatArray
    track_embedding: FloatArray
    answers: np.ndarray
    logits: bool = False

    def __post_init__(self) -> None:
        if self.query_embedding.shape[1] != self.track_embedding.shape[1]:
            raise InvariantError(
                f"{self.name}: queries have {self.query_embedding.shape[1]} dimensions, "
                f"tracks {self.track_embedding.shape[1]}"
            )

    def scores(self, tile: QueryTile) -> FloatArray:
        """Score each track, float32, shape (B, T)."""
        rows = slice(tile.start, tile.stop)
        scores: FloatArray = self.query_embedding[rows] @ self.track_embedding.T
        if self.logits:
            scores -= scores.max(axis=1, keepdims=True)
            np.exp(scores, out=scores)
            scores /= scores.sum(axis=1, keepdims=True)
        scores[~self.answers[rows]] = 0.0
        return scores
