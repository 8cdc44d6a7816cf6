"""Training query queries: cut as the challenge was, and unseen by the sources of their fold."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from challenge.data.dataset import Dataset
from challenge.errors import MissingInputError
from challenge.sources.postings import build_index
from challenge.split import training_queries as training_query
from challenge.split.holdout import HoldoutPool
from challenge.split.training_queries import TrainingFold, draw_training_queries
from challenge.types import Category
from tests.toy_dataset import Question, catalog_of, playlists_of, queries_of

PLAYLISTS, TRACKS = 400, 150
MIX = {
    Category.TITLE_ONLY: 6,
    Category.TITLE_FIRST_1: 6,
    Category.FIRST_5: 12,
    Category.TITLE_RANDOM_25: 6,
}
HOLDOUTS = {
    Category.TITLE_ONLY: (20, 30),
    Category.TITLE_FIRST_1: (11, 12),
    Category.FIRST_5: (25, 45),
    Category.TITLE_RANDOM_25: (25, 35),
}


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    """Titled playlists of 10 to 79 of 150 tracks, and queries whose lengths differ by category."""
    rng = np.random.default_rng(4)
    rows = [rng.choice(TRACKS, 10 + i % 70, replace=i % 7 == 0).tolist() for i in range(PLAYLISTS)]
    questions = []
    for category, count in MIX.items():
        for i in range(count):
            seeds = rng.choice(TRACKS, category.seed_count, replace=False).tolist()
            positions = range(1, 2 * len(seeds), 2) if category.is_random else None
            title = "x" if category.has_title else None
            questions.append(Question(category, title, seeds, positions, HOLDOUTS[category][i % 2]))
    titles = [None if i % 10 == 9 else f"title {i % 13}" for i in range(PLAYLISTS)]
    return Dataset(catalog_of(np.arange(TRACKS).tolist()), playlists_of(rows, titles), queries_of(questions))


@pytest.fixture(scope="module")
def folds(dataset: Dataset) -> tuple[TrainingFold, ...]:
    return draw_training_queries(dataset, 60, folds=3, seed=0).folds


def test_folds_share_no_playlist(dataset: Dataset, folds: tuple[TrainingFold, ...]) -> None:
    pids = [set(fold.dataset.queries.pid.tolist()) for fold in folds]
    assert [len(fold) for fold in pids] == [20, 20, 20]
    assert len(set.union(*pids)) == 60
    for fold, taken in zip(folds, pids, strict=True):
        rest = fold.dataset.playlists.pid.tolist()
        assert set(rest) == set(dataset.playlists.pid.tolist()) - taken
        assert fold.dataset.catalog is dataset.catalog


def test_every_fold_has_the_categories_of_the_challenge(folds: tuple[TrainingFold, ...]) -> None:
    """60 training queries of 30 queries: twice as many of each category, dealt out evenly."""
    total = Counter(category for fold in folds for category in fold.dataset.queries.categories)
    assert total == {category: 2 * count for category, count in MIX.items()}
    for fold in folds:
        counts = Counter(fold.dataset.queries.categories)
        assert all(abs(counts[category] - 2 * count / 3) < 1 for category, count in MIX.items())


def test_training_queries_are_as_long_as_the_challenges(folds: tuple[TrainingFold, ...]) -> None:
    for category, holdouts in HOLDOUTS.items():
        lengths = [
            int(length)
            for fold in folds
            for length, own in zip(
                fold.dataset.queries.num_tracks, fold.dataset.queries.categories, strict=True
            )
            if own is category
        ]
        half = len(lengths) // 2
        wanted = sorted(
            [category.seed_count + holdouts[0]] * half + [category.seed_count + holdouts[1]] * half
        )
        # Repeated tracks that are seeds too are not held out, so a few come out a little shorter.
        assert np.abs(np.sort(lengths) - wanted).mean() <= 1


def test_training_queries_are_cut_like_their_category(
    dataset: Dataset, folds: tuple[TrainingFold, ...]
) -> None:
    for fold in folds:
        queries = fold.dataset.queries
        for query, category in enumerate(queries.categories):
            pid = int(queries.pid[query])
            row = dataset.playlists.interactions.row(pid)
            seeds, places = queries.seeds.row(query), queries.seeds.row_positions(query)
            assert len(seeds) == category.seed_count
            assert row[places].tolist() == seeds.tolist()
            if category.is_random:
                assert places[-1] >= len(places)
            else:
                assert places.tolist() == list(range(len(seeds)))
            assert queries.titles[query] == (dataset.playlists.title(pid) if category.has_title else None)
            held_out = fold.holdout.row(query)
            assert queries.num_holdouts[query] == len(held_out)
            assert held_out.tolist() == [track for track in row if track not in seeds]


@pytest.mark.parametrize(("count", "n_folds"), [(60, 3), (60, 1), (200, 0), (38, 3), (60, 50)])
def test_few_queries_of_the_last_fold_are_kept_from_the_ranker(
    dataset: Dataset, count: int, n_folds: int
) -> None:
    """A twentieth of all, and at most half of the fold."""
    *others, last = draw_training_queries(dataset, count, folds=n_folds, seed=0).folds
    n_queries = sum(len(fold.holdout) for fold in (*others, last))
    rows, size = last.validation.tolist(), len(last.holdout)
    assert len(rows) == min(math.ceil(n_queries / 20), size // 2)
    assert rows == sorted(set(rows))
    assert all(0 <= row < size for row in rows)
    assert all(len(fold.validation) == 0 for fold in others)


def test_validation_queries_are_of_all_categories(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training_query, "VALIDATION_EVERY", 7)
    monkeypatch.setattr(training_query, "MAX_VALIDATION", 10)
    for n_folds in (1, 3):
        last = draw_training_queries(dataset, 100, folds=n_folds, seed=0).folds[-1]
        assert len(last.validation) == 10
        found = Counter(last.dataset.queries.categories[last.first + row] for row in last.validation.tolist())
        for category, number in MIX.items():
            assert abs(found[category] - 10 * number / 30) <= 1


def test_what_is_held_out_counts_nowhere(dataset: Dataset, folds: tuple[TrainingFold, ...]) -> None:
    """A fold's index equals one of the other playlists and the seeds alone."""
    rows = dataset.playlists.interactions
    for fold in folds:
        index, queries = build_index(fold.dataset), fold.dataset.queries
        taken = set(queries.pid.tolist())
        counted = np.zeros(TRACKS)
        for pid in range(PLAYLISTS):
            if pid not in taken:
                counted[np.unique(rows.row(pid))] += 1
        for query in range(len(queries)):
            counted[np.unique(queries.seeds.row(query))] += 1
        assert index.popularity.tolist() == counted.tolist()


