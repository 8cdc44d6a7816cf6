"""Work for the steps to come, done by other threads while the device is busy with this one."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

T = TypeVar("T")


class Prefetcher(Generic[T]):
    """Calls ``make(step)`` for the next ``ahead`` steps beforehand; 0 calls it only when asked.

    What ``make`` returns must depend on the step alone, and it must bear being called by several threads.
    """

    def __init__(self, make: Callable[[int], T], *, ahead: int, threads: int = 2) -> None:
        self._make = make
        self._ahead = ahead
        self._pending: dict[int, Future[T]] = {}
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="batches") if ahead else None

    def get(self, step: int) -> T:
        """Return ``make(step)``.

        Raises:
            Exception: what ``make`` raised.
        """
        if self._pool is None:
            return self._make(step)
        wanted = range(step, step + self._ahead + 1)
        for other in [other for other in self._pending if other not in wanted]:
            self._pending.pop(other).cancel()
        for other in wanted:
            if other not in self._pending:
                self._pending[other] = self._pool.submit(self._make, other)
        return self._pending.pop(step).result()

    def close(self) -> None:
        """Drop what was made beforehand and end the threads."""
        self._pending.clear()
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
