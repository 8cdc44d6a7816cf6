"""What the ranker sees of a query and a candidate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from challenge.ranking.cosine_features import cosine_features, cosine_names
from challenge.ranking.pair_features import Pair, pair_features
from challenge.sources.base import QueryBatch
from challenge.sources.merge import Candidates
from challenge.sources.postings import PlaylistIndex
from challenge.sources.registry import FittedSources
from challenge.types import Category, FloatArray, Int32Array, Int64Array

QUERY_FEATURES: Final = (
    "query_category",
    "query_seeds",
    "query_holdouts",
    "query_span",
    "query_artist_diversity",
    "query_album_diversity",
    "query_popularity",
    "query_mean_playlist_age",
    "query_mean_playlist_length",
    "query_same_title_count",
    "query_title_support",
)
CANDIDATE_FEATURES: Final = (
    "popularity",
    "artist_popularity",
    "album_popularity",
    "duration",
    "popularity_gap",
    "duration_gap",
    "title_share",
    "confidence_mean",
    "cosine_mean",
    "sharing_share",
    "next_mean",
    "near_mean",
    "mean_playlist_age",
    "mean_playlist_age_gap",
    "mean_playlist_length",
    "mean_playlist_length_gap",
    "length_gap",
    "fused_rank",
    "best_rank",
    "artist_candidates",
    "artist_fused_rank",
    "album_fused_rank",
)
RANK_FUSION: Final = 20.0
"""Ranks are fused as the sum of 1 / (this + rank) over the sources. Source: Cormack et al. 2009."""


def feature_names(sources: Sequence[str]) -> list[str]:
    """Names of the columns of :func:`make_features`, in order."""
    by_source = [f"{source}_{kind}" for source in sources for kind in ("score", "rank", "relative")]
    pairs = [f"pair_{column.name.lower()}" for column in Pair]
    return [*by_source, *pairs, *cosine_names(sources), *CANDIDATE_FEATURES, *QUERY_FEATURES]


def query_features(sources: FittedSources, batch: QueryBatch) -> FloatArray:
    """Describe the queries of a batch by themselves; float32, shape (B, len(QUERY_FEATURES))."""
    index, queries = sources.index, batch.queries
    numbers = {category: number for number, category in enumerate(Category)}
    rows = []
    for query, category in enumerate(queries.categories):
        seeds = batch.seeds(query)
        positions = queries.seeds.row_positions(query)
        many = max(len(seeds), 1)
        rows.append(
            (
                numbers[category],
                len(seeds),
                queries.num_holdouts[query],
                positions.max() + 1 if len(positions) else 0,
                len(np.unique(index.track_artist[seeds])) / many,
                len(np.unique(index.track_album[seeds])) / many,
                np.log1p(index.popularity[seeds]).mean() if len(seeds) else 0,
                _mean_of_known(index.mean_playlist_age, index, seeds),
                _mean_of_known(index.mean_playlist_length, index, seeds),
            )
        )
    own = np.array(rows, np.float32).reshape(len(batch), -1)
    title = (sources.title.same_title_count(queries.titles), sources.title.support(queries.titles))
    return np.column_stack([own, *title]).astype(np.float32)


def make_features(
    sources: FittedSources, batch: QueryBatch, candidates: Candidates, *, pairs: FloatArray | None = None
) -> FloatArray:
    """Describe each candidate of a batch; float32, shape (N, F), columns as in :func:`feature_names`.

    ``pairs`` are the candidates' pair features where they are known already: they take most of the time.
    """
    query = candidates.query
    rank = candidates.rank
    best = np.maximum(_segment_max(candidates.score, candidates.indptr), 1e-9)[query]
    by_source = np.stack([candidates.score, rank, candidates.score / best], axis=2)
    by_source = by_source.reshape(len(query), 3 * len(sources.names))
    pairs = pair_features(sources.index, batch, candidates) if pairs is None else pairs
    cosines = cosine_features(sources, batch, candidates)
    table = query_features(sources, batch)[query]
    durations = np.array([_mean_duration(sources.index, batch.seeds(i)) for i in range(len(batch))])
    known_title = "title_knn" in sources.names
    title_score = candidates.score[:, sources.names.index("title_knn")] if known_title else np.float32(0)
    own = _candidate_features(sources.index, candidates, pairs, table, title_score, durations[query], rank)
    return np.concatenate([by_source, pairs, cosines, own, table], axis=1, dtype=np.float32)


def _mean_duration(index: PlaylistIndex, seeds: Int32Array) -> np.float32:
    """Mean duration of the seeds in milliseconds, 0 without any."""
    return np.float32(index.duration_ms[seeds].mean() if len(seeds) else 0)


def _candidate_features(
    index: PlaylistIndex,
    candidates: Candidates,
    pairs: FloatArray,
    table: FloatArray,
    title_score: FloatArray | np.float32,
    mean_duration: FloatArray,
    rank: FloatArray,
) -> FloatArray:
    track = candidates.track
    query = {name: table[:, column] for column, name in enumerate(QUERY_FEATURES)}
    seeds = np.maximum(query["query_seeds"], 1)
    log_popularity = np.log1p(index.popularity[track])
    duration = index.duration_ms[track] / 1000.0
    fused = (1.0 / (RANK_FUSION + rank)).sum(axis=1)
    of_artist, artist_fused = _totals(candidates, index.track_artist[track], fused)
    _, album_fused = _totals(candidates, index.track_album[track], fused)
    length = query["query_seeds"] + query["query_holdouts"]
    columns = (
        index.popularity[track],
        index.artist_popularity[index.track_artist[track]],
        index.album_popularity[index.track_album[track]],
        duration,
        log_popularity - query["query_popularity"],
        np.abs(duration - mean_duration / 1000.0),
        title_score / (query["query_title_support"] + 1),
        pairs[:, Pair.CONFIDENCE_SUM] / seeds,
        pairs[:, Pair.COSINE_SUM] / seeds,
        pairs[:, Pair.SEEDS_SHARING] / seeds,
        pairs[:, Pair.NEXT_SUM] / seeds,
        pairs[:, Pair.NEAR_SUM] / seeds,
        index.mean_playlist_age[track],
        index.mean_playlist_age[track] - query["query_mean_playlist_age"],
        index.mean_playlist_length[track],
        index.mean_playlist_length[track] - query["query_mean_playlist_length"],
        index.mean_playlist_length[track] - length,
        fused,
        rank.min(axis=1),
        of_artist,
        artist_fused,
        album_fused,
    )
    return np.stack(columns, axis=1).astype(np.float32)


def _totals(candidates: Candidates, group: Int32Array, value: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Size and sum of ``value`` of each candidate's group (its artist, say) within its query."""
    key = candidates.query.astype(np.int64) * (int(group.max(initial=0)) + 1) + group
    _, position, counts = np.unique(key, return_inverse=True, return_counts=True)
    sums = np.bincount(position, weights=value)
    return counts[position].astype(np.float32), sums[position].astype(np.float32)


def _mean_of_known(values: FloatArray, index: PlaylistIndex, seeds: Int32Array) -> float:
    """Mean over the seeds that some training playlist holds; 0 where there is none."""
    known = values[seeds[index.mean_playlist_length[seeds] > 0]]
    return float(known.mean()) if len(known) else 0.0


def _segment_max(values: FloatArray, indptr: Int64Array) -> FloatArray:
    """Greatest value of each segment by column, 0 for an empty one; float32, shape (B, S)."""
    result = np.zeros((len(indptr) - 1, values.shape[1]), np.float32)
    filled = np.flatnonzero(np.diff(indptr) > 0)
    if len(filled):
        result[filled] = np.maximum.reduceat(values, indptr[:-1][filled], axis=0)
    return result
