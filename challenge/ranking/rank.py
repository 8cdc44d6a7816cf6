"""Ranks the candidates of every query, batch by batch, and fills the lists."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

import numpy as np

from challenge import progress
from challenge.data.interactions import Interactions
from challenge.profile import section
from challenge.ranking.features import QueryFacts, feature_names, make_features, query_facts, ranks_by_source
from challenge.ranking.ranker import Ranker, RankerConfig, TrainingRows, iterate_batches, sample_rows
from challenge.sources.base import QueryBatch, query_batch
from challenge.sources.merge import Candidates, merge_candidates
from challenge.sources.registry import SourceSet
from challenge.types import LIST_LENGTH, FloatArray, Int32Array

BATCH_BYTES: Final = 2 << 30
"""Memory that the scores of one batch may take, all sources together."""
MAX_BATCH: Final = 64

Order: TypeAlias = Callable[[QueryBatch, Candidates], FloatArray]
"""Scores the candidates of a batch for the final order; higher is better, float32, shape (N,)."""


def batch_size(sources: SourceSet) -> int:
    """How many queries to answer at once within :data:`BATCH_BYTES`."""
    per_query = 4 * max(1, sources.index.n_tracks) * max(1, len(sources.generators))
    return int(np.clip(BATCH_BYTES // per_query, 4, MAX_BATCH))


def facts_of(sources: SourceSet) -> QueryFacts:
    """Describe all queries of a source set."""
    return query_facts(sources.index, sources.dataset.queries, sources.title.namesakes, sources.title.support)


def training_rows(
    sources: SourceSet, holdout: Interactions, config: RankerConfig, *, seed: int, first: int = 0
) -> TrainingRows:
    """Describe and label the candidates of training queries: those from ``first`` on, one a row."""
    facts, rng, parts = facts_of(sources), np.random.default_rng([seed, 11]), []
    total = len(holdout)
    with (
        section("training queries"),
        progress.task("describe training queries", total, unit="queries") as advance,
    ):
        for start, stop in iterate_batches(first, first + total, batch_size(sources)):
            batch = query_batch(sources.index, start, stop)
            candidates = merge_candidates(batch, sources.generators)
            features = make_features(sources.index, batch, candidates, facts, sources.names)
            label = label_candidates(candidates, holdout, start - first)
            parts.append(sample_rows(features, label, candidates.query, config.negative_share, rng))
            advance(stop - start)
    return TrainingRows.concatenate(parts)


def label_candidates(candidates: Candidates, holdout: Interactions, start: int) -> np.ndarray:
    """Tell which candidates are held out; int8, shape (N,). ``start`` is the batch's first row of holdout."""
    label = np.zeros(len(candidates.track), np.int8)
    for query in range(len(candidates.start) - 1):
        rows = slice(candidates.start[query], candidates.start[query + 1])
        label[rows] = np.isin(candidates.track[rows], holdout.row(start + query))
    return label


def learned_order(sources: SourceSet, ranker: Ranker) -> Order:
    """Order by a trained ranker."""
    facts = facts_of(sources)
    if tuple(feature_names(sources.names)) != ranker.names:
        raise ValueError("the ranker was trained on other features than these sources give")

    def order(batch: QueryBatch, candidates: Candidates) -> FloatArray:
        return ranker.scores(make_features(sources.index, batch, candidates, facts, sources.names))

    return order


def blended_order(sources: SourceSet, weights: Mapping[str, float]) -> Order:
    """Order by a weighted sum of the sources' scores, each divided by its best for the query."""
    weight = np.array([weights.get(name, 0.0) for name in sources.names], np.float32)

    def order(batch: QueryBatch, candidates: Candidates) -> FloatArray:
        best = np.zeros((len(batch), len(weight)), np.float32)
        np.maximum.at(best, candidates.query, candidates.score)
        relative = candidates.score / np.maximum(best, 1e-9)[candidates.query]
        return np.asarray(np.maximum(relative, 0) @ weight, np.float32)

    return order


@dataclass(frozen=True, eq=False)
class RankedLists:
    """Candidates of each query, best first, and which source proposed each.

    Attributes:
        track: dense track index, -1 behind the last candidate, int32, shape (Q, 500).
        source: index into ``names`` of the source that ranked it best, int8, shape (Q, 500).
        names: names of the sources.
        recall: share of held-out tracks among all candidates, where they are known, else NaN.
    """

    track: Int32Array
    source: np.ndarray
    names: tuple[str, ...]
    recall: float = field(default=float("nan"))


def rank_queries(
    sources: SourceSet, order: Order, *, total: int | None = None, holdout: Interactions | None = None
) -> RankedLists:
    """Rank the candidates of the first ``total`` queries, or of all; ties go to the lower track index."""
    total = len(sources.dataset.queries) if total is None else total
    track = np.full((total, LIST_LENGTH), -1, np.int32)
    source = np.full((total, LIST_LENGTH), -1, np.int8)
    found = 0
    with section("rank"), progress.task("rank", total, unit="playlists") as advance:
        for start, stop in iterate_batches(0, total, batch_size(sources)):
            batch = query_batch(sources.index, start, stop)
            candidates = merge_candidates(batch, sources.generators)
            scores = order(batch, candidates)
            _take_best(candidates, scores, track[start:stop], source[start:stop])
            if holdout is not None:
                found += int(label_candidates(candidates, holdout, start).sum())
            advance(stop - start)
    recall = found / max(len(holdout.track_index), 1) if holdout is not None else float("nan")
    return RankedLists(track, source, sources.names, recall)


def _take_best(candidates: Candidates, scores: FloatArray, track: Int32Array, source: np.ndarray) -> None:
    # A source without opinion ranks by track index, which is no merit of its.
    ranks = np.where(candidates.score > 0, ranks_by_source(candidates), np.inf)
    proposer = np.argmin(ranks, axis=1).astype(np.int8)
    order = np.lexsort((candidates.track, -scores, candidates.query))
    for query in range(len(candidates.start) - 1):
        rows = order[candidates.start[query] : candidates.start[query + 1]][:LIST_LENGTH]
        track[query, : len(rows)] = candidates.track[rows]
        source[query, : len(rows)] = proposer[rows]


def source_names(sources: SourceSet) -> Sequence[str]:
    """Feature names that a ranker for these sources needs."""
    return feature_names(sources.names)
