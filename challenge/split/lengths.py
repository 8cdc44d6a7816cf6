"""How long the held-out playlists of each category should be."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from challenge.types import Category, Int32Array, Int64Array


class KnownLengths(Protocol):
    """Anything with playlists of known category and length, such as a challenge set."""

    @property
    def categories(self) -> Sequence[Category]:
        """Category of each playlist."""
        ...

    @property
    def num_tracks(self) -> Int32Array:
        """Length of each playlist, seeds and held-out tracks together."""
        ...


def target_lengths(category: Category, count: int, challenge_set: KnownLengths | None) -> Int64Array | None:
    """Lengths that ``count`` playlists should have to follow a challenge set's histogram, ascending.

    Lengths are those of the same category, or of the same seed count where the challenge set lacks the
    category; evenly spaced quantiles of them, so that a small draw follows the histogram as well as a large
    one. None where there is nothing to follow.
    """
    if challenge_set is None:
        return None
    same = np.array([c is category for c in challenge_set.categories])
    if not same.any():
        same = np.array([c.seed_count == category.seed_count for c in challenge_set.categories])
    if not same.any():
        return None
    known = np.sort(challenge_set.num_tracks[same]).astype(np.int64)
    ranks = (np.arange(count) + 0.5) / count * len(known)
    return known[ranks.astype(np.int64)]
