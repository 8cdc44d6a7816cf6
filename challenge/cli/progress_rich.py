"""Progress as bars on a terminal; a finished task leaves one line behind."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, SpinnerColumn, TextColumn
from rich.table import Column
from rich.text import Text

from challenge.cli.console import amount_text, rate_text, seconds_text
from challenge.progress import Advance

if TYPE_CHECKING:
    from rich.progress import Task


def _one_line() -> Column:
    """A column that is cut rather than wrapped where the terminal is narrow: a bar must stay one line."""
    return Column(no_wrap=True, overflow="ellipsis")


class _Amount(ProgressColumn):
    """How much is done of how much."""

    def render(self, task: Task) -> Text:
        """Write done, total and unit."""
        return Text(amount_text(task.completed, task.total, task.fields["unit"]), style="progress.download")


class _Pace(ProgressColumn):
    """Rate, time left and the task's note."""

    def render(self, task: Task) -> Text:
        """Write what is known so far."""
        rate = rate_text(task.completed, task.elapsed or 0, task.fields["unit"])
        left = "" if task.time_remaining is None else f"{seconds_text(task.time_remaining)} left"
        return Text(" · ".join(part for part in (rate, left, task.fields["note"]) if part), style="dim")


class BarBackend:
    """Shows the running tasks as bars at the bottom of a terminal."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._running = 0
        self._progress = self._new_progress()

    def _new_progress(self) -> Progress:
        return Progress(
            SpinnerColumn(style="cyan"),
            TextColumn("{task.description}", table_column=_one_line()),
            BarColumn(bar_width=16),
            _Amount(table_column=_one_line()),
            _Pace(table_column=_one_line()),
            console=self._console,
            transient=True,
            speed_estimate_period=60,
        )

    def message(self, text: str) -> None:
        """Print one line above the bars."""
        self._console.print(Text(text))

    @contextmanager
    def task(self, label: str, total: float | None, unit: str) -> Iterator[Advance]:
        """Show a bar while the task runs; afterwards its line stays."""
        if self._running == 0:
            self._progress = self._new_progress()
            self._progress.start()
        self._running += 1
        shown = self._progress.add_task(label, total=total, unit=unit, note="")
        state = _Shown(label, unit)

        def advance(amount: float = 1, *, note: str = "") -> None:
            state.done += amount
            state.note = note or state.note
            self._progress.update(shown, advance=amount, note=state.note)

        ended_well = False
        try:
            yield advance
            ended_well = True
        finally:
            self._progress.remove_task(shown)
            self._running -= 1
            if self._running == 0:
                self._progress.stop()
            self._console.print(state.last_line(ended_well=ended_well))


@dataclass
class _Shown:
    """A task as its last line tells of it."""

    label: str
    unit: str
    done: float = 0.0
    note: str = ""
    begin: float = field(default_factory=time.monotonic)

    def last_line(self, *, ended_well: bool) -> Text:
        """What became of the task: amount, time, rate and note."""
        seconds = time.monotonic() - self.begin
        rate = rate_text(self.done, seconds, self.unit) if seconds >= 1 else ""
        amount = amount_text(self.done, None, self.unit) if self.done else ""
        facts = " · ".join(fact for fact in (amount, seconds_text(seconds), rate, self.note) if fact)
        mark = ("✓ ", "green") if ended_well else ("✗ ", "red")
        return Text.assemble(mark, self.label, "  ", (facts, "dim"))
