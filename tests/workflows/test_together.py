"""Several processes from the command line make one submission."""

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
from tests.tiny_runs import TINY_TOML, TinySample, make_tiny_sample

ALONE = [sys.executable, "-m", "challenge"]
TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> TinySample:
    return make_tiny_sample(tmp_path_factory.mktemp("sample"))


def challenge(launcher: list[str], *words: str | Path) -> subprocess.CompletedProcess[str]:
    command = [*launcher, *map(str, words), "--threads", "1"]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)


def test_two_processes_make_one_submission(sample: TinySample, tmp_path: Path) -> None:
    (tmp_path / "tiny.toml").write_text(TINY_TOML)
    files: list[str | Path] = ["--mpd", sample.mpd, "--challenge", sample.challenge, "--cache", sample.cache]
    files += ["--config", tmp_path / "tiny.toml"]
    alone, torchrun, here = (RunFolder(tmp_path / name) for name in ("alone", "torchrun", "here"))
    for done in (
        challenge(ALONE, "run", *files, "--output", alone.path),
        challenge([*TORCHRUN, "-m", "challenge"], "run", *files, "--output", torchrun.path),
        challenge(ALONE, "train", *files, "--output", here.path, "--processes", "2"),
        challenge(ALONE, "fill", "--output", here.path, "--processes", "2"),
    ):
        assert done.returncode == 0, done.stderr
        assert "Traceback" not in done.stderr
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
