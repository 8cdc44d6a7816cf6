"""A run is repeated by its manifest, and what differs is told."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner, Result

from challenge.cli.app import build_app
from challenge.config import override
from challenge.errors import ConfigError, FormatError, InputError, MissingInputError
from challenge.manifest import Manifest, Private
from challenge.report.page import render_report
from challenge.run_folder import RunFolder
from challenge.workflows.inputs import load_inputs
from challenge.workflows.repeat import Difference, differences, plan_repetition, same_lists
from challenge.workflows.run import run
from tests.tiny_runs import TinySample, with_sources

CONFIG = replace(
    override(
        with_sources("playlist_knn", "title_knn", "popularity"), {"seed": 4, "ranker.num_iterations": 3}
    ),
    email="ann@private.example",
)


pytestmark = pytest.mark.usefixtures("single_thread")


@pytest.fixture(scope="module")
def finished(sample: TinySample, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    output = tmp_path_factory.mktemp("runs") / "run"
    run(sample.mpd, sample.challenge, output, CONFIG, cache=sample.cache, answers=sample.answers)
    return RunFolder(output)


@pytest.fixture
def copy(finished: RunFolder, tmp_path: Path) -> RunFolder:
    """Manifest and private file of the run, to be changed."""
    folder = RunFolder(tmp_path / "copy")
    folder.path.mkdir()
    for path in (finished.manifest, finished.private):
        shutil.copy(path, folder.path)
    return folder


def challenge(*arguments: str | Path) -> Result:
    return CliRunner().invoke(build_app(), [str(each) for each in arguments])


def repeat(manifest: Path, sample: TinySample, output: Path, *options: str | Path) -> Result:
    shared: list[str | Path] = ["--output", output, "--cache", sample.cache, "--quiet", *options]
    return challenge("run", "--from-manifest", manifest, *shared)


def test_the_same_again(finished: RunFolder, sample: TinySample, tmp_path: Path) -> None:
    result = repeat(finished.manifest, sample, tmp_path / "again")
    assert result.exit_code == 0, result.output
    again = RunFolder(tmp_path / "again")
    assert again.submission.read_bytes() == finished.submission.read_bytes()
    assert again.load_manifest().threads == 1
    last = result.stdout.splitlines()[-1]
    assert last == f"The same submission, byte for byte: sha256 {finished.submission_hash()}"
    assert result.stdout.count("What is not as it was") == 0
    assert differences(finished.load_manifest(), again.load_manifest()) == []


def test_what_differs_is_told(copy: RunFolder, sample: TinySample, tmp_path: Path) -> None:
    """As if another version, with other threads, had written another submission."""
    before = copy.load_manifest()
    before.versions["numpy"] = "0.1"
    assert before.submission is not None
    before.submission = msgspec.structs.replace(before.submission, sha256="00", lists_sha256="00")
    before.save(copy.manifest)
    result = repeat(copy.path, sample, tmp_path / "again", "--threads", "2")
    assert result.exit_code == 0, result.output
    told = result.stdout.splitlines()
    begin = told.index("Another submission. What is not as it was:")
    assert told[begin + 1].startswith("  version of numpy: 0.1 → ")
    assert told[begin + 2 :] == ["  threads: 1 → 2"]


def test_conditions_that_a_result_may_depend_on() -> None:
    then = Manifest(seed=1, config={"seed": 1, "ranker": {"num_leaves": 3}}, processor="a", device="cpu")
    now = Manifest(seed=2, config={"seed": 2, "ranker": {"num_leaves": 3}}, processor="b", device="cpu")
    assert differences(then, now) == [Difference("setting seed", "1", "2"), Difference("processor", "a", "b")]


def test_another_address_gives_the_same_lists(
    copy: RunFolder, finished: RunFolder, sample: TinySample, tmp_path: Path
) -> None:
    copy.private.unlink()
    inputs: list[str | Path] = ["--mpd", sample.mpd, "--challenge", sample.challenge]
    result = repeat(copy.manifest, sample, tmp_path / "again", *inputs, "--email", "bob@example.org")
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[-1].startswith("The same lists; only the line of the team")
    again = RunFolder(tmp_path / "again").load_manifest()
    assert same_lists(finished.load_manifest(), again)
    assert again.submission != finished.load_manifest().submission


def test_nothing_private_is_in_what_is_shared(finished: RunFolder, sample: TinySample) -> None:
    render_report(finished.path)
    shared = (finished.manifest, finished.report, finished.scorecard, finished.validation)
    for path in shared:
        text = path.read_text()
        for private in (
            "ann@private.example",
            str(sample.mpd.parent),
            str(finished.path.parent),
            str(Path.home()),
        ):
            assert private not in text, path.name
    known = Private.load(finished.private)
    assert known == Private(
        finished.load_manifest().run,
        "ann@private.example",
        str(sample.mpd),
        str(sample.challenge),
        str(load_inputs(sample.mpd, sample.challenge, cache=sample.cache).store.path),
    )
    assert finished.private.stat().st_mode & 0o077 == 0


def test_inputs_that_are_not_those_of_the_run_are_refused(
    copy: RunFolder, sample: TinySample, tmp_path: Path
) -> None:
    other = sample.changed(tmp_path / "other.json", lambda playlists: playlists.__delitem__(0))
    with pytest.raises(
        InputError, match=r"other\.json: not what the run read: its content is md5:\w+, expected md5"
    ):
        plan_repetition(copy.manifest, challenge=other, cache=sample.cache)
    part = sample.slices(tmp_path / "part", 100, range(1))
    with pytest.raises(InputError, match="part: not what the run read: its content is sha256"):
        plan_repetition(copy.manifest, mpd=part, cache=sample.cache)


def test_a_private_file_of_another_run_is_refused(copy: RunFolder) -> None:
    msgspec.structs.replace(Private.load(copy.private), run="0a").save(copy.private)
    with pytest.raises(FormatError, match=r"private\.json: of run 0a, .*manifest\.json of run \w{16}"):
        plan_repetition(copy.manifest)


def test_what_cannot_be_known_is_asked_for(copy: RunFolder, sample: TinySample, tmp_path: Path) -> None:
    gone = msgspec.structs.replace(Private.load(copy.private), mpd=str(tmp_path / "gone.zip"))
    gone.save(copy.private)
    with pytest.raises(MissingInputError, match=r"gone\.zip: no longer there") as caught:
        plan_repetition(copy.manifest)
    assert caught.value.hint == "name it with --mpd"
    copy.private.unlink()
    with pytest.raises(MissingInputError, match="does not tell where its inputs lie"):
        plan_repetition(copy.manifest)
    with pytest.raises(ConfigError, match="tells no e-mail"):
        plan_repetition(copy.manifest, mpd=sample.mpd, challenge=sample.challenge)
    unfinished = copy.load_manifest()
    unfinished.submission = None
    unfinished.save(copy.manifest)
    with pytest.raises(FormatError, match="a run that was not finished"):
        plan_repetition(copy.path)


def test_settings_of_its_own_go_with_nothing_else(copy: RunFolder, tmp_path: Path) -> None:
    out: list[str | Path] = ["--output", tmp_path / "out"]
    result = challenge("run", "--from-manifest", copy.manifest, *out, "--seed", "3", "--team", "x")
    assert result.exit_code == 2
    assert "--from-manifest has settings of its own; leave out --team, --seed" in result.stderr
    missing = challenge("run", "--challenge", tmp_path / "c.json", *out)
    assert missing.exit_code == 2
    assert "--mpd is missing" in missing.stderr


def test_a_clock_that_may_decide_is_in_the_manifest(sample: TinySample, tmp_path: Path) -> None:
    timed = override(
        with_sources("lightgcn", "popularity", ranking="blend"), {"sources.lightgcn.max_seconds": 900.0}
    )
    result = run(sample.mpd, sample.challenge, tmp_path, timed, cache=sample.cache)
    told = "sources.lightgcn.max_seconds lets the clock end a training"
    assert RunFolder(tmp_path).load_manifest().not_repeatable == told == result.manifest.not_repeatable
