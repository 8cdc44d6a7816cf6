"""The learned ranker, on rows whose rule is known."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from challenge.errors import MissingInputError
from challenge.ranking.ranker import Ranker, RankerConfig, TrainingRows, sample_rows, train_ranker
from challenge.types import FloatArray

NAMES = ("first", "second", "noise", "constant")
CONFIG = RankerConfig(
    num_iterations=20, num_leaves=8, min_data_in_leaf=10, learning_rate=0.3, feature_fraction=1.0
)


def ruled_rows(queries: int = 60, each: int = 30, seed: int = 0) -> TrainingRows:
    """Hits are where the first two features are on the same side of one half: neither tells it alone."""
    rng = np.random.default_rng(seed)
    features = rng.random((queries * each, 4)).astype(np.float32)
    features[:, 3] = 1
    label = ((features[:, 0] > 0.5) == (features[:, 1] > 0.5)).astype(np.int8)
    return TrainingRows([features], label, np.full(queries, each, np.int64))


pytestmark = pytest.mark.usefixtures("single_thread")


@pytest.fixture(scope="module")
def ranker() -> Ranker:
    return train_ranker(ruled_rows(), NAMES, CONFIG, seed=0)


def hit_share_above_misses(scores: FloatArray, label: np.ndarray) -> float:
    """Share of pairs of a hit and a miss in the right order."""
    return float((scores[label > 0][:, None] > scores[label == 0][None, :]).mean())


def test_it_learns_a_rule_of_two_features(ranker: Ranker) -> None:
    unseen = ruled_rows(seed=1)
    assert hit_share_above_misses(ranker.scores(unseen.features), unseen.label) > 0.97


def test_importance_tells_what_counted(ranker: Ranker) -> None:
    importance = ranker.importance()
    assert set(list(importance)[:2]) == {"first", "second"}
    assert importance["constant"] == 0
    assert sum(importance.values()) == pytest.approx(1)
    assert list(importance.values()) == sorted(importance.values(), reverse=True)


def test_saved_and_loaded_scores_are_the_same(ranker: Ranker, tmp_path: Path) -> None:
    path = tmp_path / "ranker.txt"
    ranker.save(path)
    loaded = Ranker.load(path)
    features = ruled_rows(seed=2).features
    np.testing.assert_array_equal(loaded.scores(features), ranker.scores(features))
    assert loaded.names == NAMES
    assert loaded.importance() == pytest.approx(ranker.importance())
    assert [entry.name for entry in tmp_path.iterdir()] == ["ranker.txt"]


def test_the_seed_decides_and_nothing_else(ranker: Ranker) -> None:
    features = ruled_rows(seed=3).features
    again = train_ranker(ruled_rows(), NAMES, CONFIG, seed=0)
    other = train_ranker(ruled_rows(), NAMES, CONFIG, seed=1)
    np.testing.assert_array_equal(again.scores(features), ranker.scores(features))
    assert (other.scores(features) != ranker.scores(features)).any()


def test_no_candidates_have_no_scores(ranker: Ranker) -> None:
    assert ranker.scores(np.zeros((0, 4), np.float32)).tolist() == []


def test_nothing_to_learn_from_is_an_error() -> None:
    nothing = TrainingRows([np.zeros((0, 4), np.float32)], np.zeros(0, np.int8), np.zeros(0, np.int64))
    with pytest.raises(MissingInputError, match="no ranking to learn") as caught:
        train_ranker(nothing, NAMES, CONFIG, seed=0)
    assert "--ranking blend" in str(caught.value.hint)


@settings(deadline=None)
@given(st.lists(st.lists(st.booleans(), max_size=8), max_size=6), st.sampled_from([0.0, 0.3, 1.0]))
def test_sampling_keeps_all_hits(queries: list[list[bool]], share: float) -> None:
    label = np.array([hit for row in queries for hit in row], np.int8)
    query = np.repeat(np.arange(len(queries)), [len(row) for row in queries]).astype(np.int32)
    features = np.arange(len(label), dtype=np.float32)[:, None]
    rows = sample_rows(features, label, query, share, np.random.default_rng(0).random(len(label)))
    kept = rows.features[:, 0].astype(int)
    assert (np.diff(kept) > 0).all()
    assert rows.label.tolist() == label[kept].tolist()
    assert set(np.flatnonzero(label)) <= set(kept.tolist())
    assert rows.group.sum() == len(kept)
    of_query = query[kept]
    assert rows.group.tolist() == [int((of_query == q).sum()) for q in np.unique(of_query)]
    useful = {i for i, row in enumerate(queries) if any(row)}
    assert set(of_query.tolist()) == useful, "queries without a hit go"
    if share == 0.0:
        assert rows.label.all()
    if share == 1.0:
        assert len(kept) == sum(len(queries[i]) for i in useful)


def test_sampling_keeps_about_its_share() -> None:
    label = np.tile([1] + [0] * 99, 50).astype(np.int8)
    query = np.repeat(np.arange(50), 100).astype(np.int32)
    rows = sample_rows(
        np.zeros((5000, 1), np.float32), label, query, 0.25, np.random.default_rng(0).random(5000)
    )
    assert rows.label.sum() == 50
    assert 1100 < (rows.label == 0).sum() < 1375


def test_rows_are_stacked() -> None:
    one, two = ruled_rows(2, 3), ruled_rows(1, 4, seed=1)
    both = TrainingRows.concatenate([one, two])
    assert both.group.tolist() == [3, 3, 4]
    np.testing.assert_array_equal(both.features[6:], two.features)
    np.testing.assert_array_equal(both.label[:6], one.label)


def test_rows_in_parts_teach_the_same_as_in_one() -> None:
    whole = ruled_rows()
    parts = replace(whole, tables=[whole.features[:7], whole.features[:0], whole.features[7:]])
    one, several = (train_ranker(rows, NAMES, CONFIG, seed=0) for rows in (whole, parts))
    unseen = ruled_rows(seed=4).features
    np.testing.assert_array_equal(several.scores(unseen), one.scores(unseen))
    np.testing.assert_array_equal(parts.features, whole.features)
