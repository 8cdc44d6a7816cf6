"""Candidates kept in memory with what is costly to know of them, so that sources can be left out later."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from benchmarks._removals import Removal
from challenge.data.interactions import Interactions
from challenge.ranking.features import feature_names, make_features
from challenge.ranking.pair_features import pair_features
from challenge.ranking.rank import (
    RankedLists,
    draw_numbers,
    iterate_batches,
    label_candidates,
    lifted,
    take_best,
)
from challenge.ranking.ranker import Ranker, RankerConfig, TrainingRows
from challenge.sources.base import QueryBatch
from challenge.sources.merge import Candidates
from challenge.sources.registry import FittedSources
from challenge.types import LIST_LENGTH, FloatArray, Int64Array
from challenge.workflows.compare import only


@dataclass(frozen=True, eq=False)
class DescribedBatch:
    """Candidates of a few queries; N in all, of S sources.

    Attributes:
        first: number of the first of them among the queries that were described.
        batch: the queries.
        candidates: what any source proposes, with the scores of all.
        pairs: pair features, float32, shape (N, len(Pair)).
        proposed: which sources have a candidate among their best ``num_candidates``, bool, shape (N, S).
        label: 1 for a held-out track, int8, shape (N,).
        drawn: whether the ranker learns from it even though it is no hit, bool, shape (N,).
    """

    first: int
    batch: QueryBatch
    candidates: Candidates
    pairs: FloatArray
    proposed: np.ndarray
    label: np.ndarray
    drawn: np.ndarray

    def only(self, sources: Sequence[int]) -> DescribedBatch:
        """Keep the sources with these numbers, and of the candidates what at least one of them proposes."""
        proposed = self.proposed[:, sources]
        kept = proposed.any(axis=1)
        counts = np.bincount(self.candidates.query[kept], minlength=len(self.batch))
        indptr = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        score = self.candidates.score[kept][:, sources]
        return replace(
            self,
            candidates=Candidates(indptr, self.candidates.track[kept], score),
            pairs=self.pairs[kept],
            proposed=proposed[kept],
            label=self.label[kept],
            drawn=self.drawn[kept],
        )


@dataclass(frozen=True, eq=False)
class DescribedQueries:
    """Neighbouring queries of a dataset.

    Attributes:
        sources: what was asked for candidates.
        batches: the candidates.
    """

    sources: FittedSources
    batches: tuple[DescribedBatch, ...]

    def __len__(self) -> int:
        return sum(len(batch.batch) for batch in self.batches)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the sources."""
        return self.sources.names

    def without(self, removal: Removal) -> Iterator[DescribedBatch]:
        """Yield the batches without the removed sources."""
        kept = [self.names.index(name) for name in removal.kept_sources(self.names)]
        for batch in self.batches:
            yield batch if len(kept) == len(self.names) else batch.only(kept)

    def features(self, batch: DescribedBatch, removal: Removal) -> FloatArray:
        """Make the features that are left for a batch of :meth:`without`; float32, shape (N, F)."""
        sources = only(self.sources, removal.kept_sources(self.names))
        table = make_features(sources, batch.batch, batch.candidates, pairs=batch.pairs)
        place = {name: column for column, name in enumerate(feature_names(sources.names))}
        columns = [place[name] for name in removal.kept_features(self.names)]
        return table if len(columns) == table.shape[1] else np.take(table, columns, axis=1)


def describe(
    sources: FittedSources,
    holdout: Interactions,
    config: RankerConfig,
    *,
    seed: int,
    first: int = 0,
    left_out: Sequence[int] | Int64Array = (),
) -> DescribedQueries:
    """Ask all sources for candidates of the queries from ``first`` on, one a row of ``holdout``.

    What the ranker learns from is drawn as in ``training_rows``; those ``left_out`` get no hits.
    """
    batches = []
    queries = sources.queries().take(range(first + len(holdout)))
    for start, batch, candidates in iterate_batches(sources, queries, "describe queries", first=first):
        label = label_candidates(candidates, holdout, start - first)
        batches.append(
            DescribedBatch(
                start - first,
                batch,
                candidates,
                pair_features(sources.index, batch, candidates),
                proposals(candidates, list(sources.num_candidates.values())),
                label * ~np.isin(candidates.query + (start - first), left_out),
                draw_numbers(candidates, seed, start - first) < config.negative_share,
            )
        )
    return DescribedQueries(sources, tuple(batches))


def proposals(candidates: Candidates, counts: Sequence[int]) -> np.ndarray:
    """Tell which source has which candidate among its best ``counts``; bool, shape (N, S)."""
    proposed: np.ndarray = (candidates.score > 0) & (candidates.rank < np.array(counts))
    return proposed


def kept_rows(queries: DescribedQueries, removal: Removal) -> TrainingRows:
    """Training rows without what is removed: all hits, and of the rest what was drawn for every removal."""
    parts = []
    for batch in queries.without(removal):
        query = batch.candidates.query
        has_hit = np.bincount(query[batch.label > 0], minlength=len(batch.batch)) > 0
        keep = has_hit[query] & ((batch.label > 0) | batch.drawn)
        counts = np.bincount(query[keep], minlength=len(batch.batch))
        features = queries.features(batch, removal)[keep]
        parts.append(TrainingRows([features], batch.label[keep], counts[counts > 0].astype(np.int64)))
    return TrainingRows.concatenate(parts)


def rank_without(queries: DescribedQueries, removal: Removal, ranker: Ranker) -> RankedLists:
    """Rank what is left as :func:`challenge.ranking.rank.learned_scorer` does; ties go to the lower track."""
    track = np.full((len(queries), LIST_LENGTH), -1, np.int32)
    source = np.full((len(queries), LIST_LENGTH), -1, np.int8)
    for batch in queries.without(removal):
        here = slice(batch.first, batch.first + len(batch.batch))
        scores = ranker.scores(queries.features(batch, removal))
        scores = lifted(scores, queries.sources, batch.batch, batch.candidates, ranker)
        take_best(batch.candidates, scores, track[here], source[here])
    return RankedLists(track, source, removal.kept_sources(queries.names))


def mean_candidates(queries: DescribedQueries, removal: Removal) -> float:
    """How many candidates a query has without the removed sources, on average."""
    return sum(len(batch.label) for batch in queries.without(removal)) / len(queries)
