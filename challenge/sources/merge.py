"""Unites the best tracks of every source into one set of candidates for each query, without its seeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from challenge.blocks import each_part
from challenge.compiled import kernel
from challenge.sources.base import FittedSource, QueryBatch
from challenge.sources.selection import greatest_first
from challenge.types import FloatArray, Int32Array, Int64Array


@dataclass(frozen=True, eq=False)
class Candidates:
    """Candidates of B queries as ragged rows, with what each of S sources says of them; N in all.

    Attributes:
        indptr: where the candidates of each query begin, int64, shape (B + 1,).
        track: dense track index, ascending within a query, never one of its seeds, int32, shape (N,).
        score: score by each source, float32, shape (N, S).
    """

    indptr: Int64Array
    track: Int32Array
    score: FloatArray

    @property
    def query(self) -> Int32Array:
        """The query, counted inside the batch, of each candidate; int32, shape (N,)."""
        return np.repeat(np.arange(len(self.indptr) - 1, dtype=np.int32), np.diff(self.indptr))

    @cached_property
    def rank(self) -> FloatArray:
        """Rank of each candidate in its query by each source, from 0, ties by track; float32, shape (N, S).

        Where a source has no opinion there is no order: those candidates come together behind the others.
        """
        ranks = np.empty(self.score.shape, np.float32)
        each_part(_rank, len(self.indptr) - 1, self.indptr, self.score, ranks, per_thread=4)
        return ranks


@kernel()
def _rank(
    part: int, n_parts: int, indptr: Int64Array, score: FloatArray, ranks: FloatArray
) -> None:  # pragma: no cover - compiled
    for query in range(part, len(indptr) - 1, n_parts):
        first, end = indptr[query], indptr[query + 1]
        for source in range(score.shape[1]):
            column = score[first:end, source].copy()
            order = greatest_first(column)
            opinions = np.count_nonzero(column > 0)
            for position in range(len(order)):
                rank = position if position < opinions else opinions
                ranks[first + order[position], source] = rank


def merge_candidates(
    batch: QueryBatch, sources: Sequence[FittedSource], num_candidates: Sequence[int]
) -> Candidates:
    """Ask every source and unite the best ``num_candidates`` tracks of each, seeds left out."""
    scores = [source.score(batch) for source in sources]
    max_seeds = int(np.diff(batch.seed_indptr).max())
    best = [each.best(count + max_seeds) for each, count in zip(scores, num_candidates, strict=True)]
    rows = [
        np.unique(
            np.concatenate(
                [
                    without_seeds(tracks[query], batch.seeds(query))[:count]
                    for tracks, count in zip(best, num_candidates, strict=True)
                ]
            )
        )
        for query in range(len(batch))
    ]
    indptr = np.concatenate([[0], np.cumsum([len(row) for row in rows])]).astype(np.int64)
    track = np.concatenate(rows).astype(np.int32)
    query = np.repeat(np.arange(len(rows), dtype=np.int32), np.diff(indptr))
    return Candidates(indptr, track, np.stack([each.of(query, track) for each in scores], axis=1))


def without_seeds(tracks: Int32Array, seeds: Int32Array) -> Int32Array:
    """Drop from a ranked list (padded with -1) what is a seed; the order stays.

    This is the one place where seeds are removed from what is recommended.
    """
    tracks = tracks[tracks >= 0]
    if len(seeds) == 0:
        return tracks
    seeds = np.sort(seeds)  # few: numpy's isin would sort the tracks too
    nearest = np.minimum(np.searchsorted(seeds, tracks), len(seeds) - 1)
    kept: Int32Array = tracks[seeds[nearest] != tracks]
    return kept
