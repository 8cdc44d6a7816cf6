from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from challenge.cli.app import build_app
from challenge.manifest import Manifest
from challenge.mpd.store import prepare_store
from challenge.run_folder import RunFolder
from challenge.submission.rules import Rule
from challenge.workflows.validate import validate
from tests.small_submissions import World, manifest_of_store, write_world


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setenv("CHALLENGE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "300")
    return write_world(tmp_path)


def run(*arguments: object) -> Result:
    return CliRunner().invoke(build_app(), list(map(str, arguments)))


def rewritten(toy: World, old: str, new: str, times: int = 1) -> None:
    text = gzip.decompress(toy.submission.read_bytes()).decode()
    toy.submission.write_bytes(gzip.compress(text.replace(old, new, times).encode()))


def test_valid_with_and_without_the_mpd(toy: World) -> None:
    without = validate(toy.submission, toy.challenge)
    assert without.valid
    assert not without.tracks_checked
    with_mpd = validate(toy.submission, toy.challenge, mpd=toy.mpd)
    assert with_mpd.valid
    assert with_mpd.tracks_checked


def test_a_track_that_only_a_seed_names_exists(toy: World) -> None:
    # "new1" is a seed of one challenge playlist and in no playlist of this part of the MPD.
    rewritten(toy, "spotify:track:" + "pop7".rjust(22, "0"), "spotify:track:" + "new1".rjust(22, "0"))
    assert validate(toy.submission, toy.challenge, mpd=toy.mpd).valid


def test_a_track_that_nobody_knows_is_reported_with_the_size_of_the_part(toy: World) -> None:
    rewritten(toy, "pop7,", "pip7,")
    report = validate(toy.submission, toy.challenge, store=prepare_store(toy.mpd).path)
    assert report.counts == {Rule.UNKNOWN_TRACK: 1}
    assert "4 of the MPD's 1,000,000 playlists" in report.notes[0]


def test_store_named_in_the_manifest_beside_the_file_is_used(toy: World) -> None:
    folder = RunFolder(toy.submission.parent)
    Manifest().save(folder.manifest)
    assert not validate(toy.submission, toy.challenge).tracks_checked, "it names none"
    manifest_of_store("/nowhere/at/all").save(folder.manifest)
    assert not validate(toy.submission, toy.challenge).tracks_checked, "it is no longer there"
    manifest_of_store(prepare_store(toy.mpd).path).save(folder.manifest)
    assert validate(toy.submission, toy.challenge).tracks_checked


def test_a_manifest_that_cannot_be_read_is_no_failure_but_said(toy: World) -> None:
    for content, error in (
        ("no JSON", "not JSON"),
        ("{}", "earlier version"),
        ("[]", "expected a JSON object"),
    ):
        (toy.submission.parent / "manifest.json").write_text(content)
        result = run("validate", toy.submission, "--challenge", toy.challenge)
        assert result.exit_code == 0
        assert "Note: the store is not known" in result.stderr
        assert error in " ".join(result.stderr.split())


def test_command_says_valid(toy: World) -> None:
    result = run("validate", toy.submission, "--challenge", toy.challenge)
    assert result.exit_code == 0
    assert "valid" in result.stdout
    assert "10 playlists of 500 tracks by The Team; whether its tracks exist was not checked" in result.stdout


def test_command_shows_the_first_twenty_and_a_summary(toy: World) -> None:
    rewritten(toy, "pop7,", "pop8,", times=10)
    rewritten(toy, "pop9,", "_pop9,", times=10)
    rewritten(toy, "\n1000,", "\n77,")
    result = run("validate", toy.submission, "--challenge", toy.challenge)
    assert result.exit_code == 4
    assert "22 violations" in result.stdout
    assert "and 2 more: --all shows them" in result.stdout
    assert "repeated-track" in result.stdout
    assert "A track must not occur twice in a playlist." in result.stdout
    assert "missing-pid" in result.stdout.split("Rules broken")[1]
    whole = run("validate", toy.submission, "--challenge", toy.challenge, "--all")
    assert "missing-pid" in whole.stdout.split("Rules broken")[0]
    assert "more: --all" not in whole.stdout


def test_command_in_json(toy: World) -> None:
    rewritten(toy, "pop7,", "pop8,")
    result = run("validate", toy.submission, "--challenge", toy.challenge, "--mpd", toy.mpd, "--json")
    assert result.exit_code == 4
    value = json.loads(result.stdout)
    assert value["tracks_checked"] is True
    assert value["counts"] == {"repeated-track": 1}
    assert [(each["line"], each["pid"]) for each in value["violations"]] == [(2, 1000)]


def test_command_without_a_file(toy: World) -> None:
    result = run("validate", toy.submission.parent / "none.csv", "--challenge", toy.challenge)
    assert result.exit_code == 3
    assert "no such file" in result.stderr


@pytest.mark.parametrize("command", ["validate", "score"])
def test_judging_never_imports_torch(toy: World, command: str) -> None:
    named = ["--challenge", toy.challenge] if command == "validate" else ["--answers", toy.answers]
    arguments = [command, toy.submission, *named, "--mpd", toy.mpd, "--json"]
    program = (
        "import sys\nfrom challenge.cli.app import build_app\n"
        f"build_app()({list(map(str, arguments))!r}, standalone_mode=False)\n"
        "print('torch' in sys.modules, 'lightgbm' in sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stderr.splitlines()[-1] == "False False"
    assert json.loads(done.stdout)
