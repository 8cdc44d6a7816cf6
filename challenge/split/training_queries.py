"""Training queries for the ranker: training playlists cut like the challenge's.

A ranker only learns what holds for the challenge when its training queries are drawn as the challenge was:
the same mix of categories, the same lengths for each, true order, and nothing of what is held out in any
source's statistics. There are two ways to that. In folds, all sources are built anew for each fold, from a
corpus in which its playlists are queries that show only their seeds. Where look-alikes are few beside the
training playlists, they join the challenge instead: one corpus has both as queries, and all sources are built
once, without what the look-alikes hold out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from challenge.data.dataset import Corpus, Queries
from challenge.data.interactions import Interactions
from challenge.errors import MissingInputError
from challenge.split.holdout import HeldOut, HoldoutPool
from challenge.split.lengths import target_lengths
from challenge.split.split import holdout_of, queries_of

LARGEST_SHARE: Final = 0.5
"""Of the playlists that can be held out, at most this share becomes look-alikes."""
JOINT_SHARE: Final = 0.1
"""Look-alikes up to this share of the training playlists join the challenge: so little is not missed."""
FOLDS: Final = 3


@dataclass(frozen=True, eq=False)
class LookalikeFold:
    """Some look-alikes as queries of a corpus that lacks what they hold out.

    Attributes:
        corpus: remaining training playlists, and the fold's playlists as queries.
        holdout: held-out tracks of each look-alike.
        first: the query that is the first look-alike; those before it are the challenge's.
    """

    corpus: Corpus
    holdout: Interactions
    first: int = 0


@dataclass(frozen=True, eq=False)
class Lookalikes:
    """Look-alikes, and what the challenge is answered from when they are done.

    Attributes:
        folds: where the ranker learns.
        answering: the corpus whose first queries are the challenge's.
    """

    folds: tuple[LookalikeFold, ...]
    answering: Corpus

    @property
    def joint(self) -> bool:
        """Whether the look-alikes are queries beside the challenge's, so that one fit of sources does."""
        return self.folds[0].corpus is self.answering


def draw_lookalikes(corpus: Corpus, count: int, *, folds: int = 0, seed: int = 0) -> Lookalikes:
    """Draw about ``count`` look-alikes of the corpus's queries.

    ``folds`` is the number of parts to divide them into; with 0 they join the challenge where they are at
    most a tenth of the training playlists, and are divided into three otherwise.

    Raises:
        MissingInputError: no training playlist can be cut like a query.
    """
    pool = HoldoutPool(corpus.playlists, corpus.n_tracks)
    count = min(count, int(LARGEST_SHARE * pool.n_eligible))
    rng = np.random.default_rng([seed, 7])
    chosen = _draw(pool, corpus, count, rng)
    if not chosen:
        raise MissingInputError(
            f"none of {len(corpus.playlists):,} training playlists can be cut like the challenge's",
            hint="take more slices of the MPD, or rank with --ranking blend",
        )
    if folds == 0 and len(chosen) <= JOINT_SHARE * len(corpus.playlists):
        joint = _joined(corpus, chosen)
        return Lookalikes((joint,), joint.corpus)
    parts = min(folds or FOLDS, len(chosen))
    # Dealt out in turn after shuffling within categories, every fold gets the same mix.
    deal = sorted(rng.permutation(len(chosen)), key=lambda i: chosen[i].category)
    return Lookalikes(
        tuple(_fold(corpus, [chosen[i] for i in deal[part::parts]]) for part in range(parts)), corpus
    )


def _draw(pool: HoldoutPool, corpus: Corpus, count: int, rng: np.random.Generator) -> list[HeldOut]:
    shares = Counter(corpus.queries.categories)
    chosen: list[HeldOut] = []
    for category in sorted(shares, key=lambda c: (-c.seed_count, c)):
        number = max(1, round(count * shares[category] / len(corpus.queries)))
        lengths = target_lengths(category, number, corpus.queries)
        chosen += pool.draw(category, number, lengths, rng)
    return chosen


def _fold(corpus: Corpus, chosen: Sequence[HeldOut]) -> LookalikeFold:
    remaining = _without(corpus, chosen, queries_of(corpus.playlists, chosen))
    return LookalikeFold(remaining, holdout_of(chosen))


def _joined(corpus: Corpus, chosen: Sequence[HeldOut]) -> LookalikeFold:
    lookalikes = queries_of(corpus.playlists, chosen)
    remaining = _without(corpus, chosen, Queries.concatenate([corpus.queries, lookalikes]))
    return LookalikeFold(remaining, holdout_of(chosen), first=len(corpus.queries))


def _without(corpus: Corpus, chosen: Sequence[HeldOut], queries: Queries) -> Corpus:
    """Make a corpus of other queries and of all playlists but the chosen ones."""
    taken = np.array([held_out.row for held_out in chosen], np.int64)
    rest = np.setdiff1d(np.arange(len(corpus.playlists)), taken)
    return Corpus(corpus.catalog, corpus.playlists.take(rest), queries)
