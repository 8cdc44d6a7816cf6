from __future__ import annotations

import gzip
import json
import subprocess
import sys

import pytest

from challenge.mpd.store import prepare_store
from challenge.run_folder import RunFolder
from challenge.submission.rules import Rule
from challenge.workflows.validate import validate
from tests.small_submissions import World, private_of_store, run


def rewritten(world: World, old: str, new: str, times: int = 1) -> None:
    text = gzip.decompress(world.submission.read_bytes()).decode()
    world.submission.write_bytes(gzip.compress(text.replace(old, new, times).encode()))


def test_valid_with_and_without_the_mpd(world: World) -> None:
    without = validate(world.submission, world.challenge)
    assert without.valid
    assert not without.tracks_checked
    with_mpd = validate(world.submission, world.challenge, mpd=world.mpd)
    assert with_mpd.valid
    assert with_mpd.tracks_checked


def test_a_track_that_only_a_seed_names_exists(world: World) -> None:
    # "new1" is a seed of one challenge playlist and in no playlist of this part of the MPD.
    rewritten(world, "spotify:track:" + "pop7".rjust(22, "0"), "spotify:track:" + "new1".rjust(22, "0"))
    assert validate(world.submission, world.challenge, mpd=world.mpd).valid


def test_a_track_that_nobody_knows_is_reported_with_the_size_of_the_part(world: World) -> None:
    rewritten(world, "pop7,", "pip7,")
    report = validate(world.submission, world.challenge, store=prepare_store(world.mpd).path)
    assert report.counts == {Rule.UNKNOWN_TRACK: 1}
    assert "4 of the MPD's 1,000,000 playlists" in report.notes[0]


def test_store_named_beside_the_file_is_used(world: World) -> None:
    folder = RunFolder(world.submission.parent)
    assert not validate(world.submission, world.challenge).tracks_checked, "nothing names one"
    private_of_store("/nowhere/at/all").save(folder.private)
    assert not validate(world.submission, world.challenge).tracks_checked, "it is no longer there"
    private_of_store(prepare_store(world.mpd).path).save(folder.private)
    assert validate(world.submission, world.challenge).tracks_checked


def test_a_note_of_the_store_that_cannot_be_read_is_no_failure_but_said(world: World) -> None:
    for content, error in (("no JSON", "not JSON"), ("{}", "private_version is None"), ("[]", "JSON object")):
        (world.submission.parent / "private.json").write_text(content)
        result = run("validate", world.submission, "--challenge", world.challenge)
        assert result.exit_code == 0
        assert "Note: the store is not known" in result.stderr
        assert error in " ".join(result.stderr.split())


def test_command_says_valid(world: World) -> None:
    result = run("validate", world.submission, "--challenge", world.challenge)
    assert result.exit_code == 0
    assert "valid" in result.stdout
    assert "10 playlists of 500 tracks by The Team; whether its tracks exist was not checked" in result.stdout


def test_command_shows_the_first_twenty_and_a_summary(world: World) -> None:
    rewritten(world, "pop7,", "pop8,", times=10)
    rewritten(world, "pop9,", "_pop9,", times=10)
    rewritten(world, "\n1000,", "\n77,")
    result = run("validate", world.submission, "--challenge", world.challenge)
    assert result.exit_code == 4
    assert "22 violations" in result.stdout
    assert "and 2 more: --all shows them" in result.stdout
    assert "repeated-track" in result.stdout
    assert "A track must not occur twice in a playlist." in result.stdout
    assert "missing-pid" in result.stdout.split("Rules broken")[1]
    whole = run("validate", world.submission, "--challenge", world.challenge, "--all")
    assert "missing-pid" in whole.stdout.split("Rules broken")[0]
    assert "more: --all" not in whole.stdout


def test_command_in_json(world: World) -> None:
    rewritten(world, "pop7,", "pop8,")
    result = run("validate", world.submission, "--challenge", world.challenge, "--mpd", world.mpd, "--json")
    assert result.exit_code == 4
    value = json.loads(result.stdout)
    assert value["tracks_checked"] is True
    assert value["counts"] == {"repeated-track": 1}
    assert [(each["line"], each["pid"]) for each in value["violations"]] == [(2, 1000)]


def test_command_without_a_file(world: World) -> None:
    result = run("validate", world.submission.parent / "none.csv", "--challenge", world.challenge)
    assert result.exit_code == 3
    assert "no such file" in result.stderr


@pytest.mark.parametrize("command", ["validate", "score"])
def test_judging_never_imports_torch(world: World, command: str) -> None:
    named = ["--challenge", world.challenge] if command == "validate" else ["--answers", world.answers]
    arguments = [command, world.submission, *named, "--mpd", world.mpd, "--json"]
    program = (
        "import sys\nfrom challenge.cli.app import build_app\n"
        f"build_app()({list(map(str, arguments))!r}, standalone_mode=False)\n"
        "print('torch' in sys.modules, 'lightgbm' in sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stderr.splitlines()[-1] == "False False"
    assert json.loads(done.stdout)
