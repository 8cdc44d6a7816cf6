"""Progress as bars on a terminal; a finished task leaves one line behind."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, SpinnerColumn, TextColumn
from rich.table import Column
from rich.text import Text

from challenge.cli.console import amount_text, rate_text, seconds_text
from challenge.cli.progress_log import TaskState
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
        state = TaskState(total, unit)

        def advance(amount: float = 1, *, note: str = "") -> None:
            state.add(amount, note)
            self._progress.update(shown, advance=amount, note=state.note)

        mark = ("✗ ", "red")
        try:
            yield advance
            mark = ("✓ ", "green")
        finally:
            self._progress.remove_task(shown)
            self._running -= 1
            if self._running == 0:
                self._progress.stop()
            self._console.print(Text.assemble(mark, label, "  ", (state.summary(" · "), "dim")))
