from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from challenge.evaluation import significance
from challenge.evaluation.defaults import CONFIDENCE
from challenge.evaluation.significance import (
    estimates,
    paired_differences,
    pooled,
    resampled_means,
    stratified_means,
)


def column(values: Sequence[float] | np.ndarray) -> np.ndarray:
    return np.array(values, np.float64)[:, None]


def test_equal_values_have_no_spread() -> None:
    drawn = resampled_means(column([0.25] * 7), seed=1, resamples=300)
    assert drawn.shape == (300, 1)
    np.testing.assert_allclose(drawn, 0.25)


def test_interval_is_that_of_the_normal_law() -> None:
    values = column(np.random.default_rng(0).normal(3.0, 2.0, 400))
    (estimate,) = estimates(values, resampled_means(values, seed=5, resamples=4000))
    error = values.std() / 20
    assert estimate.mean == pytest.approx(values.mean())
    assert estimate.low == pytest.approx(values.mean() - 1.96 * error, abs=0.08 * error * 2)
    assert estimate.high == pytest.approx(values.mean() + 1.96 * error, abs=0.08 * error * 2)


def test_ends_of_an_interval_leave_a_fortieth_on_either_side() -> None:
    (estimate,) = estimates(column([1.0, 2.0]), column(np.arange(1001.0)))
    assert [estimate.mean, estimate.low, estimate.high] == pytest.approx([1.5, 25, 975])


def test_draws_stay_within_their_category() -> None:
    # Each category is constant, so that nothing but mixing categories could move the mean.
    values, strata = column([0.0] * 30 + [1.0] * 10), ["a"] * 30 + ["b"] * 10
    drawn = pooled(stratified_means(values, strata, seed=3), strata)
    np.testing.assert_allclose(drawn, 0.25)


def test_same_seed_same_draws() -> None:
    values, strata = column(np.arange(20.0)), ["a", "b"] * 10
    first, again, other = (stratified_means(values, strata, seed=seed, resamples=50) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first["a"], again["a"])
    assert (first["a"] != other["a"]).any()


def test_p_value_is_that_of_all_sign_changes() -> None:
    first, change = np.zeros(8), np.array([3.0, 1.0, 2.0, -1.0, 2.0, 4.0, -2.0, 1.0])
    sums = [np.dot(signs, change) for signs in itertools.product((-1, 1), repeat=8)]
    exact = np.mean(np.abs(sums) >= abs(change.sum()))
    (found,) = paired_differences(column(first), column(change), ["a"] * 8, permutations=20_000)
    assert found.p_value == pytest.approx(exact, abs=0.01)
    assert found.difference.mean == pytest.approx(1.25)
    assert (found.first, found.second) == (0.0, 1.25)


def test_clear_difference_is_significant_and_none_is_not() -> None:
    rng = np.random.default_rng(0)
    base = rng.random(200)
    better = paired_differences(column(base), column(base + 0.05 + 0.01 * rng.random(200)), ["a"] * 200)[0]
    assert better.significant
    assert better.p_value == pytest.approx(1 / 10_001)
    assert 0.05 < better.difference.low < better.difference.mean < better.difference.high < 0.06
    same = paired_differences(column(base), column(base), ["a"] * 200)[0]
    assert same.p_value == 1.0
    assert not same.significant
    assert not replace(same, p_value=1 - CONFIDENCE).significant
    assert replace(same, p_value=0.0499).significant


def test_as_many_draws_as_asked_for_whatever_the_size_of_a_block() -> None:
    rng = np.random.default_rng(0)
    base = column(rng.random(3))
    for permutations in (1, significance._BLOCK - 1, significance._BLOCK + 7):
        assert paired_differences(base, base, ["a"] * 3, permutations=permutations)[0].p_value == 1.0
    (one,) = paired_differences(base, base * 2, ["a"] * 3, resamples=1)
    assert one.difference.low == one.difference.high
