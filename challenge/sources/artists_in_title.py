"""Tracks of the artists that a title names."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated

import numpy as np
from msgspec import Meta

from challenge.data.titles import tokens
from challenge.settings import Settings
from challenge.sources.artist_album import tracks_by_artist
from challenge.sources.base import FitContext, QueryBatch
from challenge.sources.postings import PlaylistIndex
from challenge.sources.sparse import Entries, SparseScores
from challenge.sources.title_groups import TitleGroups
from challenge.types import CandidateCount, FloatArray, Int32Array, Int64Array, NonNegative, NonNegativeInt


@dataclass(frozen=True)
class ArtistsInTitle(Settings):
    """Settings of the source.

    A title names an artist when the words of the artist's name stand in it in a row. A track of that artist
    scores the share of the title's words that the name takes, times how popular it is among the artist's,
    times how often the name means the artist: the share of the training playlists with it in their title that
    hold a track of the artist. So "Drake" is an artist, and "love" hardly ever.

    Attributes:
        min_artist_popularity: artists on fewer rows are not looked for: rare names are often ordinary words.
        smoothing: playlists for which the mean over all names counts in that share.
    """

    min_artist_popularity: NonNegativeInt = 20
    smoothing: Annotated[float, Meta(ge=0.01, le=1e6)] = 3.0
    num_candidates: CandidateCount = 100
    weight: NonNegative = 0.0

    def fit(self, context: FitContext) -> FittedArtistsInTitle:
        """Collect the artists' names by their words, and count how often they are meant."""
        index, names = context.index, context.dataset.catalog.artist_names
        artists: dict[tuple[str, ...], list[int]] = defaultdict(list)
        for artist in np.flatnonzero(index.artist_popularity >= self.min_artist_popularity).tolist():
            artists[tokens(names[artist])].append(artist)
        artists.pop((), None)
        always = np.ones(len(index.artist_popularity), np.float32)
        max_words = max(map(len, artists), default=0)
        found = FittedArtistsInTitle(index, dict(artists), max_words, *tracks_by_artist(index), always)
        return replace(found, meant=found.shares_meant(context.titles, self.smoothing))


@dataclass(frozen=True, eq=False)
class FittedArtistsInTitle:
    """Tracks of named artists.

    Attributes:
        artists: artists by the words of their name.
        max_words: of the longest name.
        artist_indptr: where the tracks of each artist begin, int64, shape (A + 1,).
        artist_track: tracks by artist, int32, shape (T,).
        meant: how often the name of each artist in a title means them, float32, shape (A,).
    """

    index: PlaylistIndex
    artists: Mapping[tuple[str, ...], Sequence[int]]
    max_words: int
    artist_indptr: Int64Array
    artist_track: Int32Array
    meant: FloatArray

    def shares_meant(self, groups: TitleGroups, smoothing: float) -> FloatArray:
        """Of the playlists with each artist's name in the title, the share that holds a track of theirs.

        All are taken to mean it where no title names anybody.
        """
        titles: dict[int, list[int]] = defaultdict(list)
        for number, key in enumerate(groups.keys):
            for artist in {artist for artist, _ in self.named(key)}:
                titles[artist].append(number)
        named, meant = np.zeros((2, len(self.artist_indptr) - 1))
        holds = np.zeros(len(self.index.row_lengths), bool)
        for artist, numbers in titles.items():
            rows = [self.index.rows_of(track) for track in self._tracks_of(artist).tolist()]
            for own in rows:
                holds[own] = True
            titled = np.concatenate([groups.rows_with_key(number) for number in numbers])
            named[artist], meant[artist] = len(titled), holds[titled].sum()
            for own in rows:
                holds[own] = False
        mean = meant.sum() / named.sum() if titles else 1.0
        return ((meant + smoothing * mean) / (named + smoothing)).astype(np.float32)

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
            own = self._tracks_of(artist)
            popularity = self.index.popularity[own]
            tracks.append(own)
            scores.append(share * self.meant[artist] * (popularity / max(popularity.max(), 1)))
        return np.concatenate(tracks), np.concatenate(scores)

    def named(self, title: str | None) -> Iterator[tuple[int, float]]:
        """Artists that a title names, and the share of its words that each takes."""
        words = tokens(title or "")
        for begin in range(len(words)):
            for end in range(begin + 1, min(begin + self.max_words, len(words)) + 1):
                for artist in self.artists.get(tuple(words[begin:end]), ()):
                    yield artist, (end - begin) / len(words)

    def _tracks_of(self, artist: int) -> Int32Array:
        return self.artist_track[self.artist_indptr[artist] : self.artist_indptr[artist + 1]]
