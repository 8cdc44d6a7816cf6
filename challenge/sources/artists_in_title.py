"""Names in titles: tracks of the artists that a title names."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from challenge.data.catalog import Catalog
from challenge.data.dataset import Queries
from challenge.data.titles import tokens
from challenge.sources.artist_album import tracks_by_artist
from challenge.sources.base import DenseAnswer, QueryBatch, dense_answer
from challenge.sources.postings import PlaylistIndex
from challenge.types import FloatArray, Int32Array, Int64Array


@dataclass(frozen=True)
class TitleNames:
    """Configuration of the source.

    A title names an artist when the words of the artist's name stand in it in a row. A track of that artist
    scores the share of the title's words that the name takes, times how popular it is among the artist's.

    Attributes:
        min_artist_popularity: artists on fewer rows are not looked for: rare names are often ordinary words.
        num_candidates: candidates for each query.
        name: what features call it.
    """

    min_artist_popularity: int = 20
    num_candidates: int = 100
    name: str = "title_names"

    def fit(self, index: PlaylistIndex, queries: Queries, catalog: Catalog) -> TitleNamesGenerator:
        """Find the artists that the queries' titles name."""
        known = np.flatnonzero(index.artist_popularity >= self.min_artist_popularity)
        artists: dict[tuple[str, ...], list[int]] = defaultdict(list)
        for artist in known.tolist():
            artists[tokens(catalog.artist_names[artist])].append(artist)
        artists.pop((), None)
        longest = max(map(len, artists), default=0)
        named = [
            [
                (artist, share)
                for run, share in _runs(tokens(title or ""), longest)
                for artist in artists.get(run, ())
            ]
            for title in queries.titles
        ]
        start, track = tracks_by_artist(index)
        return TitleNamesGenerator(
            self.name, self.num_candidates, index, tuple(map(tuple, named)), start, track
        )


@dataclass(frozen=True, eq=False)
class TitleNamesGenerator:
    """Tracks of named artists.

    Attributes:
        named: artists and the share of the title they take, for each query.
        artist_start: where the tracks of each artist begin, int64.
        artist_track: tracks by artist, int32, shape (T,).
    """

    name: str
    num_candidates: int
    index: PlaylistIndex
    named: tuple[tuple[tuple[int, float], ...], ...]
    artist_start: Int64Array
    artist_track: Int32Array

    def scores(self, batch: QueryBatch) -> FloatArray:
        """Share of the title by popularity within the artist, float32, shape (B, T)."""
        scores = np.zeros((len(batch), self.index.n_tracks), np.float32)
        for row, named in zip(scores, self.named[batch.start : batch.stop], strict=True):
            for artist, share in named:
                tracks = self.artist_track[self.artist_start[artist] : self.artist_start[artist + 1]]
                fame = self.index.popularity[tracks] / max(self.index.popularity[tracks].max(), 1)
                row[tracks] = np.maximum(row[tracks], share * fame)
        return scores

    def answer(self, batch: QueryBatch) -> DenseAnswer:
        """See :class:`challenge.sources.base.CandidateGenerator`."""
        return dense_answer(self.scores(batch), batch, self.num_candidates)


def _runs(words: Sequence[str], longest: int) -> Iterator[tuple[tuple[str, ...], float]]:
    """All runs of up to ``longest`` words, each with its share of all words."""
    for begin in range(len(words)):
        for end in range(begin + 1, min(begin + longest, len(words)) + 1):
            yield tuple(words[begin:end]), (end - begin) / len(words)
