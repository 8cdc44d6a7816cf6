"""Training queries for the ranker: training playlists cut like the challenge's.

A ranker only learns what holds for the challenge when its training queries are drawn as the challenge was:
the same mix of categories, the same lengths for each, true order, and nothing of what is held out in any
source's statistics. So the look-alikes are divided into folds; for a fold, all sources are built anew from a
corpus in which its playlists are queries that show only their seeds.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Final

import numpy as np

from challenge.data.corpus import Corpus
from challenge.data.holdout import HeldOut, HoldoutPool
from challenge.data.interactions import Interactions
from challenge.data.lengths import target_lengths
from challenge.data.split import holdout_of, queries_of
from challenge.errors import MissingInputError

LARGEST_SHARE: Final = 0.5
"""Of the playlists that can be held out, at most this share becomes look-alikes."""


@dataclass(frozen=True, eq=False)
class LookalikeFold:
    """Some look-alikes as queries of a corpus that lacks what they hold out.

    Attributes:
        corpus: remaining training playlists, and the fold's playlists as queries.
        holdout: held-out tracks of each query.
    """

    corpus: Corpus
    holdout: Interactions


def draw_lookalikes(corpus: Corpus, count: int, *, folds: int, seed: int) -> list[LookalikeFold]:
    """Draw about ``count`` look-alikes of the corpus's queries and divide them into folds.

    Raises:
        MissingInputError: no training playlist can be cut like a query.
    """
    pool = HoldoutPool(corpus.playlists, corpus.n_tracks)
    count = min(count, int(LARGEST_SHARE * pool.n_eligible))
    rng = np.random.default_rng([seed, 7])
    shares = Counter(corpus.queries.categories)
    chosen: list[HeldOut] = []
    for category in sorted(shares, key=lambda c: (-c.seed_count, c)):
        number = max(1, round(count * shares[category] / len(corpus.queries)))
        lengths = target_lengths(category, number, corpus.queries)
        chosen += pool.draw(category, number, lengths, rng)
    if not chosen:
        raise MissingInputError(
            f"none of {len(corpus.playlists):,} training playlists can be cut like the challenge's",
            hint="take more slices of the MPD, or rank with --ranking blend",
        )
    # Dealt out in turn after shuffling within categories, every fold gets the same mix.
    deal = sorted(rng.permutation(len(chosen)), key=lambda i: chosen[i].category)
    return [_fold(corpus, [chosen[i] for i in deal[k::folds]]) for k in range(min(folds, len(chosen)))]


def _fold(corpus: Corpus, chosen: list[HeldOut]) -> LookalikeFold:
    taken = np.array([held_out.row for held_out in chosen], np.int64)
    rest = np.setdiff1d(np.arange(len(corpus.playlists)), taken)
    queries = queries_of(corpus.playlists, chosen)
    remaining = Corpus(corpus.catalog, corpus.playlists.take(rest), queries)
    return LookalikeFold(remaining, holdout_of(chosen))
