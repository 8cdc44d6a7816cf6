"""What a playlist can be about, and which circles of the catalogue each theme draws from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import count

import numpy as np
from numpy.typing import NDArray

from challenge.sample.catalogue import SyntheticCatalogue
from challenge.sample.words import WORDS
from challenge.types import Int32Array


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
    themes: list[Theme] = []
    scenes = count()
    for number, genre in enumerate(WORDS.genres):
        name, emoji = genre.name, genre.emoji
        words: tuple[str, ...] = (name, f"{name} music", f"{name} songs", f"{name} mix")
        themes.append(Theme("genre", words, genre.share, emoji, (number,)))
        for scene, part in zip(genre.scenes, genre.scene_shares(), strict=True):
            words = (scene, f"{scene} mix", f"{scene} {name}", scene.replace(" ", ""))
            themes.append(Theme("scene", words, genre.share * part, emoji, (number,), next(scenes)))
        for decade, weight in enumerate(genre.decades):
            words = (f"{WORDS.decades[decade].name} {name}", f"{name} {WORDS.decades[decade].name}")
            share = genre.share * weight / sum(genre.decades)
            themes.append(Theme("genre of a decade", words, share, emoji, (number,), decade=decade))
    return themes


def _other_themes() -> list[Theme]:
    """Themes of decades, moods and seasons, then an artist's and the generic one."""
    numbers = {genre.name: number for number, genre in enumerate(WORDS.genres)}
    themes = []
    for decade, (name, share) in enumerate((each.name, each.share) for each in WORDS.decades):
        words: tuple[str, ...] = (name, f"{name} music", f"{name} hits", f"{name} throwbacks", f"{name}!")
        themes.append(Theme("decade", words, share, ("📻", "📼"), decade=decade))
    for mood in WORDS.moods:
        liked = tuple(numbers[name] for name in mood.genres)
        themes.append(Theme("mood", mood.words, mood.share, mood.emoji, liked, energy=mood.energy))
    liked = tuple(numbers[name] for name in ("pop", "rap", "edm", "indie"))
    for season in WORDS.seasons:
        of_years = (f"{season.name} {year}" for year in reversed(WORDS.years))
        words = (season.name, *of_years, f"{season.name} jams")
        theme = Theme("season", words, season.share, season.emoji, liked, energy=season.energy)
        themes.append(replace(theme, decade=len(WORDS.decades) - 1))
    generic = Theme("generic", WORDS.generic, 1.0, ("🎵", "🎶", "✌️", "👽", "🖤"))
    return [*themes, Theme("artist", (), 1.0), generic]


def all_themes() -> list[Theme]:
    """Every theme, with shares that sum to 1 over all."""
    themes = [*_genre_themes(), *_other_themes()]
    total = {kind: sum(theme.share for theme in themes if theme.kind == kind) for kind in WORDS.kinds}
    return [
        replace(theme, share=theme.share / total[theme.kind] * WORDS.kinds[theme.kind] / 100)
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
