"""What a machine may refuse, on real file systems and under real limits: in words, nothing half done."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from challenge.cli.app import build_app
from challenge.files import UNFINISHED
from tests.tiny_runs import TinySample

Disk = Callable[[str], Path]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    """Mount a file system in memory, as with "size=100k"; the same folder again with "remount,…"."""
    folder = tmp_path / "disk"
    folder.mkdir()

    def mount(options: str) -> Path:
        command = ["mount", "-t", "tmpfs", "-o", f"{options},mode=0700", "tmpfs", str(folder)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"no file system can be mounted here: {done.stderr.strip()}")
        return folder

    yield mount
    while os.path.ismount(folder):
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def challenge(*arguments: object) -> Result:
    return CliRunner().invoke(build_app(), [*map(str, arguments), "--threads", "1", "--quiet"])


def run_into(sample: TinySample, output: Path, *more: str) -> Result:
    inputs = ("--mpd", sample.mpd, "--challenge", sample.challenge, "--cache", sample.cache)
    return challenge("run", *inputs, "--config", sample.config, "--output", output, *more)


def unfinished(folder: Path) -> list[Path]:
    return list(folder.rglob(f"*{UNFINISHED}*"))


def test_a_run_on_a_disk_that_fills_keeps_what_is_done(
    sample: TinySample, disk: Disk, tmp_path: Path
) -> None:
    """Each size is too small for another of the files; what was there before stays, and the run goes on."""
    assert run_into(sample, tmp_path / "run").exit_code == 0
    for options in ("size=8k", "remount,size=600k", "remount,size=4200k"):
        folder = disk(options)
        ended = run_into(sample, folder / "run", "--resume")
        assert ended.exit_code == 5, ended.output
        assert f"{folder / 'run'}" in ended.stderr
        assert "the disk is full" in ended.stderr
        assert "Hint: free some space" in ended.stderr
        assert not unfinished(folder)
    assert (folder / "run" / "recommender").is_dir()
    disk("remount,size=20m")
    assert challenge("fill", "--output", folder / "run").exit_code == 0
    submission = "run/submission.csv.gz"
    assert (folder / submission).read_bytes() == (tmp_path / submission).read_bytes()


# Columns that were opened before one could not be are closed by the end of the process.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("size=100k", "the disk is full"),
        ("size=400k", "the disk is full"),
        ("size=50m,nr_inodes=6", "the disk has no room for more files"),
    ],
)
def test_a_store_or_sample_that_does_not_fit(
    sample: TinySample, disk: Disk, options: str, words: str
) -> None:
    folder = disk(options)
    for command in (
        ("prepare", "--mpd", sample.mpd, "--cache", folder / "cache"),
        ("sample", "--playlists", 100, "--per-category", 1, "--output", folder / "sample"),
    ):
        ended = challenge(*command)
        assert ended.exit_code == 5, ended.output
        assert words in ended.stderr
        assert "Hint: " in ended.stderr
    assert not [path for path in folder.rglob("*") if path.is_file()]


def test_a_read_only_disk(sample: TinySample, disk: Disk) -> None:
    folder = disk("size=5m")
    assert challenge("prepare", "--mpd", sample.mpd, "--cache", folder / "cache").exit_code == 0
    disk("remount,ro,size=5m")
    for command in (
        ("prepare", "--mpd", sample.mpd, "--cache", folder / "new" / "cache"),
        ("sample", "--playlists", 100, "--output", folder / "sample"),
        ("score", sample.answers, "--answers", sample.answers, "--per-playlist", folder / "scores.csv"),
    ):
        ended = challenge(*command)
        assert ended.exit_code == 5, ended.output
        assert "read-only" in ended.stderr
        assert "Hint: name " in ended.stderr
    opened = challenge("prepare", "--mpd", sample.mpd, "--cache", folder / "cache")
    assert "Was there already" in opened.stdout, "reading needs no writing"


def test_paths_that_cannot_be(sample: TinySample, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    (tmp_path / "round").symlink_to("round")
    for name, code, words in (
        ("file", 3, "a file"),
        ("file/deeper", 3, "a file"),
        ("round", 3, "its links lead round in a circle"),
        ("x" * 300, 3, "the name is too long"),
        (os.fsdecode(b"\xe9"), 2, "expected a name in UTF-8"),
    ):
        for command in (
            ("prepare", "--mpd", sample.mpd, "--cache", tmp_path / name),
            ("sample", "--playlists", 100, "--output", tmp_path / name),
            ("run", "--mpd", sample.mpd, "--challenge", sample.challenge, "--output", tmp_path / name),
        ):
            ended = challenge(*command)
            assert ended.exit_code == code, (command, ended.output)
            assert words in ended.stderr
            assert "Hint: " in ended.stderr
    assert (tmp_path / "file").read_text() == "not a folder"
    assert {path.name for path in tmp_path.iterdir()} == {"file", "round"}


def limited(*limits: tuple[int, int]) -> Callable[[], None]:
    def apply() -> None:
        for what, most in limits:
            resource.setrlimit(what, (most, most))

    return apply


def prepare(sample: TinySample, cache: Path, **process: object) -> subprocess.CompletedProcess[str]:
    """Run a command as a process of its own, as whose limits, streams and environment it is given."""
    command = [sys.executable, "-m", "challenge", "prepare", "--mpd", str(sample.mpd), "--cache", str(cache)]
    process = {"capture_output": True, **process}
    return subprocess.run(command, text=True, check=False, **process)  # type: ignore[call-overload,no-any-return]


@pytest.mark.parametrize(
    ("limit", "most", "words"),
    [
        (resource.RLIMIT_FSIZE, 100_000, "a file grew larger than is allowed"),
        (resource.RLIMIT_NOFILE, 12, "too many files are open"),
    ],
)
def test_limits_of_a_process(sample: TinySample, tmp_path: Path, limit: int, most: int, words: str) -> None:
    ended = prepare(sample, tmp_path / "cache", preexec_fn=limited((limit, most)))
    assert ended.returncode == 5, ended.stderr
    assert words in ended.stderr
    assert "Hint: " in ended.stderr
    assert not list((tmp_path / "cache").rglob("*"))


def test_streams_that_are_closed_full_or_of_few_characters(sample: TinySample, tmp_path: Path) -> None:
    cache = tmp_path / "cache"

    def closing(*streams: int) -> Callable[[], None]:
        def close() -> None:
            for stream in streams:
                os.close(stream)

        return close

    assert prepare(sample, cache, preexec_fn=closing(1)).returncode == 0
    assert prepare(sample, cache, preexec_fn=closing(0, 1, 2)).returncode == 0
    with open("/dev/full", "w") as full:  # noqa: PTH123
        ended = prepare(sample, cache, capture_output=False, stdout=full, stderr=subprocess.PIPE)
        assert (ended.returncode, "the disk is full" in ended.stderr) == (5, True)
        ended = prepare(sample, cache, capture_output=False, stderr=full, stdout=subprocess.PIPE)
        assert (ended.returncode, "Was there already" in ended.stdout) == (0, True)
    ended = prepare(sample, cache, env={**os.environ, "PYTHONIOENCODING": "ascii"})
    assert (ended.returncode, ended.stdout.isascii(), ended.stderr.isascii()) == (0, True, True)
