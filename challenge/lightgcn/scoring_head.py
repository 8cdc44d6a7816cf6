"""From propagated embeddings to logits and to the vectors whose inner product is the score."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import normalize

from challenge.lightgcn.config import LightGCNConfig


class ScoringHead:
    """Similarity, temperature and bias of one configuration."""

    def __init__(self, config: LightGCNConfig) -> None:
        self._cosine = config.similarity == "cosine"
        self._temperature = config.temperature if self._cosine else 1.0
        self._bias = config.bias

    def rows(self, embeddings: Tensor) -> Tensor:
        """Vectors of rows without the bias dimension."""
        return normalize(embeddings) / self._temperature if self._cosine else embeddings

    def columns(self, embeddings: Tensor) -> Tensor:
        """Vectors of columns without the bias dimension."""
        return normalize(embeddings) if self._cosine else embeddings

    def exported_rows(self, embeddings: Tensor) -> Tensor:
        """Vectors of rows as users get them: with a last dimension of 1 where there are biases."""
        vectors = self.rows(embeddings)
        return torch.cat([vectors, torch.ones_like(vectors[:, :1])], 1) if self._bias else vectors

    def exported_columns(self, embeddings: Tensor, bias: Tensor) -> Tensor:
        """Vectors of columns as users get them: with the bias as the last dimension."""
        vectors = self.columns(embeddings)
        return torch.cat([vectors, bias[:, None]], 1) if self._bias else vectors
