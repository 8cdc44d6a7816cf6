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
        query_embedding: float32, shape (Q, D); a row of zeros says nothing about any track.
        track_embedding: float32, shape (T, D).
    """

    name: str
    depth: int
    query_embedding: FloatArray
    track_embedding: FloatArray

    def __post_init__(self) -> None:
        if self.query_embedding.shape[1] != self.track_embedding.shape[1]:
            raise InvariantError(
                f"{self.name}: queries have {self.query_embedding.shape[1]} dimensions, "
                f"tracks {self.track_embedding.shape[1]}"
            )

    def scores(self, tile: QueryTile) -> FloatArray:
        """Inner product of each query and track, float32, shape (B, T)."""
        return np.asarray(self.query_embedding[tile.start : tile.stop] @ self.track_embedding.T)
