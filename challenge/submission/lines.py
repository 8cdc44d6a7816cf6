"""A submission file as numbered lines, read in bounded memory whatever the file holds."""

from __future__ import annotations

import codecs
import gzip
import re
import zlib
from collections.abc import Iterator
from contextlib import closing
from itertools import chain
from pathlib import Path
from typing import IO, Final, cast

from isal import igzip, isal_zlib

from challenge import progress
from challenge.inputs import open_regular
from challenge.mpd.file_kind import FileKind, refuse_other_kind
from challenge.quoting import quoted
from challenge.submission.rules import Rule, Violations

MAX_LINE_BYTES: Final = 1 << 16
"""Longest line that is read, comments and blank ones apart: 131 bytes for each of the 500 tracks, where a URI
and its comma take 37."""
MAX_TEXT_BYTES: Final = 1 << 29
"""Most text that is read after inflating: a submission of 10,000 playlists has about 190 MB."""
_WANTED: Final = "name the submission's .csv or .csv.gz file, which begins with a team_info line"
_CHUNK_BYTES: Final = 1 << 20
_GZIP_MAGIC: Final = b"\x1f\x8b"
_DAMAGE: Final = (EOFError, gzip.BadGzipFile, ValueError, cast("type[Exception]", isal_zlib.error))
_TAR_MAGIC: Final = slice(257, 262)
BLANK: Final = b" \t"
"""What is blank inside a line."""
_CONTROL: Final = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_MARKS: Final = {
    b"\xef\xbb\xbf": "UTF-8 with a byte-order mark",
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
    b"PK\x03\x04": "a zip archive",
    b"\x1f\x8b": "gzipped twice",
}


def read_lines(path: Path, violations: Violations) -> Iterator[tuple[int, bytes]]:
    """Yield the number (from 1) and the bytes of each line, without its line feed.

    What breaks a rule of the whole file goes to ``violations``; reading goes on as far as it can.

    Raises:
        MissingInputError: nothing there.
        InputError: not a file that can be read.
        FormatError: plainly another kind of file, such as JSON.
    """
    head = require_file(path)
    if not head:
        violations.add(Rule.EMPTY_FILE, "the file has no bytes")
        return
    zipped = head.startswith(_GZIP_MAGIC)
    _check_name(path, zipped, violations)
    size, task = path.stat().st_size, "read the submission"
    with (
        open_regular(path) as file,
        closing(_text(file, zipped=zipped)) as stream,
        progress.task(task, size, unit="B") as advance,
    ):
        chunks = _watched(_chunks(path, stream, violations), file, advance)
        first = next(chunks, b"")
        if not first and not violations.counts[Rule.DAMAGED_GZIP]:
            violations.add(Rule.EMPTY_FILE, "the gzip file holds no text")
        text, readable = _check_encoding(first, violations)
        if readable:
            yield from _split(chain([text], chunks), violations)


def _text(file: IO[bytes], *, zipped: bool) -> IO[bytes]:
    return cast("IO[bytes]", igzip.IGzipFile(fileobj=file, mode="rb")) if zipped else file


def stopped_early(violations: Violations) -> bool:
    """Tell whether the file had more text that could not be read."""
    return any(violations.counts[rule] for rule in (Rule.DAMAGED_GZIP, Rule.FILE_TOO_LARGE))


def require_file(path: Path) -> bytes:
    """Return the first bytes of what may be a submission.

    Raises:
        MissingInputError: nothing there.
        InputError: not a file that can be read.
        FormatError: plainly another kind of file, such as JSON.
    """
    refuse_other_kind(path, "a submission (CSV)", FileKind.SUBMISSION, hint=_WANTED)
    with open_regular(path, hint=_WANTED) as file:
        return file.read(2)


def _check_name(path: Path, zipped: bool, violations: Violations) -> None:
    named_gzip = path.suffix.lower() == ".gz"
    if zipped and not named_gzip:
        violations.add(Rule.GZIP_NAMED_PLAIN, f"{path.name} is gzipped; rename it to {path.name}.gz")
    if named_gzip and not zipped:
        violations.add(Rule.PLAIN_NAMED_GZIP, f"{path.name} is not gzipped; gzip it or drop the .gz")


def _chunks(path: Path, stream: IO[bytes], violations: Violations) -> Iterator[bytes]:
    """Yield the text in pieces, up to the first damage or ``MAX_TEXT_BYTES``."""
    total = 0
    while True:
        try:
            chunk = stream.read(_CHUNK_BYTES)
        except _DAMAGE as error:
            found = f"damaged after {total:,} bytes of text ({quoted(str(error))})"
            if _goes_on(path):
                found = "whole, but bytes that are no gzip follow it"
            violations.add(Rule.DAMAGED_GZIP, found)
            return
        if not chunk:
            return
        total += len(chunk)
        if total > MAX_TEXT_BYTES:
            violations.add(
                Rule.FILE_TOO_LARGE, f"more than {MAX_TEXT_BYTES:,} bytes of text; read no further"
            )
            return
        yield chunk


