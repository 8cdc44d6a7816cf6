"""Deals work out to threads, so that all of them end together and none waits for another meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

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


def each_block(work: Callable[[int, int], None], total: int, size: int) -> None:
    """Call ``work(start, stop)`` for blocks of ``size`` out of ``total``, in threads.

    Matrix products inside use one thread each. A product that is itself divided among threads waits for the
    last of them, which takes many times as long as the product where other programs hold some of the
    processors: see docs/experiments.md.
    """
    blocks = [(start, min(start + size, total)) for start in range(0, total, size)]
    with _libraries().limit(limits=1, user_api="blas"):
        if thread_count() == 1 or len(blocks) == 1:
            for block in blocks:
                work(*block)
            return
        with ThreadPoolExecutor(thread_count()) as pool:
            for done in [pool.submit(work, *block) for block in blocks]:
                done.result()


@cache
def _libraries() -> Any:
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
