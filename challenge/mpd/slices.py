"""Finds the slices of an MPD in a zip or a folder, and reads one at a time without unpacking anything."""

from __future__ import annotations

import hashlib
import os
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path, PurePosixPath
from typing import Final

from isal import isal_zlib

from challenge.errors import FormatError, MissingInputError
from challenge.inputs import open_regular, read_regular
from challenge.mpd.zip_reader import damaged, inflate_entry, open_zip, read_entry, require_readable
from challenge.quoting import quoted

MAX_SLICE_BYTES: Final = 1 << 27
"""Most JSON that is read of a slice; an official one has 33 MB, and 1,000 playlists of 250 tracks 125 MB."""
_SLICE_NAME: Final = re.compile(r"mpd\.slice\.([0-9]{1,18})-([0-9]{1,18})\.json")
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
            places = " and ".join(quoted(each.member or str(each.path), 200) for each in (one, other))
            raise FormatError(f"{path}: the slice {one.name} is there twice: {places}", hint="remove one")
    for file in slices:
        _require_size(file)
    return slices


def _require_size(file: SliceFile) -> None:
    size = max(file.size, file.packed_size)
    if size > MAX_SLICE_BYTES:
        message = f"{file.path}: {file.name} has {size:,} bytes; at most {MAX_SLICE_BYTES:,} are read"
        raise FormatError(message, hint="an official slice has 33,000,000: divide it into several")


def _list(path: Path) -> Iterator[SliceFile]:
    if path.is_dir():
        for file in path.rglob("mpd.slice.*.json"):
            if _SLICE_NAME.fullmatch(file.name):
                yield _single(file)
    elif _SLICE_NAME.fullmatch(path.name):
        yield _single(path)
    else:
        yield from _list_zip(path)


def _single(path: Path) -> SliceFile:
    with open_regular(path, hint=_SLICES_WANTED) as file:
        return SliceFile(path.name, path, os.fstat(file.fileno()).st_size)


def _list_zip(path: Path) -> Iterator[SliceFile]:
    with open_zip(path, hint=_SLICES_WANTED) as archive:
        for entry in archive.infolist():
            name = PurePosixPath(entry.filename).name
            if _SLICE_NAME.fullmatch(name):
                require_readable(path, entry)
                yield SliceFile(
                    name, path, entry.file_size, entry.CRC, "", entry.filename,
                    entry.header_offset, entry.compress_size, entry.compress_type,
                )  # fmt: skip


def read_slice(file: SliceFile) -> bytes:
    """Return the JSON of one slice, checked against its checksum where the zip gives one.

    Raises:
        MissingInputError: the file is gone.
        InputError: not a file that can be read.
        FormatError: the zip's entry is damaged or truncated.
    """
    if file.member is None:
        try:
            return read_regular(file.path, limit=MAX_SLICE_BYTES)
        except MissingInputError:
            raise MissingInputError(f"{file.path}: the file is gone", hint="run again") from None
    if file.method == zipfile.ZIP_DEFLATED:
        place = {"offset": file.offset, "packed_size": file.packed_size, "size": file.size}
        data = inflate_entry(file.path, file.member, **place)
    else:
        data = read_entry(file.path, file.member, limit=file.size)
    if len(data) != file.size or isal_zlib.crc32(data) != file.crc32:
        raise damaged(file.path, file.member, "its content does not match its checksum")
    return data


def hash_of_files(slices: list[SliceFile]) -> str:
    """SHA-256 over the names of all slices and the hashes of the files they lie in."""
    lines = sorted(f"{file.name} {file.sha256}\n" for file in slices)
    return hashlib.sha256("".join(lines).encode()).hexdigest()