def _watched(chunks: Iterator[bytes], file: IO[bytes], advance: progress.Advance) -> Iterator[bytes]:
    """Tell of how far the file was read, which may be packed, before each chunk of its text."""
    before = 0
    for chunk in chunks:
        advance(file.tell() - before)
        before = file.tell()
        yield chunk


def _goes_on(path: Path) -> bool:
    """Whether a gzip file is whole, but followed by other bytes: the standard library can tell that."""
    with open_regular(path) as file, gzip.GzipFile(fileobj=file) as text:
        try:
            for _ in range(0, MAX_TEXT_BYTES, _CHUNK_BYTES):
                text.read(_CHUNK_BYTES)
        except gzip.BadGzipFile as error:
            # Its first bytes are those of a gzip file, or it would not be read as one.
            return "Not a gzipped file" in str(error)
        except (EOFError, zlib.error):
            return False
    return False


def _check_encoding(first: bytes, violations: Violations) -> tuple[bytes, bool]:
    """Return the text without its mark, and whether it is worth reading line by line."""
    for mark, name in _MARKS.items():
        if first.startswith(mark):
            violations.add(Rule.WRONG_ENCODING, f"the file is {name}", line=1)
            return first[len(mark) :], name.startswith("UTF-8")
    start = first[:64]
    if first[_TAR_MAGIC] == b"ustar":
        found = "the file is a tar archive: take the submission out of it"
    elif start.count(0) * 4 <= len(start):
        return first, True
    elif min(start[::2].count(0), start[1::2].count(0)) == 0:
        found = "the file looks like UTF-16: many of its bytes are NUL"
    else:
        found = "the file is no text: many of its bytes are NUL"
    violations.add(Rule.WRONG_ENCODING, found, line=1)
    return first, False


def _split(chunks: Iterator[bytes], violations: Violations) -> Iterator[tuple[int, bytes]]:
    """Cut into lines; those that are too long are looked through piece by piece and not yielded."""
    number, rest, long = 0, b"", None
    for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            number += 1
            if long is None and len(line) <= MAX_LINE_BYTES:
                yield number, line
            else:
                (long or _LongLine(number, violations)).add(line, last=True)
                long = None
        if long is not None or len(rest) > MAX_LINE_BYTES:
            long = long or _LongLine(number + 1, violations)
            end = len(rest) - rest.endswith(b"\r")  # it may belong to the end of the line
            long.add(rest[:end])
            rest = rest[end:]
    if stopped_early(violations):
        return
    if long is not None:
        long.add(rest, last=True)
    elif rest:
        yield number + 1, rest


class _LongLine:
    """A line that is not kept as a whole: a comment or a blank one may be of any length, no other."""

    def __init__(self, number: int, violations: Violations) -> None:
        self._number, self._violations = number, violations
        self._begun = self._too_long = False
        self._check = TextCheck(number, violations)

    def add(self, piece: bytes, *, last: bool = False) -> None:
        """Look at the next bytes of the line."""
        if last:
            piece = piece.removesuffix(b"\r")
        begin = piece.lstrip(BLANK)
        if begin and not self._begun:
            self._begun, self._too_long = True, not begin.startswith(b"#")
            if self._too_long:
                found = f"longer than {MAX_LINE_BYTES:,} bytes; a line of 500 tracks has about 19,000"
                self._violations.add(Rule.LINE_TOO_LONG, found, line=self._number)
        if not self._too_long:
            self._check.add(piece, last=last)


class TextCheck:
    """Reports the first control character of a line, and the first byte that is not UTF-8."""

    def __init__(self, number: int, violations: Violations) -> None:
        self._number, self._violations = number, violations
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._seen, self._open = 0, {Rule.CONTROL_CHARACTER, Rule.WRONG_ENCODING}

    def add(self, piece: bytes, *, last: bool = True) -> None:
        """Look at the next bytes of the line, without its end."""
        control = _CONTROL.search(piece)
        if control:
            place = self._seen + control.start()
            self._report(Rule.CONTROL_CHARACTER, f"character {control.group()[0]:#04x} after {place} bytes")
        before = len(self._decoder.getstate()[0])
        try:
            self._decoder.decode(piece, final=last)
        except UnicodeDecodeError as error:
            place = self._seen - before + error.start
            byte = error.object[error.start]
            self._report(Rule.WRONG_ENCODING, f"byte {byte:#04x} after {place} bytes is not UTF-8")
        self._seen += len(piece)

    def _report(self, rule: Rule, found: str) -> None:
        if rule in self._open:
            self._open.remove(rule)
            self._violations.add(rule, found, line=self._number)
