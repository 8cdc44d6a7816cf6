"""The standard streams and signals of a command, whatever it was started with."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Final, NoReturn, TextIO, cast

_STREAMS: Final = ("stdin", "stdout", "stderr")
_STOP_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_MOMENT_SECONDS: Final = 0.01


class Stopped(BaseException):
    """The process was asked to end, by Ctrl-C or otherwise; ``signal`` is the number of that signal.

    No ``KeyboardInterrupt``, as the command line's library ends with a code of its own at that.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.signal = number


def prepare_streams() -> None:
    """Let closed streams be the null device, and escape the characters that an encoding lacks.

    Without this the next file to be opened would get the number of a closed stream, and what libraries print.
    """
    for number, name in enumerate(_STREAMS):
        if getattr(sys, name) is None:
            _let_be_null(number)
            setattr(sys, name, os.fdopen(number, "w" if number else "r", encoding="utf-8"))
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]


@contextmanager
def heeding_signals() -> Iterator[None]:
    """Let signals that ask a process to end raise :class:`Stopped`, so that it tidies up; a second one kills.

    So does one after the block: all is done by then, and Python and torch come to harm where something is
    raised while they end. What the process was started to ignore, as by ``nohup`` or ``&``, it goes on
    ignoring.
    """
    for each in _STOP_SIGNALS:
        if signal.getsignal(each) != signal.SIG_IGN:
            signal.signal(each, _stop)
    before, sys.unraisablehook = sys.unraisablehook, _stop_again_if_lost
    try:
        yield
    finally:
        stopped = not any(map(_is_heeded, _STOP_SIGNALS))
        _heed_no_more()
        if not stopped:  # what was cut short may live for as long as the error that ends the process
            sys.unraisablehook = before


def _stop(number: int, _: FrameType | None) -> NoReturn:
    _heed_no_more()
    raise Stopped(number)


def _stop_again_if_lost(lost: sys.UnraisableHookArgs) -> None:
    """Stop a moment later where Python has just dropped what :func:`_stop` raised.

    So it does with all that is raised while compiled code calls back (LLVM does, to have machine code kept)
    or an object is finalised. What else is dropped while the command stops nobody need see: objects complain
    that were cut short while they were made.
    """
    stopped = lost.exc_value
    if isinstance(stopped, Stopped):
        signal.signal(signal.SIGALRM, lambda _, frame: _stop(stopped.signal, frame))
        signal.setitimer(signal.ITIMER_REAL, _MOMENT_SECONDS)
    elif any(map(_is_heeded, _STOP_SIGNALS)):
        sys.__unraisablehook__(lost)


def _is_heeded(number: signal.Signals) -> bool:
    return signal.getsignal(number) is _stop


def _heed_no_more() -> None:
    for each in filter(_is_heeded, _STOP_SIGNALS):
        signal.signal(each, signal.SIG_DFL)


def drop_if_broken(stream: TextIO) -> None:
    """Where what a stream still holds cannot be written, drop it: Python would complain of it at the end."""
    try:
        stream.flush()
    except (OSError, ValueError):
        _let_be_null(stream.fileno())


def _let_be_null(number: int) -> None:
    null = os.open(os.devnull, os.O_RDWR)
    if null != number:
        os.dup2(null, number)
        os.close(null)
    os.set_inheritable(number, True)


def tolerant_stderr() -> TextIO:
    """Return stderr for what a command can do without having said: progress, messages, the text of errors."""
    return cast("TextIO", TolerantStream(sys.stderr))


class TolerantStream:
    """A stream that drops what cannot be written: a run outlives the terminal that showed its progress."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write ``text`` if that is possible."""
        try:
            return self._stream.write(text)
        except OSError:
            drop_if_broken(self._stream)
            return len(text)

    def flush(self) -> None:
        """Flush if that is possible."""
        drop_if_broken(self._stream)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
