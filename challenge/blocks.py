"""Deals work out to threads, so that all of them end together and none waits for another meanwhile."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np

from challenge.threads import one_thread, thread_count
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


def each_range(work: Callable[..., None], bounds: Sequence[int] | Int64Array, *arguments: Any) -> None:
    """Call ``work(start, stop, *arguments)`` for all neighbours in ``bounds``, in threads.

    This thread is one of them: to start another takes half a millisecond. After an error or Ctrl-C no thread
    begins another range.
    """
    ranges = list(pairwise(map(int, bounds)))
    left = iter(ranges)  # a list's iterator gives each range once, whichever thread asks

    def take_all() -> None:
        try:
            for part in left:
                work(*part, *arguments)
        except BaseException:
            deque(left, maxlen=0)
            raise

    n_others = min(thread_count(), len(ranges)) - 1
    if n_others < 1:
        take_all()
        return
    with ThreadPoolExecutor(n_others) as pool:
        # In a copy of this context, whoever watches is told of kernels that are compiled in a thread, too.
        others = [pool.submit(copy_context().run, take_all) for _ in range(n_others)]
        take_all()
    for other in others:
        other.result()


def each_part(work: Callable[..., None], total: int, *arguments: Any, per_thread: int = 1) -> None:
    """Call ``work(part, n_parts, *arguments)`` for each of some parts of ``total`` things, in threads.

    A part is to take every ``n_parts``-th thing, beginning with its own number. One part for each thread is
    best where a part needs a table of all tracks; several let a thread that is done go on.
    """
    n_parts = min(per_thread * thread_count(), total)
    each_range(lambda part, _: work(part, n_parts, *arguments), range(n_parts + 1))


def each_block(work: Callable[[int, int], None], total: int, size: int) -> None:
    """Call ``work(start, stop)`` for blocks of ``size`` out of ``total``, in threads.

    Matrix products inside use one thread each. A product that is itself divided among threads waits for the
    last of them, which takes many times as long as the product where other programs hold some of the
    processors: see docs/experiments.md.
    """
    with _libraries().limit(limits=1, user_api="blas"):
        each_range(work, [*range(0, total, size), total])


def each_block_alone(work: Callable[[int, int], None], total: int, size: int) -> None:
    """Call ``work(start, stop)`` as :func:`each_block` does, and let ``work`` itself start no threads."""

    def alone(start: int, stop: int) -> None:
        with one_thread():
            work(start, stop)

    each_block(alone, total, size)


@cache
def _libraries() -> Any:
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
