"""Guards what is written: nothing replaces an input, nor a file that its own command did not write."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import msgspec

from challenge.errors import ConfigError, InputError
from challenge.files import (
    disk_full_explained,
    file_hash,
    read_json,
    require_writable,
    unfinished_directory,
    write_json,
)
from challenge.manifest import Command
from challenge.versions import package_versions

MPD_NAME: Final = "mpd.zip"
CHALLENGE_SET_NAME: Final = "challenge_set.json"
ANSWERS_NAME: Final = "answers.json"
MANIFEST_NAME: Final = "manifest.json"
DATASET_NAMES: Final = (MPD_NAME, CHALLENGE_SET_NAME, ANSWERS_NAME)
_ANOTHER_FOLDER: Final = "choose another --output folder"
_ANOTHER_FILE: Final = "name another file"


def dataset_paths(folder: Path) -> dict[str, Path]:
    """Where a dataset is written in ``folder``: the paths of its "mpd", "challenge_set" and "answers"."""
    return dict(zip(("mpd", "challenge_set", "answers"), map(folder.joinpath, DATASET_NAMES), strict=True))


def require_writable_file(path: Path, inputs: Iterable[Path | None] = ()) -> None:
    """Refuse a file that cannot be written, or would replace an input.

    Raises:
        ConfigError: it is a folder or an input.
        InputError: its folder cannot be written.
    """
    if path.is_dir():
        raise ConfigError(f"{path}: is a folder; expected a file to write", hint=_ANOTHER_FILE)
    require_writable(path.parent)
    _refuse_input(path, inputs, _ANOTHER_FILE)


def require_replaceable(folder: Path, maker: str, inputs: Iterable[Path | None] = ()) -> None:
    """Refuse a folder where a dataset would replace an input, or files that ``maker`` did not write there.

    Its own files are known by their hashes in the manifest beside them; see :func:`dataset_folder`.

    Raises:
        ConfigError: files would be lost.
        InputError: the folder cannot be written.
    """
    require_writable(folder)
    given = [path for path in inputs if path is not None]
    for path in given:
        if path.is_dir() and folder.is_dir() and path.samefile(folder):
            raise ConfigError(f"{folder}: is an input, and would be written to", hint=_ANOTHER_FOLDER)
    targets = [folder / name for name in (*DATASET_NAMES, MANIFEST_NAME)]
    for path in targets:
        _refuse_input(path, given, _ANOTHER_FOLDER)
    own = _own_files(folder, maker)
    for path in targets[:-1] if own else targets:
        if os.path.lexists(path) and not _is_own(path, own):
            raise ConfigError(
                f"{path}: is there already, and not as 'challenge {maker}' wrote it; it is not replaced",
                hint=f"{_ANOTHER_FOLDER}, or move the files there away yourself",
            )


def _refuse_input(target: Path, inputs: Iterable[Path | None], hint: str) -> None:
    for path in inputs:
        if path is not None and target.exists() and path.exists() and target.samefile(path):
            named = "the input" if str(target) == str(path) else f"the input {path}"
            raise ConfigError(f"{target}: is {named}, and would be replaced", hint=hint)


def _own_files(folder: Path, maker: str) -> dict[str, str]:
    """Hashes of what ``maker`` wrote into the folder, by name; empty where no manifest says so."""
    try:
        raw: Any = read_json(folder / MANIFEST_NAME)
        files = raw["files"] if raw["kind"] == maker else {}
    except (OSError, InputError, KeyError, TypeError):
        return {}
    return files if isinstance(files, dict) else {}


def _is_own(path: Path, own: dict[str, str]) -> bool:
    return path.is_file() and own.get(path.name) == file_hash(path)


class DatasetManifest(msgspec.Struct, kw_only=True):
    """How a dataset came about that a command wrote.

    Attributes:
        kind: the command, which tells it from other manifests.
        command: what was run.
        versions: of Python and packages.
        files: SHA-256 of each file written, by name.
    """

    kind: str
    command: Command = msgspec.field(default_factory=Command.begin)
    versions: dict[str, str] = msgspec.field(default_factory=package_versions)
    files: dict[str, str] = msgspec.field(default_factory=dict)


@contextmanager
def dataset_folder(folder: Path, manifest: DatasetManifest) -> Iterator[Path]:
    """Give an empty folder whose files replace those in ``folder`` together, when the block ends well.

    The manifest goes with them. It keeps the hash of each, by which :func:`require_replaceable` knows them,
    and the time of the command up to then.

    Raises:
        ResourceError: the disk is full; what was there stays.
    """
    with disk_full_explained(folder), unfinished_directory(folder / manifest.kind) as temporary:
        yield temporary
        manifest.command.stop()
        written = sorted(temporary.iterdir())
        manifest.files = {path.name: file_hash(path) for path in written}
        write_json(folder / MANIFEST_NAME, msgspec.to_builtins(manifest), sort_keys=False)
        for path in written:
            path.replace(folder / path.name)
