"""The one place for errors: what each says to the person and which code the process ends with."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

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
_OF_THE_USERS_FILES: Final = (
    FileExistsError, FileNotFoundError, NotADirectoryError, IsADirectoryError, PermissionError
)  # fmt: skip


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
    """Tell what to say of ``error``."""
    if isinstance(error, ChallengeError):
        return ErrorReport(error.message, error.hint, error.exit_code)
    if isinstance(error, KeyboardInterrupt):
        return ErrorReport("what was finished is kept", None, STOPPED, "Stopped")
    if isinstance(error, OSError):
        return _explain_file_error(error)
    # Errors of packages that must not be imported for this are known by their names.
    name = type(error).__name__
    if isinstance(error, MemoryError) or name == "OutOfMemoryError":
        where = "".join(f" ({line})" for line in str(error).splitlines()[:1])
        return ErrorReport(f"out of memory{where}", "close other programs or choose a smaller size", 5)
    if name in ("BrokenProcessPool", "TerminatedWorkerError"):
        hint = "most often the machine ran out of memory: try --threads 1"
        return ErrorReport("a worker process was killed", hint, 5)
    return _unexpected(error)


def _explain_file_error(error: OSError) -> ErrorReport:
    place = f"{error.filename}: " if error.filename else ""
    if isinstance(error, BrokenPipeError):
        return ErrorReport("", None, _PIPE_CLOSED)
    if error.errno in _FULL:
        return ErrorReport(f"{place}the disk is full", "free some space or write to another disk", 5)
    if isinstance(error, _OF_THE_USERS_FILES):
        return ErrorReport(place + (error.strerror or str(error) or "not usable").lower(), None, 3)
    return _unexpected(error)


def _unexpected(error: BaseException) -> ErrorReport:
    hint = "this is a mistake in the program: run again with --traceback and report what it prints"
    return ErrorReport(f"unexpected {type(error).__name__}: {error}", hint, 70)


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
