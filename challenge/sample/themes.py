"""What a playlist can be about, and which circles of the catalogue each theme draws from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from challenge.sample.catalogue import SyntheticCatalogue, scene_names
from challenge.sample.words import (
    DECADES,
    GENERIC,
    GENRE_EMOJI,
    GENRES,
    MOODS,
    SEASON_EMOJI,
    SEASONS,
    YEARS,
)
from challenge.types import Int32Array

_SHARES: Final = {
    "scene": 18.0,
    "genre": 22.0,
    "genre of a decade": 4.0,
    "decade": 5.0,
    "mood": 25.0,
    "season": 7.0,
    "artist": 7.0,
    "generic": 12.0,
}


@dataclass(frozen=True)
class Theme:
    """What a playlist is about.

    Attributes:
        kind: one of scene, genre, genre of a decade, decade, mood, season, artist, generic.
        words: titles for it, the commonest first; empty for an artist, whose name is the title.
        share: how many playlists have it, in any unit.
        emoji: signs that stand for it.
        genres: the genres liked, by number; empty for all.
        scene: the one scene meant, or -1.
        decade: the one decade meant, or -1.
        energy: how loud it should be, or -1.
    """

    kind: str
    words: tuple[str, ...]
    share: float
    emoji: tuple[str, ...] = ()
    genres: tuple[int, ...] = ()
    scene: int = -1
    decade: int = -1
    energy: float = -1.0


def _genre_themes() -> list[Theme]:
    """Themes of one genre, one scene, or a genre of one decade."""
    themes = []
    scenes = iter(range(len(scene_names())))
    for number, genre in enumerate(GENRES):
        emoji = GENRE_EMOJI.get(genre.name, ())
        words = (genre.name, f"{genre.name} music", f"{genre.name} songs", f"{genre.name} mix")
        themes.append(Theme("genre", words, genre.share, emoji, (number,)))
        shares = np.arange(1, len(genre.scenes) + 1) ** -0.7
        for name, part, scene in zip(genre.scenes, shares / shares.sum(), scenes, strict=False):
            variants = (name, f"{name} mix", f"{name} {genre.name}", name.replace(" ", ""))
            themes.append(Theme("scene", variants, genre.share * part, emoji, (number,), scene))
        for decade, weight in enumerate(genre.decades):
            text = (f"{DECADES[decade]} {genre.name}", f"{genre.name} {DECADES[decade]}")
            share = genre.share * weight / sum(genre.decades)
            themes.append(Theme("genre of a decade", text, share, emoji, (number,), decade=decade))
    return themes


def all_themes() -> list[Theme]:
    """Every theme, with shares that sum to 1 over all; the last two are an artist's and the generic one."""
    names = [genre.name for genre in GENRES]
    themes = _genre_themes()
    for decade, (name, share) in enumerate(zip(DECADES, (2.0, 3.0, 5.0, 5.0, 3.0, 1.0), strict=True)):
        texts = (name, f"{name} music", f"{name} hits", f"{name} throwbacks", f"{name}!")
        themes.append(Theme("decade", texts, share, ("📻", "📼"), decade=decade))
    for mood in MOODS:
        liked = tuple(names.index(genre) for genre in mood.genres)
        themes.append(Theme("mood", mood.words, mood.share, mood.emoji, liked, energy=mood.energy))
    for season in SEASONS:
        share = 4.0 if season == "summer" else 1.0
        words = (season, *(f"{season} {year}" for year in reversed(YEARS)), f"{season} jams")
        pop = (names.index("pop"), names.index("rap"), names.index("edm"), names.index("indie"))
        energy = {"summer": 0.8, "spring": 0.6, "fall": 0.4, "winter": 0.3}[season]
        themes.append(
            Theme(
                "season", words, share, (SEASON_EMOJI[season],), pop, decade=len(DECADES) - 1, energy=energy
            )
        )
    themes += [Theme("artist", (), 1.0), Theme("generic", GENERIC, 1.0, ("🎵", "🎶", "✌️", "👽", "🖤"))]
    total = {kind: sum(theme.share for theme in themes if theme.kind == kind) for kind in _SHARES}
    return [
        Theme(**{**theme.__dict__, "share": theme.share / total[theme.kind] * _SHARES[theme.kind] / 100})
        for theme in themes
    ]


def _affinity(theme: Theme, catalogue: SyntheticCatalogue) -> NDArray[np.float64]:
    """How well each circle suits a theme, 0 to 1, float64, shape (C,)."""
    fit = np.ones(len(catalogue.circle_genre))
    if theme.genres:
        # A genre's or scene's playlist hardly strays; a mood may reach into any genre.
        stray = 0.08 if theme.energy >= 0 else 0.003
        fit *= np.where(np.isin(catalogue.circle_genre, theme.genres), 1.0, stray)
    if theme.scene >= 0:
        fit *= np.where(catalogue.circle_scene == theme.scene, 1.0, 0.08)
    if theme.decade >= 0:
        fit *= np.array([1.0, 0.25, 0.04, 0.02, 0.02, 0.02])[np.abs(catalogue.circle_decade - theme.decade)]
    if theme.energy >= 0:
        fit *= np.exp(-(((catalogue.circle_energy - theme.energy) / 0.22) ** 2) / 2)
    return fit


class CircleSampler:
    """Draws circles for themes: popularity times affinity."""

    def __init__(self, catalogue: SyntheticCatalogue, themes: list[Theme]) -> None:
        weights = np.stack([_affinity(theme, catalogue) for theme in themes]) * catalogue.circle_mass
        sums = np.cumsum(weights, axis=1)
        self._n_circles = weights.shape[1]
        # One rising sequence for all themes: theme k takes the stretch from k to k + 1.
        self._sums = (sums / sums[:, -1:] + np.arange(len(themes))[:, None]).ravel()

    def draw(self, theme: Int32Array, uniform: NDArray[np.float64]) -> Int32Array:
        """One circle for each entry of ``theme``; int32, same shape."""
        found = np.searchsorted(self._sums, theme + uniform, side="right") - theme * self._n_circles
        circle: Int32Array = np.clip(found, 0, self._n_circles - 1).astype(np.int32)
        return circle
