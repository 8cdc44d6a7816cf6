"""The systems that can be compared; imports nothing slow, so that the command line can name them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
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


def systems_with(sources: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Return the systems, and beside them each of ``sources`` alone, where no system has its name."""
    return {name: (name,) for name in sources} | dict(SYSTEMS)


def require_systems(names: Sequence[str], systems: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """Return the names, each once, where all are among ``systems``.

    Raises:
        ConfigError: a name is unknown, or none is given.
    """
    expected = f"expected some of {', '.join(SYSTEMS)}, or a source"
    if not names:
        raise ConfigError(f"systems: none named; {expected}")
    for name in names:
        if name not in systems:
            raise ConfigError(f"systems: {name!r} is unknown; {expected}", hint=suggestion(name, systems))
    return tuple(dict.fromkeys(names))
