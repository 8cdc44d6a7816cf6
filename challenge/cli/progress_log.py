"""Progress as log lines, for files and pipes: one at the start, one every ten seconds, one at the end."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final, TextIO

from challenge.cli.console import amount_text, rate_text, seconds_text
from challenge.progress import Advance
from challenge.quoting import printable

_INTERVAL_S: Final = 10.0
_PIECES_TO_ESTIMATE: Final = 3


class LogBackend:
    """Writes progress to a text stream."""

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._clock = clock

    def message(self, text: str) -> None:
        """Write one line with the time of day."""
        self._stream.write(f"{time.strftime('%H:%M:%S')} {printable(text)}\n")
        self._stream.flush()

    @contextmanager
    def task(self, label: str, total: float | None, unit: str) -> Iterator[Advance]:
        """Open a task and say so; its end is told also when an error ends it."""
        state = TaskState(total, unit, self._clock)
        told = state.begin
        self.message(f"{label}: started" + ("" if total is None else f", {amount_text(total, None, unit)}"))

        def advance(amount: float = 1, *, note: str = "") -> None:
            nonlocal told
            state.add(amount, note)
            if self._clock() - told >= _INTERVAL_S:
                told = self._clock()
                self.message(f"{label}: {state.so_far()}")

        try:
            yield advance
        except BaseException:
            self.message(f"{label}: stopped at {amount_text(state.done, total, unit)}")
            raise
        self.message(f"{label}: done, {state.summary(', ')}")


@dataclass
class TaskState:
    """How far one task is, and what lines tell of it."""

    total: float | None
    unit: str
    clock: Callable[[], float] = time.monotonic
    done: float = 0.0
    note: str = ""
    begin: float = field(init=False)
    _pieces: int = 0
    _first: tuple[float, float] = (0.0, 0.0)
    """When the first piece was done, and how much that was."""

    def __post_init__(self) -> None:
        self.begin = self.clock()

    def add(self, amount: float, note: str) -> None:
        """Record work; a note stays until the next."""
        self.done += amount
        self.note = note or self.note
        if amount > 0:
            self._pieces += 1
            if self._pieces == 1:
                self._first = self.clock(), self.done

    def summary(self, separator: str) -> str:
        """Amount, time with the rate, and note of the whole task."""
        seconds = self.clock() - self.begin
        amount = amount_text(self.done, None, self.unit) if self.done else ""
        rate = rate_text(self.done, seconds, self.unit) if seconds >= 1 else ""
        parts = (amount, seconds_text(seconds) + (f" ({rate})" if rate else ""), self.note)
        return separator.join(part for part in parts if part)

    def so_far(self) -> str:
        """How far, how fast and how long still."""
        seconds = self.clock() - self.begin
        parts = [amount_text(self.done, self.total, self.unit)]
        if self.total:
            parts[0] += f" ({self.done / self.total:.0%})"
        parts.append(rate_text(self.done, seconds, self.unit))
        left = self._seconds_left()
        if left is not None:
            parts.append(f"{seconds_text(left)} left")
        return ", ".join(part for part in (*parts, self.note) if part)

    def _seconds_left(self) -> float | None:
        """By the pace since the first piece, which also compiles and allocates; None before the third."""
        if self._pieces < _PIECES_TO_ESTIMATE or not self.total or self.done > self.total:
            return None
        begin, before = self._first
        return (self.clock() - begin) / (self.done - before) * (self.total - self.done)
