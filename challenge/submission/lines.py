"""A submission file as numbered lines, read in bounded memory whatever the file holds."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from contextlib import closing
from itertools import chain
from pathlib import Path
from typing import IO, Final, cast

from isal import igzip, isal_zlib

from challenge.errors import InputError, MissingInputError
from challenge.mpd.file_kind import FileKind, refuse_other_kind
from challenge.submission.rules import Rule, Violations

MAX_LINE_BYTES: Final = 1 << 16
"""Longest line that is read: 131 bytes for each of the 500 tracks, where a URI and its comma take 37."""
MAX_TEXT_BYTES: Final = 1 << 29
"""Most text that is read after inflating: a submission of 10,000 playlists has about 190 MB."""
MAX_LINES: Final = 1_000_000
"""Most lines that are read, blank ones and comments included."""
_WANTED: Final = "name the submission's .csv or .csv.gz file, which begins with a team_info line"
_CHUNK_BYTES: Final = 1 << 20
_GZIP_MAGIC: Final = b"\x1f\x8b"
_DAMAGE: Final = (EOFError, gzip.BadGzipFile, cast("type[Exception]", isal_zlib.error))
_MARKS: Final = {
    b"\xef\xbb\xbf": "UTF-8 with a byte-order mark",
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
    b"PK\x03\x04": "a zip archive",
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
    stream = cast("IO[bytes]", igzip.open(path, "rb") if zipped else path.open("rb"))
    with closing(stream):
        chunks = _chunks(stream, violations)
        first = next(chunks, b"")
        if not first and not violations.counts[Rule.DAMAGED_GZIP]:
            violations.add(Rule.EMPTY_FILE, "the gzip file holds no text")
        text, readable = _check_encoding(first, violations)
        if readable:
            yield from _split(chain([text], chunks), violations)


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
    try:
        with path.open("rb") as file:
            return file.read(2)
    except FileNotFoundError:
        raise MissingInputError(f"{path}: no such file", hint=_WANTED) from None
    except OSError as error:
        message = f"{path}: cannot be read ({(error.strerror or str(error)).lower()}); expected a file"
        raise InputError(message, hint=_WANTED) from error


def _check_name(path: Path, zipped: bool, violations: Violations) -> None:
    named_gzip = path.suffix.lower() == ".gz"
    if zipped and not named_gzip:
        violations.add(Rule.GZIP_NAMED_PLAIN, f"{path.name} is gzipped; rename it to {path.name}.gz")
    if named_gzip and not zipped:
        violations.add(Rule.PLAIN_NAMED_GZIP, f"{path.name} is not gzipped; gzip it or drop the .gz")


def _chunks(stream: IO[bytes], violations: Violations) -> Iterator[bytes]:
    """Yield the text in pieces, up to the first damage or ``MAX_TEXT_BYTES``."""
    total = 0
    while True:
        try:
            chunk = stream.read(_CHUNK_BYTES)
        except _DAMAGE as error:
            violations.add(Rule.DAMAGED_GZIP, f"damaged after {total:,} bytes of text ({error})")
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


def _check_encoding(first: bytes, violations: Violations) -> tuple[bytes, bool]:
    """Return the text without its mark, and whether it is worth reading line by line."""
    for mark, name in _MARKS.items():
        if first.startswith(mark):
            violations.add(Rule.WRONG_ENCODING, f"the file is {name}", line=1)
            return first[len(mark) :], name.startswith("UTF-8")
    start = first[:64]
    if start.count(0) * 4 > len(start):
        violations.add(Rule.WRONG_ENCODING, "the file looks like UTF-16: many of its bytes are NUL", line=1)
        return first, False
    return first, True


def _split(chunks: Iterator[bytes], violations: Violations) -> Iterator[tuple[int, bytes]]:
    """Cut into lines; of a line that is too long only its number is kept."""
    number, rest, skipping = 0, b"", False
    for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            number += 1
            if number > MAX_LINES:
                violations.add(Rule.FILE_TOO_LARGE, f"more than {MAX_LINES:,} lines; read no further")
                return
            if not skipping and _fits(line, number, violations):
                yield number, line
            skipping = False
        if not skipping and not _fits(rest, number + 1, violations):
            skipping = True
        if skipping:
            rest = b""
    if rest and not stopped_early(violations):
        yield number + 1, rest


def _fits(line: bytes, number: int, violations: Violations) -> bool:
    if len(line) <= MAX_LINE_BYTES:
        return True
    found = f"longer than {MAX_LINE_BYTES:,} bytes; a line of 500 tracks has about 19,000"
    violations.add(Rule.LINE_TOO_LONG, found, line=number)
    return False