def test_every_held_out_track_is_left_somewhere(folds: tuple[TrainingFold, ...]) -> None:
    for fold in folds:
        assert np.isin(fold.holdout.track_index, fold.dataset.playlists.interactions.track_index).all()


def test_untitled_playlists_are_no_training_queries(folds: tuple[TrainingFold, ...]) -> None:
    assert all(pid % 10 != 9 for fold in folds for pid in fold.dataset.queries.pid.tolist())


@pytest.mark.parametrize(("n_folds", "share"), [(1, 0.5), (2, 0.85), (0, 0.85)])
def test_some_of_the_playlists_that_can_be_held_out_are_left(
    dataset: Dataset, n_folds: int, share: float
) -> None:
    eligible = HoldoutPool(dataset.playlists, TRACKS).n_eligible
    folds = draw_training_queries(dataset, 10_000, folds=n_folds, seed=0).folds
    sizes = [len(fold.holdout) for fold in folds]
    assert 0.8 * share * eligible < sum(sizes) <= share * eligible + len(MIX)
    assert max(sizes) <= (training_query.FOLD_SHARE if n_folds == 0 else 0.5) * eligible + len(MIX)
    pids = np.concatenate([fold.dataset.queries.pid for fold in folds])
    assert len(np.unique(pids)) == len(pids)
    for fold in folds:
        assert len(fold.dataset.playlists) == PLAYLISTS - len(fold.holdout)
        assert np.isin(fold.holdout.track_index, fold.dataset.playlists.interactions.track_index).all()


