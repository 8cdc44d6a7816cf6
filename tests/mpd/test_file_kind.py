"""Files are told by what they hold, and what cannot be told passes."""

from __future__ import annotations

import gzip
import json
import zipfile
from pathlib import Path

import pytest

from challenge.errors import FormatError
from challenge.mpd.file_kind import FileKind, kind_of, refuse_other_kind
from challenge.mpd.store import prepare_store
from tests.official_files import (
    TINY_SLICES,
    slice_text,
    tiny_challenge,
    track_uri,
    write_mpd_folder,
    write_mpd_zip,
)

ANSWERS = json.dumps({"7": {"category": "first_5", "holdout": [track_uri("rock1")]}})
TEXTS = {
    FileKind.ANSWERS: [ANSWERS, json.dumps(json.loads(ANSWERS), indent=4)],
    FileKind.CHALLENGE_SET: [json.dumps(tiny_challenge()), json.dumps(tiny_challenge(), indent=4)],
    FileKind.MPD_SLICE: [slice_text(TINY_SLICES["0-2"])],
    FileKind.SUBMISSION: ["team_info,a,b@c.org\n", "# by hand\n\n TEAM_INFO, a, b\n", "7,spotify:track:x\n"],
    FileKind.JSON: ["{}", "[]", '{"a": 1}', '[{"a": 1}]'],
    None: [
        "",
        "pid,track\n",
        "[1, 2",
        "{ not json",
        "\n" * 70_000,
        "#" * 70_000,
        '{"playlists": [{"pid": 1}]}',
    ],
}


@pytest.mark.parametrize(("kind", "text"), [(kind, text) for kind, texts in TEXTS.items() for text in texts])
@pytest.mark.parametrize("packed", [False, True])
def test_text_files(tmp_path: Path, kind: FileKind | None, text: str, packed: bool) -> None:
    path = tmp_path / "file"
    path.write_bytes(gzip.compress(text.encode()) if packed else text.encode())
    assert kind_of(path) is kind


def test_zips_and_folders(tmp_path: Path) -> None:
    (tmp_path / "dataset").mkdir()
    mpd = write_mpd_zip(tmp_path / "dataset" / "mpd.zip", TINY_SLICES)
    packed = tmp_path / "challenge.zip"
    for path, name in ((packed, "inside/challenge_set.json"), (tmp_path / "other.zip", "notes.txt")):
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr(name, "{}")
    run = tmp_path / "run"
    run.mkdir()
    (run / "manifest.json").write_text('{"kind": "run"}')
    expected = {
        mpd: FileKind.MPD_ZIP,
        packed: FileKind.CHALLENGE_SET,
        tmp_path / "other.zip": None,
        write_mpd_folder(tmp_path / "slices", TINY_SLICES): FileKind.MPD_FOLDER,
        prepare_store(mpd, cache_dir=tmp_path / "cache").path: FileKind.STORE,
        run: FileKind.RUN_FOLDER,
        tmp_path / "dataset": FileKind.DATASET_FOLDER,
        tmp_path / "cache": None,
        tmp_path / "nothing": None,
    }
    assert {path: kind_of(path) for path in expected} == expected


def test_damaged_files_are_of_no_kind(tmp_path: Path) -> None:
    whole = gzip.compress(ANSWERS.encode() * 1000)
    for number, data in enumerate((whole[:40], b"PK\x03\x04 and no more", b"\x1f\x8bno gzip")):
        path = tmp_path / f"{number}"
        path.write_bytes(data)
        assert kind_of(path) is None


def test_only_what_is_plainly_something_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "answers.json"
    path.write_text(ANSWERS)
    refuse_other_kind(path, "answers", FileKind.ANSWERS, hint="h")
    with pytest.raises(FormatError, match=r"answers\.json: this is answers \(JSON\), not the MPD") as caught:
        refuse_other_kind(path, "the MPD", FileKind.MPD_ZIP, hint="name the zip")
    assert caught.value.hint == "name the zip"
    path.write_text("pid,track\n")
    refuse_other_kind(path, "the MPD", FileKind.MPD_ZIP, hint="h")
