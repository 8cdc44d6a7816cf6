"""A short form of ``make bench-damage``, and the ways in which it damages."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import msgspec
import numpy as np
import orjson
import pytest

from benchmarks._damages import DAMAGES
from benchmarks.damage import OUTCOMES, Case, table
from challenge.mpd.store import StoreManifest
from challenge.sealed import read_sealed, write_sealed

CASES = 20


def test_no_damage_comes_to_another_result(tmp_path: Path) -> None:
    """In a process of its own: it forks, which no process may that has begun with compiled loops."""
    command = [sys.executable, "-m", "benchmarks.damage", str(tmp_path), "--cases", str(CASES)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = (tmp_path / "results.jsonl").read_bytes().splitlines()
    cases = [msgspec.json.decode(line, type=Case) for line in lines]
    assert [case.number for case in cases] == list(range(CASES))
    assert {case.outcome for case in cases} <= set(OUTCOMES) - {"WRONG"}
    assert sum(case.outcome == "refused" for case in cases) > CASES / 3
    assert f"| **all** | {CASES} |" in table(cases)
    assert list((tmp_path / "scratch").iterdir()) == []


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damage_changes_the_file_and_nothing_that_it_was_linked_from(name: str, tmp_path: Path) -> None:
    for folder in ("own", "other", "kept"):
        (tmp_path / folder).mkdir()
    facts = StoreManifest(
        of="x", content_hash="y", counts={}, slices=[], json_bytes=1, store_bytes=2, versions={}
    )
    kept, path, other = (tmp_path / folder / "manifest.json" for folder in ("kept", "own", "other"))
    write_sealed(kept, facts)
    path.hardlink_to(kept)
    (path.parent / "neighbour").write_bytes(b"neighbour")
    other.write_bytes(b"other")
    before = kept.read_bytes()
    DAMAGES[name](path, other, np.random.default_rng(0))
    assert kept.read_bytes() == before
    assert not path.exists() or path.read_bytes() != before
    if name == "another version":
        found = orjson.loads(path.read_bytes())["store_version"]
        assert found != facts.store_version
        assert read_sealed(path, dict, version=("store_version", found), hint="")["of"] == "x"
