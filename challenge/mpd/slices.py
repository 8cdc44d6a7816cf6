"""Finds the slices of an MPD in a zip or a folder, and reads one at a time without unpacking anything."""

from __future__ import annotations

import hashlib
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Final

from isal import isal_zlib

from challenge.errors import FormatError, MissingInputError

_SLICE_NAME: Final = re.compile(r"mpd\.slice\.(\d+)-(\d+)\.json")
_LOCAL_HEADER_BYTES: Final = 30
_WHOLE_ZIP_HINT: Final = (
    "copy or download the file again and compare its size or checksum with the original's"
)
_SLICES_WANTED: Final = (
    "name the official zip, or a folder that holds files named mpd.slice.0-999.json and so on"
)


@dataclass(frozen=True)
class SliceFile:
    """One slice, wherever it lies.

    Attributes:
        name: base name, such as ``mpd.slice.0-999.json``.
        path: the file itself, or the zip that holds it.
        size: bytes of JSON.
        crc32: checksum of the JSON, as a zip gives it.
        sha256: hash of the file at ``path``; empty while unknown.
        member: name inside the zip; None for a file in a folder.
        offset: where its entry begins in the zip.
        packed_size: compressed bytes.
        method: compression method of the zip format; 0 stored, 8 deflated.
    """

    name: str
    path: Path
    size: int
    crc32: int = -1
    sha256: str = ""
    member: str | None = None
    offset: int = 0
    packed_size: int = 0
    method: int = 0

    @property
    def first(self) -> tuple[int, int]:
        """The numbers in the name, by which slices are ordered."""
        match = _SLICE_NAME.fullmatch(self.name)
        return (int(match[1]), int(match[2])) if match else (0, 0)


def find_slices(path: Path) -> list[SliceFile]:
    """List the slices in a zip, in a folder (however deep), or a single slice file, by their numbers.

    Raises:
        MissingInputError: nothing there, or no slices in it.
        FormatError: not a zip, a truncated zip, or the same slice twice.
    """
    if not path.exists():
        raise MissingInputError(f"{path}: no such file or folder", hint=_SLICES_WANTED)
    slices = sorted(_list(path), key=lambda file: (file.first, str(file.member or file.path)))
    if not slices:
        raise MissingInputError(f"{path}: holds no slices (mpd.slice.N-M.json)", hint=_SLICES_WANTED)
    for one, other in pairwise(slices):
        if one.name == other.name:
            places = f"{one.member or one.path} and {other.member or other.path}"
            raise FormatError(f"{path}: the slice {one.name} is there twice: {places}", hint="remove one")
    return slices


def _list(path: Path) -> Iterator[SliceFile]:
    if path.is_dir():
        for file in path.rglob("mpd.slice.*.json"):
            if _SLICE_NAME.fullmatch(file.name):
                yield SliceFile(file.name, file, file.stat().st_size)
    elif _SLICE_NAME.fullmatch(path.name):
        yield SliceFile(path.name, path, path.stat().st_size)
    else:
        yield from _list_zip(path)


def _list_zip(path: Path) -> Iterator[SliceFile]:
    for entry in open_zip(path).infolist():
        name = PurePosixPath(entry.filename).name
        if _SLICE_NAME.fullmatch(name):
            yield SliceFile(
                name, path, entry.file_size, entry.CRC, "", entry.filename,
                entry.header_offset, entry.compress_size, entry.compress_type,
            )  # fmt: skip


def open_zip(path: Path) -> zipfile.ZipFile:
    """Open a zip for reading.

    Raises:
        FormatError: not a zip, or a truncated one.
    """
    try:
        return zipfile.ZipFile(path)
    except zipfile.BadZipFile as error:
        with path.open("rb") as file:
            begins_as_zip = file.read(4) == b"PK\x03\x04"
        if begins_as_zip:
            size = path.stat().st_size
            message = f"{path}: the zip is truncated: after {size:,} bytes its table of contents is missing"
            raise FormatError(message, hint=_WHOLE_ZIP_HINT) from error
        raise FormatError(
            f"{path}: expected a zip, a folder of slices or a slice; found none of them",
            hint=_SLICES_WANTED,
        ) from error


def read_slice(file: SliceFile) -> bytes:
    """Return the JSON of one slice, checked against its checksum where the zip gives one.

    Raises:
        MissingInputError: the file is gone.
        FormatError: the zip's entry is damaged or truncated.
    """
    if file.member is None:
        try:
            return file.path.read_bytes()
        except FileNotFoundError:
            raise MissingInputError(f"{file.path}: the file is gone", hint="run again") from None
    if file.method == zipfile.ZIP_DEFLATED:
        with file.path.open("rb") as zipped:
            data = _inflate(file, _packed_bytes(file, zipped))
    else:
        data = _read_by_zipfile(file)
    if len(data) != file.size or isal_zlib.crc32(data) != file.crc32:
        raise _damaged(file, "its content does not match its checksum")
    return data


def _packed_bytes(file: SliceFile, zipped: BinaryIO) -> bytes:
    zipped.seek(file.offset)
    header = zipped.read(_LOCAL_HEADER_BYTES)
    if len(header) < _LOCAL_HEADER_BYTES or header[:4] != b"PK\x03\x04":
        raise _damaged(file, "its entry does not begin where the table of contents says")
    # The local header repeats the name and has an extra field of its own length: both are skipped.
    skip = int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:30], "little")
    zipped.seek(skip, 1)
    packed = zipped.read(file.packed_size)
    if len(packed) < file.packed_size:
        raise _damaged(file, f"{len(packed):,} of {file.packed_size:,} compressed bytes are there")
    return packed


def _inflate(file: SliceFile, packed: bytes) -> bytes:
    try:
        return bytes(isal_zlib.decompress(packed, -15, max(file.size, 1)))
    except isal_zlib.error as error:  # type: ignore[misc]
        raise _damaged(file, f"it does not inflate ({error})") from error


def _read_by_zipfile(file: SliceFile) -> bytes:
    try:
        return open_zip(file.path).read(str(file.member))
    except (zipfile.BadZipFile, NotImplementedError, OSError, EOFError) as error:
        raise _damaged(file, str(error)) from error


def _damaged(file: SliceFile, what: str) -> FormatError:
    return FormatError(f"{file.path}: the zip is damaged at {file.member}: {what}", hint=_WHOLE_ZIP_HINT)


def hash_of_files(slices: list[SliceFile]) -> str:
    """SHA-256 over the names of all slices and the hashes of the files they lie in."""
    lines = sorted(f"{file.name} {file.sha256}\n" for file in slices)
    return hashlib.sha256("".join(lines).encode()).hexdigest()
