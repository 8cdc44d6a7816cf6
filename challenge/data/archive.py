"""Records of arrays on disk: dataclasses written as .npy files with checksums, read memory-mapped.

No pickle: a file holds numbers or UTF-8 text, and what it is of stands in ``arrays.json`` beside it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, TypeVar, get_args, get_type_hints

import numpy as np
from isal import isal_zlib

from challenge.artifacts import read_json, write_json
from challenge.data.strings import StringTable
from challenge.errors import FormatError, MissingInputError

Record = TypeVar("Record")

_INDEX: Final = "arrays.json"
_HEADER_BYTES: Final = 128
_AGAIN: Final = "make it again, or copy it whole from where it was made"


def save_record(record: Any, folder: Path, *, of: str) -> None:
    """Write a dataclass of arrays, numbers, strings and further such dataclasses into ``folder``.

    ``of`` stands for what its rows and columns are; :func:`load_record` refuses another.
    """
    folder.mkdir(parents=True, exist_ok=True)
    arrays = dict(_arrays(record, ""))
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", np.ascontiguousarray(array), allow_pickle=False)
    checks = {name: _check(folder / f"{name}.npy") for name in arrays}
    write_json(folder / _INDEX, {"of": of, "files": checks})


def load_record(kind: type[Record], folder: Path, *, of: str | None = None) -> Record:
    """Read what :func:`save_record` wrote, after checking every byte; arrays are mapped into memory.

    Raises:
        MissingInputError: nothing there, or a file is missing.
        FormatError: a file was changed, it is of other rows and columns, or of another kind of record.
    """
    found, files = _index(folder / _INDEX)
    if of is not None and found != of:
        raise FormatError(
            f"{folder}: is of other playlists or tracks (found {found[:12]}, expected {of[:12]})",
            hint=_AGAIN,
        )
    arrays = {}
    for name, check in files.items():
        path = folder / f"{name}.npy"
        if not path.exists():
            raise MissingInputError(f"{path}: no such file", hint=_AGAIN)
        if _check(path) != check:
            raise FormatError(f"{path}: is not as it was written: its checksum differs", hint=_AGAIN)
        arrays[name] = _mapped(path)
    try:
        record: Record = _record(kind, arrays, "")
    except KeyError as error:
        raise FormatError(f"{folder}: lacks {error.args[0]} of a {kind.__name__}", hint=_AGAIN) from None
    return record


def _index(path: Path) -> tuple[str, dict[str, Any]]:
    """What a record is of, and the check of each of its files."""
    index = read_json(path, hint=_AGAIN)
    found, files = (index.get("of"), index.get("files")) if isinstance(index, dict) else (None, None)
    if not isinstance(found, str) or not isinstance(files, dict):
        raise FormatError(f"{path}: is not as it was written", hint=_AGAIN)
    return found, files


def _check(path: Path) -> dict[str, int]:
    """Size and CRC-32 of a file."""
    crc, size = 0, 0
    with path.open("rb") as file:
        while chunk := file.read(1 << 24):
            crc, size = isal_zlib.crc32(chunk, crc), size + len(chunk)
    return {"bytes": size, "crc32": crc}


def _mapped(path: Path) -> np.ndarray:
    empty = path.stat().st_size <= _HEADER_BYTES  # an empty array cannot be mapped
    array: np.ndarray = np.load(path, mmap_mode=None if empty else "r", allow_pickle=False)
    return array


def _arrays(record: Any, prefix: str) -> Iterator[tuple[str, np.ndarray]]:
    for field in fields(record):
        if field.init and not field.name.startswith("_"):
            yield from _value(getattr(record, field.name), prefix + field.name)


def _value(value: Any, name: str) -> Iterator[tuple[str, np.ndarray]]:
    if isinstance(value, StringTable) or is_dataclass(value):
        yield from _arrays(value, f"{name}.")
    elif isinstance(value, tuple):
        yield from _arrays(StringTable.from_strings(text or "" for text in value), f"{name}.")
        yield f"{name}.missing", np.array([text is None for text in value], np.bool_)
    else:
        yield name, np.asarray(value)


def _record(kind: Any, arrays: Mapping[str, np.ndarray], prefix: str) -> Any:
    hints = get_type_hints(kind)
    names = [field.name for field in fields(kind) if field.init and not field.name.startswith("_")]
    return kind(**{name: _read(hints[name], arrays, prefix + name) for name in names})


def _read(kind: Any, arrays: Mapping[str, np.ndarray], name: str) -> Any:
    if is_dataclass(kind):
        return _record(kind, arrays, f"{name}.")
    if f"{name}.missing" in arrays:
        texts = _record(StringTable, arrays, f"{name}.")
        entry = get_args(kind)[0] if get_args(kind) else str
        convert = entry if isinstance(entry, type) and issubclass(entry, StrEnum) else str
        pairs = zip(texts, arrays[f"{name}.missing"].tolist(), strict=True)
        return tuple(None if missing else convert(text) for text, missing in pairs)
    array = arrays[name]
    return array.item() if kind in (int, float, bool, str) else array
