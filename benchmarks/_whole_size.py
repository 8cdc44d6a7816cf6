"""A graph of the Million Playlist Dataset's size and shape, drawn in memory.

Popularity falls by a power law whose constants give about what the MPD has: the most popular track on a few
playlists in a hundred, many tracks on one or two. Lengths are log-normal with the MPD's mean and median. A
playlist takes tracks from two of 60 genres and from three of many small circles of tracks, so that there is
something to learn that a few singular vectors do not hold. Tracks are numbered at random, which spares the
caches nothing.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from challenge.graph import BipartiteGraph

PLAYLISTS, TRACKS, MEAN, MEDIAN, LONGEST = 1_000_000, 2_262_292, 66.35, 49.0, 376
_EXPONENT, _FLAT_HEAD, _GENRES, _CIRCLE = 1.3, 430.0, 60, 40
_DRAWN_TWICE = 1.15
"""Draws for each distinct row of a playlist, about, at the whole size."""
_CHUNK = 1 << 22
"""Draws at a time, so that temporaries stay small."""


def whole_size_graph(scale: float = 1.0, seed: int = 0) -> BipartiteGraph:
    """Draw ``scale`` times the MPD's playlists and tracks, 66 rows a playlist less those drawn twice."""
    rng = np.random.default_rng(seed)
    playlists, tracks = max(100, round(PLAYLISTS * scale)), max(500, round(TRACKS * scale))
    lengths = _lengths(rng, playlists)
    indptr = np.concatenate([[0], np.cumsum(lengths)])
    playlist = np.repeat(np.arange(playlists, dtype=np.int32), lengths)
    ranks = _Ranks(rng, playlists, tracks, max(5.0, _FLAT_HEAD * scale))
    number = rng.permutation(tracks).astype(np.int32)
    columns = np.empty(len(playlist), np.int32)
    for start in range(0, len(playlist), _CHUNK):
        part = slice(start, min(start + _CHUNK, len(playlist)))
        columns[part] = number[ranks.draw(playlist[part])]
    ones = np.ones(len(columns), np.int8)
    return BipartiteGraph.from_matrix(sp.csr_matrix((ones, columns, indptr), shape=(playlists, tracks)))


def _lengths(rng: np.random.Generator, playlists: int) -> NDArray[np.int64]:
    spread = np.sqrt(2 * np.log(MEAN / MEDIAN))
    lengths: NDArray[np.float64] = rng.lognormal(np.log(MEDIAN), spread, playlists).clip(5, LONGEST)
    lengths *= MEAN * _DRAWN_TWICE / lengths.mean()
    return lengths.round().clip(5, LONGEST).astype(np.int64)


class _Ranks:
    """Draws popularity ranks of tracks for playlists with their genres and circles."""

    def __init__(self, rng: np.random.Generator, playlists: int, tracks: int, head: float) -> None:
        self._rng, self._tracks, self._head = rng, tracks, head
        self._circles = max(1, tracks // 5 // _CIRCLE)  # of the more popular fifth
        self._genre = rng.integers(0, _GENRES, (playlists, 2), dtype=np.int32)
        self._circle = rng.integers(0, self._circles, (playlists, 3), dtype=np.int32)

    def draw(self, playlist: NDArray[np.int32]) -> NDArray[np.int64]:
        """Draw a rank for each entry of ``playlist``: a quarter by popularity alone."""
        chance, rank = self._rng.random(len(playlist)), self._by_popularity(len(playlist))
        genre = self._genre[playlist, (chance < 0.15).astype(np.int32)]
        near = rank // _GENRES * _GENRES + genre  # a track of the genre that is about as popular
        circle = self._circle[playlist, self._rng.integers(0, 3, len(playlist))]
        member = (_CIRCLE * self._rng.random(len(playlist)) ** 2).astype(np.int64)
        found: NDArray[np.int64] = np.where(
            chance < 0.6, np.where(chance < 0.35, near, rank), member * self._circles + circle
        )
        return found.clip(0, self._tracks - 1)

    def _by_popularity(self, n: int) -> NDArray[np.int64]:
        """By the inverse of the distribution function."""
        power = 1.0 - _EXPONENT
        first, last = self._head**power, (self._tracks + self._head) ** power
        ranks: np.ndarray = (first + self._rng.random(n) * (last - first)) ** (1.0 / power) - self._head
        return ranks.astype(np.int64)
