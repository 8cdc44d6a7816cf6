"""The systems that can be compared; imports nothing slow, so that the command line can name them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from challenge.errors import ConfigError, suggestion

SYSTEMS: Final[Mapping[str, tuple[str, ...]]] = {
    "popularity": ("popularity",),
    "title": ("title_knn",),
    "knn": ("playlist_knn",),
    "ials": ("ials",),
    "lightgcn": ("lightgcn",),
    "lightgcn_paper": ("lightgcn_paper",),
    "blend": (),
    "full": (),
}
"""Systems with their only sources, none named means all; every one falls back on titles, then popularity."""

USUAL: Final = tuple(name for name in SYSTEMS if name != "lightgcn_paper")
"""What is compared unless others are asked for: the paper's training takes many times as long as the rest."""


def require_systems(names: Sequence[str]) -> tuple[str, ...]:
    """Return the names, each once, where all are known.

    Raises:
        ConfigError: a name is unknown, or none is given.
    """
    expected = f"expected some of {', '.join(SYSTEMS)}"
    if not names:
        raise ConfigError(f"systems: none named; {expected}")
    for name in names:
        if name not in SYSTEMS:
            raise ConfigError(f"systems: {name!r} is unknown; {expected}", hint=suggestion(name, SYSTEMS))
    return tuple(dict.fromkeys(names))
