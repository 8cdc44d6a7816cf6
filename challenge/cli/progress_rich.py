"""Progress as bars on a terminal; a finished task leaves one line behind."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn
from rich.table import Column
from rich.text import Text

from challenge.cli.progress_log import TaskState
from challenge.progress import Advance
from challenge.quoting import printable

_BAR: Final = 12
_BETWEEN: Final = 6
"""Columns of the spinner and of what stands between a bar's parts."""


class BarBackend:
    """Shows the running tasks as bars at the bottom of a terminal."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._running = 0
        self._progress = self._new_progress()

    def _new_progress(self) -> Progress:
        # Cut rather than wrapped where the terminal is narrow: a bar must stay one line.
        one_line = Column(no_wrap=True, overflow="ellipsis")
        return Progress(
            SpinnerColumn(style="cyan"),
            TextColumn("{task.description}", table_column=one_line),
            BarColumn(bar_width=_BAR),
            TextColumn("{task.fields[told]}", style="dim", markup=False, table_column=one_line),
            console=self._console,
            transient=True,
        )

    def message(self, text: str) -> None:
        """Print one line above the bars."""
        self._console.print(Text(printable(text)))

    @contextmanager
    def task(self, label: str, total: float | None, unit: str) -> Iterator[Advance]:
        """Show a bar while the task runs; afterwards its line stays."""
        if self._running == 0:
            self._progress = self._new_progress()
            self._progress.start()
        self._running += 1
        shown = self._progress.add_task(label, total=total, told="")
        state = TaskState(total, unit)

        def advance(amount: float = 1, *, note: str = "") -> None:
            state.add(amount, note)
            # The bar would be the first to give way, so what is told is cut to the room that is left.
            told, room = state.so_far(), max(self._console.width - len(label) - _BAR - _BETWEEN, 10)
            told = told if len(told) <= room else told[: room - 1].rstrip(" ,") + "…"
            self._progress.update(shown, advance=amount, told=told)

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
