"""Progress of long loops: silent unless a backend is installed, so library code may report freely."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sized
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from typing import Protocol, TypeVar

Item = TypeVar("Item")


class Advance(Protocol):
    """Tells the backend that work was done; ``note`` replaces the text shown behind the bar."""

    def __call__(self, amount: float = 1, *, note: str = "") -> None:
        """Record ``amount`` more units of the total."""
        ...


class Backend(Protocol):
    """Shows tasks and messages to a person."""

    def task(self, label: str, total: float | None, unit: str) -> AbstractContextManager[Advance]:
        """Open a task of ``total`` units, named in the plural; the returned callable advances it."""
        ...

    def message(self, text: str) -> None:
        """Show one line that stays."""
        ...


_backend: ContextVar[Backend | None] = ContextVar("progress_backend", default=None)


def _ignore(amount: float = 1, *, note: str = "") -> None:
    """Swallow progress where no backend listens."""


@contextmanager
def use_backend(backend: Backend | None) -> Iterator[None]:
    """Send all progress inside the block to ``backend``; None shows nothing."""
    token = _backend.set(backend)
    try:
        yield
    finally:
        _backend.reset(token)


def task(label: str, total: float | None = None, *, unit: str = "") -> AbstractContextManager[Advance]:
    """Open a task that the caller advances itself; ``unit`` is a plural, such as "playlists", or "B"."""
    backend = _backend.get()
    return nullcontext(_ignore) if backend is None else backend.task(label, total, unit)


def track(items: Iterable[Item], label: str, total: int | None = None, *, unit: str = "") -> Iterator[Item]:
    """Yield from ``items`` and advance a task by one for each."""
    if total is None and isinstance(items, Sized):
        total = len(items)
    with task(label, total, unit=unit) as advance:
        for item in items:
            yield item
            advance()


def message(text: str) -> None:
    """Tell the person watching one fact, such as the device chosen and why."""
    backend = _backend.get()
    if backend is not None:
        backend.message(text)
