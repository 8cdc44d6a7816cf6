"""Chooses playlists to hold out so that each of their tracks still occurs in training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from challenge.compiled import kernel
from challenge.data.dataset import Queries
from challenge.data.distinct import playlists_of_each_track
from challenge.data.playlists import Playlists
from challenge.mpd.challenge_set import ChallengeSet
from challenge.types import Category, Int32Array, Int64Array

MIN_HELD_OUT: Final = 5
"""The official challenge holds out at least this many tracks of a playlist."""


@dataclass(frozen=True, eq=False)
class HeldOut:
    """One playlist to continue: its seeds and what follows or lies between them."""

    row: int
    category: Category
    seeds: Int32Array
    seed_position: Int32Array
    holdout: Int32Array
    holdout_position: Int32Array


class HoldoutPool:
    """Titled playlists to draw from, and how many training playlists hold each track."""

    def __init__(self, playlists: Playlists, n_tracks: int) -> None:
        self._interactions = playlists.interactions
        indptr, tracks = self._interactions.indptr, self._interactions.track_index
        self._frequency = playlists_of_each_track(self._interactions, n_tracks)
        lengths = _lengths_without_singles(indptr, tracks, self._frequency)
        self._eligible = (np.asarray(playlists.title_index) >= 0) & (lengths >= MIN_HELD_OUT)
        self._lengths = np.where(self._eligible, lengths, 0)
        self._needed = np.zeros(n_tracks, np.bool_)
        self._in_training = np.ones(len(playlists), np.bool_)
        self.n_eligible = int(self._eligible.sum())

    def remaining_rows(self) -> Int64Array:
        """Playlists that were not drawn, ascending."""
        return np.flatnonzero(self._in_training)

    def return_drawn(self) -> None:
        """Return to training what was drawn so far, never to be drawn again."""
        for row in np.flatnonzero(~self._in_training).tolist():
            self._frequency[np.unique(self._interactions.row(row))] += 1
            self._lengths[row] = 0
        self._in_training[:] = True
        self._needed[:] = False

    def commit(self) -> None:
        """Forget what the playlists drawn so far need; they stay out of the training data."""
        self._needed[:] = False

    def draw(
        self, category: Category, count: int, lengths: Int64Array | None, rng: np.random.Generator
    ) -> list[HeldOut]:
        """Draw up to ``count`` playlists, of the given lengths as nearly as possible, or of any length."""
        min_length = category.seed_count + MIN_HELD_OUT
        candidates = rng.permutation(np.flatnonzero(self._in_training & (self._lengths >= min_length)))
        buckets = _LengthBuckets(candidates, self._lengths[candidates], follows_lengths=lengths is not None)
        drawn: list[HeldOut] = []
        for wanted in [0] * count if lengths is None else lengths.tolist():
            while (row := buckets.take(wanted)) is not None:
                held_out = self._hold_out(row, category, rng)
                if held_out is not None:
                    drawn.append(held_out)
                    break
        return drawn

    def _hold_out(self, row: int, category: Category, rng: np.random.Generator) -> HeldOut | None:
        """Take one playlist out of training; None, and nothing changed, where that would not do."""
        tracks = self._interactions.row(row)
        distinct = np.unique(tracks)
        single = self._frequency[distinct] == 1
        if self._needed[distinct[single]].any():
            return None  # an earlier playlist relies on this one to keep one of its tracks in training
        kept = tracks[self._frequency[tracks] > 1]
        held_out = _divide(row, kept, category, rng)
        if held_out is not None:
            self._frequency[distinct] -= 1
            self._needed[kept] = True
            self._in_training[row] = False
        return held_out


def _divide(row: int, tracks: Int32Array, category: Category, rng: np.random.Generator) -> HeldOut | None:
    """Divide a playlist into seeds and holdout; None where too little would be held out."""
    count = category.seed_count
    if len(tracks) < count + MIN_HELD_OUT:
        return None
    position = np.arange(len(tracks), dtype=np.int32)
    seed = _random_positions(len(tracks), count, rng) if category.is_random else position[:count]
    is_holdout = ~np.isin(tracks, tracks[seed])
    if is_holdout.sum() < MIN_HELD_OUT:
        return None
    return HeldOut(row, category, tracks[seed], seed, tracks[is_holdout], position[is_holdout])


def _random_positions(length: int, count: int, rng: np.random.Generator) -> Int32Array:
    """Draw ascending positions that are not just the first ``count``: random categories are known by that."""
    while True:
        positions = np.sort(rng.choice(length, count, replace=False)).astype(np.int32)
        if positions[-1] >= count:
            return positions


class _LengthBuckets:
    """Shuffled candidates, taken by length: the wanted one, else the nearest that is left."""

    def __init__(self, rows: Int64Array, lengths: Int64Array, *, follows_lengths: bool) -> None:
        group = lengths if follows_lengths else np.zeros_like(lengths)
        self._by_length = {int(g): rows[group == g].tolist() for g in np.unique(group)}

    def take(self, wanted: int) -> int | None:
        """Return the next row and forget it; None when nothing is left."""
        if not self._by_length:
            return None
        length = min(self._by_length, key=lambda known: (abs(known - wanted), known))
        rows = self._by_length[length]
        row = int(rows.pop())
        if not rows:
            del self._by_length[length]
        return row


def target_lengths(
    category: Category, count: int, challenge_set: ChallengeSet | Queries | None
) -> Int64Array | None:
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


@kernel()
def _lengths_without_singles(
    indptr: Int64Array, tracks: Int32Array, frequency: Int32Array
) -> Int64Array:  # pragma: no cover - compiled
    """Rows of each playlist whose track also occurs in another playlist."""
    lengths = np.zeros(len(indptr) - 1, np.int64)
    for row in range(len(lengths)):
        for i in range(indptr[row], indptr[row + 1]):
            lengths[row] += frequency[tracks[i]] > 1
    return lengths
