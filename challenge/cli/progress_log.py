"""Progress as log lines, for files and pipes: one at the start, one every ten seconds, one at the end."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, TextIO

from challenge.cli.console import amount_text, rate_text, seconds_text
from challenge.progress import Advance

_INTERVAL_S: Final = 10.0


class LogBackend:
    """Writes progress to a text stream."""

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._clock = clock

    def message(self, text: str) -> None:
        """Write one line with the time of day."""
        self._stream.write(f"{time.strftime('%H:%M:%S')} {text}\n")
        self._stream.flush()

    @contextmanager
    def task(self, label: str, total: float | None, unit: str) -> Iterator[Advance]:
        """Open a task and say so; its end is told also when an error ends it."""
        state = _TaskState(self, label, total, unit, self._clock)
        self.message(f"{label}: started" + ("" if total is None else f", {amount_text(total, None, unit)}"))
        try:
            yield state.advance
        except BaseException:
            self.message(f"{label}: stopped at {amount_text(state.done, total, unit)}")
            raise
        self.message(f"{label}: done, {state.summary()}")


class _TaskState:
    """How far one task is and when that was last told."""

    def __init__(
        self, backend: LogBackend, label: str, total: float | None, unit: str, clock: Callable[[], float]
    ) -> None:
        self.done = 0.0
        self._backend = backend
        self._label = label
        self._total = total
        self._unit = unit
        self._clock = clock
        self._begin = self._told = clock()
        self._note = ""

    def advance(self, amount: float = 1, *, note: str = "") -> None:
        """Record work, and write a line if ten seconds have passed since the last."""
        self.done += amount
        self._note = note or self._note
        now = self._clock()
        if now - self._told >= _INTERVAL_S:
            self._told = now
            self._backend.message(self._line(now - self._begin))

    def summary(self) -> str:
        """Amount, time and rate of the whole task."""
        seconds = self._clock() - self._begin
        parts = [amount_text(self.done, None, self._unit)] if self.done else []
        rate = rate_text(self.done, seconds, self._unit) if seconds >= 1 else ""
        parts += [f"{seconds_text(seconds)}" + (f" ({rate})" if rate else ""), self._note]
        return ", ".join(part for part in parts if part)

    def _line(self, seconds: float) -> str:
        """How far, how fast and how long still."""
        parts = [amount_text(self.done, self._total, self._unit)]
        if self._total:
            parts[0] += f" ({self.done / self._total:.0%})"
        parts.append(rate_text(self.done, seconds, self._unit))
        if self._total and 0 < self.done <= self._total:
            parts.append(f"{seconds_text(seconds / self.done * (self._total - self.done))} left")
        return f"{self._label}: " + ", ".join(part for part in (*parts, self._note) if part)
