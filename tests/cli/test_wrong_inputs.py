"""What a hasty person may name: each is refused in plain words, before the MPD is read or a file written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from challenge.cli.app import build_app
from challenge.mpd import store
from challenge.submission.team import TeamInfo
from tests.tiny_runs import TinySample


@pytest.fixture(scope="module")
def files(sample: TinySample, tmp_path_factory: pytest.TempPathFactory) -> TinySample:
    made = sample.copied(tmp_path_factory.mktemp("files"))
    submission = made.mpd.parent / "submission.csv"
    submission.write_text(TeamInfo("T", "a@b.org").line() + "\n")
    other = json.loads(made.answers.read_text())
    (made.mpd.parent / "other.json").write_text(json.dumps({"1": next(iter(other.values()))}))
    return made


@pytest.fixture(autouse=True)
def mpd_untouched(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Reading a slice, or its checksum, is a failure of these tests."""

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the MPD was read")

    monkeypatch.setattr(store, "hashed", refuse)
    monkeypatch.setenv("CHALLENGE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "300")


def refused(files: TinySample, words: str, tmp_path: Path) -> Any:
    """Run a command line in which {S} is the sample's folder and {T} an empty one."""
    text = words.format(S=files.mpd.parent, T=tmp_path)
    return CliRunner().invoke(build_app(), [*text.split(), "--quiet"])


CHALLENGE, ANSWERS, MPD = (
    "--challenge {S}/challenge_set.json",
    "--answers {S}/answers.json",
    "--mpd {S}/mpd.zip",
)
SUBMISSION = "{S}/submission.csv"

CASES = [
    # files of another kind
    (f"validate {{S}}/answers.json {CHALLENGE}", 3, "this is answers (JSON), not a submission (CSV)"),
    (
        f"validate {{S}}/challenge_set.json {CHALLENGE}",
        3,
        "this is a challenge set (JSON), not a submission (CSV)",
    ),
    (f"validate {{S}}/mpd.zip {CHALLENGE} {MPD}", 3, "this is a zip of the MPD, not a submission (CSV)"),
    (f"validate {{S}} {CHALLENGE}", 3, "this is a folder with an mpd.zip, not a submission (CSV)"),
    (
        f"validate {SUBMISSION} --challenge {{S}}/answers.json {MPD}",
        3,
        "this is answers (JSON), not a challenge set",
    ),
    (
        f"validate {SUBMISSION} --challenge {{S}}/mpd.zip {MPD}",
        3,
        "this is a zip of the MPD, not a challenge set",
    ),
    (f"score {{S}}/mpd.zip {ANSWERS}", 3, "this is a zip of the MPD, not a submission (CSV)"),
    (
        f"score {SUBMISSION} --answers {{S}}/challenge_set.json",
        3,
        "this is a challenge set (JSON), not answers",
    ),
    (f"score {SUBMISSION} --answers {SUBMISSION}", 3, "this is a submission (CSV), not answers"),
    (f"score {SUBMISSION} --answers {{S}}/mpd.zip", 3, "this is a zip of the MPD, not answers"),
    ("split --mpd {S}/challenge_set.json -o {T}/out", 3, "this is a challenge set (JSON), not the MPD"),
    ("split --mpd {S} -o {T}/out", 3, "this is a folder with an mpd.zip, not the MPD"),
    (f"split --mpd {SUBMISSION} -o {{T}}/out", 3, "this is a submission (CSV), not the MPD"),
    (f"split {MPD} --challenge {{S}}/answers.json -o {{T}}/out", 3, "not a challenge set"),
    # nothing there, or not where it is looked for
    (f"validate {{T}}/no.csv {CHALLENGE} {MPD}", 3, "no.csv: no such file"),
    (f"validate {SUBMISSION} --challenge {{T}}/no.json {MPD}", 3, "no.json: no such file"),
    (f"score {{T}}/no.csv {ANSWERS} {MPD}", 3, "no.csv: no such file"),
    (f"score {SUBMISSION} --answers {{T}}/no.json {MPD}", 3, "no.json: no such file"),
    (f"score {SUBMISSION} {ANSWERS} {MPD} --challenge {{T}}/no.json", 3, "no.json: no such file"),
    (f"score {SUBMISSION} {ANSWERS} {MPD}", 4, "50 of the 50 playlists in the answers have no list"),
    (f"score {SUBMISSION} {ANSWERS} --store {{S}}", 4, "50 of the 50 playlists"),
    (f"compare {MPD} --challenge {{T}}/no.json", 3, "no.json: no such file"),
    (f"compare {MPD} {CHALLENGE} --answers {{T}}/no.json", 3, "no.json: no such file"),
    (f"compare {MPD} {CHALLENGE} --answers {{S}}/other.json", 3, "50 playlists of the challenge have none"),
    (f"compare {MPD} --model {{T}}", 3, "holds no recommender (recommender.json is missing)"),
    # options that are unknown, out of range or without effect
    (f"compare {MPD} {ANSWERS}", 2, "held-out tracks of no challenge"),
    (f"compare {MPD} {CHALLENGE} {ANSWERS} --kind final", 2, "a split is asked for, but --answers name"),
    (f"compare {MPD} {CHALLENGE} {ANSWERS} --draw 1", 2, "a split is asked for, but --answers name"),
    (f"compare {MPD} {CHALLENGE} {ANSWERS} --per-category 9", 2, "a split is asked for, but --answers name"),
    (f"compare {MPD} --systems popularty", 2, "'popularty' is unknown; expected some of popularity, title"),
    (f"compare {MPD} --systems ,", 2, "systems: none named"),
    (f"compare {MPD} --kind final --draw 1", 2, "there is one final split only"),
    (f"compare {MPD} --device tpu", 2, "device is 'tpu'"),
    (f"compare {MPD} --model {{T}} --config {{T}}/c.toml", 2, "--model has settings of its own; leave out"),
    (f"compare {MPD} --model {{T}} --epochs 3", 2, "--model has settings of its own; leave out"),
    (f"split {MPD} -o {{T}}/out --kind final --draw 1", 2, "there is one final split only"),
    (f"score {SUBMISSION} {ANSWERS} {MPD} --store {{T}}", 2, "--store and --mpd both name the MPD"),
    (f"validate {SUBMISSION} {CHALLENGE} {MPD} --store {{T}}", 2, "--store and --mpd both name the MPD"),
    (f"score {SUBMISSION} {ANSWERS} {MPD} --variant ndcg=rule-page", 2, "did you mean ndcg=rules-page?"),
    # what would be lost, or cannot be written
    (f"split {MPD} -o {{S}}", 2, "mpd.zip: is the input, and would be replaced"),
    (f"split {MPD} -o {SUBMISSION}", 3, "submission.csv: is a file; expected a folder to write to"),
    (
        f"score {SUBMISSION} {ANSWERS} {MPD} --per-playlist {SUBMISSION}",
        2,
        "is the input, and would be replaced",
    ),
    (f"score {SUBMISSION} {ANSWERS} {MPD} --per-playlist {{T}}", 2, "is a folder; expected a file to write"),
    (f"sample -o {SUBMISSION}", 3, "submission.csv: is a file; expected a folder to write to"),
]


@pytest.mark.parametrize(("words", "code", "message"), CASES)
def test_refused_before_the_mpd_is_read(
    files: TinySample, tmp_path: Path, words: str, code: int, message: str
) -> None:
    before = {path: path.read_bytes() for path in files.mpd.parent.iterdir() if path.is_file()}
    result = refused(files, words, tmp_path)
    assert result.exit_code == code, result.output
    assert message in result.stderr
    assert result.stderr.startswith("Error: ")
    assert result.stdout == ""
    assert {path: path.read_bytes() for path in before} == before
    assert list(tmp_path.iterdir()) == []


def test_a_misspelt_system_gets_a_suggestion(files: TinySample, tmp_path: Path) -> None:
    for typed, meant in (("popularty", "popularity"), ("KNN", "knn"), ("lightgnc", "lightgcn")):
        result = refused(files, f"compare {MPD} --systems title,{typed}", tmp_path)
        assert f"Hint: did you mean {meant}?" in result.stderr
    assert "did you mean" not in refused(files, f"compare {MPD} --systems xyz", tmp_path).stderr


@pytest.mark.parametrize(
    ("words", "found", "expected"),
    [
        ("sample --playlists abc", "abc", "a whole number of at least 100, such as 10000"),
        ("sample --playlists=1e4", "1e4", "a whole number of at least 100, such as 10000"),
        ("sample --playlists 5", "5", "a whole number of at least 100, such as 10000"),
        ("sample --seed -1", "-1", "a whole number of at least 0, such as 0"),
        (
            f"score {SUBMISSION} {ANSWERS} --resamples few",
            "few",
            "a whole number of at least 10, such as 1000",
        ),
        (f"compare {MPD} --draw two", "two", "a whole number of at least 0"),
        (f"split {MPD} -o {{T}}/out --per-category 0", "0", "a whole number of at least 1, such as 1000"),
        ("recommend {T} --title x -n 501", "501", "a whole number from 1 to 500, such as 20"),
    ],
)
def test_a_number_that_is_none_is_told_with_what_was_expected(
    files: TinySample, tmp_path: Path, words: str, found: str, expected: str
) -> None:
    result = refused(files, words, tmp_path)
    assert result.exit_code == 2
    assert f"found '{found}'; expected {expected}" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_choice_that_is_none_is_told_without_the_library_speaking(
    files: TinySample, tmp_path: Path
) -> None:
    result = refused(files, f"split {MPD} -o {{T}}/out --kind test", tmp_path)
    assert "Invalid value for '--kind': 'test' is not one of 'tuning', 'final'." in result.stderr
