"""Scores from vectors of queries and tracks, such as LightGCN's or the factors of iALS."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from challenge.errors import InvariantError
from challenge.sources.base import QueryBatch
from challenge.sources.search.base import Found, ItemSearch
from challenge.sources.search.choose import item_search
from challenge.sources.search.cpu import pair_products
from challenge.types import FloatArray, Int32Array


@dataclass(frozen=True, eq=False)
class TrackVectors:
    """Vectors of all tracks; searched exactly, since an approximate index buys nothing at this size.

    Attributes:
        vectors: float32, shape (T, D).
        logits: inner products are logits of a softmax over tracks, and scores its probabilities; otherwise
            the inner products are the scores.
        device: where the best are searched for: cpu or a device of torch's.
        lengths: their Euclidean lengths where these differ much, so that short ones can be left out, float32,
            shape (T,).
    """

    vectors: FloatArray
    logits: bool = False
    device: str = "cpu"
    lengths: FloatArray | None = None

    @cached_property
    def search(self) -> ItemSearch:
        """The search, on the device from its first use on."""
        return item_search(self.vectors, self.device, self.lengths)


class EmbeddingScores:
    """Inner products of B queries with all tracks; see :class:`challenge.sources.base.Scores`.

    ``queries`` are float32, shape (B, D); ``known`` (bool, shape (B,)) tells which of them mean anything:
    the others get no opinion.
    """

    def __init__(self, queries: FloatArray, tracks: TrackVectors, known: NDArray[np.bool_]) -> None:
        if queries.shape[1] != tracks.vectors.shape[1]:
            raise InvariantError(
                f"queries have {queries.shape[1]} dimensions, tracks {tracks.vectors.shape[1]}"
            )
        self._queries, self._tracks, self._known = queries, tracks, known
        self._found: Found | None = None

    def best(self, count: int) -> Int32Array:
        """Search for the best; no table of all scores is made."""
        found = self._search(count)
        known = self._known & (found.highest > -np.inf)
        wanted = known[:, None] & (found.item >= 0)
        if not self._tracks.logits:
            wanted &= found.score > 0
        # What is not wanted stands behind what is: the best come first.
        return np.where(wanted, found.item, -1).astype(np.int32)

    def of(self, query: Int32Array, track: Int32Array) -> FloatArray:
        """Make the products that are asked for."""
        scores = pair_products(self._queries, self._tracks.vectors, query, track)
        if self._tracks.logits:
            found = self._found or self._search(1)
            scores = np.exp(scores - found.highest[query]) / found.total[query].astype(np.float32)
        scores[~self._known[query]] = 0.0
        return scores

    def _search(self, count: int) -> Found:
        self._found = self._tracks.search.best(self._queries, count, softmax=self._tracks.logits)
        return self._found


@dataclass(frozen=True, eq=False)
class FittedVectors:
    """A fitted source that knows a vector of each row of the index, for models without anything better.

    A query that is no row of the index has no vector, and gets no opinion.

    Attributes:
        rows: vectors of training playlists, then queries, float32, shape (P + Q, D).
        tracks: vectors of all tracks.
    """

    rows: FloatArray
    tracks: TrackVectors

    def score(self, batch: QueryBatch) -> EmbeddingScores:
        """Score tracks by their inner product with each query's vector."""
        return EmbeddingScores(self.rows[batch.index_row], self.tracks, batch.index_row >= 0)
