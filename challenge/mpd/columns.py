"""Columns of numbers on disk, written piece by piece."""

from __future__ import annotations

from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy

from challenge.data.archive import save_array
from challenge.data.ragged import indptr_from_lengths, ragged_indices
from challenge.data.strings import StringTable

_HEADER_BYTES = 128


class ColumnWriter:
    """Appends to one .npy file of unknown length, so that memory never holds the whole column."""

    def __init__(self, path: Path, dtype: str | type) -> None:
        self._dtype = np.dtype(dtype)
        self._file: IO[bytes] = path.open("wb")
        self._file.write(b"\0" * _HEADER_BYTES)
        self.length = 0

    def append(self, values: np.ndarray) -> None:
        """Add ``values`` (1-d) at the end."""
        self._file.write(np.ascontiguousarray(values, self._dtype).data)
        self.length += len(values)

    def close(self, *, complete: bool = True) -> None:
        """Write the header, which makes the file complete, unless what was written is to be thrown away."""
        if complete and not self._file.closed:
            self._file.seek(0)
            self._file.write(_header(self._dtype, self.length))
        self._file.close()


def _header(dtype: np.dtype[Any], length: int) -> bytes:
    """Header of a .npy file (format 1.0) padded to a fixed size."""
    text = repr({"descr": npy.dtype_to_descr(dtype), "fortran_order": False, "shape": (length,)})
    padded = text.ljust(_HEADER_BYTES - 11) + "\n"
    return b"\x93NUMPY\x01\x00" + len(padded).to_bytes(2, "little") + padded.encode("latin1")


class StringWriter:
    """Appends to a :class:`StringTable` on disk."""

    def __init__(self, folder: Path, name: str) -> None:
        self._blob = ColumnWriter(folder / f"{name}.blob.npy", np.uint8)
        self._offsets = ColumnWriter(folder / f"{name}.offsets.npy", np.int64)
        self._offsets.append(np.zeros(1, np.int64))

    def append(self, strings: StringTable) -> None:
        """Add all strings of a table that starts at offset 0."""
        begin = self._blob.length
        self._blob.append(strings.blob)
        self._offsets.append(strings.offsets[1:] + begin)

    def close(self, *, complete: bool = True) -> None:
        """Close both files; see :class:`ColumnWriter`."""
        self._blob.close(complete=complete)
        self._offsets.close(complete=complete)


def pick(strings: StringTable, indices: np.ndarray) -> StringTable:
    """Return the strings at ``indices`` (int, shape (n,)), in that order."""
    begin = strings.offsets[indices]
    lengths = strings.offsets[np.asarray(indices) + 1] - begin
    return StringTable(strings.blob[ragged_indices(begin, lengths)], indptr_from_lengths(lengths))


def save_column(folder: Path, name: str, values: np.ndarray) -> None:
    """Write one column that is in memory."""
    save_array(folder / f"{name}.npy", values)
