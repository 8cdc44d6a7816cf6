"""Ranks the candidates of queries, batch by batch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from threading import Lock
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from challenge import progress
from challenge.blocks import each_block_alone
from challenge.data.interactions import Interactions
from challenge.errors import InvariantError
from challenge.profile import section
from challenge.ranking.features import feature_names, make_features
from challenge.ranking.first_places import with_first_places
from challenge.ranking.ranker import Ranker, RankerConfig, TrainingRows, sample_rows
from challenge.sources.base import IndexedQueries, QueryBatch
from challenge.sources.merge import Candidates
from challenge.sources.registry import SOURCES, FittedSources
from challenge.threads import thread_count
from challenge.types import LIST_LENGTH, FloatArray, Int32Array, Int64Array

BATCH_BYTES: Final = 2 << 30
"""Memory that the scores of all batches at once may take, all sources together."""
MAX_BATCH: Final = 64

Scorer: TypeAlias = Callable[[QueryBatch, Candidates], FloatArray]
"""Scores the candidates of a batch for the final order; higher is better, float32, shape (N,)."""


def batch_size(sources: FittedSources, at_once: int = 1) -> int:
    """How many queries to score at once within :data:`BATCH_BYTES`, where so many batches are."""
    # Of ours only cooccurrence fills a table of all scores, if it is in use; any from outside may.
    tables = 1 + len(set(sources.names) - set(SOURCES))
    per_query = 4 * max(1, sources.index.n_tracks) * tables
    return int(np.clip(BATCH_BYTES // (per_query * at_once), 4, MAX_BATCH))


def iterate_batches(
    sources: FittedSources, queries: IndexedQueries, label: str, *, unit: str = "playlists", first: int = 0
) -> Iterator[tuple[int, QueryBatch, Candidates]]:
    """Yield the queries from ``first`` on in batches with their candidates, and where each batch begins."""
    size = batch_size(sources)
    with progress.task(label, len(queries) - first, unit=unit) as advance:
        for start in range(first, len(queries), size):
            batch = queries.batch(start, min(start + size, len(queries)))
            yield start, batch, sources.candidates(batch)
            advance(len(batch))


def each_batch(
    work: Callable[[int, QueryBatch, Candidates], None],
    sources: FittedSources,
    queries: IndexedQueries,
    label: str,
    *,
    unit: str = "playlists",
    first: int = 0,
) -> None:
    """Call ``work(start, batch, candidates)`` as :func:`iterate_batches` yields them, but several at once.

    Each batch is worked on by a thread of its own, in any order.
    """
    at_once, told = _batches_at_once(sources), Lock()
    size = batch_size(sources, at_once)

    def one_batch(start: int, stop: int) -> None:
        batch = queries.batch(first + start, first + stop)
        work(first + start, batch, sources.candidates(batch))
        with told:
            advance(len(batch))

    total = len(queries) - first
    with progress.task(label, total, unit=unit) as advance:
        if at_once > 1:
            each_block_alone(one_batch, total, size)
        else:
            for start in range(0, total, size):
                one_batch(start, min(start + size, total))


def _batches_at_once(sources: FittedSources) -> int:
    """One for each thread, or one alone: a GPU is shared, and a source from outside need not bear threads."""
    shared = sources.context.torch_device() != "cpu" or set(sources.names) - set(SOURCES)
    return 1 if shared else thread_count()


def training_rows(
    sources: FittedSources,
    holdout: Interactions,
    config: RankerConfig,
    *,
    seed: int,
    first: int = 0,
    left_out: Sequence[int] | Int64Array = (),
) -> TrainingRows:
    """Describe and label the candidates of training queries: those from ``first`` on, one a row.

    Those in the rows ``left_out`` are counted in the recall, and teach nothing.
    """
    queries = sources.queries()
    n_found, parts = np.zeros(len(holdout)), dict[int, TrainingRows]()

    def describe(start: int, batch: QueryBatch, candidates: Candidates) -> None:
        here, query = start - first, candidates.query
        label = label_candidates(candidates, holdout, here)
        n_found[here : here + len(batch)] = np.bincount(query, weights=label, minlength=len(batch))
        teaches = label * ~np.isin(query + here, left_out)
        features = make_features(sources, batch, candidates)
        drawn = draw_numbers(candidates, seed, here)
        parts[start] = sample_rows(features, teaches, query, config.negative_share, drawn)

    with section("training queries"):
        each_batch(describe, sources, queries, "describe training queries", unit="queries", first=first)
    found = n_found / np.maximum(holdout.lengths, 1)
    categories = np.array(queries.queries.categories[first:])
    recall = {name: found[categories == name].astype(np.float32) for name in np.unique(categories).tolist()}
    in_order = [parts[start] for start in sorted(parts)]
    return replace(TrainingRows.concatenate(in_order), recall=recall)


def draw_numbers(candidates: Candidates, seed: int, first: int) -> NDArray[np.float64]:
    """Draw a number in [0, 1) for each candidate, by which :func:`sample_rows` keeps it; float64, shape (N,).

    ``first`` is the number of the first query: each has the same draws whatever batch it is in.
    """
    counts = np.diff(candidates.indptr).tolist()
    draws = [np.random.default_rng([seed, 11, first + query]).random(n) for query, n in enumerate(counts)]
    return np.concatenate(draws)


def label_candidates(candidates: Candidates, holdout: Interactions, start: int) -> NDArray[np.int8]:
    """Tell which candidates are held out; int8, shape (N,). ``start`` is the batch's first row of holdout."""
    label = np.zeros(len(candidates.track), np.int8)
    for query in range(len(candidates.indptr) - 1):
        rows = slice(candidates.indptr[query], candidates.indptr[query + 1])
        label[rows] = np.isin(candidates.track[rows], holdout.row(start + query))
    return label


