"""The manifest of a run as a file: what is read back, and what is refused."""

from __future__ import annotations

import json
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from challenge.errors import FormatError, MissingInputError
from challenge.manifest import (
    Command,
    DatasetFacts,
    Epoch,
    Input,
    Inputs,
    Manifest,
    MeanScore,
    Private,
    RankerFacts,
    SubmissionFacts,
    TrainingFacts,
    ValidationScores,
)
from challenge.profile import Profile, StageCost
from challenge.sealed import seal

SCORES = ValidationScores(3, MeanScore(0.5, 0.25), MeanScore(0.75, 0.125), MeanScore(1.5, 0.5))


def full_manifest() -> Manifest:
    return Manifest(
        config={"lightgcn": {"embedding_size": 64}, "names": ["a", "b"]},
        seed=7,
        device="cpu",
        inputs=Inputs(Input("mpd.zip", "zip", "sha256:ab"), Input("challenge.json", "json", "md5:cd")),
        dataset=DatasetFacts(50, 5, 4, 1, 10, 300, 90, False),
        lightgcn=(TrainingFacts("cpu", epochs=(Epoch(0, ndcg=0.1), Epoch(1, 0.7, 0.2, 3.5)), best_epoch=1),),
        ranker=RankerFacts(60, 4000, {"popularity": 0.75, "score": 0.25}, validation=SCORES),
        submission=SubmissionFacts("submission.csv.gz", "ef", {"first_5": {"title": 3}}),
        profile=Profile({"train": StageCost(1.5, 1000)}, {"train": {"factors": StageCost(1, 10)}}),
    )


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    full_manifest().save(tmp_path / "manifest.json")
    return tmp_path / "manifest.json"


def changed(path: Path, **changes: Any) -> Path:
    """With a right seal, as another version would have written it."""
    content = json.loads(path.read_text()) | changes
    del content["sha256"]
    path.write_text(json.dumps(seal({key: value for key, value in content.items() if value is not ...})))
    return path


def test_a_changed_letter_is_refused(saved: Path) -> None:
    text = saved.read_text()
    saved.write_text(text.replace('"seed": ', '"seed": 1'))
    with pytest.raises(FormatError, match="is not as it was written") as caught:
        Manifest.load(saved)
    assert caught.value.hint


def test_it_survives_the_file(tmp_path: Path) -> None:
    manifest = full_manifest()
    manifest.save(tmp_path / "manifest.json")
    assert Manifest.load(tmp_path / "manifest.json") == manifest
    assert manifest.versions["numpy"] == np.__version__


def test_it_tells_when_and_by_which_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["/bin/challenge", "train", "--mpd", "my mpd.zip"])
    before = datetime.now(UTC).replace(microsecond=0)
    manifest = Manifest()
    monkeypatch.setattr(sys, "argv", ["/bin/challenge", "fill"])
    manifest.go_on()
    manifest.save(tmp_path / "m.json")
    read = Manifest.load(tmp_path / "m.json")
    assert [command.line for command in read.commands] == [
        "challenge train --mpd 'my mpd.zip'",
        "challenge fill",
    ]
    assert before <= datetime.fromisoformat(read.date) <= datetime.now(UTC)
    assert read.date.endswith("+00:00")


def test_a_command_tells_nobody_where_files_lie_nor_an_address(monkeypatch: pytest.MonkeyPatch) -> None:
    line = ["/home/ann/bin/challenge", "run", "--mpd", "/home/ann/my mpd.zip", "--challenge=/home/ann/c.json"]
    line += [
        "--email",
        "ann@example.org",
        "--output",
        "runs/first/",
        "--source",
        "foo=my.module:Foo",
        "--seed=3",
    ]
    monkeypatch.setattr(sys, "argv", line)
    assert Command.begin().line == (
        "challenge run --mpd 'my mpd.zip' --challenge=c.json --email ADDRESS --output first "
        "--source foo=my.module:Foo --seed=3"
    )


def test_what_is_private_is_in_a_file_for_this_user_alone(tmp_path: Path) -> None:
    path = tmp_path / "private.json"
    Private("0a", "ann@example.org", "/data/mpd.zip", "/data/c.json", "/cache/x").save(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert Private.load(path).mpd == "/data/mpd.zip"
    path.write_text(path.read_text().replace("ann@", "bob@"))
    with pytest.raises(FormatError, match=r"private\.json: is not as it was written"):
        Private.load(path)


def test_seconds_do_not_depend_on_the_date_being_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "monotonic", lambda: 100.0)
    command = Command.begin()
    command.date = "2999-01-01T00:00:00+00:00"  # as if the clock had gone back since
    monkeypatch.setattr(time, "monotonic", lambda: 107.5)
    command.stop()
    assert command.seconds == 7.5


def test_fields_of_a_later_version_are_ignored(saved: Path) -> None:
    dataset = json.loads(saved.read_text())["dataset"] | {"albums": 3}
    read = Manifest.load(changed(saved, later={"a": 1}, dataset=dataset))
    assert (read.seed, read.dataset) == (7, full_manifest().dataset)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"manifest_version": ...}, "written by an earlier version .* manifest_version is none, expected 2"),
        ({"manifest_version": 0}, "written by an earlier version .* manifest_version is 0, expected 2"),
        ({"manifest_version": 3}, "written by a later version .* manifest_version is 3, expected 2"),
        ({"seed": "seven"}, r"damaged \(Expected `int`, got `str` - at `\$\.seed`\)"),
        ({"dataset": {}}, "damaged .*seeds"),
        ({"kind": "split"}, "expected the manifest of a run, found that of a 'split'"),
    ],
)
def test_what_cannot_be_read_says_why(saved: Path, changes: dict[str, Any], error: str) -> None:
    with pytest.raises(FormatError, match=error) as caught:
        Manifest.load(changed(saved, **changes))
    assert caught.value.message.startswith(str(saved))


def test_what_is_no_manifest_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match="no such file"):
        Manifest.load(tmp_path / "m.json")
    for text, error in (("[]", "expected a JSON object, found list"), ("{", "not JSON")):
        (tmp_path / "m.json").write_text(text)
        with pytest.raises(FormatError, match=error):
            Manifest.load(tmp_path / "m.json")
