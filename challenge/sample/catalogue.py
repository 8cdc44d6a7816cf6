"""The catalogue that playlists draw from: tracks in albums, by artists, in circles, in scenes, in genres.

Everything is laid out so that a circle, an artist and an album are each one range of track numbers. One
running sum of popularity then serves to draw from any of them. The catalogue is that of the whole dataset
whatever the size of the sample: a small one sees a proportionate part of it, as a part of the real one would.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from challenge.data.ragged import indptr_from_lengths
from challenge.sample.words import WORDS
from challenge.types import Int32Array, Int64Array

N_CIRCLES: Final = 9_000
N_ARTISTS: Final = 390_000
_SHARPEN: Final = 1.24
_FLATTEN: Final = 0.85

# How many tracks of the million-playlist dataset occur in at least so many playlists. Published totals from 2
# upwards; the ends are chosen so that 66 M draws meet 2.26 M different tracks.
_OCCURRENCES: Final = (52_000, 22_000, 10_500, 5_200, 2_600, 1_050, 520, 50,
                       19, 8.5, 3.5, 1.8, 1.0, 0.45, 0.15)  # fmt: skip
_RANKS: Final = (1, 130, 600, 1_727, 4_029, 10_190, 19_454, 118_512,
                 229_874, 372_433, 599_341, 865_624, 1_189_000, 1_950_000, 4_300_000)  # fmt: skip


@dataclass(frozen=True, eq=False)
class SyntheticCatalogue:
    """Tracks, albums, artists and circles, each numbered so that its parts are consecutive.

    Attributes:
        circle_genre: genre of each circle, int32, shape (C,).
        circle_scene: scene of each circle, counted over all genres, int32, shape (C,).
        circle_decade: decade of each circle, int32, shape (C,).
        circle_energy: 0 quiet to 1 loud, float64, shape (C,).
        scene_start: first circle of each scene and the end of the last, int64.
        artist_circle: circle of each artist, int32.
        artist_start: first track of each artist and the end of the last, int64.
        circle_start: first track of each circle and the end of the last, int64.
        album_start: first track of each album and the end of the last, int64.
        track_album: album of each track, int32, shape (T,).
        album_artist: artist of each album, int32.
        popular: running sum of popularity before each track, float64, shape (T + 1,).
        flat: the same of a flattened popularity, for draws that dig deeper.
    """

    circle_genre: Int32Array
    circle_scene: Int32Array
    circle_decade: Int32Array
    circle_energy: NDArray[np.float64]
    scene_start: Int64Array
    artist_circle: Int32Array
    artist_start: Int64Array
    circle_start: Int64Array
    album_start: Int64Array
    track_album: Int32Array
    album_artist: Int32Array
    popular: NDArray[np.float64]
    flat: NDArray[np.float64]

    @property
    def n_tracks(self) -> int:
        """Number of tracks in the catalogue, T."""
        return len(self.track_album)

    @property
    def circle_mass(self) -> NDArray[np.float64]:
        """Popularity of each circle's tracks together, float64, shape (C,)."""
        return np.diff(self.popular[self.circle_start])

    def draw(
        self, low: Int64Array, high: Int64Array, uniform: NDArray[np.float64], deep: NDArray[np.bool_]
    ) -> Int32Array:
        """Draw one track from each range ``low`` to ``high`` by popularity (flattened where ``deep``).

        A range without any popularity is replaced by the whole catalogue.
        """
        track = np.empty(len(low), np.int32)
        for sums, chosen in ((self.popular, ~deep), (self.flat, deep)):
            start, end = sums[low[chosen]], sums[high[chosen]]
            empty = end <= start
            start, end = np.where(empty, 0.0, start), np.where(empty, sums[-1], end)
            found = np.searchsorted(sums, start + uniform[chosen] * (end - start), side="right") - 1
            track[chosen] = np.minimum(found, self.n_tracks - 1)
        return track

    def restricted(self, allowed: NDArray[np.bool_]) -> SyntheticCatalogue:
        """Return this catalogue with no popularity but that of the ``allowed`` tracks (bool, shape (T,))."""
        sums = [_running(np.diff(s) * allowed) for s in (self.popular, self.flat)]
        return replace(self, popular=sums[0], flat=sums[1])


