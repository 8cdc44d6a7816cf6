"""Unites the best tracks of every source into one set of candidates for each query."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from challenge.sources.base import CandidateGenerator, QueryBatch
from challenge.types import FloatArray, Int32Array, Int64Array


@dataclass(frozen=True, eq=False)
class Candidates:
    """Candidates of B queries as ragged rows, with what each of S sources says of them; N in all.

    Attributes:
        start: where the candidates of each query begin, int64, shape (B + 1,).
        track: dense track index, ascending within a query, never one of its seeds, int32, shape (N,).
        score: score by each source, float32, shape (N, S).
    """

    start: Int64Array
    track: Int32Array
    score: FloatArray

    @property
    def query(self) -> Int32Array:
        """The query, counted inside the batch, of each candidate; int32, shape (N,)."""
        return np.repeat(np.arange(len(self.start) - 1, dtype=np.int32), np.diff(self.start))


def merge_candidates(batch: QueryBatch, generators: Sequence[CandidateGenerator]) -> Candidates:
    """Ask every generator and unite the best ``num_candidates`` tracks of each."""
    answers = [generator.answer(batch) for generator in generators]
    chosen = np.concatenate([answer.best for answer in answers], axis=1)
    rows = [np.unique(row[row >= 0]) for row in chosen]
    start = np.concatenate([[0], np.cumsum([len(row) for row in rows])]).astype(np.int64)
    track = np.concatenate(rows).astype(np.int32)
    query = np.repeat(np.arange(len(rows), dtype=np.int32), np.diff(start))
    score = np.stack([answer.score_of(query, track) for answer in answers], axis=1)
    return Candidates(start, track, score)
