"""The table of costs by size, made of manifests with known figures."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.scale import read_run, table, verdict
from challenge.manifest import DatasetFacts, Manifest
from challenge.profile import Profile, StageCost
from challenge.run_folder import RunFolder


def finished_run(folder: Path, rows: int, factor: float) -> Path:
    """A run of two stages, one with a section, whose costs are ``factor`` times those of another."""
    stages = {
        "prepare": StageCost(60 * factor, int(1e9 * factor)),
        "train": StageCost(240 * factor, int(2e9 * factor)),
        "score": StageCost(999, int(9e10)),
    }
    sections = {"train": {"ials": StageCost(90 * factor, int(1.5e9 * factor))}}
    facts = DatasetFacts(0, 0, 0, 0, 10, rows, 5, False)
    Manifest(dataset=facts, profile=Profile(stages, sections)).save(RunFolder(folder / "run").manifest)
    return folder


def test_costs_and_their_growth(tmp_path: Path) -> None:
    small = read_run(finished_run(tmp_path / "a", 1_000_000, 1), 10_000)
    large = read_run(finished_run(tmp_path / "b", 9_000_000, 4), 100_000)
    assert small.seconds == pytest.approx(300), "sections are inside their stages, and scoring is not counted"
    lines = table([small, large]).splitlines()
    assert lines[0] == "| | 10,000 playlists, 1.0 M rows | 100,000 playlists, 9.0 M rows | × 10 |"
    assert lines[2] == "| prepare | 60.0 s, 1.0 GB | 240.0 s, 4.0 GB | 4.0 |"
    assert lines[4] == "| · ials | 90.0 s, 1.5 GB | 360.0 s, 6.0 GB | 4.0 |"
    assert lines[5] == "| **all** | 5.0 min, 2.0 GB | 20.0 min, 8.0 GB | 4.0, rows 9.0 |"
    assert verdict(large) == (
        "100,000 playlists, from zip to validated submission: 20 minutes (0.67 of 30), "
        "at most 8.0 GB (0.67 of 12)."
    )
