"""Candidates kept in memory with what is costly to know of them, so that sources can be left out later."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from _removals import Removal

from challenge import progress
from challenge.data.interactions import Interactions
from challenge.ranking.features import QueryFacts, feature_names, make_features, ranks_by_source
from challenge.ranking.pair_features import pair_features
from challenge.ranking.rank import RankedLists, facts_of, label_candidates, tile_size
from challenge.ranking.ranker import Ranker, RankerConfig, TrainingRows, iterate_tiles
from challenge.sources.base import QueryTile, query_tile
from challenge.sources.merge import Candidates, merge_candidates
from challenge.sources.postings import CorpusIndex
from challenge.sources.registry import SourceSet
from challenge.types import LIST_LENGTH, FloatArray


@dataclass(frozen=True, eq=False)
class DescribedTile:
    """Candidates of a few queries; N in all, of S sources.

    Attributes:
        tile: the queries.
        candidates: what any source proposes, with the scores of all.
        pairs: pair features, float32, shape (N, len(Pair)).
        proposed: which sources have a candidate among their best ``depth``, bool, shape (N, S).
        label: 1 for a held-out track, int8, shape (N,).
        drawn: whether the ranker learns from it even though it is no hit, bool, shape (N,).
    """

    tile: QueryTile
    candidates: Candidates
    pairs: FloatArray
    proposed: np.ndarray
    label: np.ndarray
    drawn: np.ndarray

    def only(self, sources: Sequence[int]) -> DescribedTile:
        """Keep the sources with these numbers, and of the candidates what at least one of them proposes."""
        proposed = self.proposed[:, sources]
        kept = proposed.any(axis=1)
        counts = np.bincount(self.candidates.query[kept], minlength=len(self.tile))
        start = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        score = self.candidates.score[kept][:, sources]
        candidates = Candidates(start, self.candidates.track[kept], score)
        return DescribedTile(
            self.tile, candidates, self.pairs[kept], proposed[kept], self.label[kept], self.drawn[kept]
        )


@dataclass(frozen=True, eq=False)
class DescribedQueries:
    """Neighbouring queries of a corpus.

    Attributes:
        index: the corpus's statistics.
        facts: what is known of each query by itself.
        names: names of the sources.
        tiles: their candidates.
    """

    index: CorpusIndex
    facts: QueryFacts
    names: tuple[str, ...]
    tiles: tuple[DescribedTile, ...]

    def __len__(self) -> int:
        return sum(len(tile.tile) for tile in self.tiles)


def describe(
    sources: SourceSet, holdout: Interactions, config: RankerConfig, *, seed: int, first: int = 0
) -> DescribedQueries:
    """Ask all sources for candidates of the queries from ``first`` on, one a row of ``holdout``.

    What the ranker learns from is drawn as in ``training_rows``.
    """
    rng, total, tiles = np.random.default_rng([seed, 11]), len(holdout), []
    depths = [generator.depth for generator in sources.generators]
    with progress.task("describe queries", total, unit="queries") as advance:
        for start, stop in iterate_tiles(first, first + total, tile_size(sources)):
            tile = query_tile(sources.index, start, stop)
            candidates = merge_candidates(tile, sources.generators)
            tiles.append(
                DescribedTile(
                    tile,
                    candidates,
                    pair_features(sources.index, tile, candidates),
                    proposals(candidates, depths),
                    label_candidates(candidates, holdout, start - first),
                    rng.random(len(candidates.track)) < config.negative_share,
                )
            )
            advance(stop - start)
    return DescribedQueries(sources.index, facts_of(sources), sources.names, tuple(tiles))


def proposals(candidates: Candidates, depths: Sequence[int]) -> np.ndarray:
    """Tell which source has which candidate among its best ``depth``; bool, shape (N, S)."""
    proposed: np.ndarray = (candidates.score > 0) & (ranks_by_source(candidates) < np.array(depths))
    return proposed


def kept_tile(queries: DescribedQueries, tile: DescribedTile, removal: Removal) -> DescribedTile:
    """Leave out the removed sources of a tile."""
    kept = removal.kept_sources(queries.names)
    return tile if kept == queries.names else tile.only([queries.names.index(name) for name in kept])


def kept_features(queries: DescribedQueries, tile: DescribedTile, removal: Removal) -> FloatArray:
    """Make the features that are left for a tile that :func:`kept_tile` gave; float32, shape (N, F)."""
    sources = removal.kept_sources(queries.names)
    table = make_features(queries.index, tile.tile, tile.candidates, queries.facts, sources, pairs=tile.pairs)
    place = {name: column for column, name in enumerate(feature_names(sources))}
    columns = [place[name] for name in removal.kept_features(queries.names)]
    return table if len(columns) == table.shape[1] else np.take(table, columns, axis=1)


def kept_rows(queries: DescribedQueries, removal: Removal) -> TrainingRows:
    """Training rows without what is removed: all hits, and of the rest what was drawn for every removal."""
    parts = []
    for whole in queries.tiles:
        tile = kept_tile(queries, whole, removal)
        query = tile.candidates.query
        has_hit = np.bincount(query[tile.label > 0], minlength=len(tile.tile)) > 0
        keep = has_hit[query] & ((tile.label > 0) | tile.drawn)
        counts = np.bincount(query[keep], minlength=len(tile.tile))
        features = kept_features(queries, tile, removal)[keep]
        parts.append(TrainingRows(features, tile.label[keep], counts[counts > 0].astype(np.int64)))
    return TrainingRows.concatenate(parts)


def rank_without(queries: DescribedQueries, removal: Removal, ranker: Ranker) -> RankedLists:
    """Rank what is left for the first queries of a corpus; ties go to the lower track index.

    All places name source 0.
    """
    track = np.full((len(queries), LIST_LENGTH), -1, np.int32)
    for whole in queries.tiles:
        tile = kept_tile(queries, whole, removal)
        candidates = tile.candidates
        scores = ranker.scores(kept_features(queries, tile, removal))
        order = np.lexsort((candidates.track, -scores, candidates.query))
        for query in range(len(tile.tile)):
            rows = order[candidates.start[query] : candidates.start[query + 1]][:LIST_LENGTH]
            track[tile.tile.start + query, : len(rows)] = candidates.track[rows]
    source = np.where(track >= 0, 0, -1).astype(np.int8)
    return RankedLists(track, source, removal.kept_sources(queries.names))


def mean_candidates(queries: DescribedQueries, removal: Removal) -> float:
    """How many candidates a query has without the removed sources, on average."""
    total = sum(len(kept_tile(queries, tile, removal).label) for tile in queries.tiles)
    return total / len(queries)