def _running(weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sum of all weights before each, and of all at the end; shape (n + 1,)."""
    sums = np.zeros(len(weights) + 1)
    np.cumsum(weights, out=sums[1:])
    return sums


def _scene_table() -> tuple[Int32Array, NDArray[np.float64]]:
    """Genre and share of each scene; the first scenes of a genre are its largest."""
    genre = np.repeat(np.arange(len(WORDS.genres), dtype=np.int32), [len(g.scenes) for g in WORDS.genres])
    return genre, np.concatenate([g.share * g.scene_shares() for g in WORDS.genres])


def _circles(rng: np.random.Generator) -> tuple[Int32Array, Int32Array, NDArray[np.float64], Int64Array]:
    """Scene, decade and energy of each circle, sorted so that neighbours are alike, and scene starts."""
    scene_genre, share = _scene_table()
    counts = np.maximum((N_CIRCLES * share / share.sum()).astype(np.int64), 4)
    scene = np.repeat(np.arange(len(counts), dtype=np.int32), counts)
    profile = np.array([g.decades for g in WORDS.genres])
    shift = rng.random((len(counts), profile.shape[1])) * 1.6 + 0.1
    odds = np.cumsum(profile[scene_genre] * shift, axis=1)
    odds /= odds[:, -1:]
    decade = (rng.random(len(scene))[:, None] > odds[scene]).sum(axis=1).astype(np.int32)
    mean = np.array([g.energy for g in WORDS.genres])[scene_genre] + 0.10 * rng.standard_normal(len(counts))
    energy = np.clip(mean[scene] + 0.10 * rng.standard_normal(len(scene)), 0.0, 1.0)
    order = np.lexsort((energy, decade, scene))
    return scene[order], decade[order], energy[order], indptr_from_lengths(counts)


def _album_sizes(rng: np.random.Generator, count: int) -> Int64Array:
    """Tracks of each album: singles, short records and full albums."""
    kind = rng.random(count)
    short = rng.integers(2, 7, count)
    full = np.clip(8 + rng.geometric(0.2, count), 8, 40)
    return np.where(kind < 0.58, 1, np.where(kind < 0.74, short, full)).astype(np.int64)


def _occurrences(ranks: NDArray[np.float64]) -> NDArray[np.float64]:
    """Expected playlists in a million for the track of each popularity rank (from 1)."""
    return np.exp(np.interp(np.log(ranks), np.log(_RANKS), np.log(_OCCURRENCES)))


def build_catalogue(seed: int) -> SyntheticCatalogue:
    """Build the catalogue of about 4.3 M tracks; about 1.5 s and 200 MB."""
    rng = np.random.default_rng([seed, 0])
    scene, decade, energy, scene_start = _circles(rng)
    size = np.exp(0.7 * rng.standard_normal(len(scene)))
    artist_circle = np.sort(
        np.searchsorted(np.cumsum(size / size.sum()), rng.random(N_ARTISTS)).clip(0, len(scene) - 1)
    ).astype(np.int32)
    artist_score = 1.5 * rng.standard_normal(N_ARTISTS)
    albums = 1 + rng.poisson(np.exp(0.40 + 0.35 * artist_score).clip(0, 40))
    album_artist = np.repeat(np.arange(N_ARTISTS, dtype=np.int32), albums)
    tracks = _album_sizes(rng, len(album_artist))
    track_album = np.repeat(np.arange(len(album_artist), dtype=np.int32), tracks)
    album_start = indptr_from_lengths(tracks)
    score = 0.8 * rng.standard_normal(len(scene))[artist_circle] + artist_score
    album_score = score[album_artist] + 0.9 * rng.standard_normal(len(album_artist))
    track_score = album_score[track_album] + 1.2 * rng.standard_normal(len(track_album))
    weight = np.empty(len(track_score))
    weight[np.argsort(-track_score)] = _occurrences(np.arange(1.0, len(track_score) + 1))
    artist_start = album_start[indptr_from_lengths(albums)]
    return SyntheticCatalogue(
        circle_genre=_scene_table()[0][scene],
        circle_scene=scene,
        circle_decade=decade,
        circle_energy=energy,
        scene_start=scene_start,
        artist_circle=artist_circle,
        artist_start=artist_start,
        circle_start=artist_start[np.searchsorted(artist_circle, np.arange(len(scene) + 1))],
        album_start=album_start,
        track_album=track_album,
        album_artist=album_artist,
        popular=_running(weight**_SHARPEN),
        flat=_running(weight**_FLATTEN),
    )
