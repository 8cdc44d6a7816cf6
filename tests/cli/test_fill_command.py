"""``challenge fill`` as a person calls it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from challenge.cli.app import build_app
from challenge.submission.reader import read_submission
from tests.tiny_runs import TinySample

SOURCES = ["--sources", "playlist_knn,title_knn,lightgcn,popularity", "--threads", "1", "--quiet"]


def invoke(command: str, *options: object) -> Result:
    return CliRunner().invoke(build_app(), [command, *map(str, options)])


def files_of(sample: TinySample) -> list[object]:
    return ["--mpd", sample.mpd, "--challenge", sample.challenge, "--cache", sample.cache]


@pytest.fixture(scope="module")
def trained(sample: TinySample, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, bytes]:
    """What ``train`` left, its files deleted since, and the submission of ``run`` on the same files."""
    folder = tmp_path_factory.mktemp("trained")
    files = sample.copied(folder / "files")
    options = [*files_of(files), "--config", files.config, *SOURCES]
    for command in ("run", "train"):
        done = invoke(command, *options, "--output", folder / command)
        assert done.exit_code == 0, done.output
    shutil.rmtree(folder / "files")
    return folder / "train", (folder / "run" / "submission.csv.gz").read_bytes()


@pytest.fixture
def output(trained: tuple[Path, bytes], tmp_path: Path) -> Path:
    """A copy of what ``train`` left, to be changed."""
    return Path(shutil.copytree(trained[0], tmp_path / "out"))


def test_fill_after_train_writes_the_bytes_of_run(trained: tuple[Path, bytes], output: Path) -> None:
    filled = invoke("fill", "--output", output, "--threads", 1)
    assert filled.exit_code == 0, filled.output
    assert filled.stdout.splitlines()[0].strip() == "Which source put the tracks forward, by seeds given"
    path = output / "submission.csv.gz"
    assert f"Written {path}: 50 playlists of 500 tracks" in filled.stdout
    assert f"Next: challenge validate {path} --challenge CHALLENGE_SET.JSON" in filled.stdout
    assert path.read_bytes() == trained[1]


def test_another_team_and_json_alone_on_stdout(output: Path) -> None:
    renamed = invoke("fill", "-o", output, "--threads", 1, "--team", "Other", "--json", "--quiet")
    assert (renamed.exit_code, renamed.stderr) == (0, "")
    facts = json.loads(renamed.stdout)
    assert facts["playlists"] == 50
    assert sum(sum(counts.values()) for counts in facts["sources"].values()) == 25_000
    team = read_submission(Path(facts["submission"])).team
    assert (team.name, team.email) == ("Other", "tiny@example.org")
    refused = invoke("fill", "-o", output, "--quiet", "--team", "a,b")
    assert refused.exit_code == 2
    assert "the team name" in refused.stderr


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-10])


@pytest.mark.parametrize(
    ("damage", "code", "message", "hint"),
    [
        (
            shutil.rmtree,
            3,
            ": holds no recommender (recommender.json is missing)",
            "fit it again: challenge train --output DIR",
        ),
        (
            lambda folder: (folder / "recommender.json").unlink(),
            3,
            ": holds no recommender (recommender.json is missing)",
            "fit it again: challenge train --output DIR",
        ),
        (lambda folder: cut(folder / "recommender.json"), 3, "/recommender.json: not JSON", "fit it again"),
        (
            lambda folder: (folder / "ranker.txt").unlink(),
            3,
            "/ranker.txt: no such file",
            "fit it again",
        ),
        (
            lambda folder: cut(folder / "config.toml"),
            3,
            "/config.toml: is not as it was written",
            "fit it again",
        ),
        (
            lambda folder: shutil.rmtree(folder / "sources"),
            3,
            "/sources/lightgcn/arrays.json: no such file",
            "fit it again",
        ),
        (
            lambda folder: (folder / "index" / "row_track.npy").unlink(),
            3,
            "/index/row_track.npy: no such file",
            "fit it again",
        ),
        (
            lambda folder: cut(folder / "sources" / "lightgcn" / "columns.npy"),
            3,
            "/sources/lightgcn/columns.npy: is not as it was written: its checksum differs",
            "make it again, or copy it whole",
        ),
    ],
    ids=["none", "no facts", "facts cut", "no ranker", "settings cut", "no sources", "no array", "array cut"],
)
def test_what_is_not_whole_is_refused(
    output: Path, damage: Callable[[Path], None], code: int, message: str, hint: str
) -> None:
    damage(output / "recommender")
    result = invoke("fill", "--output", output, "--quiet", "--threads", 1)
    assert (result.exit_code, result.stdout) == (code, "")
    assert result.stderr.startswith(f"Error: {output / 'recommender'}{message}")
    assert f"\nHint: {hint}" in result.stderr
    assert not (output / "submission.csv.gz").exists()


def test_fill_asks_for_no_mpd(output: Path) -> None:
    result = invoke("fill", "--output", output, "--mpd", output)
    assert result.exit_code == 2
    assert "No such option" in result.stderr
    assert "--output" in invoke("fill").stderr


def test_help_promises_what_was_trained_with(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    lines = invoke("fill", "--help").stdout.splitlines()
    for option in ("--team", "--email", "--device"):
        (line,) = (line for line in lines if f" {option} " in line)
        assert "[default: (as trained)]" in line


def test_doctor_verifies_a_run(output: Path) -> None:
    assert invoke("fill", "-o", output, "--threads", 1, "--quiet").exit_code == 0
    well = invoke("doctor", "--run", output)
    assert well.exit_code == 0, well.output
    assert "All is well." in well.stdout
    for topic in (
        "manifest",
        "recommender/index",
        "recommender/sources/lightgcn",
        "checkpoint/fit-0/lightgcn",
    ):
        assert topic in well.stdout
    (output / "validation.json").write_text("{}")
    with (output / "submission.csv.gz").open("ab") as file:
        file.write(b"\n")
    for name in ("recommender/index/row_track.npy", "checkpoint/fit-0/lightgcn/checkpoint.safetensors"):
        with (output / name).open("r+b") as file:
            file.seek(-1, 2)
            last = file.read(1)
            file.seek(-1, 2)
            file.write(bytes([last[0] ^ 1]))
    ill = invoke("doctor", "--run", output)
    assert ill.exit_code == 3
    lines = ill.stdout.splitlines()
    assert sum("✗" in line for line in lines) == 4
    assert f"submission: fill again: challenge fill --output {output}" in lines
    assert f"recommender/index: train it again: challenge train --output {output}" in lines
    assert max(map(len, (line for line in lines if "✗" in line or "✓" in line))) <= 80
    facts = json.loads(invoke("doctor", "--run", output, "--json").stdout)
    assert facts["ok"] is False
    assert {each["topic"] for each in facts["findings"] if not each["ok"]} == {
        "recommender/index", "checkpoint/fit-0/lightgcn", "submission", "validation",
    }  # fmt: skip


def test_doctor_verifies_a_folder_that_is_no_run(tmp_path: Path) -> None:
    ill = invoke("doctor", "--run", tmp_path)
    assert ill.exit_code == 3
    assert "is missing" in " ".join(ill.stdout.split())
    assert "name the folder that 'challenge run --output' wrote" in ill.stdout