def learned_scorer(sources: FittedSources, ranker: Ranker) -> Scorer:
    """Score by a trained ranker, and lift what belongs in the first |G| places above the rest.

    Raises:
        InvariantError: it was trained on other features than these sources give.
    """
    names = tuple(feature_names(sources.names))
    if names != ranker.names:
        differing = sorted(set(names).symmetric_difference(ranker.names))
        raise InvariantError(
            f"the ranker knows {len(ranker.names)} features, these sources give {len(names)}; they differ in "
            + (", ".join(differing[:5]) or "their order")
        )

    def score(batch: QueryBatch, candidates: Candidates) -> FloatArray:
        scores = ranker.scores(make_features(sources, batch, candidates))
        return lifted(scores, sources, batch, candidates, ranker)

    return score


def lifted(
    scores: FloatArray, sources: FittedSources, batch: QueryBatch, candidates: Candidates, ranker: Ranker
) -> FloatArray:
    """Lift what belongs in the first |G| places above the rest: see :func:`with_first_places`."""
    return with_first_places(
        scores,
        candidates,
        sources.index.track_artist,
        batch.queries.num_holdouts,
        negative_share=ranker.negative_share,
    )


def blended_scorer(weights: Mapping[str, float]) -> Scorer:
    """Score by a weighted sum of the sources' scores, each divided by its best for the query.

    ``weights`` are those of the sources in use, in order; a source asked alone counts whatever its weight.
    """

    def score(batch: QueryBatch, candidates: Candidates) -> FloatArray:
        relative = relative_scores(batch, candidates)
        return np.asarray(relative @ _weights(weights), np.float32)

    return score


def blended_contributions(
    batch: QueryBatch, candidates: Candidates, weights: Mapping[str, float]
) -> FloatArray:
    """What each source adds to each candidate's score in a blend, float32, shape (N, S)."""
    return relative_scores(batch, candidates) * _weights(weights)


def _weights(weights: Mapping[str, float]) -> FloatArray:
    return np.array(list(weights.values()) if len(weights) > 1 else [1.0], np.float32)


def relative_scores(batch: QueryBatch, candidates: Candidates) -> FloatArray:
    """Scores of each source divided by its best for the query, 0 or more; float32, shape (N, S)."""
    best = np.zeros((len(batch), candidates.score.shape[1]), np.float32)
    np.maximum.at(best, candidates.query, candidates.score)
    relative = candidates.score / np.maximum(best, 1e-9)[candidates.query]
    return np.maximum(relative, 0).astype(np.float32)


@dataclass(frozen=True, eq=False)
class RankedLists:
    """Candidates of each query, best first, and which source proposed each.

    Attributes:
        track: dense track index, -1 behind the last candidate, int32, shape (Q, 500).
        source: index into ``names`` of the source that ranked it best, int8, shape (Q, 500).
        names: names of the sources.
    """

    track: Int32Array
    source: NDArray[np.int8]
    names: tuple[str, ...]


def rank_queries(
    sources: FittedSources, scorer: Scorer, queries: IndexedQueries, *, label: str = "rank"
) -> RankedLists:
    """Rank the candidates of all queries; ties go to the lower track index. ``label`` tells what for."""
    track = np.full((len(queries), LIST_LENGTH), -1, np.int32)
    source = np.full((len(queries), LIST_LENGTH), -1, np.int8)

    def rank_batch(start: int, batch: QueryBatch, candidates: Candidates) -> None:
        here = slice(start, start + len(batch))
        take_best(candidates, scorer(batch, candidates), track[here], source[here])

    with section(label):
        each_batch(rank_batch, sources, queries, label)
    return RankedLists(track, source, sources.names)


def take_best(
    candidates: Candidates, scores: FloatArray, track: Int32Array, source: NDArray[np.int8]
) -> None:
    """Put the candidates of B queries in the order of ``scores`` into the fields of :class:`RankedLists`.

    ``track`` (int32) and ``source`` (int8) have shape (B, 500) and are filled with -1 beforehand.
    """
    # A source without opinion ranks by track index, which is no merit of its.
    ranks = np.where(candidates.score > 0, candidates.rank, np.inf)
    proposer = np.argmin(ranks, axis=1).astype(np.int8)
    order = np.lexsort((candidates.track, -scores, candidates.query))
    for query in range(len(candidates.indptr) - 1):
        rows = order[candidates.indptr[query] : candidates.indptr[query + 1]][:LIST_LENGTH]
        track[query, : len(rows)] = candidates.track[rows]
        source[query, : len(rows)] = proposer[rows]
