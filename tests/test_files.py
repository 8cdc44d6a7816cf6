import errno
import os
from pathlib import Path

import numpy as np
import pytest

from challenge.errors import FormatError, InputError, MissingInputError, ResourceError
from challenge.files import (
    UNFINISHED,
    atomic_directory,
    atomic_file,
    default_cache_dir,
    file_hash,
    read_json,
    remove_abandoned,
    require_disk,
    require_writable,
    write_json,
    write_text,
)


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


def _as_if_killed(folder: Path) -> None:
    """Leave what a process leaves that is killed while it writes a file and a folder into ``folder``."""
    (folder / f".result.json.0{UNFINISHED}").write_text("half")
    (folder / f".store.0{UNFINISHED}").mkdir(parents=True)
    (folder / f".store.0{UNFINISHED}" / f".a.1{UNFINISHED}").write_text("half")


def test_the_next_to_write_removes_what_killed_processes_left(tmp_path: Path) -> None:
    (tmp_path / f"mine{UNFINISHED}").write_text("has another name than ours")
    _as_if_killed(tmp_path)
    write_text(tmp_path / "result.json", "whole")
    assert {path.name for path in tmp_path.iterdir()} == {"result.json", f"mine{UNFINISHED}"}


def test_abandoned_files_are_found_at_any_depth(tmp_path: Path) -> None:
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)
    _as_if_killed(deep)
    remove_abandoned(tmp_path)
    remove_abandoned(tmp_path / "nothing")
    assert list(deep.iterdir()) == []


def test_what_another_writes_at_the_moment_stays(tmp_path: Path) -> None:
    with atomic_directory(tmp_path / "store") as theirs:
        write_text(tmp_path / "other", "x")
        remove_abandoned(tmp_path)
        (theirs / "a").write_text("1")
    assert (tmp_path / "store" / "a").read_text() == "1"


def test_a_name_may_be_as_long_as_the_file_system_takes(tmp_path: Path) -> None:
    path = tmp_path / ("ä" * 120 + ".csv")
    write_text(path, "x")
    assert list(tmp_path.iterdir()) == [path]


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


def test_a_folder_that_cannot_be_written_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    require_writable(tmp_path / "not" / "there")
    assert list(tmp_path.iterdir()) == [], "nothing is made"
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(InputError, match=r"file: is a file; expected a folder"):
            require_writable(path)
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != tmp_path)
    with pytest.raises(InputError, match=r"run: cannot be written, .* does not permit it"):
        require_writable(tmp_path / "run")


def test_cache_folder_can_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHALLENGE_CACHE", "/somewhere/else")
    assert default_cache_dir() == Path("/somewhere/else")
    monkeypatch.delenv("CHALLENGE_CACHE")
    assert default_cache_dir().name == "challenge"
