"""Seals of what is kept: the SHA-256 of every file, so that what was changed is refused before it is used.

A seal tells damage and mix-ups. It is no signature: whoever may write a folder may seal it anew, so what
compiled code relies on is checked once more when it is read; see :mod:`challenge.data.faults`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec
import orjson

from challenge.errors import FormatError, MissingInputError
from challenge.files import file_hash, read_json, write_json
from challenge.threads import thread_count

Facts = TypeVar("Facts")
_SEAL: Final = "sha256"


def write_sealed(path: Path, facts: msgspec.Struct, *, private: bool = False) -> None:
    """Write facts as a JSON object with its own SHA-256 in it; ``private`` ones for this user alone."""
    write_json(path, seal(msgspec.to_builtins(facts)), sort_keys=False, private=private)


def seal(facts: dict[str, Any]) -> dict[str, Any]:
    """Return facts with their SHA-256 among them, in whatever order and layout they will be written."""
    return {**facts, _SEAL: _hash(facts)}


def unseal(facts: dict[str, Any], path: Path, *, hint: str) -> dict[str, Any]:
    """Return what was sealed, read from ``path``.

    Raises:
        FormatError: it was changed since.
    """
    plain = {name: value for name, value in facts.items() if name != _SEAL}
    if facts.get(_SEAL) != _hash(plain):
        raise changed(path, hint=hint)
    return plain


def read_sealed(path: Path, kind: type[Facts], *, version: tuple[str, int], hint: str) -> Facts:
    """Read what :func:`write_sealed` wrote.

    Args:
        path: the file.
        kind: struct of msgspec's to give the facts as.
        version: the name of the fact that tells the version, and what it must be.
        hint: what to do where that fails.

    Raises:
        MissingInputError: nothing there.
        FormatError: not JSON, not an object, of another version, or changed since.
    """
    facts = read_json(path, hint=hint)
    if not isinstance(facts, dict):
        raise FormatError(f"{path}: expected a JSON object, found {type(facts).__name__}", hint=hint)
    name, expected = version
    if facts.get(name) != expected:
        raise FormatError(f"{path}: {name} is {facts.get(name)!r:.40}; expected {expected}", hint=hint)
    try:
        return msgspec.convert(unseal(facts, path, hint=hint), kind)
    except msgspec.ValidationError as error:
        raise FormatError(f"{path}: is not as it was written ({error})", hint=hint) from error


def _hash(facts: Mapping[str, Any]) -> str:
    options = orjson.OPT_SORT_KEYS | orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS
    return hashlib.sha256(orjson.dumps(facts, option=options)).hexdigest()


def hashes_of(folder: Path, names: Iterable[str]) -> dict[str, str]:
    """SHA-256 of files in a folder by name, several at a time.

    Raises:
        FileNotFoundError: one is not there.
    """
    names = sorted(names)
    with ThreadPoolExecutor(thread_count()) as pool:
        return dict(zip(names, pool.map(lambda name: file_hash(folder / name), names), strict=True))


def require_unchanged(folder: Path, expected: Mapping[str, str], *, hint: str) -> None:
    """Compare files in a folder with their hashes by name.

    Raises:
        MissingInputError: one is not there.
        FormatError: one was changed.
    """
    for name in expected:
        if not (folder / name).is_file():
            raise MissingInputError(f"{folder / name}: no such file", hint=hint)
    found = hashes_of(folder, expected)
    for name in expected:
        if found[name] != expected[name]:
            raise changed(folder / name, hint=hint)


def changed(path: Path, *, hint: str) -> FormatError:
    """Say that a file is not what was written there."""
    return FormatError(f"{path}: is not as it was written: its checksum differs", hint=hint)
