"""Commands in processes of their own: whichever they are, and however many, they make one submission."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from challenge import processes
from challenge.run_folder import RunFolder
from challenge.submission.reader import read_submission
from challenge.threads import available_cpus, thread_count
from tests.tiny_runs import TinySample

ALONE = [sys.executable, "-m", "challenge"]
TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]


def challenge(
    launcher: list[str], *words: str | Path, hash_seed: str = "0"
) -> subprocess.CompletedProcess[str]:
    command = [*launcher, *map(str, words), "--threads", "1"]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2]), "PYTHONHASHSEED": hash_seed}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)


def require_fine(done: subprocess.CompletedProcess[str]) -> None:
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr


def files_of(sample: TinySample) -> list[str | Path]:
    files: list[str | Path] = ["--mpd", sample.mpd, "--challenge", sample.challenge, "--cache", sample.cache]
    return [*files, "--config", sample.config]


@pytest.fixture(scope="module")
def alone(sample: TinySample, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A run as a command, by one process."""
    folder = RunFolder(tmp_path_factory.mktemp("runs") / "alone")
    require_fine(challenge(ALONE, "run", *files_of(sample), "--output", folder.path))
    return folder


def test_another_process_with_another_hash_seed_gives_the_same_bytes(
    sample: TinySample, alone: RunFolder, tmp_path: Path
) -> None:
    """Whatever order sets of words have, which Python draws for each process."""
    again = RunFolder(tmp_path / "again")
    files = [*files_of(sample), "--cache", tmp_path / "cache"]
    require_fine(challenge(ALONE, "run", *files, "--output", again.path, hash_seed="2718"))
    assert alone.submission.read_bytes() == again.submission.read_bytes()
    kept = [path for path in alone.recommender.rglob("*") if path.is_file()]
    assert len(kept) > 10
    for path in kept:
        other = again.recommender / path.relative_to(alone.recommender)
        assert other.read_bytes() == path.read_bytes(), path.name


def test_two_processes_make_one_submission(sample: TinySample, alone: RunFolder, tmp_path: Path) -> None:
    torchrun, here = (RunFolder(tmp_path / name) for name in ("torchrun", "here"))
    files = files_of(sample)
    for done in (
        challenge([*TORCHRUN, "-m", "challenge"], "run", *files, "--output", torchrun.path),
        challenge(ALONE, "train", *files, "--output", here.path, "--processes", "2"),
        challenge(ALONE, "fill", "--output", here.path, "--processes", "2"),
    ):
        require_fine(done)
    expected = read_submission(alone.submission)
    for folder in (torchrun, here):
        found = read_submission(folder.submission)
        assert found.pid.tolist() == expected.pid.tolist()
        # Sums of two shards of an embedding round otherwise than one sum, so equal scores may change places.
        same = np.mean(
            [len(np.intersect1d(*pair)) for pair in zip(found.track_ids, expected.track_ids, strict=True)]
        )
        assert same > 490
        losses = [run.load_manifest().lightgcn[-1].epochs[-1].loss for run in (folder, alone)]
        assert losses[0] == pytest.approx(losses[1], rel=1e-4)


def test_what_is_wrong_is_told_by_the_first_process(sample: TinySample, tmp_path: Path) -> None:
    files: list[str | Path] = [
        "--mpd",
        tmp_path / "no.zip",
        "--challenge",
        sample.challenge,
        "--output",
        tmp_path / "out",
    ]
    done = challenge(ALONE, "run", *files, "--processes", "2")
    assert done.returncode == 3
    assert done.stderr.count("no.zip: no such file") == 1


def test_processes_share_the_processors_of_their_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "64")
    assert processes.count_here() == 64
    assert thread_count() == max(1, available_cpus() // 64)
    monkeypatch.setenv("RANK", "3")
    assert processes.rank() == 3
