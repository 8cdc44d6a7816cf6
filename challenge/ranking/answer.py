"""The best tracks of a few queries with names, scores and, where asked for, reasons."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np

from challenge.data.catalog import Catalog
from challenge.playlist import Reason, Recommendation
from challenge.ranking.explain import grouped_contributions, speaking_seeds, speaking_words
from challenge.ranking.features import make_features, ranks_by_source
from challenge.ranking.fill import fill
from challenge.ranking.rank import RankedLists, blended_contributions, iterate_batches
from challenge.ranking.ranker import Ranker
from challenge.sources.base import IndexedQueries, QueryBatch
from challenge.sources.merge import Candidates
from challenge.sources.registry import FittedSources
from challenge.types import LIST_LENGTH, FloatArray, Int64Array


def recommend(
    sources: FittedSources,
    ranker: Ranker | None,
    weights: Mapping[str, float],
    queries: IndexedQueries,
    n: int,
    *,
    explain: bool,
) -> list[list[Recommendation]]:
    """Recommend ``n`` tracks for each query: ordered by the ranker, or by weights where there is none."""
    lists, catalog = [], sources.context.dataset.catalog
    for start, batch, candidates in iterate_batches(sources, queries, "recommend"):
        features = None if ranker is None else make_features(sources, batch, candidates)
        if ranker is not None and features is not None:
            scores = ranker.scores(features)
        else:
            scores = blended_contributions(batch, candidates, weights).sum(axis=1)
        for query, rows in enumerate(_best(candidates, scores, n)):
            found = [
                describe(catalog, rank, int(candidates.track[row]), float(scores[row]))
                for rank, row in enumerate(rows.tolist(), start=1)
            ]
            if explain:
                if features is not None and ranker is not None:
                    parts = grouped_contributions(ranker, features[rows], scores[rows], sources.names)
                else:
                    values = blended_contributions(batch, candidates, weights)[rows].tolist()
                    parts = [dict(zip(weights, each, strict=True)) for each in values]
                reasons = _reasons(sources, batch, query, candidates, rows)
                found = [
                    replace(each, reason=replace(reason, contributions=part))
                    for each, reason, part in zip(found, reasons, parts, strict=True)
                ]
            lists.append(found + _further(sources, queries, start + query, found, n))
    return lists


def describe(catalog: Catalog, rank: int, track: int, score: float) -> Recommendation:
    """Give a track its names."""
    artist = catalog.artist_names[int(catalog.track_artist[track])]
    return Recommendation(
        rank, catalog.tracks.uris(np.array([track]))[0], catalog.track_names[track], artist, score
    )


def _best(candidates: Candidates, scores: FloatArray, n: int) -> Iterator[Int64Array]:
    """The candidates of each query with the greatest scores, best first; ties go to the lower track index."""
    for query in range(len(candidates.indptr) - 1):
        rows = np.arange(candidates.indptr[query], candidates.indptr[query + 1])
        yield rows[np.argsort(-scores[rows], kind="stable")][:n]


def _reasons(
    sources: FittedSources, batch: QueryBatch, query: int, candidates: Candidates, rows: Int64Array
) -> Iterator[Reason]:
    """What speaks for candidates of one query."""
    index, catalog = sources.index, sources.context.dataset.catalog
    title = batch.queries.titles[query]
    own = slice(candidates.indptr[query], candidates.indptr[query + 1])
    ranks = ranks_by_source(
        Candidates(np.array([0, own.stop - own.start]), candidates.track[own], candidates.score[own])
    )
    for row in rows.tolist():
        proposed = {
            name: int(rank) + 1
            for name, rank, score in zip(
                sources.names, ranks[row - own.start], candidates.score[row], strict=True
            )
            if score > 0 and rank < sources.num_candidates[name]
        }
        track = int(candidates.track[row])
        seeds = [
            (catalog.tracks.uris(np.array([seed]))[0], catalog.track_names[seed], share)
            for seed, share in speaking_seeds(index, batch.seeds(query), track)
        ]
        words = speaking_words(index, sources.context.titles, title, track)
        yield Reason(dict(sorted(proposed.items(), key=lambda item: item[1])), tuple(seeds), tuple(words))


def _further(
    sources: FittedSources, queries: IndexedQueries, query: int, found: list[Recommendation], n: int
) -> list[Recommendation]:
    """What similar titles and popularity add where candidates do not suffice."""
    if len(found) >= n:
        return []
    catalog = sources.context.dataset.catalog
    one = queries.take([query])
    track = np.full((1, LIST_LENGTH), -1, np.int32)
    known = catalog.tracks.index_of(
        np.array([each.uri.rsplit(":", 1)[-1] for each in found], "S22").reshape(-1)
    )
    track[0, : len(known)] = known
    source = np.where(track >= 0, np.int8(0), np.int8(-1)).astype(np.int8)
    filled = fill(sources, RankedLists(track, source, sources.names), one)
    return [
        describe(catalog, rank, int(filled.track[0, rank - 1]), math.nan)
        for rank in range(len(found) + 1, n + 1)
    ]
