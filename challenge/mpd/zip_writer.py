"""Writes a zip whose members come already deflated, as other processes made them."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import IO, Final

from isal import isal_zlib

_UTF8_NAMES: Final = 0x800
_DEFLATED: Final = 8
_DOS_DATE: Final = ((2017 - 1980) << 9) | (12 << 5) | 3
_32_BITS: Final = 0xFFFFFFFF
_FAR = _32_BITS
"""From here on, offsets and sizes need ZIP64."""
_16_BITS: Final = 0xFFFF


@dataclass(frozen=True)
class Deflated:
    """One member, compressed."""

    name: str
    data: bytes
    size: int
    crc32: int

    @classmethod
    def of(cls, name: str, content: bytes) -> Deflated:
        """Compress ``content`` at the fastest level worth having."""
        packer = isal_zlib.compressobj(1, _DEFLATED, -15)
        data = packer.compress(content) + packer.flush()
        return cls(name, data, len(content), isal_zlib.crc32(content))


class ZipWriter:
    """Appends deflated members to a file, then the directory; ZIP64 beyond 4 GB or 65,535 members.

    Source: PKWARE's APPNOTE.TXT 6.3.9, sections 4.3.7 to 4.3.16. Members must each be below 4 GB.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._offset = 0
        self._entries: list[bytes] = []

    def add(self, member: Deflated) -> None:
        """Append one member."""
        name = member.name.encode()
        facts = struct.pack(
            "<HHHHHIII",
            20,
            _UTF8_NAMES,
            _DEFLATED,
            0,
            _DOS_DATE,
            member.crc32,
            len(member.data),
            member.size,
        )
        far = self._offset >= _FAR
        extra = struct.pack("<HHQ", 1, 8, self._offset) if far else b""
        self._entries.append(
            b"PK\x01\x02"
            + struct.pack("<H", 45 if far else 20)
            + facts
            + struct.pack(
                "<HHHHHII", len(name), len(extra), 0, 0, 0, 0o644 << 16, _32_BITS if far else self._offset
            )
            + name
            + extra
        )
        self._write(b"PK\x03\x04" + facts + struct.pack("<HH", len(name), 0) + name)
        self._write(member.data)

    def close(self) -> None:
        """Write the directory; the file itself stays open."""
        start, count = self._offset, len(self._entries)
        self._write(b"".join(self._entries))
        size, end = self._offset - start, self._offset
        far = max(start, size) >= _FAR or count >= _16_BITS
        if far:
            self._write(
                b"PK\x06\x06" + struct.pack("<QHHIIQQQQ", 44, 45, 45, 0, 0, count, count, size, start)
            )
            self._write(b"PK\x06\x07" + struct.pack("<IQI", 0, end, 1))
        short = min(count, _16_BITS)
        ends = (_32_BITS, _32_BITS) if far else (size, start)
        self._write(b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, short, short, *ends, 0))

    def _write(self, data: bytes) -> None:
        self._file.write(data)
        self._offset += len(data)
