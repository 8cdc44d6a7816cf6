"""Training queries for the ranker: training playlists cut like the challenge's.

A ranker only learns what holds for the challenge when its training queries are drawn as the challenge was:
the same mix of categories, the same lengths for each, true order, and nothing of what is held out in any
source's statistics. There are two ways to that. In folds, all sources are built anew for each fold, from a
dataset in which its playlists are queries that show only their seeds. Where training queries are few beside
the training playlists, they join the challenge instead: one dataset has both as queries, and all sources are
built once, without what the training queries hold out.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from challenge.data.dataset import Dataset, Queries
from challenge.data.interactions import Interactions
from challenge.errors import MissingInputError
from challenge.split.holdout import HeldOut, HoldoutPool, target_lengths
from challenge.split.split import holdout_of, queries_of
from challenge.types import Category, Int64Array

MAX_SHARE: Final = 0.85
"""Of the playlists that can be held out, this share at most becomes queries: few of the rest are long."""
FOLD_SHARE: Final = 0.17
"""Of the playlists that can be held out, a fold takes at most this share, so that its sources lack little."""
MAX_FOLD_SHARE: Final = 0.5
"""The same where the number of folds is given."""
JOINT_SHARE: Final = 0.1
"""Training queries up to this share of the training playlists join the challenge: so little is not missed."""
FOLDS: Final = 3
VALIDATION_EVERY: Final = 20
"""One training query in so many is what the ranker is scored on and does not learn from."""
MAX_VALIDATION: Final = 300


@dataclass(frozen=True, eq=False)
class TrainingFold:
    """Some training queries as queries of a dataset that lacks what they hold out.

    Attributes:
        dataset: remaining training playlists, and the fold's playlists as queries.
        holdout: held-out tracks of each training query.
        first: the query that is the first training query; those before it are the challenge's.
        validation: the training queries, by their rows of ``holdout``, that the ranker does not learn from;
            int64, ascending.
    """

    dataset: Dataset
    holdout: Interactions
    first: int = 0
    validation: Int64Array = field(default_factory=lambda: np.empty(0, np.int64))


@dataclass(frozen=True, eq=False)
class TrainingQueries:
    """Training queries, and the dataset that serves the challenge once the ranker has learned from them.

    Attributes:
        folds: where the ranker learns; the last one has the validation queries.
        serving: the dataset whose first queries are the challenge's.
    """

    folds: tuple[TrainingFold, ...]
    serving: Dataset

    @property
    def joint(self) -> bool:
        """Whether the training queries stand beside the challenge's, so that one fit of sources does."""
        return self.folds[0].dataset is self.serving

    @property
    def datasets(self) -> list[Dataset]:
        """What the sources are fitted to, in turn; the last one serves the challenge."""
        folds = [] if self.joint else [fold.dataset for fold in self.folds]
        return [*folds, self.serving]


def draw_training_queries(dataset: Dataset, count: int, *, folds: int = 0, seed: int = 0) -> TrainingQueries:
    """Draw about ``count`` training queries of the dataset's queries.

    ``folds`` is how many folds to divide them into; with 0 they join the challenge where they are at
    most a tenth of the training playlists, and otherwise are divided into three folds or as many more as it
    takes, none of which has more than :data:`FOLD_SHARE`.

    Raises:
        MissingInputError: no training playlist can be cut like a query.
    """
    pool = HoldoutPool(dataset.playlists, dataset.n_tracks)
    share = MAX_SHARE if folds == 0 else min(MAX_SHARE, folds * MAX_FOLD_SHARE)
    count = min(count, int(share * pool.n_eligible))
    joint = folds == 0 and count <= JOINT_SHARE * len(dataset.playlists)
    n_folds = 1 if joint else folds or max(FOLDS, math.ceil(count / max(1.0, FOLD_SHARE * pool.n_eligible)))
    chosen = _draw(pool, dataset, count, n_folds, np.random.default_rng([seed, 7]))
    if not chosen:
        raise MissingInputError(
            f"none of {len(dataset.playlists):,} training playlists can be cut like the challenge's",
            hint="take more slices of the MPD, or rank with --ranking blend",
        )
    n_queries = sum(map(len, chosen))
    if joint:
        fold = _with_validation(_joined(dataset, chosen[0]), n_queries)
        return TrainingQueries((fold,), fold.dataset)
    dealt = [_fold(dataset, each) for each in chosen]
    return TrainingQueries((*dealt[:-1], _with_validation(dealt[-1], n_queries)), dataset)


def _draw(
    pool: HoldoutPool, dataset: Dataset, count: int, n_folds: int, rng: np.random.Generator
) -> list[list[HeldOut]]:
    """Draw the playlists of each fold, with the same mix of categories; folds that get none are left out."""
    shares = Counter(dataset.queries.categories) or Counter(Category)  # without a challenge, all kinds alike
    numbers = {each: max(1, round(count * shares[each] / shares.total())) for each in shares}
    folds = []
    for fold in range(n_folds):
        chosen: list[HeldOut] = []
        turn = fold
        for category in sorted(shares, key=lambda c: (-c.seed_count, c)):
            number = numbers[category] // n_folds + (turn % n_folds < numbers[category] % n_folds)
            turn -= numbers[category]  # where one category's remainder ends the next one's begins
            lengths = target_lengths(category, number, dataset.queries)
            chosen += pool.draw(category, number, lengths, rng)
        folds.append(chosen)
        pool.return_drawn()  # what this fold holds out, the others may learn from
    return [chosen for chosen in folds if chosen]


def _fold(dataset: Dataset, chosen: Sequence[HeldOut]) -> TrainingFold:
    remaining = _without(dataset, chosen, queries_of(dataset.playlists, chosen))
    return TrainingFold(remaining, holdout_of(chosen))


def _with_validation(fold: TrainingFold, n_queries: int) -> TrainingFold:
    """Choose some of ``n_queries`` in all, at equal distances: queries are in order of category."""
    size = len(fold.holdout)
    count = min(-(-n_queries // VALIDATION_EVERY), MAX_VALIDATION, size // 2)
    rows = ((np.arange(count) + 0.5) * size / max(count, 1)).astype(np.int64)
    return replace(fold, validation=rows)


def _joined(dataset: Dataset, chosen: Sequence[HeldOut]) -> TrainingFold:
    training_queries = queries_of(dataset.playlists, chosen)
    remaining = _without(dataset, chosen, Queries.concatenate([dataset.queries, training_queries]))
    return TrainingFold(remaining, holdout_of(chosen), first=len(dataset.queries))


def _without(dataset: Dataset, chosen: Sequence[HeldOut], queries: Queries) -> Dataset:
    """Make a dataset of other queries and of all playlists but the chosen ones."""
    taken = np.array([held_out.row for held_out in chosen], np.int64)
    rest = np.setdiff1d(np.arange(len(dataset.playlists)), taken)
    return Dataset(dataset.catalog, dataset.playlists.take(rest), queries)
