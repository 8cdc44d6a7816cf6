from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from challenge.cli.app import build_app
from challenge.files import file_hash
from challenge.mpd.challenge_set import ChallengeSet
from challenge.threads import one_thread
from challenge.workflows.fill import fill
from challenge.workflows.run import run
from tests.tiny_runs import TinySample, with_sources

CLIENT = """#!/bin/sh
pwd >> "$SEEN"; ls -A >> "$SEEN"; for each in "$@"; do echo "$each" >> "$SEEN"; done
exit "${CLIENT_ENDS:-0}"
"""


@pytest.fixture(scope="module")
def made(sample: TinySample, tmp_path_factory: pytest.TempPathFactory) -> tuple[TinySample, Path]:
    folder = tmp_path_factory.mktemp("submit")
    config = with_sources("popularity", ranking="blend", team="The Crowd", email="me@crowd.net")
    with one_thread():
        output = folder / "first"
        run(sample.mpd, sample.challenge, output, config, cache=sample.cache, answers=sample.answers)
    return sample, output


@pytest.fixture
def finished(made: tuple[TinySample, Path], tmp_path: Path) -> Path:
    """A run of one's own in a folder of its own."""
    return Path(shutil.copytree(made[1], tmp_path / "runs" / "first"))


@pytest.fixture
def seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What a client on the PATH was called with."""
    client = tmp_path / "bin" / "aicrowd"
    client.parent.mkdir()
    client.write_text(CLIENT)
    client.chmod(0o755)
    monkeypatch.setenv("PATH", f"{client.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("SEEN", str(tmp_path / "seen"))
    return tmp_path / "seen"


@pytest.fixture
def official(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ChallengeSet, "is_official", property(lambda _: True))


def submit(*arguments: object) -> Result:
    return CliRunner(env={"COLUMNS": "80"}).invoke(build_app(), ["submit", *map(str, arguments)])


def test_without_yes_it_shows_what_goes_up_and_sends_nothing(
    finished: Path, seen: Path, official: None
) -> None:
    result = submit(finished, "-d", "two words")
    assert result.exit_code == 0, result.output
    assert "team         The Crowd, me@crowd.net" in result.stdout
    assert "local scores R-precision 0." in result.stdout
    command = result.stdout.splitlines()[-1]
    assert command == (
        "aicrowd submission create -c spotify-million-playlist-dataset-challenge "
        f"-f {finished / 'submission.csv.gz'} -d 'two words'"
    )
    assert not seen.exists()
    assert not (finished.parent / "submissions.jsonl").exists()


def test_with_yes_the_client_runs_in_an_empty_folder_and_the_log_tells(
    finished: Path, seen: Path, official: None
) -> None:
    result = submit(finished, "--yes")
    assert result.exit_code == 0, result.output
    where, *arguments = seen.read_text().splitlines()
    assert arguments[:3] == ["submission", "create", "-c"]  # so the folder it ran in was empty
    assert not Path(where).exists()
    assert "--no-verify" not in arguments
    (entry,) = map(json.loads, (finished.parent / "submissions.jsonl").read_text().splitlines())
    assert entry["sha256"] == file_hash(finished / "submission.csv.gz")
    assert entry["ndcg"] == json.loads((finished / "scorecard.json").read_text())["ndcg"]
    assert entry["exit_code"] == 0
    assert "me@crowd.net" not in json.dumps(entry)
    again = submit(finished)
    assert "this very file went up on" in again.stderr


def test_a_client_that_fails_is_told_and_noted(
    finished: Path, seen: Path, official: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLIENT_ENDS", "7")
    result = submit(finished, "--yes")
    assert result.exit_code == 1
    assert "aicrowd ended with 7" in result.stderr
    assert json.loads((finished.parent / "submissions.jsonl").read_text())["exit_code"] == 7
    assert "went up" not in submit(finished).stderr


def test_only_official_challenges_and_real_teams_go_up(
    finished: Path, seen: Path, made: tuple[TinySample, Path], single_thread: None
) -> None:
    assert "not of the official challenge set" in submit(finished).stderr
    refused = submit(finished, "--yes")
    assert refused.exit_code == 2
    assert "the site would refuse it" in refused.stderr
    fill(finished, team="My team", email="me@example.org")
    placeholder = submit(finished)
    assert placeholder.exit_code == 2
    assert "team 'My team' and e-mail 'me@example.org' are placeholders" in placeholder.stderr
    assert not seen.exists()


def test_no_client_no_file_no_challenge_set_and_a_broken_file_are_told(
    finished: Path,
    made: tuple[TinySample, Path],
    official: None,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    missing = submit(finished, "--yes")
    assert missing.exit_code == 3
    assert "pip install aicrowd-cli" in missing.stderr
    assert submit(tmp_path).exit_code == 3
    (finished / "private.json").unlink()
    assert "name it with --challenge" in submit(finished).stderr
    (finished / "submission.csv.gz").write_bytes(b"not gzip")
    broken = submit(finished, "--challenge", made[0].challenge)
    assert broken.exit_code == 4, broken.output
