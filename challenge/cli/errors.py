"""The one place for errors: what each says to the person and which code the process ends with."""

from __future__ import annotations

import errno
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from traceback import format_exception
from typing import Final

import typer

from challenge.cli.console import stderr_console
from challenge.cli.streams import Stopped, drop_if_broken
from challenge.errors import ChallengeError
from challenge.quoting import printable

EXIT_CODES: Final = {
    0: "all went well",
    1: "something failed that no other code names",
    2: "wrong usage, or a setting that is unknown or out of range",
    3: "an input is missing or in another format, or a path cannot be used",
    4: "a submission breaks the challenge's rules",
    5: "memory, disk or something else of this machine does not suffice",
    70: "a mistake in this program; please report it",
    129: "stopped: its terminal was closed (SIGHUP)",
    130: "stopped by Ctrl-C (SIGINT)",
    141: "stopped: nobody reads what it prints any more (SIGPIPE)",
    143: "stopped: it was asked to end (SIGTERM)",
}
_PIPE_CLOSED: Final = 141
_NAMED, _MACHINE = 3, 5

_SPACE: Final = "free some space, or name a folder on another disk"
_MEMORY: Final = "close other programs, choose a smaller size such as --dim 32, or fewer --threads"
_ANOTHER: Final = "name another, or see who may use it and whether it is whole"
_OF_THE_SYSTEM: Final = {
    errno.ENOSPC: (_MACHINE, "the disk is full", _SPACE),
    errno.EDQUOT: (_MACHINE, "the disk quota is used up", _SPACE),
    errno.EFBIG: (_MACHINE, "a file grew larger than is allowed", "see ulimit -f, or name another disk"),
    errno.EROFS: (_MACHINE, "the file system is read-only", "name a folder that can be written"),
    errno.EIO: (_MACHINE, "the disk cannot be read or written", "check the disk and its connection"),
    errno.EMFILE: (_MACHINE, "too many files are open", "raise the limit, as by ulimit -n 4096"),
    errno.ENFILE: (_MACHINE, "too many files are open on this machine", "close other programs"),
    errno.ENOMEM: (_MACHINE, "out of memory", _MEMORY),
    errno.EAGAIN: (_MACHINE, "no more processes may be started", "see ulimit -u, or try --threads 1"),
    errno.ENOENT: (_NAMED, "no such file or folder", "see whether the path is right"),
    errno.EEXIST: (_NAMED, "is there already", "name another, or move it away"),
    errno.ENOTDIR: (_NAMED, "a file stands where a folder should", "name another folder"),
    errno.EISDIR: (_NAMED, "a folder stands where a file should", "name another file"),
    errno.EACCES: (_NAMED, "permission denied", _ANOTHER),
    errno.EPERM: (_NAMED, "permission denied", _ANOTHER),
    errno.ENAMETOOLONG: (_NAMED, "the name is too long", "choose a shorter one"),
    errno.ELOOP: (_NAMED, "its links lead round in a circle", "name what they should lead to"),
}
"""Exit code, what it means and what to do, for each way in which the system refuses a file."""
_MISTAKES: Final = (errno.EBADF, errno.EFAULT, errno.EINVAL)
"""What the system answers to a program that asks for nonsense."""
_OUT_OF_MEMORY: Final = (
    "defaultcpuallocator", "bad_alloc", "cannot allocate memory", "out of memory", "failed to map segment"
)  # fmt: skip
"""Words by which libraries tell it in errors of other names."""


@dataclass(frozen=True)
class ErrorReport:
    """What a person is told of an error.

    Attributes:
        message: what went wrong; empty for nothing at all.
        hint: what to do next, or None.
        exit_code: one of :data:`EXIT_CODES`.
        title: word before the message.
        choices: what to choose from, each on a line of its own.
    """

    message: str
    hint: str | None
    exit_code: int
    title: str = "Error"
    choices: tuple[str, ...] = ()


def explain(error: BaseException) -> ErrorReport:
    """Tell what to say of ``error``."""
    if isinstance(error, ChallengeError):
        return ErrorReport(error.message, error.hint, error.exit_code, choices=error.choices)
    if isinstance(error, KeyboardInterrupt | Stopped):
        code = 128 + (error.signal if isinstance(error, Stopped) else signal.SIGINT)
        return ErrorReport("what was finished is kept", None, code, "Stopped")
    if isinstance(error, BrokenPipeError):
        return ErrorReport("", None, _PIPE_CLOSED)
    if isinstance(error, OSError) and error.errno is not None:
        return _explain_refusal(error)
    return _explain_shortage(error) or _unexpected(error)


def _explain_shortage(error: BaseException) -> ErrorReport | None:
    """Tell what a library lacked; errors of packages that are not imported here are known by their words."""
    text = str(error)
    if isinstance(error, MemoryError) or any(words in text.lower() for words in _OUT_OF_MEMORY):
        where = "".join(f" ({line})" for line in text.splitlines()[:1])
        return ErrorReport(f"out of memory{where}", _MEMORY, _MACHINE)
    if type(error).__name__ in ("BrokenProcessPool", "TerminatedWorkerError"):
        hint = "most often the machine ran out of memory: try --threads 1"
        return ErrorReport("a worker process was killed", hint, _MACHINE)
    if "can't start new thread" in text:
        hint = "see ulimit -u and ulimit -v, or try --threads 1"
        return ErrorReport("no more threads may be started", hint, _MACHINE)
    return None


def _explain_refusal(error: OSError) -> ErrorReport:
    if error.errno in _MISTAKES:
        return _unexpected(error)
    reason = (error.strerror or str(error)).lower()
    code, what, hint = _OF_THE_SYSTEM.get(error.errno or 0, (_MACHINE, reason, _ANOTHER))
    place = f"{os.fsdecode(error.filename)}: " if error.filename else ""
    return ErrorReport(place + what, hint, code)


def _unexpected(error: BaseException) -> ErrorReport:
    hint = "this is a mistake in the program: run again with --traceback and report what it prints"
    return ErrorReport(f"unexpected {type(error).__name__}: {error}", hint, 70)


@contextmanager
def report_errors(*, traceback: bool) -> Iterator[None]:
    """Print errors that leave the block and end the process with their code.

    Raises:
        SystemExit: with the error's code.
    """
    try:
        yield
    except typer.Exit:
        raise
    except (Exception, KeyboardInterrupt, Stopped) as error:
        drop_if_broken(sys.stdout)
        if traceback:
            show_traceback(error)
        report = explain(error)
        show_report(report)
        raise SystemExit(report.exit_code) from error


def show_traceback(error: BaseException) -> None:
    """Print how ``error`` came about on stderr, in Python's own form."""
    from rich.text import Text

    lines = "".join(format_exception(error)).split("\n")
    stderr_console().print(Text("\n".join(map(printable, lines))), soft_wrap=True)


def show_report(report: ErrorReport) -> None:
    """Print a report on stderr, the hint on a line of its own."""
    from rich.text import Text

    console = stderr_console()
    if report.message:
        style = "bold red" if report.title == "Error" else "bold yellow"
        message = printable(report.message)
        console.print(Text.assemble((f"{report.title}: ", style), message), soft_wrap=True)
    if report.message and report.hint:
        console.print(Text.assemble(("Hint: ", "bold cyan"), printable(report.hint)), soft_wrap=True)
    for each in report.choices if report.message else ():
        console.print(Text("  " + printable(each)), soft_wrap=True)
