"""Fills every list to exactly 500 tracks, whatever is missing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from challenge.errors import MissingInputError
from challenge.ranking.rank import RankedLists
from challenge.sources.base import best_tracks, query_batch
from challenge.sources.registry import SourceSet
from challenge.types import LIST_LENGTH, Category, Int32Array

FALLBACKS: Final = ("title fallback", "popularity fallback")


@dataclass(frozen=True, eq=False)
class FilledLists:
    """Exactly 500 distinct tracks for each of Q queries, best first, none of them a seed.

    Attributes:
        track: dense track index, int32, shape (Q, 500).
        source: index into ``names`` of what filled each place, int8, shape (Q, 500).
        names: the sources, then the fallbacks.
    """

    track: Int32Array
    source: np.ndarray
    names: tuple[str, ...]

    def counts(self, categories: tuple[Category, ...]) -> dict[str, dict[str, int]]:
        """How many places each source filled, by category; sources that filled none are left out."""
        labels = np.array(categories)
        found: dict[str, dict[str, int]] = {}
        for category in Category:
            numbers = np.bincount(self.source[labels == category].ravel(), minlength=len(self.names))
            if numbers.any():
                pairs = zip(self.names, numbers.tolist(), strict=True)
                found[category.value] = {name: number for name, number in pairs if number}
        return found


def fill(sources: SourceSet, ranked: RankedLists) -> FilledLists:
    """Complete ranked lists: first from playlists of the same or similar titles, then by popularity.

    Raises:
        MissingInputError: a playlist has fewer than 500 tracks to choose from in the whole catalog.
    """
    _require_enough_tracks(sources)
    filled = FilledLists(ranked.track.copy(), ranked.source.copy(), (*ranked.names, *FALLBACKS))
    title_number = len(ranked.names)
    max_seeds = int(sources.dataset.queries.seeds.lengths.max(initial=0))
    popular = by_popularity(sources)[: 2 * LIST_LENGTH + max_seeds]
    for query in np.flatnonzero((ranked.track < 0).any(axis=1)).tolist():
        row, source = filled.track[query], filled.source[query]
        banned = set(sources.index.seeds(query).tolist()) | set(row[row >= 0].tolist())
        _append(row, source, _by_title(sources, query), title_number, banned)
        _append(row, source, popular, title_number + 1, banned)
    return filled


def by_popularity(sources: SourceSet) -> Int32Array:
    """All tracks, commonest first, ties by index; int32, shape (T,)."""
    return np.argsort(-sources.index.popularity, kind="stable").astype(np.int32)


def _by_title(sources: SourceSet, query: int) -> Int32Array:
    batch = query_batch(sources.index, query, query + 1)
    best: Int32Array = best_tracks(sources.title.scores(batch), LIST_LENGTH + len(batch.seed_track))[0]
    known: Int32Array = best[best >= 0]
    return known


def _append(row: Int32Array, source: np.ndarray, tracks: Int32Array, number: int, banned: set[int]) -> None:
    """Put tracks that are not ``banned`` into the free places, and ban them."""
    place = int((row >= 0).sum())
    for track in tracks.tolist():
        if place == LIST_LENGTH:
            return
        if track not in banned:
            row[place], source[place] = track, number
            banned.add(track)
            place += 1


def _require_enough_tracks(sources: SourceSet) -> None:
    queries, n_tracks = sources.dataset.queries, sources.index.n_tracks
    seeds = np.diff(sources.index.row_start[sources.index.n_playlists :])
    short = np.flatnonzero(n_tracks - seeds < LIST_LENGTH)
    if len(short):
        raise MissingInputError(
            f"playlist {queries.pid[short[0]]}: {n_tracks - seeds[short[0]]:,} tracks to choose from in all; "
            f"expected at least {LIST_LENGTH}",
            hint="take more slices of the MPD",
        )
