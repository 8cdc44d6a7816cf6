"""Which files of a run belong together, and what a new one replaces."""

from __future__ import annotations

import hashlib
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from challenge.errors import FormatError, MissingInputError, ResourceError
from challenge.locks import owner_of
from challenge.manifest import Command, Input, Inputs, Manifest, SubmissionFacts
from challenge.run_folder import RunFolder

DATE = "2026-02-03T04:05:06+00:00"


def manifest_of(run: str) -> Manifest:
    return Manifest(run=run, commands=[Command("challenge run", DATE)])


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    """Everything that a finished run leaves, and a file of the user's own."""
    folder = RunFolder(tmp_path / "run")
    for path in (
        folder.submission,
        folder.report,
        folder.recommender / "ranker.txt",
        folder.path / "notes.txt",
    ):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("text")
    for path in (folder.recommender / "sources", folder.checkpoints):
        (path / "deep").mkdir(parents=True)
        (path / "deep" / "file").write_text("x")
    folder.write_of_submission(folder.scorecard, {"signature": "s"})
    folder.write_of_submission(folder.validation, {"valid": True})
    folder.write_of_submission(folder.examples, {"playlists": []})
    manifest_of("one").save(folder.manifest)
    return folder


def left(folder: RunFolder) -> set[str]:
    return {str(path.relative_to(folder.path)) for path in folder.path.rglob("*") if path.is_file()}


def test_a_new_training_leaves_nothing_of_the_run_before(run: RunFolder, told: list[str]) -> None:
    run.begin_training(manifest_of("two"))
    assert left(run) == {"notes.txt", "manifest.json"}, "what no run writes is not touched"
    assert run.load_manifest().run == "two"
    assert told == [f"{run.path}: replaces the run of {DATE}"]


def test_a_new_filling_keeps_the_models_and_the_submission_until_it_is_written(
    run: RunFolder, told: list[str]
) -> None:
    before = left(run)
    run.begin_filling()
    assert before - left(run) == {"scorecard.json", "validation.json", "examples.json", "report.html"}
    assert told == [f"{run.path}: replaces the run of {DATE}"]


def test_going_on_with_the_same_run_replaces_nothing(run: RunFolder, told: list[str]) -> None:
    before = left(run)
    run.begin_training(manifest_of("one"), resume=True)
    assert (left(run), told) == (before, [])


def test_going_on_with_another_run_keeps_the_checkpoints_only(run: RunFolder, told: list[str]) -> None:
    run.begin_training(manifest_of("two"), resume=True)
    assert left(run) == {"notes.txt", "manifest.json", "checkpoint/deep/file"}
    assert len(told) == 1


def test_an_unused_folder_is_no_replacement(tmp_path: Path, told: list[str]) -> None:
    for folder in (RunFolder(tmp_path / "none"), RunFolder(tmp_path)):
        folder.begin_filling()
        folder.begin_training(manifest_of("one"))
        folder.begin_training(manifest_of("one"), resume=True)
    assert told == []


def test_a_run_without_a_manifest_has_the_date_of_its_oldest_file(run: RunFolder, told: list[str]) -> None:
    run.manifest.write_text("damaged")
    when = datetime(2025, 6, 7, 8, 9, 10, tzinfo=UTC).timestamp()
    os.utime(run.path / "notes.txt", (when, when))
    run.begin_training(manifest_of("one"), resume=True)
    assert told == [f"{run.path}: replaces the run of 2025-06-07T08:09:10+00:00"]


def test_a_scorecard_is_of_one_submission(run: RunFolder) -> None:
    content = {"submission_sha256": hashlib.sha256(b"text").hexdigest(), "signature": "s"}
    assert run.read_of_submission(run.scorecard) == content
    run.scorecard.write_text(run.scorecard.read_text().replace('"s"', '"t"'))
    with pytest.raises(FormatError, match="is not as it was written"):
        run.read_of_submission(run.scorecard)
    run.submission.write_text("another")
    assert run.read_of_submission(run.scorecard) is None
    assert run.read_of_submission(run.path / "none.json") is None
    run.scorecard.write_text('{"signature": "s"}')
    assert run.read_of_submission(run.scorecard) is None, "an earlier version did not say of which"
    run.scorecard.write_text("[]")
    with pytest.raises(FormatError, match=r"scorecard\.json: expected a JSON object, found list"):
        run.read_of_submission(run.scorecard)


def test_what_is_of_another_submission_goes_once_this_one_is_written(run: RunFolder) -> None:
    before = left(run)
    run.keep_only_of_submission()
    assert left(run) == before
    run.submission.write_text("another")
    run.write_of_submission(run.validation, {"valid": True})
    run.keep_only_of_submission()
    assert before - left(run) == {"scorecard.json", "examples.json", "report.html"}


def test_the_manifest_names_a_submission_that_was_taken_away(run: RunFolder) -> None:
    digest = hashlib.sha256(b"text").hexdigest()
    run.submission.unlink()
    assert run.read_of_submission(run.scorecard) is None, "nothing tells which submission it was"
    Manifest(submission=SubmissionFacts("submission.csv.gz", digest, {})).save(run.manifest)
    assert run.read_of_submission(run.scorecard) is not None


def test_a_folder_that_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match=r"not the folder of a run: manifest\.json is missing"):
        RunFolder(tmp_path).load_manifest()


def test_one_command_at_a_time(run: RunFolder) -> None:
    with run.locked():
        assert str(owner_of(run.lock)).startswith(f"process {os.getpid()}: ")
        with pytest.raises(ResourceError, match=rf"in use by process {os.getpid()}: ") as caught:
            run.locked().__enter__()
        assert caught.value.hint == "wait until it has ended, or name another folder"
    assert owner_of(run.lock) is None
    assert ".lock" not in left(run)
    with run.locked():
        pass


def test_a_lock_that_a_killed_process_left_binds_nobody(run: RunFolder) -> None:
    run.lock.write_text("process 1: challenge run")
    assert owner_of(run.lock) is None
    with run.locked():
        assert str(os.getpid()) in run.lock.read_text()


def test_a_lock_leaves_no_folder_that_was_not_there(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "deep" / "run")
    with folder.locked():
        assert folder.lock.exists()
    assert list(tmp_path.iterdir()) == []


def test_the_id_of_a_run_stands_for_what_is_trained() -> None:
    def id_of(mpd: str = "sha256:1", challenge: str = "md5:1", **config: object) -> str:
        manifest = Manifest(config={"seed": 0, "team": "a", **config})
        manifest.inputs = Inputs(Input("m", "zip", mpd), Input("c", "json", challenge))
        manifest.name_run()
        return manifest.run

    assert id_of() == id_of(team="b", email="c", device="cpu")
    assert len({id_of(), id_of("sha256:2"), id_of(challenge="md5:2"), id_of(seed=1)}) == 4
