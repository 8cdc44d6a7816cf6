"""Unites the best tracks of every source into one set of candidates for each query, without its seeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from challenge.sources.base import FittedSource, QueryBatch
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


def merge_candidates(
    batch: QueryBatch, sources: Sequence[FittedSource], num_candidates: Sequence[int]
) -> Candidates:
    """Ask every source and unite the best ``num_candidates`` tracks of each, seeds left out."""
    scores = [source.score(batch) for source in sources]
    max_seeds = int(np.diff(batch.seed_indptr).max(initial=0))
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
    kept: Int32Array = tracks[(tracks >= 0) & ~np.isin(tracks, seeds)]
    return kept
