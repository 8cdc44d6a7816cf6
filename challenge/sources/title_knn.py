"""Playlists with the same or a similar title vote for their tracks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import scipy.sparse as sp

from challenge.data.titles import title_key
from challenge.settings import Settings
from challenge.sources.base import FitContext, QueryBatch
from challenge.sources.postings import PlaylistIndex
from challenge.sources.sparse import Entries, SparseScores, sum_of_rows
from challenge.sources.title_groups import TitleGroups
from challenge.sources.title_similarity import TitleSimilarity
from challenge.types import (
    CandidateCount,
    Exponent,
    FloatArray,
    NonNegative,
    PositiveInt,
    Share,
)


@dataclass(frozen=True)
class TitleKnn(Settings):
    """Settings of the nearest titles.

    Similarity of two titles is the cosine of their character n-grams in tf-idf weights, inside word bounds;
    an emoji is a word of its own. Equal titles have similarity 1.

    Attributes:
        max_ngram: n-grams of 1 to this many characters.
        min_similarity: less similar titles do not vote.
        amplification: a vote is the similarity to this power.
        num_titles: how many titles at most vote for a query.
        length_damping: a playlist's vote is divided by its length to this power.
    """

    max_ngram: PositiveInt = 4
    min_similarity: Share = 0.3
    amplification: Exponent = 2.0
    num_titles: PositiveInt = 200
    length_damping: Exponent = 0.0
    num_candidates: CandidateCount = 400
    weight: NonNegative = 0.15

    def fit(self, context: FitContext) -> FittedTitleKnn:
        """Learn the weights of n-grams from the titles of the training playlists."""
        groups = context.titles
        return FittedTitleKnn(self, context.index, groups, TitleSimilarity(groups.keys, self.max_ngram))


@dataclass(frozen=True, eq=False)
class FittedTitleKnn:
    """Votes of playlists with similar titles."""

    config: TitleKnn
    index: PlaylistIndex
    groups: TitleGroups
    similarity: TitleSimilarity
    _latest: dict[tuple[str | None, ...], Entries] = field(default_factory=dict)

    def score(self, batch: QueryBatch) -> SparseScores:
        """Sum the weighted votes for each track."""
        return sum_of_rows(self.votes(batch.queries.titles), self.index)

    def votes(self, titles: tuple[str | None, ...]) -> Entries:
        """Let the playlists behind the titles most similar to each of B titles vote."""
        if titles not in self._latest:
            self._latest.clear()  # what features ask after the scores is of the same titles
            self._latest[titles] = self._votes(titles)
        return self._latest[titles]

    def _votes(self, titles: tuple[str | None, ...]) -> Entries:
        near = self._near(titles)
        sizes = self.groups.sizes[near.indices]
        ends = np.cumsum(sizes)
        first = self.groups.group_indptr[near.indices] - (ends - sizes)
        total = int(ends[-1]) if len(ends) else 0
        row = self.groups.group_row[np.arange(total) + np.repeat(first, sizes)]
        damping = np.maximum(self.index.row_lengths[row], 1) ** -self.config.length_damping
        weight = np.repeat(near.data, sizes).astype(np.float32) * damping
        indptr = np.concatenate([[0], ends])[near.indptr].astype(np.int64)
        return Entries(indptr[:-1], np.diff(indptr), row, weight.astype(np.float32))

    def support(self, titles: tuple[str | None, ...]) -> FloatArray:
        """Sum of the votes' weights for each of B titles, float32, shape (B,)."""
        votes = self.votes(titles)
        query = np.repeat(np.arange(len(titles)), votes.size)
        return np.bincount(query, votes.value, len(titles)).astype(np.float32)

    def same_title_count(self, titles: Sequence[str | None]) -> FloatArray:
        """Training playlists with exactly each of B titles, after normalisation; float32, shape (B,)."""
        sizes, number = self.groups.sizes, self.groups.number
        keys = [title_key(title) if title else "" for title in titles]
        return np.array([sizes[number[key]] if key in number else 0 for key in keys], np.float32)

    def _near(self, titles: Sequence[str | None]) -> sp.csr_matrix:
        """Weights of the known titles nearest to each of B titles; CSR, float32, shape (B, K)."""
        config = self.config
        near = self.similarity.to([title_key(title) if title else "" for title in titles])
        near.data[near.data < config.min_similarity] = 0
        near.eliminate_zeros()
        for begin, end in pairwise(near.indptr):
            data = near.data[begin:end]
            if len(data) > config.num_titles:
                data[data < np.partition(data, -config.num_titles)[-config.num_titles]] = 0
        near.eliminate_zeros()
        near.data **= config.amplification
        return near
