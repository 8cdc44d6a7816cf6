"""The one table of errors: what each says to the person and which code the process ends with."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import typer

from challenge.cli.console import stderr_console
from challenge.errors import ChallengeError

EXIT_CODES: Final = {
    0: "all went well",
    1: "something failed that no other code names",
    2: "wrong usage, or a setting that is unknown or out of range",
    3: "an input is missing or not in the official format",
    4: "a submission breaks the challenge's rules",
    5: "memory, disk or something else of this machine does not suffice",
    70: "a mistake in this program; please report it",
    130: "stopped by Ctrl-C",
}
STOPPED: Final = 130
_PIPE_CLOSED: Final = 141
_FULL: Final = (errno.ENOSPC, errno.EDQUOT)


@dataclass(frozen=True)
class ErrorReport:
    """What a person is told of an error.

    Attributes:
        message: what went wrong; empty for nothing at all.
        hint: what to do next, or None.
        exit_code: one of :data:`EXIT_CODES`.
        title: word before the message.
    """

    message: str
    hint: str | None
    exit_code: int
    title: str = "Error"


def explain(error: BaseException) -> ErrorReport:
    """Tell what to say of ``error``; the first line of the table that fits decides."""
    for fits, tell in _TABLE:
        if fits(error):
            return tell(error)
    hint = "this is a mistake in the program: run again with --traceback and report what it prints"
    return ErrorReport(f"unexpected {type(error).__name__}: {error}", hint, 70)


def _of_ours(error: Any) -> ErrorReport:
    return ErrorReport(error.message, error.hint, error.exit_code)


def _stopped(_: Any) -> ErrorReport:
    return ErrorReport("what was finished is kept", None, STOPPED, "Stopped")


def _silent(_: Any) -> ErrorReport:
    return ErrorReport("", None, _PIPE_CLOSED)


def _disk_full(error: Any) -> ErrorReport:
    place = f"{error.filename}: " if error.filename else ""
    return ErrorReport(f"{place}the disk is full", "free some space or write to another disk", 5)


def _file_problem(error: Any) -> ErrorReport:
    place = f"{error.filename}: " if error.filename else ""
    return ErrorReport(place + (error.strerror or str(error) or "not usable").lower(), None, 3)


def _out_of_memory(error: Any) -> ErrorReport:
    text = str(error).splitlines()
    where = f" ({text[0]})" if text else ""
    return ErrorReport(f"out of memory{where}", "close other programs or choose a smaller size", 5)


def _worker_killed(_: Any) -> ErrorReport:
    hint = "most often the machine ran out of memory: try --threads 1"
    return ErrorReport("a worker process was killed", hint, 5)


def _is(*kinds: type[BaseException]) -> Callable[[Any], bool]:
    return lambda error: isinstance(error, kinds)


def _named(*names: str) -> Callable[[Any], bool]:
    """Recognise errors of packages that must not be imported for this."""
    return lambda error: type(error).__name__ in names


_TABLE: Final[tuple[tuple[Callable[[Any], bool], Callable[[Any], ErrorReport]], ...]] = (
    (_is(ChallengeError), _of_ours),
    (_is(KeyboardInterrupt), _stopped),
    (_is(BrokenPipeError), _silent),
    (lambda error: isinstance(error, OSError) and error.errno in _FULL, _disk_full),
    (
        _is(FileExistsError, FileNotFoundError, NotADirectoryError, IsADirectoryError, PermissionError),
        _file_problem,
    ),
    (_is(MemoryError), _out_of_memory),
    (_named("OutOfMemoryError"), _out_of_memory),
    (_named("BrokenProcessPool", "TerminatedWorkerError"), _worker_killed),
)


@contextmanager
def report_errors(*, traceback: bool) -> Iterator[None]:
    """Print errors that leave the block and end the process with their code.

    Raises:
        typer.Exit: with the error's code.
    """
    try:
        yield
    except typer.Exit:
        raise
    except (Exception, KeyboardInterrupt) as error:
        report = explain(error)
        if report.exit_code == _PIPE_CLOSED:
            # Python would complain once more when it flushes stdout at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if traceback:
            stderr_console().print_exception()
        show_report(report)
        raise typer.Exit(report.exit_code) from error


def show_report(report: ErrorReport) -> None:
    """Print a report on stderr, the hint on a line of its own."""
    from rich.text import Text

    console = stderr_console()
    if report.message:
        style = "bold yellow" if report.exit_code == STOPPED else "bold red"
        console.print(Text.assemble((f"{report.title}: ", style), report.message), soft_wrap=True)
    if report.message and report.hint:
        console.print(Text.assemble(("Hint: ", "bold cyan"), report.hint), soft_wrap=True)
