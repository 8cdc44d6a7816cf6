"""Figures as people read them, and progress as bars, log lines or not at all."""

from __future__ import annotations

import contextlib
import fcntl
import io
import json
import os
import re
import struct
import sys
import termios
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from challenge import progress
from challenge.cli.console import (
    amount_text,
    make_table,
    rate_text,
    seconds_text,
    show,
    show_json,
    size_text,
)
from challenge.cli.progress_console import console_progress
from challenge.cli.progress_log import LogBackend
from challenge.cli.progress_rich import BarBackend


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1500, "1.5 kB"),
        (142_000_000, "142 MB"),
        (6.31e9, "6.3 GB"),
        (2e12, "2.0 TB"),
    ],
)
def test_sizes(count: float, text: str) -> None:
    assert size_text(count) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.42, "0.4 s"), (48.3, "48 s"), (185, "3 min 05 s"), (7620, "2 h 07 min")]
)
def test_durations(seconds: float, text: str) -> None:
    assert seconds_text(seconds) == text


def test_amounts_and_rates() -> None:
    assert amount_text(3400, 10_000, "playlists") == "3,400 of 10,000 playlists"
    assert amount_text(2.5, None, "GB") == "2.5 GB"
    assert rate_text(3400, 10, "playlists") == "340 playlists/s"
    assert rate_text(10, 300, "epochs") == "2 epochs/min"
    assert rate_text(1, 7200, "epochs") == "0.5 epochs/h"
    assert rate_text(0, 10, "x") == ""
    assert amount_text(3e6, 2e9, "B") == "3.0 MB of 2.0 GB"
    assert amount_text(999, None, "B") == "999 B"
    assert rate_text(15e6, 10, "B") == "1.5 MB/s"


def test_one_of_a_unit_is_singular() -> None:
    assert amount_text(48, None, "steps") == "48 steps"
    assert amount_text(1, None, "steps") == "1 step"
    assert amount_text(0, 1, "slices") == "0 of 1 slice"
    assert amount_text(1, 48, "steps") == "1 of 48 steps"
    assert [
        amount_text(1, None, unit) for unit in ("queries", "batches", "categories", "iterations", "")
    ] == [
        *("1 query", "1 batch", "1 category", "1 iteration"),
        "1",
    ]
    assert rate_text(2, 2, "epochs") == "1 epoch/s"
    assert rate_text(1, 7200, "epochs") == "0.5 epochs/h"


