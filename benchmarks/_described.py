"""Candidates kept in memory with what is costly to know of them, so that sources can be left out later."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks._removals import Removal
from challenge import progress
from challenge.data.interactions import Interactions
from challenge.ranking.features import QueryFacts, feature_names, make_features, ranks_by_source
from challenge.ranking.pair_features import pair_features
from challenge.ranking.rank import RankedLists, batch_size, facts_of, label_candidates
from challenge.ranking.ranker import Ranker, RankerConfig, TrainingRows, iterate_batches
from challenge.sources.base import QueryBatch, query_batch
from challenge.sources.merge import Candidates, merge_candidates
from challenge.sources.postings import PlaylistIndex
from challenge.sources.registry import SourceSet
from challenge.types import LIST_LENGTH, FloatArray


@dataclass(frozen=True, eq=False)
class DescribedTile:
    """Candidates of a few queries; N in all, of S sources.

    Attributes:
        batch: the queries.
        candidates: what any source proposes, with the scores of all.
        pairs: pair features, float32, shape (N, len(Pair)).
        proposed: which sources have a candidate among their best ``num_candidates``, bool, shape (N, S).
        label: 1 for a held-out track, int8, shape (N,).
        drawn: whether the ranker learns from it even though it is no hit, bool, shape (N,).
    """

    batch: QueryBatch
    candidates: Candidates
    pairs: FloatArray
    proposed: np.ndarray
    label: np.ndarray
    drawn: np.ndarray

    def only(self, sources: Sequence[int]) -> DescribedTile:
        """Keep the sources with these numbers, and of the candidates what at least one of them proposes."""
        proposed = self.proposed[:, sources]
        kept = proposed.any(axis=1)
        counts = np.bincount(self.candidates.query[kept], minlength=len(self.batch))
        start = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        score = self.candidates.score[kept][:, sources]
        candidates = Candidates(start, self.candidates.track[kept], score)
        return DescribedTile(
            self.batch, candidates, self.pairs[kept], proposed[kept], self.label[kept], self.drawn[kept]
        )


@dataclass(frozen=True, eq=False)
class DescribedQueries:
    """Neighbouring queries of a dataset.

    Attributes:
        index: the dataset's statistics.
        facts: what is known of each query by itself.
        names: names of the sources.
        batches: their candidates.
    """

    index: PlaylistIndex
    facts: QueryFacts
    names: tuple[str, ...]
    batches: tuple[DescribedTile, ...]

    def __len__(self) -> int:
        return sum(len(batch.batch) for batch in self.batches)


def describe(
    sources: SourceSet, holdout: Interactions, config: RankerConfig, *, seed: int, first: int = 0
) -> DescribedQueries:
    """Ask all sources for candidates of the queries from ``first`` on, one a row of ``holdout``.

    What the ranker learns from is drawn as in ``training_rows``.
    """
    rng, total, batches = np.random.default_rng([seed, 11]), len(holdout), []
    depths = [generator.num_candidates for generator in sources.generators]
    with progress.task("describe queries", total, unit="queries") as advance:
        for start, stop in iterate_batches(first, first + total, batch_size(sources)):
            batch = query_batch(sources.index, start, stop)
            candidates = merge_candidates(batch, sources.generators)
            batches.append(
                DescribedTile(
                    batch,
                    candidates,
                    pair_features(sources.index, batch, candidates),
                    proposals(candidates, depths),
                    label_candidates(candidates, holdout, start - first),
                    rng.random(len(candidates.track)) < config.negative_share,
                )
            )
            advance(stop - start)
    return DescribedQueries(sources.index, facts_of(sources), sources.names, tuple(batches))


def proposals(candidates: Candidates, depths: Sequence[int]) -> np.ndarray:
    """Tell which source has which candidate among its best ``num_candidates``; bool, shape (N, S)."""
    proposed: np.ndarray = (candidates.score > 0) & (ranks_by_source(candidates) < np.array(depths))
    return proposed


def kept_batch(queries: DescribedQueries, batch: DescribedTile, removal: Removal) -> DescribedTile:
    """Leave out the removed sources of a batch."""
    kept = removal.kept_sources(queries.names)
    return batch if kept == queries.names else batch.only([queries.names.index(name) for name in kept])


def kept_features(queries: DescribedQueries, batch: DescribedTile, removal: Removal) -> FloatArray:
    """Make the features that are left for a batch that :func:`kept_batch` gave; float32, shape (N, F)."""
    sources = removal.kept_sources(queries.names)
    table = make_features(
        queries.index, batch.batch, batch.candidates, queries.facts, sources, pairs=batch.pairs
    )
    place = {name: column for column, name in enumerate(feature_names(sources))}
    columns = [place[name] for name in removal.kept_features(queries.names)]
    return table if len(columns) == table.shape[1] else np.take(table, columns, axis=1)


def kept_rows(queries: DescribedQueries, removal: Removal) -> TrainingRows:
    """Training rows without what is removed: all hits, and of the rest what was drawn for every removal."""
    parts = []
    for whole in queries.batches:
        batch = kept_batch(queries, whole, removal)
        query = batch.candidates.query
        has_hit = np.bincount(query[batch.label > 0], minlength=len(batch.batch)) > 0
        keep = has_hit[query] & ((batch.label > 0) | batch.drawn)
        counts = np.bincount(query[keep], minlength=len(batch.batch))
        features = kept_features(queries, batch, removal)[keep]
        parts.append(TrainingRows(features, batch.label[keep], counts[counts > 0].astype(np.int64)))
    return TrainingRows.concatenate(parts)


def rank_without(queries: DescribedQueries, removal: Removal, ranker: Ranker) -> RankedLists:
    """Rank what is left for the first queries of a dataset; ties go to the lower track index.

    All places name source 0.
    """
    track = np.full((len(queries), LIST_LENGTH), -1, np.int32)
    for whole in queries.batches:
        batch = kept_batch(queries, whole, removal)
        candidates = batch.candidates
        scores = ranker.scores(kept_features(queries, batch, removal))
        order = np.lexsort((candidates.track, -scores, candidates.query))
        for query in range(len(batch.batch)):
            rows = order[candidates.start[query] : candidates.start[query + 1]][:LIST_LENGTH]
            track[batch.batch.start + query, : len(rows)] = candidates.track[rows]
    source = np.where(track >= 0, 0, -1).astype(np.int8)
    return RankedLists(track, source, removal.kept_sources(queries.names))


def mean_candidates(queries: DescribedQueries, removal: Removal) -> float:
    """How many candidates a query has without the removed sources, on average."""
    total = sum(len(kept_batch(queries, batch, removal).label) for batch in queries.batches)
    return total / len(queries)
