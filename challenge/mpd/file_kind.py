"""Tells what a file or folder is, so that a message can say what was named in place of what was wanted."""

from __future__ import annotations

import gzip
import re
import zlib
from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import Any, Final

import orjson

from challenge.data.archive import INDEX
from challenge.errors import FormatError, InputError
from challenge.inputs import open_regular
from challenge.mpd.zip_reader import open_zip

_HEAD_BYTES: Final = 1 << 16
_HEAD_BYTES_OF_MANIFEST: Final = 1 << 22


class FileKind(StrEnum):
    """What a file or folder is, as a sentence names it."""

    MPD_ZIP = "a zip of the MPD"
    MPD_FOLDER = "a folder of the MPD's slices"
    MPD_SLICE = "a slice of the MPD"
    STORE = "a store of the MPD"
    CHALLENGE_SET = "a challenge set (JSON)"
    ANSWERS = "answers (JSON)"
    SUBMISSION = "a submission (CSV)"
    DATASET_FOLDER = "a folder with an mpd.zip"
    RUN_FOLDER = "the folder of a run"
    JSON = "JSON of another kind"


MPD_KINDS: Final = (FileKind.MPD_ZIP, FileKind.MPD_FOLDER, FileKind.MPD_SLICE, FileKind.STORE)

# By what a file's first bytes hold; the first that fits decides. A slice has an "info" before its playlists,
# and a challenge playlist the number of tracks that are held out.
_TEXT_KINDS: Final = (
    (re.compile(rb'\s*\{.*"info"\s*:\s*\{.*"playlists"\s*:\s*\[', re.DOTALL), FileKind.MPD_SLICE),
    (re.compile(rb'\s*\{.*"playlists"\s*:\s*\[.*"num_holdouts"\s*:', re.DOTALL), FileKind.CHALLENGE_SET),
    (re.compile(rb'\s*\{\s*"[0-9]+"\s*:\s*\{.*"holdout"\s*:\s*\[', re.DOTALL), FileKind.ANSWERS),
    # Playlists whose other facts come later may be either.
    (re.compile(rb'\s*\{.*"playlists"\s*:', re.DOTALL), None),
    (re.compile(rb'\s*(\{\s*("[^"]*"\s*:|\})|\[\s*[\[{"\]])', re.DOTALL), FileKind.JSON),
    (re.compile(rb"(\s*#[^\n]*\n)*\s*team_info\s*,", re.IGNORECASE), FileKind.SUBMISSION),
    (re.compile(rb"\s*[0-9]+\s*,\s*spotify:track:"), FileKind.SUBMISSION),
)


def kind_of(path: Path) -> FileKind | None:
    """Return the kind of a file or folder by its first bytes or names; None where that does not tell."""
    try:
        if path.is_dir():
            return _kind_of_folder(path)
        with open_regular(path) as file:
            magic = file.read(2)
            file.seek(0)
            if magic == b"PK":
                return _kind_of_zip(path)
            text = gzip.GzipFile(fileobj=file) if magic == b"\x1f\x8b" else file
            head: bytes = text.read(_HEAD_BYTES)
    except (OSError, EOFError, zlib.error, InputError):
        return None
    return next((kind for pattern, kind in _TEXT_KINDS if pattern.match(head)), None)


def _kind_of_zip(path: Path) -> FileKind | None:
    with open_zip(path) as archive:
        names = [PurePosixPath(name).name for name in archive.namelist()]
    if any(name.startswith("mpd.slice.") for name in names):
        return FileKind.MPD_ZIP
    return FileKind.CHALLENGE_SET if "challenge_set.json" in names else None


def _kind_of_folder(path: Path) -> FileKind | None:
    manifest = path / "manifest.json"
    if manifest.is_file() and (path / INDEX).is_file():
        return FileKind.STORE
    if manifest.is_file() and manifest.stat().st_size <= _HEAD_BYTES_OF_MANIFEST:
        content = _json_object(manifest)
        if "store_version" in content:
            return FileKind.STORE
        if content.get("kind") == "run":
            return FileKind.RUN_FOLDER
    if any(next(path.glob(pattern), None) for pattern in ("mpd.slice.*.json", "*/mpd.slice.*.json")):
        return FileKind.MPD_FOLDER
    if (path / "mpd.zip").is_file():
        return FileKind.DATASET_FOLDER
    return FileKind.CHALLENGE_SET if (path / "challenge_set.json").is_file() else None


def _json_object(path: Path) -> dict[str, Any]:
    try:
        content = orjson.loads(path.read_bytes())
    except orjson.JSONDecodeError:
        return {}
    return content if isinstance(content, dict) else {}


def refuse_other_kind(path: Path, wanted: str, *kinds: FileKind, hint: str) -> None:
    """Refuse a file that is plainly something else than was wanted; one that cannot be told passes.

    Args:
        path: the file or folder named.
        wanted: what it should be, such as "answers".
        kinds: the kinds that would do.
        hint: what to name instead.

    Raises:
        FormatError: it is of another kind.
    """
    found = kind_of(path)
    if found is not None and found not in kinds:
        raise FormatError(f"{path}: this is {found}, not {wanted}", hint=hint)
