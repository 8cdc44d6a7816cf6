import errno
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from challenge import artifacts, profile
from challenge.artifacts import (
    RunManifest,
    StageCost,
    atomic_directory,
    atomic_file,
    file_hash,
    measure,
    read_json,
    require_disk,
    write_json,
    write_text,
)
from challenge.errors import FormatError, MissingInputError, ResourceError


def _interrupted_write(path: Path) -> None:
    with atomic_file(path) as file:
        file.write(b"half of the n")
        raise KeyboardInterrupt


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "result.txt"
    write_text(target, "old")
    with pytest.raises(KeyboardInterrupt):
        _interrupted_write(target)
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_full_disk_is_explained_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ResourceError, match=r"disk is full; .* MB are free"), atomic_file(tmp_path / "x"):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert list(tmp_path.iterdir()) == []


def test_other_system_errors_pass_through(tmp_path: Path) -> None:
    with pytest.raises(PermissionError), atomic_file(tmp_path / "x"):
        raise PermissionError(errno.EACCES, "no")


def test_require_disk_refuses_what_cannot_fit(tmp_path: Path) -> None:
    require_disk(tmp_path, 1)
    with pytest.raises(ResourceError, match=r"about 1,000,000,000,000 MB are needed"):
        require_disk(tmp_path, 10**18)


def _failing_folder(path: Path) -> None:
    with atomic_directory(path) as folder:
        (folder / "a").write_text("1")
        raise ValueError("stop")


def test_a_failed_folder_never_appears(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="stop"):
        _failing_folder(tmp_path / "store")
    assert list(tmp_path.iterdir()) == []


def test_the_first_of_two_folders_stays(tmp_path: Path) -> None:
    target = tmp_path / "store"
    with atomic_directory(target) as late:
        (late / "by").write_text("late")
        with atomic_directory(target) as early:
            (early / "by").write_text("early")
    assert (target / "by").read_text() == "early"
    assert list(tmp_path.iterdir()) == [target]


def test_json_is_sorted_and_takes_numpy(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"b": np.int64(2), "a": [np.float64(0.5)]})
    assert (tmp_path / "a.json").read_text() == '{\n  "a": [\n    0.5\n  ],\n  "b": 2\n}\n'
    assert read_json(tmp_path / "a.json") == {"a": [0.5], "b": 2}


def test_reading_json_says_what_is_wrong(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match=r"gone\.json"):
        read_json(tmp_path / "gone.json")
    (tmp_path / "bad.json").write_text("{")
    with pytest.raises(FormatError, match=r"bad\.json: not JSON"):
        read_json(tmp_path / "bad.json")


def test_file_hash_is_sha256(tmp_path: Path) -> None:
    (tmp_path / "abc").write_bytes(b"abc")
    expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert file_hash(tmp_path / "abc") == expected


def test_manifest_survives_the_file(tmp_path: Path) -> None:
    manifest = RunManifest({"dim": 64}, 7, {"mpd": "ab"}, device="cpu", results={"rows": 3})
    manifest.stages["train"] = StageCost(1.5, 1000)
    manifest.save(tmp_path / "manifest.json")
    assert RunManifest.load(tmp_path / "manifest.json") == manifest
    assert manifest.versions["numpy"] == np.__version__


def test_manifest_of_a_later_version_is_read(tmp_path: Path) -> None:
    write_json(tmp_path / "m.json", {"seed": 3, "later": 1})
    assert RunManifest.load(tmp_path / "m.json").seed == 3
    write_json(tmp_path / "m.json", [1])
    with pytest.raises(FormatError, match="found list"):
        RunManifest.load(tmp_path / "m.json")


def test_measure_sees_time_and_memory() -> None:
    manifest = RunManifest()
    with measure() as idle:
        pass
    with manifest.stage("fill"):
        block = np.ones(100_000_000, np.uint8)
        time.sleep(0.15)
    assert manifest.stages["fill"].seconds >= 0.15
    assert manifest.stages["fill"].peak_bytes >= idle.peak_bytes + 0.8 * block.nbytes


def fixed_costs(monkeypatch: pytest.MonkeyPatch, *costs: StageCost) -> None:
    """Let measurements give these costs, in the order in which they end."""
    left = iter(costs)

    @contextmanager
    def measured() -> Iterator[StageCost]:
        yield (found := StageCost())
        found.seconds, found.peak_bytes = vars(next(left)).values()

    monkeypatch.setattr(profile, "measure", measured)
    monkeypatch.setattr(artifacts, "measure", measured)


def test_parts_of_a_stage_add_up_and_are_saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fixed_costs(monkeypatch, StageCost(1, 50), StageCost(0.1, 9), StageCost(2, 40), StageCost(10, 60))
    manifest = RunManifest()
    with manifest.stage("train"):
        for name in ("factors", "small", "factors"):
            with profile.section(name):
                pass
    assert manifest.sections == {"train": {"factors": StageCost(3, 50), "small": StageCost(0.1, 9)}}
    shown = [(name, seconds.seconds, is_part) for name, seconds, is_part in manifest.costs()]
    assert shown == [("train", 10, False), ("factors", 3, True)], "what takes a hundredth is left out"
    manifest.save(tmp_path / "manifest.json")
    assert RunManifest.load(tmp_path / "manifest.json") == manifest


def test_a_part_outside_of_any_stage_is_not_measured() -> None:
    with profile.section("alone"):
        pass
    with profile.profiled() as costs:
        pass
    assert costs == {}
