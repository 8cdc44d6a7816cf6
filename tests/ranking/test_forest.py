"""Our walk through the trees against LightGBM's own."""

from __future__ import annotations

import lightgbm as lgb
import numpy as np
import pytest

from challenge.errors import FormatError
from challenge.ranking.forest import flatten


def trained(seed: int, leaves: int, rounds: int, **parameters: object) -> tuple[lgb.Booster, np.ndarray]:
    """Coarse features, so that many values lie exactly on thresholds."""
    rng = np.random.default_rng(seed)
    features = np.round(rng.standard_normal((3000, 6)), 1).astype(np.float32)
    label = features[:, 0] + features[:, 1] * features[:, 2] + rng.standard_normal(3000) > 0.5
    settings = {"objective": "binary", "num_leaves": leaves, "verbosity": -1, "num_threads": 1} | parameters
    return lgb.train(settings, lgb.Dataset(features, label.astype(int)), rounds), features


@pytest.mark.parametrize(("leaves", "rounds"), [(2, 3), (7, 20), (63, 40)])
@pytest.mark.parametrize("n_rows", [0, 1, 2, 3, 5, 511, 1300])
def test_scores_are_those_of_lightgbm_to_the_last_bit(leaves: int, rounds: int, n_rows: int) -> None:
    model, features = trained(leaves, leaves, rounds)
    expected = model.predict(features, raw_score=True)[:n_rows]
    np.testing.assert_array_equal(flatten(model.dump_model()).scores(features[:n_rows]), expected)


def test_values_at_a_threshold_that_no_float32_equals() -> None:
    """Features next to a threshold on either side, and a threshold between two of them."""
    low = np.float32(0.1)
    high = np.nextafter(low, np.float32(1))
    middle = (float(low) + float(high)) / 2
    for threshold in (float(low), middle, float(high)):
        node = {
            "split_feature": 0,
            "threshold": threshold,
            "decision_type": "<=",
            "left_child": {"leaf_value": 1.0},
            "right_child": {"leaf_value": 2.0},
        }
        trees = flatten({"tree_info": [{"tree_structure": node}]})
        expected = [1.0 if float(value) <= threshold else 2.0 for value in (low, high)]
        assert trees.scores(np.array([[low], [high]], np.float32)).tolist() == expected


def test_a_tree_that_is_a_single_leaf() -> None:
    trees = flatten({"tree_info": [{"tree_structure": {"leaf_value": 0.25}}] * 3})
    assert trees.scores(np.zeros((5, 2), np.float32)).tolist() == [0.75] * 5


def test_splits_by_category_are_refused() -> None:
    node = {
        "split_feature": 0,
        "threshold": "1||2",
        "decision_type": "==",
        "left_child": {},
        "right_child": {},
    }
    with pytest.raises(FormatError, match="'=='"):
        flatten({"tree_info": [{"tree_structure": node}]})
