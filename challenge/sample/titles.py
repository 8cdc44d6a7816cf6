"""Titles as people write them: in any case, decorated, misspelt, or nothing but emoji."""

from __future__ import annotations

from random import Random
from typing import Final

from challenge.sample.names import word
from challenge.sample.themes import Theme
from challenge.sample.words import WORDS

_CASES: Final = (str.lower, str.title, str.title, str.capitalize, str.upper)
_CASE_WEIGHTS: Final = (45, 30, 10, 10, 5)


def misspell(text: str, rng: Random) -> str:
    """Swap, drop or double one letter; texts of fewer than four characters stay."""
    if len(text) < 4:
        return text
    at = rng.randrange(1, len(text) - 1)
    before, here, after, rest = text[:at], text[at], text[at + 1], text[at + 2 :]
    return rng.choice((before + after + here + rest, before + after + rest, before + here * 2 + after + rest))


def _words_for(theme: Theme, artist: str, rng: Random) -> str:
    """The core of a title: a word of the theme, the artist, or for some generic ones a word of their own."""
    if theme.kind == "artist":
        return artist
    if theme.kind == "generic" and rng.random() < 0.22:
        return " ".join(word(rng.randrange(4096)) for _ in range(2 if rng.random() < 0.3 else 1))
    # The first variant is the commonest: the square leans towards it.
    return theme.words[int(rng.random() ** (1.0 if theme.kind == "generic" else 2.2) * len(theme.words))]


def make_title(theme: Theme, artist: str, rng: Random) -> str:
    """Write a title for a playlist about ``theme`` (and ``artist``, where the theme is one artist)."""
    if theme.emoji and rng.random() < 0.035:
        return rng.choice(theme.emoji) * rng.choice((1, 1, 2, 3))
    text = rng.choices(_CASES, _CASE_WEIGHTS)[0](_words_for(theme, artist, rng))
    if rng.random() < 0.03:
        text = misspell(text, rng)
    pattern = rng.choices(list(WORDS.title_forms), list(WORDS.title_forms.values()))[0]
    text = pattern.format(text, year=rng.choice(WORDS.years))
    if theme.emoji and rng.random() < 0.05:
        text += " " + rng.choice(theme.emoji)
    return text


def make_description(title: str, rng: Random) -> str | None:
    """A description for about one playlist in fifty, otherwise None."""
    return rng.choice(WORDS.descriptions).format(title) if rng.random() < 0.0188 else None
