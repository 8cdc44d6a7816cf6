import numpy as np
import pytest

from challenge.data.ragged import indptr_from_lengths, ragged_indices


@pytest.mark.parametrize("dtype", [np.int8, np.int32, np.int64])
def test_rows_begin_where_the_ones_before_end(dtype: type) -> None:
    indptr = indptr_from_lengths(np.array([2, 0, 100, 100], dtype))
    assert indptr.dtype == np.int64
    assert indptr.tolist() == [0, 2, 2, 102, 202]
    assert indptr_from_lengths([]).tolist() == [0]


def test_indices_run_on_from_each_start() -> None:
    indices = ragged_indices(np.array([7, 3, 0, 7], np.int32), np.array([2, 0, 3, 1], np.int32))
    assert indices.dtype == np.int64
    assert indices.tolist() == [7, 8, 0, 1, 2, 7]
    assert ragged_indices([], []).tolist() == []
