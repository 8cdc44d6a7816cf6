"""Draws playlists: lengths, themes, the circles that suit them, titles and facts."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Final, NamedTuple

import numpy as np

from challenge.data.playlists import Playlists
from challenge.data.strings import StringTable
from challenge.sample.catalogue import SyntheticCatalogue
from challenge.sample.names import artist_name
from challenge.sample.sequence import MAX_CIRCLES, MIN_LENGTH, Tastes, draw_tracks
from challenge.sample.themes import CircleSampler, Theme, all_themes
from challenge.sample.titles import make_description, make_title
from challenge.types import Int32Array, Int64Array

MAX_LENGTH: Final = 250
_FOLLOWERS: Final = (0.754, 0.904, 0.951, 0.970, 0.980)
"""Shares of playlists with at most 1, 2, 3, 4, 5 followers."""
_LAST_DAY: Final = 1_509_408_000
_DAY: Final = 86_400


class Drawn(NamedTuple):
    """Playlists whose tracks have the catalogue's numbers, pids from 0, and their descriptions."""

    playlists: Playlists
    descriptions: list[str | None]


@dataclass(frozen=True, eq=False)
class ThemedCatalogue:
    """A catalogue with the themes that playlists are about, and the circles of it that suit each theme."""

    catalogue: SyntheticCatalogue
    themes: list[Theme]
    circles: CircleSampler
    seed: int

    @classmethod
    def of(cls, catalogue: SyntheticCatalogue, seed: int) -> ThemedCatalogue:
        """Set up all themes for ``catalogue``; ``seed`` chooses the names."""
        themes = all_themes()
        return cls(catalogue, themes, CircleSampler(catalogue, themes), seed)


def lengths_at_least(minimum: int, count: int, rng: np.random.Generator) -> Int64Array:
    """Draw playlist lengths from ``minimum`` (5 or more) to 250, of mean 66 for the minimum of 5; int64.

    Lengths below the minimum are left out rather than raised, as if playlists too short had been skipped.
    """
    grid = np.arange(max(minimum, MIN_LENGTH), MAX_LENGTH + 1)
    density = np.exp(-((np.log(grid / 58.5) / 0.93) ** 2) / 2) / grid
    chosen = np.searchsorted(np.cumsum(density / density.sum()), rng.random(count))
    lengths: Int64Array = grid[chosen.clip(0, len(grid) - 1)]
    return lengths


def draw_playlists(
    themed: ThemedCatalogue, lengths: Int64Array, rng: np.random.Generator, *, repeats: bool
) -> Drawn:
    """Draw one playlist for each of ``lengths``, about as long as that (a narrow theme may end earlier).

    With ``repeats`` a few playlists hold a track twice.
    """
    n = len(lengths)
    drawn = np.searchsorted(np.cumsum([t.share for t in themed.themes]), rng.random(n))
    theme = drawn.clip(0, len(themed.themes) - 1).astype(np.int32)
    about_artist = _draw_artists(themed, theme, rng)
    circles = _draw_circles(themed, theme, about_artist, rng)
    tracks = draw_tracks(themed.catalogue, Tastes(lengths, circles, about_artist), rng, repeats=repeats)
    words = Random(int(rng.integers(2**62)))
    titles = [
        make_title(themed.themes[t], artist_name(a, themed.seed) if a >= 0 else "", words)
        for t, a in zip(theme.tolist(), about_artist.tolist(), strict=True)
    ]
    descriptions = [make_description(title, words) for title in titles]
    modified = _LAST_DAY - _DAY * (rng.random(n) ** 2.5 * 2500).astype(np.int64)
    followers = _draw_followers(n, rng)
    edits = 1 + (tracks.lengths * rng.random(n) ** 2.5 * 0.9).astype(np.int32)
    playlists = Playlists(
        pid=np.arange(n, dtype=np.int32),
        title_index=np.arange(n, dtype=np.int32),
        titles=StringTable.from_strings(titles),
        num_followers=followers,
        num_edits=edits,
        modified_at=modified,
        collaborative=rng.random(n) < 0.0226,
        has_description=np.array([text is not None for text in descriptions], np.bool_),
        interactions=tracks,
    )
    return Drawn(playlists, descriptions)


def _draw_followers(n: int, rng: np.random.Generator) -> Int32Array:
    """Followers: three quarters have one, and the tail falls as a power."""
    few = 1 + np.searchsorted(_FOLLOWERS, rng.random(n))
    many = (6.0 / (1.0 - rng.random(n)) ** 0.8).astype(np.int64).clip(6, 70_000)
    return np.where(few > len(_FOLLOWERS), many, few).astype(np.int32)


def _draw_artists(themed: ThemedCatalogue, theme: Int32Array, rng: np.random.Generator) -> Int32Array:
    """The artist of each playlist about one artist, -1 for the others; int32, shape (n,)."""
    catalogue, uniform = themed.catalogue, rng.random(len(theme))
    anywhere = np.zeros(len(theme), np.int64)
    track = catalogue.draw(anywhere, anywhere + catalogue.n_tracks, uniform, anywhere > 0)
    about = np.array([t.kind == "artist" for t in themed.themes])[theme]
    return np.where(about, catalogue.album_artist[catalogue.track_album[track]], -1).astype(np.int32)


def _draw_circles(
    themed: ThemedCatalogue, theme: Int32Array, about_artist: Int32Array, rng: np.random.Generator
) -> Int32Array:
    """Circles of each playlist, the core one first; int32, shape (n, 12).

    A further circle is a neighbour of the last in half the cases; otherwise it suits the theme and, if one of
    two draws allows, the genre of the core circle: tastes cross genres less than moods do.
    """
    catalogue, n = themed.catalogue, len(theme)
    circles = np.empty((n, MAX_CIRCLES), np.int32)
    core = themed.circles.draw(theme, rng.random(n))
    circles[:, 0] = np.where(about_artist >= 0, catalogue.artist_circle[about_artist], core)
    near = 0.3 + 0.5 * rng.random(n)
    for k in range(1, MAX_CIRCLES):
        first, second = (themed.circles.draw(theme, rng.random(n)) for _ in range(2))
        alike = catalogue.circle_genre[first] == catalogue.circle_genre[circles[:, 0]]
        other = np.where(alike, first, second)
        step = (np.rint(rng.standard_normal(n) * 2.5)).astype(np.int32)
        scene = catalogue.circle_scene[circles[:, k - 1]]
        beside = np.clip(
            circles[:, k - 1] + step, catalogue.scene_start[scene], catalogue.scene_start[scene + 1] - 1
        )
        circles[:, k] = np.where((rng.random(n) < near) | (about_artist >= 0), beside, other)
    return circles
