"""A short form of ``make bench-kills``."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import msgspec

from benchmarks.kills import Killed, table

KILLS = 4


def test_killed_commands_come_to_the_right_end(tmp_path: Path) -> None:
    """In a process of its own: it forks, which no process may that has begun with compiled loops."""
    command = [sys.executable, "-m", "benchmarks.kills", str(tmp_path), "--kills", str(KILLS), "--seed", "3"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = (tmp_path / "results.jsonl").read_bytes().splitlines()
    killed = [msgspec.json.decode(line, type=Killed) for line in lines]
    assert sum(bool(each.signals) for each in killed) >= KILLS
    assert {each.code for each in killed if each.signals} - {0}, "none was killed"
    assert [each.wrong for each in killed if each.wrong] == []
    assert killed[-1].place == "the end"
    assert "| **all** |" in table(killed)
