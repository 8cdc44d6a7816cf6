"""Rows of unequal length stored end to end: row pointers, and the places of chosen rows."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from challenge.types import Int64Array


def indptr_from_lengths(lengths: ArrayLike) -> Int64Array:
    """Return where each row begins, and behind them all the total: int64, shape (n + 1,).

    ``lengths``, whole numbers of any dtype, shape (n,), are how many entries each row has.
    """
    lengths = np.asarray(lengths)
    indptr = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, dtype=np.int64, out=indptr[1:])
    return indptr


def ragged_indices(starts: ArrayLike, lengths: ArrayLike) -> Int64Array:
    """Return ``starts[i]``, ``starts[i] + 1`` … ``lengths[i]`` of them, for each row in turn: int64."""
    indptr = indptr_from_lengths(lengths)
    shifts = np.asarray(starts, np.int64) - indptr[:-1]
    return np.arange(indptr[-1]) + np.repeat(shifts, np.diff(indptr))
