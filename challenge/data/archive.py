"""Records of arrays on disk: dataclasses written as sealed .npy files, read memory-mapped.

No pickle: a file holds numbers or UTF-8 text, and what it is of stands in ``arrays.json`` beside it. A record
whose class has a method ``faults()`` is asked for them before it is given out.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, TypeVar, get_args, get_type_hints

import msgspec
import numpy as np
from numpy.lib import format as npy

from challenge.data.strings import StringTable
from challenge.errors import FormatError
from challenge.sealed import hashes_of, read_sealed, require_unchanged, write_sealed

Record = TypeVar("Record")

INDEX: Final = "arrays.json"
"""The file beside a record's arrays that names them all, with their hashes."""
_VERSION: Final = 2
_SUFFIX: Final = ".npy"
_AGAIN: Final = "make it again, or copy it whole from where it was made"


class _Index(msgspec.Struct):
    """What a record is of, and the hash of each of its files."""

    of: str
    files: dict[str, str]
    version: int = _VERSION


def save_record(record: Any, folder: Path, *, of: str) -> None:
    """Write a dataclass of arrays, numbers, strings and further such dataclasses into ``folder``.

    ``of`` stands for what its rows and columns are; :func:`load_record` refuses another.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, array in _arrays(record, ""):
        save_array(folder / f"{name}{_SUFFIX}", array)
    seal_record(folder, of=of)


def save_array(path: Path, array: np.ndarray) -> None:
    """Write an array as .npy; unlike :func:`numpy.save` it tells why a write fails."""
    contiguous = np.ascontiguousarray(array)
    with path.open("wb") as file:
        npy.write_array_header_1_0(file, npy.header_data_from_array_1_0(contiguous))
        file.write(contiguous.data)


def seal_record(folder: Path, *, of: str) -> None:
    """Seal the arrays that were written into ``folder``, by :func:`save_record` or piece by piece."""
    files = hashes_of(folder, (path.name for path in folder.glob(f"*{_SUFFIX}")))
    write_sealed(folder / INDEX, _Index(of, files))


def check_record(folder: Path, *, of: str | None = None, hint: str = _AGAIN) -> list[str]:
    """Compare every byte of a record with its seal; return the names of its arrays.

    Raises:
        MissingInputError: nothing there, or a file is missing.
        FormatError: a file was changed, or it is of other rows and columns, or of another version.
    """
    index = read_sealed(folder / INDEX, _Index, version=("version", _VERSION), hint=hint)
    if of is not None and index.of != of:
        raise FormatError(
            f"{folder}: is of other playlists or tracks (found {index.of[:12]}, expected {of[:12]})",
            hint=hint,
        )
    require_unchanged(folder, index.files, hint=hint)
    return [name.removesuffix(_SUFFIX) for name in index.files]


def load_record(
    kind: type[Record],
    folder: Path,
    *,
    of: str | None = None,
    lengths: Mapping[str, int] | None = None,
    hint: str = _AGAIN,
) -> Record:
    """Read what :func:`save_record` wrote, after checking every byte; arrays are mapped into memory.

    Args:
        kind: class of the record.
        folder: where it lies.
        of: what its rows and columns must be, where that is known.
        lengths: how many entries some of its fields must have.
        hint: what to do where that fails.

    Raises:
        MissingInputError: nothing there, or a file is missing.
        FormatError: a file was changed, it is of other rows and columns or of another kind of record, or
            its arrays do not fit each other.
    """
    names = check_record(folder, of=of, hint=hint)
    try:
        maps = {name: _mapped(folder / f"{name}{_SUFFIX}") for name in names}
        record: Record = _record(kind, {name: array for name, (array, _) in maps.items()}, "")
        fault = next(_faults(record, lengths or {}), None)
        for _, content in maps.values():
            if content is not None:  # pages that only the checks needed are no memory of ours any more
                content.madvise(mmap.MADV_DONTNEED)
    except KeyError as error:
        fault = f"lacks {error.args[0]} of a {kind.__name__}"
    except (ValueError, TypeError, AttributeError, OverflowError, OSError) as error:
        fault = f"cannot be read as a {kind.__name__} ({error})"
    if fault is not None:
        raise FormatError(f"{folder}: {fault}", hint=hint)
    return record


def _faults(record: Any, lengths: Mapping[str, int]) -> Iterator[str]:
    if hasattr(record, "faults"):
        yield from record.faults()
    for name, expected in lengths.items():
        if len(getattr(record, name)) != expected:
            yield f"{name} has {len(getattr(record, name)):,} entries; expected {expected:,}"


def _mapped(path: Path) -> tuple[np.ndarray, mmap.mmap | None]:
    """Map an array, read-only; of its header nothing is believed that its size does not bear out."""
    with path.open("rb") as file:
        try:
            npy.read_magic(file)
            shape, fortran_order, dtype = npy.read_array_header_1_0(file)
        except Exception as error:  # a header may trouble numpy's parser in many ways
            raise ValueError(f"{path.name} does not begin as an .npy file of version 1.0") from error
        begin = file.tell()
        count = int(np.prod(shape, dtype=object))
        if fortran_order or dtype.hasobject or begin + count * dtype.itemsize != path.stat().st_size:
            raise ValueError(f"{path.name} does not hold what its header says")
        if count == 0 or dtype.itemsize == 0:  # what holds nothing cannot be mapped
            return np.empty(shape, dtype), None
        content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    return np.frombuffer(content, dtype, count, begin).reshape(shape), content


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
        return _read_texts(kind, arrays, name)
    array = arrays[name]
    if kind not in (int, float, bool, str):
        _require_dtype(kind, array, name)
        return array
    value = array.item()
    if type(value) is not kind:
        raise TypeError(f"{name} is {type(value).__name__}; expected {kind.__name__}")
    return value


def _read_texts(kind: Any, arrays: Mapping[str, np.ndarray], name: str) -> tuple[str | None, ...]:
    texts = _record(StringTable, arrays, f"{name}.")
    fault = next(texts.faults(), None)
    if fault is not None:
        raise ValueError(f"{name}: {fault}")
    entry = get_args(kind)[0] if get_args(kind) else str
    convert = entry if isinstance(entry, type) and issubclass(entry, StrEnum) else str
    pairs = zip(texts, arrays[f"{name}.missing"].tolist(), strict=True)
    return tuple(None if missing else convert(text) for text, missing in pairs)


def _require_dtype(kind: Any, array: np.ndarray, name: str) -> None:
    """Refuse numbers of another type than the field's, such as ``NDArray[np.int32]``, says."""
    wanted = get_args(get_args(kind)[-1]) if get_args(kind) else ()
    if wanted and not (np.issubdtype(array.dtype, wanted[0]) and array.dtype.isnative):
        raise TypeError(f"{name} holds {array.dtype}; expected {wanted[0].__name__}")
