"""Reads entries of zips that other people made: each whole and checked, or refused with its fault."""

from __future__ import annotations

import os
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

from isal import isal_zlib

from challenge.errors import FormatError
from challenge.inputs import MAX_INPUT_BYTES, open_regular, read_limited
from challenge.quoting import quoted

_LOCAL_HEADER_BYTES: Final = 30
_ENCRYPTED: Final = 0x1
_DAMAGE: Final = (
    zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError, EOFError, ValueError, OverflowError,
    KeyError, zlib.error, struct.error,
)  # fmt: skip
"""What zipfile raises for bytes that are no zip, or a damaged, encrypted or oddly compressed one."""
_METHODS: Final = {
    zipfile.ZIP_STORED: "stored (0)",
    zipfile.ZIP_DEFLATED: "deflated (8)",
    zipfile.ZIP_BZIP2: "bzip2 (12)",
}
_SMALL_PIECE: Final = 1 << 12
"""Compressed bytes that zipfile gives at once to bzip2, which knows no limit of what it inflates to."""
_NAME_SHOWN: Final = 200
_WHOLE_ZIP_HINT: Final = (
    "copy or download the file again and compare its size or checksum with the original's"
)


@contextmanager
def open_zip(path: Path, *, hint: str | None = None) -> Iterator[zipfile.ZipFile]:
    """Open a zip for reading; ``hint`` says what to name where it is none.

    Raises:
        MissingInputError: nothing there.
        InputError: not a file, or one that may not be read.
        FormatError: not a zip, or a truncated one.
    """
    with open_regular(path, hint=hint) as file:
        try:
            archive = zipfile.ZipFile(file)
        except _DAMAGE as error:
            raise _no_zip(path, file, hint) from error
        with archive:
            yield archive


def _no_zip(path: Path, file: BinaryIO, hint: str | None) -> FormatError:
    file.seek(0)
    if file.read(4) == b"PK\x03\x04":
        size = os.fstat(file.fileno()).st_size
        what = f"the zip is truncated: after {size:,} bytes its table of contents is missing or damaged"
        return FormatError(f"{path}: {what}", hint=_WHOLE_ZIP_HINT)
    return FormatError(
        f"{path}: expected a zip, a folder of slices or a slice; found none of them", hint=hint
    )


def require_readable(path: Path, entry: zipfile.ZipInfo) -> None:
    """Refuse an entry that only a password opens, or that is packed in a way that takes what memory it says.

    Raises:
        FormatError: it is encrypted, or neither stored nor deflated nor packed by bzip2.
    """
    name = quoted(entry.filename, _NAME_SHOWN)
    if entry.flag_bits & _ENCRYPTED:
        raise FormatError(
            f"{path}: {name} is encrypted; expected a zip without a password",
            hint="unpack it with its password, and name the unpacked folder or file",
        )
    if entry.compress_type not in _METHODS:
        found = (
            f"{name} is compressed by method {entry.compress_type}; expected {', '.join(_METHODS.values())}"
        )
        raise FormatError(f"{path}: {found}", hint="unpack it, and name the unpacked folder or file")


def read_entry(path: Path, name: str, *, limit: int = MAX_INPUT_BYTES, hint: str | None = None) -> bytes:
    """Read one entry of a zip, whatever its compression, and at most ``limit`` bytes of it.

    Raises:
        FormatError: encrypted, damaged, compressed in a way that is not known here, or longer.
    """
    with open_zip(path, hint=hint) as archive:
        try:
            entry = archive.getinfo(name)
            require_readable(path, entry)
            # Otherwise it would hang on how much is read at once whether zipfile misses them.
            missing = entry.header_offset + entry.compress_size - path.stat().st_size
            if missing > 0:
                raise damaged(path, name, f"{missing:,} bytes of it lie beyond the end of the file")
            piece = limit + 1 if entry.compress_type == zipfile.ZIP_STORED else _SMALL_PIECE
            with archive.open(entry) as file:
                return read_limited(file, f"{path}, {quoted(name, _NAME_SHOWN)}", limit=limit, piece=piece)
        except _DAMAGE as error:
            raise damaged(path, name, quoted(str(error) or type(error).__name__, _NAME_SHOWN)) from error


def inflate_entry(path: Path, name: str, *, offset: int, packed_size: int, size: int) -> bytes:
    """Read one deflated entry as the zip's table of contents describes it, twice as fast as zipfile does.

    Args:
        path: the zip.
        name: of the entry, for messages.
        offset: where the entry begins.
        packed_size: its compressed bytes.
        size: what it inflates to: no more is inflated than that.

    Raises:
        FormatError: the entry is damaged, truncated, or inflates to another size.
    """
    inflating = isal_zlib.decompressobj(-15)
    with open_regular(path) as zipped:
        packed = _packed_bytes(zipped, path, name, max(offset, 0), packed_size)
    try:
        data = bytes(inflating.decompress(packed, size + 1))
    except isal_zlib.error as error:  # type: ignore[misc]
        raise damaged(path, name, f"it does not inflate ({error})") from error
    if len(data) > size:
        what = f"it inflates to more than the {size:,} bytes that the table of contents gives"
        raise damaged(path, name, what)
    if not inflating.eof:
        raise damaged(path, name, "it does not inflate (incomplete or truncated stream)")
    return data


def _packed_bytes(zipped: BinaryIO, path: Path, name: str, offset: int, packed_size: int) -> bytes:
    zipped.seek(offset)
    header = zipped.read(_LOCAL_HEADER_BYTES)
    if len(header) < _LOCAL_HEADER_BYTES or header[:4] != b"PK\x03\x04":
        raise damaged(path, name, "its entry does not begin where the table of contents says")
    # The local header repeats the name and has an extra field of its own length: both are skipped.
    skip = int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:30], "little")
    zipped.seek(skip, 1)
    packed = zipped.read(min(packed_size, os.fstat(zipped.fileno()).st_size))
    if len(packed) < packed_size:
        raise damaged(path, name, f"{len(packed):,} of {packed_size:,} compressed bytes are there")
    return packed


def damaged(path: Path, name: str, what: str) -> FormatError:
    """Make the error that names a damaged entry and what is wrong with it."""
    message = f"{path}: the zip is damaged at {quoted(name, _NAME_SHOWN)}: {what}"
    return FormatError(message, hint=_WHOLE_ZIP_HINT)
