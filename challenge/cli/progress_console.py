"""How progress is shown: bars on a terminal, log lines in files and pipes, nothing with ``--quiet``."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

from challenge import progress
from challenge.cli.console import stderr_console
from challenge.cli.progress_log import LogBackend
from challenge.progress import Advance


class SilentBackend:
    """Shows nothing, for ``--quiet``."""

    def task(self, label: str, total: float | None, unit: str) -> AbstractContextManager[Advance]:
        """Open a task that nobody sees."""
        return nullcontext(_no_advance)

    def message(self, text: str) -> None:
        """Drop a message."""


def _no_advance(amount: float = 1, *, note: str = "") -> None:
    """Swallow progress."""


@contextmanager
def console_progress(*, quiet: bool) -> Iterator[None]:
    """Show the progress of everything inside the block on stderr, as fits what stderr is."""
    backend: progress.Backend
    if quiet:
        backend = SilentBackend()
    elif sys.stderr.isatty() and os.environ.get("TERM") != "dumb":
        # Only here, so that commands without a terminal start without rich's bars.
        from challenge.cli.progress_rich import BarBackend

        backend = BarBackend(stderr_console())
    else:
        backend = LogBackend(sys.stderr)
    with progress.use_backend(backend):
        yield
