"""Our walk through the trees against LightGBM's own, and texts that must not get as far as either."""

from __future__ import annotations

import re

import lightgbm as lgb
import numpy as np
import pytest

from challenge.errors import FormatError
from challenge.ranking.forest import Forest, join_trees
from challenge.ranking.model_text import TreeArrays, read_model


def trained(seed: int, leaves: int, rounds: int, **parameters: object) -> tuple[lgb.Booster, np.ndarray]:
    """Coarse features, so that many values lie exactly on thresholds."""
    rng = np.random.default_rng(seed)
    features = np.round(rng.standard_normal((3000, 6)), 1).astype(np.float32)
    label = features[:, 0] + features[:, 1] * features[:, 2] + rng.standard_normal(3000) > 0.5
    settings = {"objective": "binary", "num_leaves": leaves, "verbosity": -1, "num_threads": 1} | parameters
    return lgb.train(settings, lgb.Dataset(features, label.astype(int)), rounds), features


def flatten(model: lgb.Booster) -> Forest:
    return join_trees(read_model(model.model_to_string()).trees)


@pytest.mark.parametrize(("leaves", "rounds"), [(2, 3), (7, 20), (63, 40), (200, 3), (5, 300)])
@pytest.mark.parametrize("n_rows", [0, 1, 2, 3, 5, 511, 1300])
def test_scores_are_those_of_lightgbm_to_the_last_bit(leaves: int, rounds: int, n_rows: int) -> None:
    model, features = trained(leaves, leaves, rounds)
    expected = model.predict(features, raw_score=True)[:n_rows]
    np.testing.assert_array_equal(flatten(model).scores(features[:n_rows]), expected)


def test_what_was_looked_at_is_all_that_lightgbm_needs() -> None:
    model, features = trained(0, 7, 5)
    again = lgb.Booster(model_str=read_model(model.model_to_string()).text)
    for kind in ("raw_score", "pred_contrib"):
        found, expected = (each.predict(features, **{kind: True}) for each in (again, model))
        np.testing.assert_array_equal(found, expected)
    gain = [each.feature_importance("gain") for each in (again, model)]
    np.testing.assert_array_equal(*gain)


def test_values_at_a_threshold_that_no_float32_equals() -> None:
    """Features next to a threshold on either side, and a threshold between two of them."""
    low = np.float32(0.1)
    high = np.nextafter(low, np.float32(1))
    middle = (float(low) + float(high)) / 2
    for threshold in (float(low), middle, float(high)):
        feature, left, right = (np.array([number]) for number in (0, -1, -2))
        tree = TreeArrays(feature, np.array([threshold]), left, right, np.array([1.0, 2.0]))
        expected = [1.0 if float(value) <= threshold else 2.0 for value in (low, high)]
        found = join_trees([tree]).scores(np.array([[low], [high]], np.float32))
        assert found.tolist() == expected


def test_a_row_that_holds_no_number_leaves_the_others_as_they_are() -> None:
    model, features = trained(7, 7, 20)
    expected = flatten(model).scores(features)
    some = features.copy()
    some[5] = np.nan
    found = flatten(model).scores(some)
    np.testing.assert_array_equal(np.delete(found, 5), np.delete(expected, 5))
    assert np.isfinite(found[5])


def test_a_tree_that_is_a_single_leaf() -> None:
    model, features = trained(0, 7, 3, min_data_in_leaf=5000)
    expected = model.predict(features[:5], raw_score=True)
    np.testing.assert_array_equal(flatten(model).scores(features[:5]), expected)


@pytest.fixture(scope="module")
def text() -> str:
    return str(trained(0, 7, 2)[0].model_to_string())


def with_entry(text: str, name: str, place: int, value: object) -> str:
    """The text with one number of the first tree changed."""

    def change(match: re.Match[str]) -> str:
        numbers = match[2].split()
        numbers[place] = str(value)
        return f"{match[1]}{' '.join(numbers)}"

    return re.sub(rf"(\n{name}=)(.*)", change, text, count=1)


@pytest.mark.parametrize(
    ("name", "place", "value", "why"),
    [
        ("split_feature", 0, -1, "split_feature is out of the 6 features"),
        ("split_feature", 5, 6, "split_feature is out of the 6 features"),
        ("left_child", 0, 0, "leads back to an earlier one"),
        ("right_child", 3, 1, "leads back to an earlier one"),
        ("left_child", 0, 6, "not each led to once"),
        ("left_child", 0, -8, "not each led to once"),
        ("left_child", 0, 5, "not each led to once"),
        ("left_child", 0, 2**70, "left_child holds something that is no number"),
        ("decision_type", 2, 1, "a split by category"),
        ("threshold", 1, "nan", "or infinite ones"),
        ("leaf_value", 1, "1e999", "or infinite ones"),
        ("leaf_value", 0, "", "6 leaves have a value; num_leaves is '7'"),
        ("leaf_count", 0, "", "leaf_count holds 6 numbers"),
        ("internal_count", 0, "x", "internal_count holds something that is no number"),
        ("num_leaves", 0, 10**9, "7 leaves have a value"),
        ("num_cat", 0, 1, "a split by category or a linear leaf"),
        ("is_linear", 0, 1, "a split by category or a linear leaf"),
        ("num_class", 0, 3, "num_class is '3'; expected '1'"),
        ("objective", 0, "lambdarank", "objective is 'lambdarank sigmoid:1'; expected 'binary sigmoid:1'"),
        ("feature_names", 0, "", "it names 5 features"),
    ],
)
def test_a_text_that_leads_astray_is_refused(
    text: str, name: str, place: int, value: object, why: str
) -> None:
    changed = with_entry(text, name, place, value)
    assert changed != text
    with pytest.raises(FormatError, match=re.escape(why)):
        read_model(changed)


def test_a_text_that_is_cut_short_anywhere_is_refused(text: str) -> None:
    end = text.index("end of trees") + len("end of trees")
    for size in (*range(0, end, 97), end):
        with pytest.raises(FormatError):
            read_model(text[:size])


def test_splits_by_category_are_refused() -> None:
    rng = np.random.default_rng(0)
    features = rng.integers(0, 5, (500, 1)).astype(float)
    settings = {"objective": "binary", "verbosity": -1, "num_threads": 1}
    data = lgb.Dataset(features, features[:, 0] % 2, categorical_feature=[0])
    model = lgb.train(settings, data, 2)
    with pytest.raises(FormatError, match="split by category"):
        flatten(model)
