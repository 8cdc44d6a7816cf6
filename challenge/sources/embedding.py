"""Scores from embeddings of queries and tracks, such as LightGCN's or factors of the playlist matrix."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from challenge.errors import InvariantError
from challenge.sources.base import QueryBatch
from challenge.sources.search import ItemSearch, item_search
from challenge.sources.search.cpu import pair_products
from challenge.types import FloatArray, Int32Array


@dataclass(frozen=True, eq=False)
class EmbeddingGenerator:
    """Inner products of embeddings; exact, since an approximate index buys nothing at this size.

    Attributes:
        name: what features call it.
        num_candidates: candidates for each query.
        query_embedding: float32, shape (Q, D).
        track_embedding: float32, shape (T, D).
        answers: which queries the embeddings know anything of, bool, shape (Q,); others get no opinion.
        logits: inner products are logits of a softmax over tracks, and scores its probabilities; otherwise
            the inner products are the scores.
        device: where the best are searched for: cpu or a device of torch's.
    """

    name: str
    num_candidates: int
    query_embedding: FloatArray
    track_embedding: FloatArray
    answers: np.ndarray
    logits: bool = False
    device: str = "cpu"

    @cached_property
    def _tracks(self) -> ItemSearch:
        return item_search(self.track_embedding, self.device)

    def __post_init__(self) -> None:
        if self.query_embedding.shape[1] != self.track_embedding.shape[1]:
            raise InvariantError(
                f"{self.name}: queries have {self.query_embedding.shape[1]} dimensions, "
                f"tracks {self.track_embedding.shape[1]}"
            )

    def scores(self, batch: QueryBatch) -> FloatArray:
        """Score each track, float32, shape (B, T)."""
        rows = slice(batch.start, batch.stop)
        scores: FloatArray = self.query_embedding[rows] @ self.track_embedding.T
        if self.logits:
            scores -= scores.max(axis=1, keepdims=True)
            np.exp(scores, out=scores)
            scores /= scores.sum(axis=1, keepdims=True)
        scores[~self.answers[rows]] = 0.0
        return scores

    def answer(self, batch: QueryBatch) -> EmbeddingAnswer:
        """See :class:`challenge.sources.base.CandidateGenerator`; no table of all scores is made."""
        rows = slice(batch.start, batch.stop)
        seeds = np.diff(batch.seed_start)
        room = self.num_candidates + int(seeds.max(initial=0))
        found = self._tracks.best(self.query_embedding[rows], room, softmax=self.logits)
        known = self.answers[rows] & (found.highest > -np.inf)
        wanted = known[:, None] & (found.item >= 0)
        if not self.logits:
            wanted &= found.score > 0
        best = np.full((len(batch), min(self.num_candidates, len(self.track_embedding))), -1, np.int32)
        for query, row in enumerate(best):
            tracks = found.item[query, wanted[query]]
            own = batch.seed_track[batch.seed_start[query] : batch.seed_start[query + 1]]
            left = tracks[~np.isin(tracks, own)][: len(row)]
            row[: len(left)] = left
        return EmbeddingAnswer(best, self, rows, found.highest, found.total)


@dataclass(frozen=True, eq=False)
class EmbeddingAnswer:
    """The best tracks by inner product; other products are made when they are asked for.

    Attributes:
        rows: the queries of the batch.
        highest: the greatest logit of each query, float32, shape (B,).
        total: sum of exp(logit - highest) over all tracks, float64, shape (B,).
    """

    best: Int32Array
    generator: EmbeddingGenerator
    rows: slice
    highest: FloatArray
    total: np.ndarray

    def score_of(self, query: Int32Array, track: Int32Array) -> FloatArray:
        """See :class:`challenge.sources.base.Answer`."""
        source = self.generator
        scores = np.empty(len(query), np.float32)
        pair_products(source.query_embedding[self.rows], source.track_embedding, query, track, scores)
        if source.logits:
            scores = np.exp(scores - self.highest[query]) / self.total[query].astype(np.float32)
        scores[~source.answers[self.rows][query]] = 0.0
        return scores
