"""Small datasets made by hand, and a two-genre toy in which every right answer is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from challenge.data.catalog import Catalog
from challenge.data.dataset import Dataset, Queries
from challenge.data.interactions import Interactions
from challenge.data.playlists import Playlists
from challenge.data.strings import StringTable
from challenge.data.vocabulary import Vocabulary
from challenge.types import ALBUM_PREFIX, ARTIST_PREFIX, TRACK_PREFIX, Category, Int32Array

GENRES = ("rock", "jazz")
TRACKS_PER_GENRE = 60
ARTISTS_PER_GENRE = 6
UNKNOWN_TRACKS = 6
"""Tracks after those of both genres that only seeds name, by an artist of their own."""


def ids(letter: str, count: int) -> Vocabulary:
    prefix = {"T": TRACK_PREFIX, "A": ARTIST_PREFIX, "B": ALBUM_PREFIX}[letter]
    return Vocabulary(np.array([f"{letter}{i:021d}" for i in range(count)], dtype="S22"), prefix)


def catalog_of(
    track_artist: Sequence[int], track_album: Sequence[int] | None = None, names: Sequence[str] | None = None
) -> Catalog:
    """Tracks whose durations are 200 s, 201 s, …"""
    artist = np.array(track_artist, np.int32)
    album = artist if track_album is None else np.array(track_album, np.int32)
    n_artists, n_albums = int(artist.max(initial=-1)) + 1, int(album.max(initial=-1)) + 1
    return Catalog(
        tracks=ids("T", len(artist)),
        artists=ids("A", n_artists),
        albums=ids("B", n_albums),
        track_artist=artist,
        track_album=album,
        track_duration_ms=(200_000 + 1000 * np.arange(len(artist))).astype(np.int32),
        track_names=StringTable.from_strings(f"Song {i}" for i in range(len(artist))),
        artist_names=StringTable.from_strings(names or [f"Artist {i}" for i in range(n_artists)]),
    )


def playlists_of(rows: Sequence[Sequence[int]], titles: Sequence[str | None]) -> Playlists:
    """Playlists with pids from 0, each modified a day after the one before."""
    known = sorted({title for title in titles if title is not None})
    count = len(rows)
    return Playlists(
        pid=np.arange(count, dtype=np.int32),
        title_index=np.array([-1 if t is None else known.index(t) for t in titles], np.int32),
        titles=StringTable.from_strings(known),
        num_followers=np.ones(count, np.int32),
        num_edits=np.ones(count, np.int32),
        modified_at=1_500_000_000 + 86_400 * np.arange(count, dtype=np.int64),
        collaborative=np.zeros(count, bool),
        has_description=np.zeros(count, bool),
        interactions=Interactions.from_rows(rows),
    )


@dataclass(frozen=True)
class Question:
    """A playlist to continue."""

    category: Category
    title: str | None
    seeds: Sequence[int]
    positions: Sequence[int] | None = None
    num_holdouts: int = 10


def queries_of(questions: Sequence[Question]) -> Queries:
    """Queries with pids from 1,000,000."""
    positions = [q.positions if q.positions is not None else range(len(q.seeds)) for q in questions]
    return Queries(
        pid=1_000_000 + np.arange(len(questions), dtype=np.int32),
        titles=tuple(q.title for q in questions),
        categories=tuple(q.category for q in questions),
        num_holdouts=np.array([q.num_holdouts for q in questions], np.int32),
        seeds=Interactions.from_rows([q.seeds for q in questions], [list(p) for p in positions]),
    )


def tracks_of(genre: str) -> Int32Array:
    """All tracks of a genre."""
    start = GENRES.index(genre) * TRACKS_PER_GENRE
    return np.arange(start, start + TRACKS_PER_GENRE, dtype=np.int32)


TITLES = {
    "rock": ("Rock", "rock!", "Classic Rock", "rock 🎸"),
    "jazz": ("Jazz", "jazz.", "Smooth Jazz", "jazz 🎷"),
}


@dataclass(frozen=True, eq=False)
class ToyDataset:
    """A dataset and the genre of each query; None where nothing tells it."""

    dataset: Dataset
    genre_of: tuple[str | None, ...]

    def answered_by(self, *, title: bool = False, seeds: bool = False) -> list[int]:
        """Queries of a genre that have a title, or known seeds."""
        queries = self.dataset.queries
        return [
            i
            for i, genre in enumerate(self.genre_of)
            if genre and ((title and queries.titles[i]) or (seeds and len(queries.seeds.row(i))))
        ]


def toy_dataset(seed: int = 0) -> ToyDataset:
    """80 playlists of two genres, in turn, of 12 tracks from their genre only, commoner ones first numbered.

    The last queries have no title and only unknown seeds, an empty title and no seed, and a title that
    nobody else has.
    """
    rng = np.random.default_rng(seed)
    n_tracks = 2 * TRACKS_PER_GENRE
    per_artist = TRACKS_PER_GENRE // ARTISTS_PER_GENRE
    artist = np.concatenate(
        [np.arange(n_tracks) // per_artist, np.full(UNKNOWN_TRACKS, n_tracks // per_artist)]
    )
    album = 2 * artist + (np.arange(len(artist)) % per_artist >= per_artist // 2)
    share = 1.0 / (5 + np.arange(TRACKS_PER_GENRE))
    rows, titles = [], []
    for i in range(80):
        genre = GENRES[i % 2]
        rows.append(rng.choice(tracks_of(genre), 12, replace=False, p=share / share.sum()).tolist())
        titles.append(TITLES[genre][i // 2 % 4])
    questions, genres = [], []
    for genre in GENRES:
        own = rng.permutation(tracks_of(genre)).tolist()
        questions += [
            Question(Category.TITLE_ONLY, genre.upper(), []),
            Question(Category.TITLE_FIRST_1, TITLES[genre][2], [int(tracks_of(genre)[0])]),
            Question(Category.TITLE_FIRST_5, TITLES[genre][3], own[:5]),
            Question(Category.FIRST_5, None, own[5:10]),
            Question(Category.FIRST_10, None, own[:10]),
            Question(Category.TITLE_RANDOM_25, genre, own[:25], range(3, 53, 2)),
        ]
        genres += [genre] * 6
    unknown = list(range(n_tracks, n_tracks + 5))
    questions += [
        Question(Category.FIRST_5, None, unknown),
        Question(Category.TITLE_ONLY, "", []),
        Question(Category.TITLE_ONLY, "qqvv", []),
    ]
    dataset = Dataset(
        catalog_of(artist.tolist(), album.tolist()), playlists_of(rows, titles), queries_of(questions)
    )
    return ToyDataset(dataset, (*genres, None, None, None))


def random_dataset(seed: int, *, playlists: int = 25, tracks: int = 30, queries: int = 8) -> Dataset:
    """Random playlists with repeats, some empty, and queries of 0 to 7 seeds, some of them unknown."""
    rng = np.random.default_rng(seed)
    share = 1.0 / (1 + np.arange(tracks))
    share[-3:] = 0
    share /= share.sum()
    rows = [rng.choice(tracks, rng.integers(0, 15), p=share).tolist() for _ in range(playlists)]
    words = ("a", "b", "a b", "", None)
    titles = [words[rng.integers(len(words))] for _ in rows]
    questions = []
    for i in range(queries):
        seeds = rng.integers(0, tracks, i).tolist()
        places = np.sort(rng.choice(2 * i + 1, i, replace=False)).tolist()
        questions.append(Question(list(Category)[i % 10], words[i % 5], seeds, places, 5 + i))
    artist = rng.integers(0, 6, tracks)
    album = 2 * artist + rng.integers(0, 2, tracks)
    return Dataset(
        catalog_of(artist.tolist(), album.tolist()), playlists_of(rows, titles), queries_of(questions)
    )
