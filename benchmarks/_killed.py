"""Runs a command in a fork of this process, which has imported everything, and kills it on its way."""

from __future__ import annotations

import atexit
import gc
import importlib
import mmap
import os
import signal
import struct
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, NamedTuple

import psutil

from challenge import profile
from challenge.cli.app import main

_EVENTS: Final = frozenset(
    ("open", "os.chmod", "os.link", "os.mkdir", "os.remove", "os.rename", "os.rmdir", "shutil.rmtree")
)
"""What Python tells its audit hooks before it does it."""
_POLL_SECONDS: Final = 0.002
_LONGEST_SECONDS: Final = 600
_WRITTEN: Final = {"submission.csv": "writing the CSV", "report.html": "writing the page"}


class Plan(NamedTuple):
    """When to send which signals: before file event ``event``, or after ``seconds`` of processor time.

    The second of two signals comes ``gap`` events or thousandths of a second after the first.
    """

    signals: tuple[int, ...] = ()
    event: int = 0
    seconds: float = 0.0
    gap: int = 1


class Ending(NamedTuple):
    """How a command ended.

    Attributes:
        code: its exit code, or minus the signal that killed it.
        place: the last stage, section or file that was begun before the first signal.
        sent: signals sent.
        events: file events of the whole command.
        after: those after the first signal.
        seconds: of processor time.
    """

    code: int
    place: str
    sent: int
    events: int
    after: int
    seconds: float


class _Noted:
    """What a fork does, in memory that it shares: file events, those after a signal, signals, the place."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, mmap.PAGESIZE)
        self._layout = struct.Struct("<iii64p")
        self.write(0, 0, 0, "the beginning")
        self.signalled_from_outside = False

    def write(self, events: int, after: int, sent: int, place: str) -> None:
        self._layout.pack_into(self._memory, 0, events, after, sent, place.encode())

    def read(self) -> tuple[int, int, int, str]:
        events, after, sent, place = self._layout.unpack_from(self._memory)
        return events, after, sent, place.decode()

    @property
    def signalled_from_outside(self) -> bool:
        return bool(self._memory[-1])

    @signalled_from_outside.setter
    def signalled_from_outside(self, value: bool) -> None:
        self._memory[-1] = value


def attempt(
    arguments: Sequence[str], root: Path, log: Path, plan: Plan | None = None, *, names: Path | None = None
) -> Ending:
    """Run ``challenge`` with ``arguments`` and kill it as planned; what it prints goes to ``log``.

    Events are those of files below ``root``. The fork ends as a process does that runs the command alone, so
    no frame above this one may tidy up when ``SystemExit`` passes it. The names of the modules that it has
    imported by then are written into ``names``.
    """
    plan, noted = plan or Plan(), _Noted()
    child = os.fork()
    if child == 0:
        os.setsid()
        printed = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        for stream in (1, 2):
            os.dup2(printed, stream)
        if names is not None:
            atexit.register(lambda: names.write_text("\n".join(sys.modules)))
        _listen(noted, str(root), plan)
        # Heard even from the background, and under nohup.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        for each in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(each, signal.SIG_DFL)
        sys.argv[1:] = arguments
        main()
    process, begin, last = psutil.Process(child), time.monotonic(), 0.0
    sent, seconds = 0, 0.0
    while os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        now, seconds = time.monotonic(), sum(process.cpu_times()[:2])
        if now - begin > _LONGEST_SECONDS:
            os.kill(child, signal.SIGABRT)
        due = seconds >= plan.seconds if sent == 0 else now - last >= plan.gap / 1000
        if plan.seconds and due and sent < len(plan.signals):
            noted.signalled_from_outside = True
            os.kill(child, plan.signals[sent])
            sent, last = sent + 1, now
        time.sleep(_POLL_SECONDS)
    _, status = os.waitpid(child, 0)
    events, after, sent_inside, place = noted.read()
    return Ending(os.waitstatus_to_exitcode(status), place, sent + sent_inside, events, after, seconds)


def _listen(noted: _Noted, root: str, plan: Plan) -> None:
    """Note what this process does, and kill it before the event that the plan names."""

    def note(place: str = "", *, event: int = 0, signals: int = 0) -> int:
        events, after, sent, before = noted.read()
        stopping = sent > 0 or noted.signalled_from_outside
        noted.write(
            events + event, after + event * stopping, sent + signals, before if stopping else place or before
        )
        return events + event

    def telling(real: Callable[..., Any]) -> Callable[..., Any]:
        def tell(*arguments: Any) -> Any:
            note(str(arguments[-1]))
            return real(*arguments)

        return tell

    def hear(event: str, arguments: tuple[Any, ...]) -> None:
        if event not in _EVENTS or not isinstance(arguments[0], str | bytes | os.PathLike):
            return
        path = os.fsdecode(arguments[0])
        if path.startswith(root):
            events = note(next((_WRITTEN[name] for name in _WRITTEN if name in path), ""), event=1)
            sent = noted.read()[2]
            if plan.event and sent < len(plan.signals) and events >= plan.event + sent * plan.gap:
                note(signals=1)
                os.kill(os.getpid(), plan.signals[sent])

    section = profile.section
    for module in list(sys.modules.values()):
        if getattr(module, "section", None) is section:
            module.section = telling(section)  # type: ignore[attr-defined]
    profile.Profile.stage = telling(profile.Profile.stage)  # type: ignore[method-assign]
    # A tenth of a run, to tell how fast memory is.
    importlib.import_module("challenge.lightgcn.report").copy_bandwidth = lambda _: 1e9  # type: ignore[attr-defined]
    sys.addaudithook(hear)


def import_all(names: Sequence[str]) -> None:
    """Import what a command imports on its way, and spare forks from touching what is in memory by then."""
    for name in names:
        with suppress(Exception):  # modules that others make on the way
            importlib.import_module(name)
    gc.collect()
    gc.freeze()
