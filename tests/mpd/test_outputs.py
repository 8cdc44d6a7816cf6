"""Nothing that is written replaces an input, or a file of somebody else's."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from challenge.errors import ConfigError, InputError
from challenge.files import file_hash, require_writable
from challenge.mpd.outputs import (
    DATASET_NAMES,
    DatasetManifest,
    dataset_folder,
    require_replaceable,
    require_writable_file,
)


class Manifest(DatasetManifest, kw_only=True):
    """A manifest with a field of its own."""

    seed: int = 3


def write_dataset(folder: Path, maker: str = "split", text: str = "content") -> None:
    with dataset_folder(folder, Manifest(kind=maker)) as temporary:
        for name in DATASET_NAMES:
            (temporary / name).write_text(f"{text} of {name}")


def contents(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir()}


def test_files_arrive_together_with_a_manifest_of_their_hashes(tmp_path: Path) -> None:
    write_dataset(tmp_path / "a" / "b")
    assert set(contents(tmp_path / "a" / "b")) == {*DATASET_NAMES, "manifest.json"}
    manifest = json.loads((tmp_path / "a" / "b" / "manifest.json").read_text())
    hashes = {name: file_hash(tmp_path / "a" / "b" / name) for name in DATASET_NAMES}
    assert {name: manifest[name] for name in ("kind", "seed", "files")} == {
        "kind": "split",
        "seed": 3,
        "files": hashes,
    }
    assert manifest["command"]["seconds"] >= 0


def test_a_failure_leaves_what_was_there(tmp_path: Path) -> None:
    write_dataset(tmp_path)
    before = contents(tmp_path)

    def fail() -> None:
        with dataset_folder(tmp_path, Manifest(kind="split")) as temporary:
            (temporary / "mpd.zip").write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert contents(tmp_path) == before


def test_own_files_are_replaced_as_often_as_one_likes(tmp_path: Path) -> None:
    for text in ("first", "second", "third"):
        require_replaceable(tmp_path, "split")
        write_dataset(tmp_path, text=text)
        assert (tmp_path / "mpd.zip").read_text() == f"{text} of mpd.zip"


def test_a_former_dataset_that_lost_a_file_is_replaced(tmp_path: Path) -> None:
    write_dataset(tmp_path)
    (tmp_path / "answers.json").unlink()
    require_replaceable(tmp_path, "split")


@pytest.mark.parametrize("name", DATASET_NAMES)
def test_a_changed_or_foreign_file_is_not_replaced(tmp_path: Path, name: str) -> None:
    write_dataset(tmp_path)
    (tmp_path / name).write_text("mine")
    with pytest.raises(ConfigError, match=f"{name}: is there already, and not as 'challenge split' wrote it"):
        require_replaceable(tmp_path, "split")
    alone = tmp_path / "alone"
    alone.mkdir()
    (alone / name).write_text("mine")
    with pytest.raises(ConfigError, match=f"{name}: is there already"):
        require_replaceable(alone, "split")


def test_another_command_owns_its_files(tmp_path: Path) -> None:
    write_dataset(tmp_path, "sample")
    with pytest.raises(ConfigError, match=r"mpd\.zip: is there already, and not as 'challenge split' wrote"):
        require_replaceable(tmp_path, "split")


@pytest.mark.parametrize(
    "manifest",
    [
        '{"store_version": 1}',
        "[]",
        '{"kind": "split"}',
        '{"kind": "split", "files": ["mpd.zip"]}',
        '{"kind": "sample", "files": {"mpd.zip": "0"}}',
        "no",
    ],
)
def test_a_manifest_of_something_else_is_not_replaced(tmp_path: Path, manifest: str) -> None:
    (tmp_path / "manifest.json").write_text(manifest)
    with pytest.raises(ConfigError, match=r"manifest\.json: is there already"):
        require_replaceable(tmp_path, "split")


@pytest.mark.parametrize("link", [None, os.symlink, os.link])
@pytest.mark.parametrize("name", [*DATASET_NAMES, "manifest.json"])
def test_an_input_is_not_replaced_by_whatever_name_it_goes(tmp_path: Path, name: str, link: object) -> None:
    source, output = tmp_path / "source.zip", tmp_path / "out"
    write_dataset(output)  # even where the files are the command's own
    if link is None:
        source = output / name
    else:
        source.write_bytes((output / name).read_bytes())
        (output / name).unlink()
        link(source, output / name)  # type: ignore[operator]
    with pytest.raises(ConfigError, match=rf"{name}: is the input.*, and would be replaced"):
        require_replaceable(output, "split", (None, source))


def test_an_input_folder_is_not_written_to(tmp_path: Path) -> None:
    (tmp_path / "slices").mkdir()
    (tmp_path / "same").symlink_to("slices")
    with pytest.raises(ConfigError, match="is an input, and would be written to"):
        require_replaceable(tmp_path / "same", "split", (tmp_path / "slices",))


def test_folders_and_files_that_cannot_be_written(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("x")
    for folder in (file, file / "deeper" / "still"):
        with pytest.raises(InputError, match=f"{file}: is a file; expected a folder to write to"):
            require_writable(folder)
    with pytest.raises(ConfigError, match="is a folder; expected a file to write"):
        require_writable_file(tmp_path)
    with pytest.raises(ConfigError, match="is the input, and would be replaced"):
        require_writable_file(file, (file, None))
    with pytest.raises(InputError, match="file: is a file; expected a folder") as caught:
        require_writable_file(file / "scores.csv")
    assert caught.value.hint == "name another folder"
    require_writable_file(tmp_path / "new" / "scores.csv", (file,))
    require_writable(tmp_path / "new" / "folder")
    assert not (tmp_path / "new").exists()


def test_a_folder_without_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda path, _: Path(path) != tmp_path)
    with pytest.raises(InputError, match=f"cannot be written, {tmp_path} does not permit it"):
        require_writable(tmp_path / "new")
