"""The best tracks of a few queries with names, scores and, where asked for, reasons."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from challenge.data.catalog import Catalog
from challenge.errors import MissingInputError
from challenge.playlist import Reason, Recommendation
from challenge.ranking.explain import grouped_contributions, speaking_seeds, speaking_words
from challenge.ranking.features import make_features
from challenge.ranking.rank import blended_contributions, blended_scorer, iterate_batches, lifted
from challenge.ranking.ranker import Ranker
from challenge.sources.base import IndexedQueries, QueryBatch
from challenge.sources.merge import Candidates, without_seeds
from challenge.sources.popularity import by_popularity
from challenge.sources.registry import FittedSources
from challenge.types import FloatArray, Int64Array


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
            order = lifted(scores, sources, batch, candidates, ranker)
        else:
            scores = order = blended_scorer(weights)(batch, candidates)
        for query, rows in enumerate(_best(candidates, order, n)):
            found = [
                describe(catalog, rank, int(candidates.track[row]), float(scores[row]))
                for rank, row in enumerate(rows.tolist(), start=1)
            ]
            if explain and found:
                if features is not None and ranker is not None:
                    parts = grouped_contributions(ranker, features[rows], scores[rows], sources.names)
                else:
                    parts = _shares(blended_contributions(batch, candidates, weights)[rows], sources.names)
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
    ranks = candidates.rank[own]
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


def _shares(contributions: FloatArray, names: Sequence[str]) -> list[dict[str, float]]:
    """What each source adds to the score of each of N candidates, greatest first; from (N, S)."""
    told = [name.replace("_", " ") for name in names]
    return [
        dict(sorted(zip(told, row, strict=True), key=lambda item: -abs(item[1])))
        for row in contributions.tolist()
    ]


def _further(
    sources: FittedSources, queries: IndexedQueries, query: int, found: list[Recommendation], n: int
) -> list[Recommendation]:
    """What similar titles and popularity add where candidates do not suffice."""
    if len(found) >= n:
        return []
    catalog, batch = sources.context.dataset.catalog, queries.batch(query, query + 1)
    seeds = batch.seeds(0)
    similar = sources.title.score(batch).best(n + len(seeds))[0]
    popular = by_popularity(sources.index.popularity)[: n + len(seeds)]
    known = {each.uri for each in found}
    more = dict.fromkeys(without_seeds(np.concatenate([similar, popular]), seeds).tolist())
    new = [track for track in more if catalog.tracks.uris(np.array([track]))[0] not in known]
    if len(found) + len(new) < n:
        raise MissingInputError(
            f"playlist {query + 1}: {len(found) + len(new):,} tracks to choose from in all; expected {n}",
            hint="ask for fewer, or take more slices of the MPD",
        )
    ranks = range(len(found) + 1, n + 1)
    return [describe(catalog, rank, track, math.nan) for rank, track in zip(ranks, new, strict=False)]
