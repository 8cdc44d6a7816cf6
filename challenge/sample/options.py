"""What a sample should hold; imports nothing slow, so that the command line can tell the defaults."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from challenge.errors import ConfigError

MIN_PLAYLISTS: Final = 100


@dataclass(frozen=True)
class SampleOptions:
    """What a sample should hold.

    Attributes:
        playlists: playlists in the MPD.
        per_category: challenge playlists in each of the ten categories.
        seed: decides everything else.

    Raises:
        ConfigError: an option is out of range.
    """

    playlists: int = 10_000
    per_category: int = 1000
    seed: int = 0

    def __post_init__(self) -> None:
        if self.playlists < MIN_PLAYLISTS:
            raise ConfigError(f"playlists is {self.playlists}; expected at least {MIN_PLAYLISTS}")
        if self.per_category < 1:
            raise ConfigError(f"per_category is {self.per_category}; expected at least 1")
        if self.seed < 0:
            raise ConfigError(f"seed is {self.seed}; expected 0 or more")
