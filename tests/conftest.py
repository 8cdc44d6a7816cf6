"""Fixtures that several test folders use: a tiny MPD and challenge set in the official formats."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from official_files import TINY_SLICES, tiny_challenge, write_mpd_zip


@pytest.fixture
def tiny_mpd(tmp_path: Path) -> Path:
    """Zip of three slices: pids 0-2, 3-4 and 10; seven tracks by three artists."""
    return write_mpd_zip(tmp_path / "mpd.zip", TINY_SLICES)


@pytest.fixture
def tiny_challenge_set(tmp_path: Path) -> Path:
    """challenge_set.json with one playlist of each category; the pid is 1000 + its place."""
    path = tmp_path / "challenge_set.json"
    path.write_text(json.dumps(tiny_challenge()))
    return path
