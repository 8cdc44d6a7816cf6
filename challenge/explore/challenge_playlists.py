"""The challenge playlists of a run as a person looks at them: found, ordered by score, and continued."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from challenge.data.vocabulary import ids_of
from challenge.errors import ConfigError, MissingInputError
from challenge.evaluation.ground_truth import GroundTruth
from challenge.evaluation.scorecard import PlaylistScores
from challenge.evaluation.variants import METRICS
from challenge.playlist import Recommendation
from challenge.ranking.recommend import describe, recommend
from challenge.recommender import Recommender
from challenge.types import TRACK_PREFIX, Category, Int64Array

ORDERS: Final = ("worst", "best", "pid")
"""In which playlists are listed: by NDCG from either end, or as they are numbered."""


@dataclass(frozen=True)
class ListedPlaylist:
    """One line of a list of challenge playlists; its scores by metric where there are any."""

    pid: int
    title: str | None
    category: str
    num_seeds: int
    num_holdouts: int
    scores: Mapping[str, float]


@dataclass(frozen=True)
class ShownPlaylist:
    """A challenge playlist and its continuation.

    The rank of a seed is its position from 1. ``hits`` tells which recommended tracks are held out, None
    without answers.
    """

    pid: int
    title: str | None
    category: str
    num_holdouts: int
    seeds: list[Recommendation]
    recommended: list[Recommendation]
    hits: list[bool] | None


class ChallengePlaylists:
    """The playlists that a recommender was fitted to continue; with answers and scores, if known."""

    def __init__(
        self,
        recommender: Recommender,
        truth: GroundTruth | None = None,
        scores: PlaylistScores | None = None,
    ) -> None:
        self._recommender, self._truth = recommender, truth
        self._queries = recommender.queries()
        self._row_of = {pid: row for row, pid in enumerate(self._queries.queries.pid.tolist())}
        known = {} if scores is None else dict(zip(scores.pid.tolist(), scores.values.matrix, strict=True))
        unknown = np.full(len(METRICS), np.nan)
        self._scores = np.array([known.get(pid, unknown) for pid in self._row_of]).reshape(-1, len(METRICS))

    @property
    def scored(self) -> bool:
        """Whether the scores of any playlist are known."""
        return not bool(np.isnan(self._scores).all())

    def __len__(self) -> int:
        return len(self._row_of)

    def listed(self, category: str = "", words: str = "", order: str = "pid") -> list[ListedPlaylist]:
        """List the playlists of one category, or all; those whose title has all the words.

        Raises:
            ConfigError: no such category or order.
        """
        if category not in ("", *Category) or order not in ORDERS:
            raise ConfigError(
                f"category {category!r}, order {order!r}: expected one of {', '.join(Category)}, "
                f"and of {', '.join(ORDERS)}"
            )
        queries, wanted = self._queries.queries, words.lower().split()
        rows = [
            row
            for row in self._ordered(order).tolist()
            if category in ("", queries.categories[row])
            and all(word in (queries.titles[row] or "").lower() for word in wanted)
        ]
        return [self._line(row) for row in rows]

    def show(self, pid: int, count: int) -> ShownPlaylist:
        """Continue a playlist with ``count`` tracks as the run did; mark the hits where answers are known.

        Raises:
            MissingInputError: no such playlist in the challenge, or in the answers.
        """
        one = self._queries.take([self._row(pid)])
        recommender, own = self._recommender, one.queries
        sources, ranker = recommender.sources, recommender.ranker
        (found,) = recommend(sources, ranker, recommender.weights, one, count, explain=False)
        hits = None
        if self._truth is not None:
            held_out = set(self._truth.uris(pid))
            hits = [each.uri in held_out for each in found]
        catalog = recommender.dataset.catalog
        seeds = [
            describe(catalog, int(position) + 1, int(track), float("nan"))
            for track, position in zip(own.seeds.row(0), own.seeds.row_positions(0), strict=True)
        ]
        category = own.categories[0].value
        return ShownPlaylist(pid, own.titles[0], category, int(own.num_holdouts[0]), seeds, found, hits)

    def scores(self, pid: int) -> dict[str, float]:
        """Scores of one playlist by metric; empty where they are not known."""
        scores = self._scores[self._row(pid)]
        return {} if np.isnan(scores).any() else dict(zip(METRICS, scores.tolist(), strict=True))

    def missed(self, shown: ShownPlaylist) -> list[Recommendation]:
        """Name the held-out tracks that are not among those recommended; none without answers."""
        if self._truth is None:
            return []
        found, catalog = {each.uri for each in shown.recommended}, self._recommender.dataset.catalog
        ids = ids_of((uri for uri in self._truth.uris(shown.pid) if uri not in found), TRACK_PREFIX)
        tracks = catalog.tracks.index_of(ids)
        return [describe(catalog, 0, int(track), float("nan")) for track in tracks[tracks >= 0]]

    def _row(self, pid: int) -> int:
        if pid not in self._row_of:
            pids = list(self._row_of)
            raise MissingInputError(
                f"playlist {pid}: not in the challenge of this run, "
                + (f"whose pids are {min(pids)} to {max(pids)}" if pids else "which has no playlists")
            )
        return self._row_of[pid]

    def _ordered(self, order: str) -> Int64Array:
        """Rows in the given order; those without a score come last."""
        if order == "pid":
            return np.argsort(self._queries.queries.pid, kind="stable")
        ndcg = self._scores[:, METRICS.index("ndcg")]
        return np.argsort(ndcg if order == "worst" else -ndcg, kind="stable")

    def _line(self, row: int) -> ListedPlaylist:
        queries = self._queries.queries
        return ListedPlaylist(
            int(queries.pid[row]),
            queries.titles[row],
            queries.categories[row].value,
            int(queries.seeds.lengths[row]),
            int(queries.num_holdouts[row]),
            self.scores(int(queries.pid[row])),
        )
