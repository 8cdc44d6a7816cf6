"""Tracks of the artists that a title names."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from challenge.data.titles import tokens
from challenge.settings import Settings
from challenge.sources.artist_album import tracks_by_artist
from challenge.sources.base import FitContext, QueryBatch
from challenge.sources.postings import PlaylistIndex
from challenge.sources.sparse import Entries, SparseScores
from challenge.types import CandidateCount, FloatArray, Int32Array, Int64Array, NonNegative, NonNegativeInt


@dataclass(frozen=True)
class ArtistsInTitle(Settings):
    """Settings of the source.

    A title names an artist when the words of the artist's name stand in it in a row. A track of that artist
    scores the share of the title's words that the name takes, times how popular it is among the artist's.

    Attributes:
        min_artist_popularity: artists on fewer rows are not looked for: rare names are often ordinary words.
    """

    min_artist_popularity: NonNegativeInt = 20
    num_candidates: CandidateCount = 100
    weight: NonNegative = 0.0

    def fit(self, context: FitContext) -> FittedArtistsInTitle:
        """Collect the artists' names by their words."""
        index, names = context.index, context.dataset.catalog.artist_names
        artists: dict[tuple[str, ...], list[int]] = defaultdict(list)
        for artist in np.flatnonzero(index.artist_popularity >= self.min_artist_popularity).tolist():
            artists[tokens(names[artist])].append(artist)
        artists.pop((), None)
        max_words = max(map(len, artists), default=0)
        return FittedArtistsInTitle(index, dict(artists), max_words, *tracks_by_artist(index))


@dataclass(frozen=True, eq=False)
class FittedArtistsInTitle:
    """Tracks of named artists.

    Attributes:
        artists: artists by the words of their name.
        max_words: of the longest name.
        artist_indptr: where the tracks of each artist begin, int64.
        artist_track: tracks by artist, int32, shape (T,).
    """

    index: PlaylistIndex
    artists: Mapping[tuple[str, ...], Sequence[int]]
    max_words: int
    artist_indptr: Int64Array
    artist_track: Int32Array

    def score(self, batch: QueryBatch) -> SparseScores:
        """Weigh the share of the title by the track's popularity within the artist."""
        rows = [self._scored(title) for title in batch.queries.titles]
        return SparseScores(Entries.of_rows(*zip(*rows, strict=True)), self.index.n_tracks)

    def _scored(self, title: str | None) -> tuple[Int32Array, FloatArray]:
        shares: dict[int, float] = {}
        for artist, share in self.named(title):
            shares[artist] = max(share, shares.get(artist, 0.0))
        tracks, scores = [np.empty(0, np.int32)], [np.empty(0, np.float32)]
        for artist, share in shares.items():
            own = self.artist_track[self.artist_indptr[artist] : self.artist_indptr[artist + 1]]
            popularity = self.index.popularity[own]
            tracks.append(own)
            scores.append(share * (popularity / max(popularity.max(), 1)))
        return np.concatenate(tracks), np.concatenate(scores)

    def named(self, title: str | None) -> Iterator[tuple[int, float]]:
        """Artists that a title names, and the share of its words that each takes."""
        words = tokens(title or "")
        for begin in range(len(words)):
            for end in range(begin + 1, min(begin + self.max_words, len(words)) + 1):
                for artist in self.artists.get(tuple(words[begin:end]), ()):
                    yield artist, (end - begin) / len(words)
