"""The first places of a list, chosen together by the R-precision that can be expected of them.

R-precision looks at the first |G| places, |G| held-out tracks, and gives part of a point once for each artist
of G that stands there with a track that is none of G. So a further artist may be worth more there than a
likelier track of one that is there already. Tracks are taken to be held out independently of each other.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from challenge.compiled import kernel
from challenge.evaluation.metrics import ARTIST_CREDIT
from challenge.sources.merge import Candidates
from challenge.types import Float64Array, FloatArray, Int32Array


def first_places(
    candidates: Candidates, probability: Float64Array, track_artist: Int32Array, num_holdouts: Int32Array
) -> NDArray[np.bool_]:
    """Tell which candidates of B queries belong in the first |G| places of their lists; bool, shape (N,).

    Args:
        candidates: N candidates.
        probability: of each to be held out, float64, shape (N,).
        track_artist: artist index of each track, int32, shape (T,).
        num_holdouts: |G| of each query, int32, shape (B,).
    """
    query = candidates.query
    gain = expected_gain(probability, query, track_artist[candidates.track])
    order = np.lexsort((candidates.track, -gain, query))
    chosen = np.empty(len(query), bool)
    chosen[order] = np.arange(len(query)) - candidates.indptr[query] < num_holdouts[query]
    return chosen


def expected_gain(probability: Float64Array, query: Int32Array, artist: Int32Array) -> Float64Array:
    """Held-out tracks and credit for artists that each of N candidates adds to the likelier ones; float64.

    With the likelier tracks of its artist already chosen, a track of probability p adds p, and the chance
    that the artist is credited because of it: of the first track, that some track of the artist is held out
    but not this one alone; of a later one, that all before are held out and it is not. An artist's gains
    never rise from one track to the next, so the greatest gains of all are the best set.
    """
    order = np.lexsort((-probability, artist, query))
    p = np.clip(probability[order], 1e-12, 1 - 1e-12)
    begins = np.ones(len(p), bool)
    begins[1:] = (np.diff(query[order]) != 0) | (np.diff(artist[order]) != 0)
    starts = np.flatnonzero(begins)
    group = np.cumsum(begins) - 1
    all_before = np.empty(len(p))
    _multiply_earlier(p, begins, all_before)
    any_of_artist = 1 - np.exp(np.add.reduceat(np.log1p(-p), starts)) if len(p) else p
    credit = np.where(begins, any_of_artist[group] - p, all_before * (1 - p))
    gain = np.empty(len(p))
    gain[order] = p + ARTIST_CREDIT * credit
    return gain


@kernel()
def _multiply_earlier(
    p: Float64Array, begins: NDArray[np.bool_], products: Float64Array
) -> None:  # pragma: no cover - compiled
    """Write for each of N values the product of those before it since the last that ``begins`` a group."""
    product = 1.0
    for i in range(len(p)):
        if begins[i]:
            product = 1.0
        products[i] = product
        product *= p[i]


def with_first_places(
    log_odds: FloatArray,
    candidates: Candidates,
    track_artist: Int32Array,
    num_holdouts: Int32Array,
    *,
    negative_share: float,
) -> FloatArray:
    """Lift what belongs in the first |G| places above all else, in its order; float32, shape (N,).

    ``log_odds`` (N,) were learned from all hits and this share of the other candidates, so that many times
    more are misses than they say. The other arguments are those of :func:`first_places`.
    """
    if not len(log_odds):
        return log_odds
    probability = expit(log_odds.astype(np.float64) + np.log(max(negative_share, 1e-9)))
    first = first_places(candidates, probability, track_artist, num_holdouts)
    # By query, as sums are rounded: what else is in the batch must change nothing.
    filled = np.diff(candidates.indptr) > 0
    starts = candidates.indptr[:-1][filled]
    lift = np.zeros(len(filled), np.float32)
    lift[filled] = 1 + np.maximum.reduceat(log_odds, starts) - np.minimum.reduceat(log_odds, starts)
    return np.asarray(log_odds + first * lift[candidates.query], np.float32)