class Clock:
    """A clock that the test turns."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def _lines(stream: io.StringIO) -> list[str]:
    return [line.split(" ", 1)[1] for line in stream.getvalue().splitlines()]


def test_log_lines_at_start_every_ten_seconds_and_at_end() -> None:
    stream, clock = io.StringIO(), Clock()
    with progress.use_backend(LogBackend(stream, clock)):
        with progress.task("Read", 10_000, unit="playlists") as advance:
            for _ in range(4):
                clock.now += 6
                advance(2500)
            advance(0, note="all well")
        progress.message("device: cpu")
    assert _lines(stream) == [
        "Read: started, 10,000 playlists",
        "Read: 5,000 of 10,000 playlists (50%), 417 playlists/s",
        "Read: 10,000 of 10,000 playlists (100%), 417 playlists/s, 0.0 s left",
        "Read: done, 10,000 playlists, 24 s (417 playlists/s), all well",
        "device: cpu",
    ]


def test_time_left_is_by_the_pace_since_the_first_piece() -> None:
    """The first one also compiles."""
    stream, clock = io.StringIO(), Clock()
    with progress.use_backend(LogBackend(stream, clock)), progress.task("Rank", 100, unit="lists") as advance:
        for seconds in (60, 10, 10, 10):
            clock.now += seconds
            advance(10)
            advance(0, note="no piece of work")
    assert _lines(stream)[1:-1] == [
        "Rank: 10 of 100 lists (10%), 10 lists/min",
        "Rank: 20 of 100 lists (20%), 17.1 lists/min, no piece of work",
        "Rank: 30 of 100 lists (30%), 22.5 lists/min, 1 min 10 s left, no piece of work",
        "Rank: 40 of 100 lists (40%), 26.7 lists/min, 1 min 00 s left, no piece of work",
    ]


def test_log_tells_where_a_task_stopped() -> None:
    stream = io.StringIO()
    backend = LogBackend(stream, Clock())

    def work() -> None:
        with backend.task("Fill", 5, "playlists") as advance:
            advance(3)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work()
    assert _lines(stream) == ["Fill: started, 5 playlists", "Fill: stopped at 3 of 5 playlists"]


def test_both_kinds_of_progress_tell_one_slice_as_one() -> None:
    for_log, for_bars = io.StringIO(), io.StringIO()
    for backend in (
        LogBackend(for_log, Clock()),
        BarBackend(Console(file=for_bars, force_terminal=False, width=80)),
    ):
        with progress.use_backend(backend):
            assert list(progress.track(["one"], "Write", unit="slices")) == ["one"]
    assert _lines(for_log) == ["Write: started, 1 slice", "Write: done, 1 slice, 0.0 s"]
    assert for_bars.getvalue().splitlines()[-1].rstrip() == "✓ Write  1 slice · 0.0 s"


def test_bars_leave_one_line_for_each_task() -> None:
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=False, width=80)
    with progress.use_backend(BarBackend(console)):
        for _ in progress.track(range(3), "Outer", unit="rounds"):
            with progress.task("Inner") as advance:
                advance(2, note="[loss] .5")
        progress.message("a [message]")
        with pytest.raises(ValueError, match="no"), progress.task("Broken", 3):
            raise ValueError("no")
    lines = [line.rstrip() for line in stream.getvalue().splitlines() if line.strip()]
    assert [line for line in lines if line.startswith(("✓", "✗", "a"))] == [
        *["✓ Inner  2 · 0.0 s · [loss] .5"] * 3,
        "✓ Outer  3 rounds · 0.0 s",
        "a [message]",
        "✗ Broken  0.0 s",
    ]


def test_quiet_shows_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with console_progress(quiet=True):
        progress.message("hidden")
        assert list(progress.track([1, 2], "hidden")) == [1, 2]
    assert capsys.readouterr().err == ""


def test_no_terminal_means_log_lines(capsys: pytest.CaptureFixture[str]) -> None:
    with console_progress(quiet=False):
        progress.message("told")
    assert capsys.readouterr().err.endswith(" told\n")


def test_json_is_one_document(capsys: pytest.CaptureFixture[str]) -> None:
    @dataclass
    class Result:
        path: Path
        scores: np.ndarray

    show_json(Result(Path("a/b"), np.array([0.5, 1.0])))
    assert json.loads(capsys.readouterr().out) == {"path": "a/b", "scores": [0.5, 1.0]}


def test_tables_separate_thousands_and_keep_brackets(capsys: pytest.CaptureFixture[str]) -> None:
    show(make_table("Title", ("what", "count"), [("[red]", 12_345), ("none", None)]), "[plain] " + "x" * 200)
    lines = [line.split() for line in capsys.readouterr().out.splitlines() if line.strip()]
    assert lines[0] == ["Title"]
    assert lines[1] == ["what", "count"]
    assert lines[3:] == [["[red]", "12,345"], ["none"], ["[plain]", "x" * 200]]


# -- on a terminal -----------------------------------------------------------------------------------


def printed_on_a_terminal(monkeypatch: pytest.MonkeyPatch, **environment: str) -> str:
    """What a table, a line, a task and a message print on a terminal of 80 columns."""
    for name in ("TERM", "NO_COLOR", "COLUMNS", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    with os.fdopen(theirs, "w", encoding="utf-8") as terminal, monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", terminal)
        patch.setattr(sys, "stderr", terminal)
        with console_progress(quiet=False):
            assert list(progress.track(range(3), "Rank the lists of " + "x" * 70, unit="lists")) == [0, 1, 2]
            progress.message("told")
        row = ["a name " * 9, *range(100_001, 100_009, 2)]
        show(make_table("Scores", ("name", *"abcd"), [row]), "done")
    # What was written arrives at the other end in its own time, and ends with an error once it has been read.
    found = b""
    with contextlib.suppress(OSError):
        while part := os.read(ours, 65536):
            found += part
    os.close(ours)
    return found.decode()


COLOUR = re.compile(r"\x1b\[(?:\d+;)*(?:3|4|9|10)\d")
ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def test_a_terminal_of_80_columns_is_wide_enough_for_tables_and_bars(monkeypatch: pytest.MonkeyPatch) -> None:
    found = printed_on_a_terminal(monkeypatch, TERM="xterm")
    assert COLOUR.search(found), "bars are coloured"
    lines = [line for line in re.split(r"[\r\n]+", ESCAPE.sub("", found)) if "✓" not in line]
    assert max(map(len, lines)) == 80
    assert "100,007" in found


def test_no_color_leaves_the_marks(monkeypatch: pytest.MonkeyPatch) -> None:
    found = printed_on_a_terminal(monkeypatch, TERM="xterm", NO_COLOR="1")
    assert not COLOUR.search(found)
    assert "✓" in found
    assert ESCAPE.search(found), "bars move still"


@pytest.mark.parametrize("more", [{}, {"NO_COLOR": "1"}])
def test_a_dumb_terminal_gets_plain_lines(monkeypatch: pytest.MonkeyPatch, more: dict[str, str]) -> None:
    found = printed_on_a_terminal(monkeypatch, TERM="dumb", **more)
    assert "\x1b" not in found
    assert "told" in found
    assert "100,007" in found
