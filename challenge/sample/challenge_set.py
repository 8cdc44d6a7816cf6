"""Draws the challenge playlists of a sample and holds out part of each, in the ten categories."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from challenge.data.dataset import Queries
from challenge.data.interactions import Interactions
from challenge.errors import ConfigError
from challenge.sample.draw import MAX_LENGTH, ThemedCatalogue, draw_playlists, lengths_at_least
from challenge.types import Category

_MIN_HOLDOUTS: Final = 5
_MAX_ATTEMPTS: Final = 40


def draw_category(
    themed: ThemedCatalogue, category: Category, count: int, seed: int
) -> tuple[Queries, Interactions]:
    """Draw ``count`` playlists without repeated tracks and hold out what the category does not give.

    Returns them as queries, with pids from 0, and what is held out of each; tracks have the catalogue's
    numbers.

    Raises:
        ConfigError: the catalogue of ``themed`` holds too few tracks for playlists that long.
    """
    min_length = category.seed_count + _MIN_HOLDOUTS
    titles: list[str | None] = []
    parts: list[Interactions] = []
    number = list(Category).index(category)
    for attempt in range(_MAX_ATTEMPTS):
        wanted = count - len(titles)
        if wanted <= 0:
            break
        rng = np.random.default_rng([seed, 2, number, attempt])
        lengths = lengths_at_least(min_length, wanted + wanted // 8 + 8, rng)
        drawn = draw_playlists(themed, lengths, rng, repeats=False).playlists
        good = np.flatnonzero(drawn.interactions.lengths >= min_length)[:wanted]
        titles += [drawn.title(i) if category.has_title else None for i in good.tolist()]
        parts.append(drawn.interactions.take(good))
    if len(titles) < count:
        raise ConfigError(
            f"too few different tracks for challenge playlists of {min_length} to {MAX_LENGTH} tracks",
            hint="ask for more playlists",
        )
    tracks = Interactions.concatenate(parts)
    given = _choose_seeds(tracks, category, np.random.default_rng([seed, 3, number]))
    holdout = tracks.where(~given)
    pid, num_holdouts = np.arange(count, dtype=np.int32), holdout.lengths.astype(np.int32)
    return Queries(pid, tuple(titles), (category,) * count, num_holdouts, tracks.where(given)), holdout


def _choose_seeds(tracks: Interactions, category: Category, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Which entries are given: the first ones, or as many at random that are not just the first ones."""
    count = category.seed_count
    if not category.is_random:
        return tracks.position < count
    given = np.zeros(len(tracks.track_index), np.bool_)
    for begin, length in zip(tracks.indptr.tolist(), tracks.lengths.tolist(), strict=False):
        chosen = rng.permutation(length)[:count]
        if chosen.max() < count:
            # Only positions tell a random choice from the first tracks: one must lie beyond them.
            chosen[0] = rng.integers(count, length)
        given[begin + chosen] = True
    return given
