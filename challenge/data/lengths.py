"""How long the held-out playlists of each category should be."""

from __future__ import annotations

import numpy as np

from challenge.data.challenge_set import ChallengeSet
from challenge.types import Category, Int64Array


def target_lengths(category: Category, count: int, challenge_set: ChallengeSet | None) -> Int64Array | None:
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
    places = (np.arange(count) + 0.5) / count * len(known)
    return known[places.astype(np.int64)]
