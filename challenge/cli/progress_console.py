"""How progress is shown: bars on a terminal, log lines in files and pipes, nothing with ``--quiet``."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from challenge import progress
from challenge.cli.console import stderr_console
from challenge.cli.progress_log import LogBackend
from challenge.cli.streams import tolerant_stderr


@contextmanager
def console_progress(*, quiet: bool) -> Iterator[None]:
    """Show the progress of everything inside the block on stderr, as fits what stderr is."""
    backend: progress.Backend | None = None
    if quiet:
        pass
    elif sys.stderr.isatty() and os.environ.get("TERM") != "dumb":
        # Only here, so that commands without a terminal start without rich's bars.
        from challenge.cli.progress_rich import BarBackend

        backend = BarBackend(stderr_console())
    else:
        backend = LogBackend(tolerant_stderr())
    with progress.use_backend(backend):
        yield