def test_the_seed_decides_and_nothing_else(dataset: Dataset, folds: tuple[TrainingFold, ...]) -> None:
    again = draw_training_queries(dataset, 60, folds=3, seed=0).folds
    other = draw_training_queries(dataset, 60, folds=3, seed=1).folds
    for first, second in zip(folds, again, strict=True):
        assert first.dataset.queries.pid.tolist() == second.dataset.queries.pid.tolist()
        assert first.holdout.track_index.tolist() == second.holdout.track_index.tolist()
    assert [f.dataset.queries.pid.tolist() for f in folds] != [f.dataset.queries.pid.tolist() for f in other]


def test_each_category_has_one_training_query_at_least(dataset: Dataset) -> None:
    folds = draw_training_queries(dataset, 1, folds=9, seed=0).folds
    assert len(folds) == len(MIX), "no fold is empty"
    assert {fold.dataset.queries.categories for fold in folds} == {(category,) for category in MIX}


def test_nothing_to_cut_is_an_error(dataset: Dataset) -> None:
    short = replace(dataset, playlists=playlists_of([[0, 1], [0, 1]], ["a", "b"]))
    with pytest.raises(MissingInputError, match="none of 2 training playlists") as caught:
        draw_training_queries(short, 10, folds=2, seed=0)
    assert "--ranking blend" in str(caught.value.hint)


# -- training queries beside the challenge ----------------------------------------------------------------


def test_sources_are_fitted_to_each_fold_and_to_what_serves(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_folds = draw_training_queries(dataset, 60, folds=3)
    expected = [*(fold.dataset for fold in in_folds.folds), in_folds.serving]
    assert len(in_folds.datasets) == 4
    assert all(one is other for one, other in zip(in_folds.datasets, expected, strict=True))
    assert in_folds.serving is dataset
    monkeypatch.setattr(training_query, "JOINT_SHARE", 1.0)
    joined = draw_training_queries(dataset, 60)
    assert len(joined.datasets) == 1
    assert joined.datasets[0] is joined.serving


def test_few_training_queries_join_the_challenge(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training_query, "JOINT_SHARE", 60 / PLAYLISTS)
    drawn = draw_training_queries(dataset, 60)
    assert drawn.joint
    (fold,) = drawn.folds
    queries, own = fold.dataset.queries, len(dataset.queries)
    assert (fold.first, len(fold.holdout), len(queries)) == (own, 60, own + 60)
    assert drawn.serving is fold.dataset
    first = queries.take(range(own))
    assert first.pid.tolist() == dataset.queries.pid.tolist()
    assert first.titles == dataset.queries.titles
    assert first.categories == dataset.queries.categories
    assert first.seeds.track_index.tolist() == dataset.queries.seeds.track_index.tolist()
    assert first.seeds.position.tolist() == dataset.queries.seeds.position.tolist()
    taken = set(queries.pid[own:].tolist())
    assert set(fold.dataset.playlists.pid.tolist()) == set(dataset.playlists.pid.tolist()) - taken


def test_joined_training_queries_are_those_of_the_folds(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are the same playlists, cut at the same places; only what else is a query differs."""
    monkeypatch.setattr(training_query, "JOINT_SHARE", 1.0)
    (fold,) = draw_training_queries(dataset, 60).folds
    (alone,) = draw_training_queries(dataset, 60, folds=1).folds
    held_out = {
        int(pid): each.holdout.row(i).tolist()
        for each in (fold, alone)
        for i, pid in enumerate(each.dataset.queries.pid[each.first :])
    }
    assert len(held_out) == 60
    for each in (fold, alone):
        for i, pid in enumerate(each.dataset.queries.pid[each.first :].tolist()):
            assert each.holdout.row(i).tolist() == held_out[pid]
            assert each.dataset.queries.num_holdouts[each.first + i] == len(held_out[pid])


def test_many_training_queries_are_divided_into_folds(dataset: Dataset) -> None:
    drawn = draw_training_queries(dataset, 60)
    assert not drawn.joint
    assert len(drawn.folds) == training_query.FOLDS
    assert drawn.serving is dataset
    assert all(fold.first == 0 for fold in drawn.folds)
