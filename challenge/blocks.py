"""Deals ragged rows out to threads, so that all of them end together."""

from __future__ import annotations

import numpy as np

from challenge.threads import thread_count
from challenge.types import Int64Array

_PER_THREAD = 64


def even_blocks(indptr: Int64Array) -> Int64Array:
    """Cut rows into blocks with about the same number of entries, 64 a thread; bounds, int64, shape (n + 1,).

    ``indptr`` is where the entries of each row begin. The commonest tracks stand together at the front of
    most numberings, so equal numbers of rows would leave all the work to the first thread.
    """
    work = indptr + np.arange(len(indptr))  # an empty row costs about as much as an entry
    marks = np.linspace(0, work[-1], _PER_THREAD * thread_count() + 1)
    return np.unique(np.searchsorted(work, marks))
