"""Tracks that stand in a playlist more than once, and in how many playlists each track stands."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from challenge.compiled import kernel
from challenge.data.interactions import Interactions
from challenge.types import Int32Array, Int64Array


def distinct(interactions: Interactions, n_tracks: int) -> Interactions:
    """Keep the first of repeated tracks in each row; order stays."""
    keep = first_occurrences(interactions, n_tracks)
    return interactions if keep.all() else interactions.where(keep)


def playlists_of_each_track(interactions: Interactions, n_tracks: int) -> Int32Array:
    """In how many playlists each track occurs, repeats within one counted once; int32, shape (n_tracks,)."""
    tracks = interactions.track_index[first_occurrences(interactions, n_tracks)]
    return np.bincount(tracks, minlength=n_tracks).astype(np.int32)


def first_occurrences(interactions: Interactions, n_tracks: int) -> NDArray[np.bool_]:
    """Whether an entry's track stands in its row for the first time; bool, shape (entries,)."""
    keep = np.ones(len(interactions.track_index), np.bool_)
    _mark_repeated(interactions.indptr, interactions.track_index, np.full(n_tracks, -1, np.int32), keep)
    return keep


@kernel()
def _mark_repeated(
    indptr: Int64Array, track: Int32Array, last_row: Int32Array, keep: NDArray[np.bool_]
) -> None:  # pragma: no cover - compiled
    """Clear ``keep`` where an entry repeats an earlier one of its row; ``last_row`` (T,) begins at -1."""
    for row in range(len(indptr) - 1):
        for entry in range(indptr[row], indptr[row + 1]):
            if last_row[track[entry]] == row:
                keep[entry] = False
            last_row[track[entry]] = row
