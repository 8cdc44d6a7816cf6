"""The challenge's three metrics as pure functions of arrays.

G is the set of a playlist's held-out tracks and R its recommended list, best first. Tracks and artists are
dense indices; Q is the number of playlists and L the length of the lists. A list holds no track twice.

Source: the challenge's rules, the organisers' metric code and Zamani et al. 2019 (arXiv 1810.01520); where
they disagree, see :mod:`challenge.evaluation.variants`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from challenge.data.interactions import Interactions
from challenge.evaluation.variants import ClicksVariant, NdcgVariant, RPrecisionVariant, Variants
from challenge.types import LIST_LENGTH, Float64Array, Int32Array, Int64Array

ARTIST_CREDIT: Final = 0.25
TRACKS_PER_CLICK: Final = 10
CLICKS_WITHOUT_HIT: Final = LIST_LENGTH // TRACKS_PER_CLICK + 1

BoolArray = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Holdouts:
    """G of each of Q playlists: its tracks, each once.

    Attributes:
        row: the playlist of each track, int64, ascending.
        track_index: dense track index, int32; -1 for tracks that no list can hold, each of them distinct.
        sizes: |G|, int64, shape (Q,).
    """

    row: Int64Array
    track_index: Int32Array
    sizes: Int64Array

    @classmethod
    def of(cls, interactions: Interactions) -> Holdouts:
        """Take each row as a set."""
        row, tracks = interactions.row_ids().astype(np.int64), interactions.track_index
        order = np.lexsort((tracks, row))
        row, tracks = row[order], tracks[order]
        repeated = np.zeros(len(row), bool)
        repeated[1:] = (row[1:] == row[:-1]) & (tracks[1:] == tracks[:-1]) & (tracks[1:] >= 0)
        row, tracks = row[~repeated], tracks[~repeated]
        return cls(row, tracks, np.bincount(row, minlength=len(interactions)).astype(np.int64))


@dataclass(frozen=True, eq=False)
class MetricValues:
    """The three metrics of each of Q playlists, float64, shape (Q,).

    Attributes:
        r_precision: share of G found at the first |G| ranks, 0 to 1; higher is better.
        ndcg: normalised discounted cumulative gain, 0 to 1; higher is better.
        clicks: pages of ten to turn until the first hit, 0 to 51; lower is better.
    """

    r_precision: Float64Array
    ndcg: Float64Array
    clicks: Float64Array

    @property
    def matrix(self) -> Float64Array:
        """R-precision, NDCG and clicks as columns, shape (Q, 3)."""
        return np.column_stack([self.r_precision, self.ndcg, self.clicks])


def evaluate(
    recommended: Int32Array,
    holdouts: Interactions,
    track_artist: Int32Array | None = None,
    variants: Variants | None = None,
) -> MetricValues:
    """Compute all three metrics of each playlist.

    Args:
        recommended: lists of track indices, int32, shape (Q, L); -1 where a list ends early.
        holdouts: held-out tracks of the same playlists, Q rows; -1 for tracks that no list can hold.
        track_artist: artist index of each track, int32; -1 where unknown. Needed unless R-precision counts
            tracks only.
        variants: the leaderboard's unless given.

    Raises:
        ValueError: the variant asks for artists and none are given, or a row of ``holdouts`` is empty.
    """
    variants = variants or Variants()
    held_out = Holdouts.of(holdouts)
    if not held_out.sizes.all():
        raise ValueError(f"playlist in row {int(np.argmin(held_out.sizes))} has no held-out track")
    hits = hit_matrix(recommended, held_out)
    return MetricValues(
        r_precision(recommended, hits, held_out, track_artist, variants.r_precision),
        ndcg(hits, held_out.sizes, variants.ndcg),
        clicks(hits, variants.clicks, missing=np.all(recommended < 0, axis=1)),
    )


def hit_matrix(recommended: Int32Array, holdouts: Holdouts) -> BoolArray:
    """Tell which recommendations are in G; bool, shape (Q, L)."""
    return _in_rows(recommended, holdouts.row, holdouts.track_index)


def _in_rows(values: Int32Array, rows: Int64Array, members: Int32Array) -> BoolArray:
    """Tell which entries of row q of ``values`` are among the ``members`` of row q; none below 0 are."""
    span = 1 + max(int(values.max(initial=-1)), int(members.max(initial=-1)))
    known: Int64Array = np.sort((rows * span + members)[members >= 0])
    if len(known) == 0:
        return np.zeros(values.shape, bool)
    keys = np.arange(len(values), dtype=np.int64)[:, None] * span + values
    nearest = np.minimum(np.searchsorted(known, keys), len(known) - 1)
    found: BoolArray = (known[nearest] == keys) & (values >= 0)
    return found


def r_precision(
    recommended: Int32Array,
    hits: BoolArray,
    holdouts: Holdouts,
    track_artist: Int32Array | None = None,
    variant: RPrecisionVariant = RPrecisionVariant.LEADERBOARD,
) -> Float64Array:
    """Share of G found at the first |G| ranks, with part credit for artists; float64, shape (Q,).

    Raises:
        ValueError: the variant asks for artists and none are given.
    """
    window = np.arange(recommended.shape[1]) < holdouts.sizes[:, None]
    credit: Float64Array = (hits & window).sum(axis=1).astype(np.float64)
    if variant is not RPrecisionVariant.TRACKS:
        if track_artist is None:
            raise ValueError(f"R-precision in the variant {variant.value!r} needs the artists of the tracks")
        counted = window & ~hits if variant is RPrecisionVariant.LEADERBOARD else window
        credit += ARTIST_CREDIT * _shared_artists(recommended, counted, holdouts, track_artist)
    share: Float64Array = credit / holdouts.sizes
    return share


def _shared_artists(
    recommended: Int32Array, counted: BoolArray, holdouts: Holdouts, track_artist: Int32Array
) -> Int64Array:
    """Count the distinct artists of the ``counted`` recommendations that G has too; int64, shape (Q,)."""
    # One more entry at the end, so that the index -1 finds the unknown artist -1.
    artists = np.append(track_artist, np.int32(-1)).astype(np.int32)
    found = np.where(counted, artists[recommended], np.int32(-1))
    shared = _in_rows(found, holdouts.row, artists[holdouts.track_index])
    rows, columns = np.nonzero(shared)
    span = int(artists.max()) + 1 or 1
    pairs = np.unique(rows.astype(np.int64) * span + found[rows, columns])
    return np.bincount(pairs // span, minlength=len(recommended)).astype(np.int64)


def ndcg(hits: BoolArray, sizes: Int64Array, variant: NdcgVariant = NdcgVariant.LEADERBOARD) -> Float64Array:
    """Gain of the hits discounted by rank, over that of an ideal list; float64, shape (Q,)."""
    discount = _discount(max(hits.shape[1], LIST_LENGTH), variant)
    gain: Float64Array = hits.astype(np.float64) @ discount[: hits.shape[1]]
    ideal_hits = hits.sum(axis=1) if variant is NdcgVariant.RULES_PAGE else np.minimum(sizes, LIST_LENGTH)
    ideal = np.concatenate([[0.0], np.cumsum(discount)])[ideal_hits]
    normalised: Float64Array = np.divide(gain, ideal, out=np.zeros_like(gain), where=ideal > 0)
    return normalised


def _discount(length: int, variant: NdcgVariant) -> Float64Array:
    """Worth of a hit at each rank from 1, float64, shape (length,)."""
    rank = np.arange(1, length + 1, dtype=np.float64)
    discount: Float64Array = 1.0 / np.log2(
        rank + 1.0 if variant is NdcgVariant.LEADERBOARD else np.maximum(rank, 2.0)
    )
    return discount


def clicks(
    hits: BoolArray, variant: ClicksVariant = ClicksVariant.LEADERBOARD, missing: BoolArray | None = None
) -> Float64Array:
    """Pages of ten to turn until the first hit, 51 where nothing hits; float64, shape (Q,)."""
    first = np.argmax(hits, axis=1) // TRACKS_PER_CLICK
    count = np.where(hits.any(axis=1), first, CLICKS_WITHOUT_HIT).astype(np.float64)
    if variant is ClicksVariant.MISSING_AS_ZERO and missing is not None:
        count[missing] = 0.0
    return count
