"""How to hold out a challenge; imports nothing slow, so that the command line can tell the defaults."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from challenge.errors import ConfigError


class SplitKind(StrEnum):
    """Which playlists a split holds out."""

    TUNING = "tuning"
    FINAL = "final"


@dataclass(frozen=True)
class SplitOptions:
    """How to hold out a challenge.

    Attributes:
        kind: the final split, or one for tuning, which lacks the final one's playlists altogether.
        draw: number of the tuning split, from 0; two of them may share playlists.
        seed: decides every choice.
        per_category: playlists in each category; fewer are taken of a small MPD.

    Raises:
        ConfigError: an option is out of range.
    """

    kind: SplitKind = SplitKind.TUNING
    draw: int = 0
    seed: int = 0
    per_category: int = 1000

    def __post_init__(self) -> None:
        if self.kind not in set(SplitKind):
            raise ConfigError(f"kind of split is {str(self.kind)!r}; expected 'tuning' or 'final'")
        if self.draw < 0 or self.seed < 0:
            raise ConfigError(f"draw is {self.draw} and seed {self.seed}; expected 0 or more")
        if self.kind == SplitKind.FINAL and self.draw:
            hint = "leave the draw out, or choose the kind 'tuning'"
            raise ConfigError(f"draw is {self.draw}, but there is one final split only", hint=hint)
        if self.per_category < 1:
            raise ConfigError(f"per_category is {self.per_category}; expected at least 1")
