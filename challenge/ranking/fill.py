"""Fills every list to exactly 500 tracks, whatever is missing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from challenge.errors import MissingInputError
from challenge.ranking.rank import RankedLists
from challenge.sources.base import IndexedQueries
from challenge.sources.merge import without_seeds
from challenge.sources.popularity import by_popularity
from challenge.sources.registry import FittedSources
from challenge.types import LIST_LENGTH, Category, Int32Array

FALLBACKS: Final = ("title fallback", "popularity fallback")


@dataclass(frozen=True, eq=False)
class FilledLists:
    """Exactly 500 distinct tracks for each of Q queries, best first, none of them a seed.

    Attributes:
        track: dense track index, int32, shape (Q, 500).
        source: index into ``names`` of what filled each rank, int8, shape (Q, 500).
        names: the sources, then the fallbacks.
    """

    track: Int32Array
    source: NDArray[np.int8]
    names: tuple[str, ...]

    @classmethod
    def concatenate(cls, parts: Sequence[FilledLists]) -> FilledLists:
        """Join the lists of one query after another."""
        track = np.concatenate([part.track for part in parts])
        return cls(track, np.concatenate([part.source for part in parts]), parts[0].names)

    def counts(self, categories: tuple[Category, ...]) -> dict[str, dict[str, int]]:
        """How many ranks each source filled, by category; sources that filled none are left out."""
        labels = np.array(categories)
        found: dict[str, dict[str, int]] = {}
        for category in Category:
            numbers = np.bincount(self.source[labels == category].ravel(), minlength=len(self.names))
            if numbers.any():
                pairs = zip(self.names, numbers.tolist(), strict=True)
                found[category.value] = {name: number for name, number in pairs if number}
        return found


def fill(sources: FittedSources, ranked: RankedLists, queries: IndexedQueries) -> FilledLists:
    """Complete ranked lists: first from playlists of the same or similar titles, then by popularity.

    Raises:
        MissingInputError: a playlist has fewer than 500 tracks to choose from in the whole catalog.
    """
    _require_enough_tracks(sources.index.n_tracks, queries)
    filled = FilledLists(ranked.track.copy(), ranked.source.copy(), (*ranked.names, *FALLBACKS))
    max_seeds = int(queries.seeds.lengths.max(initial=0))
    popular = by_popularity(sources.index.popularity)[: 2 * LIST_LENGTH + max_seeds]
    for query in np.flatnonzero((ranked.track < 0).any(axis=1)).tolist():
        batch = queries.batch(query, query + 1)
        seeds = batch.seeds(0)
        similar = sources.title.score(batch).best(LIST_LENGTH + len(seeds))[0]
        for number, tracks in enumerate((similar, popular), start=len(ranked.names)):
            _append(filled.track[query], filled.source[query], without_seeds(tracks, seeds), number)
    return filled


def _append(row: Int32Array, source: NDArray[np.int8], tracks: Int32Array, number: int) -> None:
    """Put the tracks that are not in the row yet behind its last one, up to its end."""
    begin = int((row >= 0).sum())
    new = tracks[~np.isin(tracks, row[:begin])][: len(row) - begin]
    row[begin : begin + len(new)] = new
    source[begin : begin + len(new)] = number


def _require_enough_tracks(n_tracks: int, queries: IndexedQueries) -> None:
    left = n_tracks - queries.seeds.lengths
    short = np.flatnonzero(left < LIST_LENGTH)
    if len(short):
        raise MissingInputError(
            f"playlist {queries.queries.pid[short[0]]}: {left[short[0]]:,} tracks to choose from in all; "
            f"expected at least {LIST_LENGTH}",
            hint="take more slices of the MPD",
        )
