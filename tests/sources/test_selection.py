"""Selecting and sorting in compiled loops agree with numpy's, ties included."""

from __future__ import annotations

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from challenge.sources.selection import greatest_first, nth_greatest
from challenge.types import FloatArray

# Few distinct values, so that many are equal.
some_values = arrays(
    np.float32, st.integers(1, 200), elements=st.integers(-5, 5).map(float) | st.floats(-1, 1, width=32)
)

# The first example compiles.
compiling = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


@compiling
@given(some_values, st.data())
def test_nth_greatest(values: FloatArray, data: st.DataObject) -> None:
    n = data.draw(st.integers(1, len(values)))
    assert nth_greatest(values.copy(), n) == np.sort(values)[::-1][n - 1]


@compiling
@given(some_values)
def test_greatest_first_keeps_equal_values_in_order(values: FloatArray) -> None:
    np.testing.assert_array_equal(greatest_first(values), np.argsort(-values, kind="stable"))


def test_selection_of_values_in_order_is_not_quadratic() -> None:
    values = np.arange(300_000, dtype=np.float32)
    for each in (values, values[::-1].copy(), np.zeros_like(values)):
        assert nth_greatest(each.copy(), 1000) == np.sort(each)[-1000]
    assert len(greatest_first(np.empty(0, np.float32))) == 0
