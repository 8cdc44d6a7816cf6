"""The timeline of a first run tells what was seen on a terminal, and when."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from benchmarks.first_run import watch

SCRIPT = r"""
stty size
echo .venv/bin/python -m pip install
echo .venv/bin/challenge run --mpd x
printf '\033[1mworking\033[0m\r'
sleep 0.5
printf 'What it cost\n stage   time\n -----\n train   1 s\n\nvalid x\n'
"""


def test_commands_silences_and_costs(tmp_path: Path) -> None:
    seen = watch(["sh", "-c", SCRIPT], tmp_path, dict(os.environ))
    assert seen.text.startswith("24 80")
    assert list(seen.begins) == ["install", "run"]
    silence, after = seen.silences["run"]
    assert silence > 0.3
    assert after == "working"
    assert seen.end >= seen.begins["run"] + 0.3
    assert seen.costs().split() == ["stage", "time", "-----", "train", "1", "s"]
    assert "| run |" in seen.table()


def test_a_command_that_fails_is_told_with_its_last_lines(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"ended with 3:\s+broken"):
        watch(["sh", "-c", "echo broken; exit 3"], tmp_path, dict(os.environ))
