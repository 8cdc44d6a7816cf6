"""The words that titles are made of, and which music each stands for; they are in ``words.toml``."""

from __future__ import annotations

from importlib.resources import files
from typing import Final

import msgspec
import numpy as np

from challenge.types import Float64Array


class Subject(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A genre, a decade, a season or a mood; what one of them has not is empty, or -1.

    Attributes:
        share: how many rows or playlists are about it, in any unit.
        name: its name, empty for a mood.
        energy: how loud it is, 0 to 1.
        emoji: signs that stand for it.
        decades: weight of each decade in a genre.
        scenes: the scenes of a genre, the largest first.
        genres: names of the genres that a mood likes.
        words: titles for a mood.
    """

    share: float
    name: str = ""
    energy: float = -1.0
    emoji: tuple[str, ...] = ()
    decades: tuple[float, ...] = ()
    scenes: tuple[str, ...] = ()
    genres: tuple[str, ...] = ()
    words: tuple[str, ...] = ()

    def scene_shares(self) -> Float64Array:
        """Share of each scene among the rows of its genre; they fall as a power and sum to 1."""
        shares = np.arange(1, len(self.scenes) + 1) ** -0.7
        normalised: Float64Array = shares / shares.sum()
        return normalised


class Words(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All that ``words.toml`` holds; ``generic`` are titles that tell nothing."""

    years: tuple[str, ...]
    descriptions: tuple[str, ...]
    genres: tuple[Subject, ...]
    decades: tuple[Subject, ...]
    seasons: tuple[Subject, ...]
    moods: tuple[Subject, ...]
    generic: tuple[str, ...]
    kinds: dict[str, float]
    title_forms: dict[str, float]


WORDS: Final = msgspec.toml.decode(files(__package__).joinpath("words.toml").read_bytes(), type=Words)
