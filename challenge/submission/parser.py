"""A submission file as what its lines say, with every fault that a line has by itself.

Nearly every playlist is on a line as programs write it, which a few passes of C-speed byte operations
recognise without doubt. Any other line is read field by field, where each fault gets its name.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from challenge.quoting import quoted
from challenge.submission.lines import BLANK, TextCheck, read_lines
from challenge.submission.rules import Rule, Violations
from challenge.submission.team import KEYWORD, TeamInfo, parse_team_info
from challenge.types import ID_LENGTH, ID_PATTERN, LIST_LENGTH, TRACK_PREFIX

MAX_PID: Final = 2**31 - 1
MAX_LINES: Final = 1_000_000
"""Most lines that are read, blank ones and comments apart."""
URI_LENGTH: Final = len(TRACK_PREFIX) + ID_LENGTH
_SHOWN: Final = 5
_MAX_FIELDS: Final = 2 * LIST_LENGTH
"""A line with more fields is no attempt at 500 tracks: its fields are not looked at one by one."""
_KEYWORD: Final = KEYWORD.encode()
_PREFIX: Final = b"," + TRACK_PREFIX.encode()
_ALPHANUMERIC: Final = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_PUNCTUATION: Final = b",::" * LIST_LENGTH
_URI: Final = re.compile((TRACK_PREFIX + ID_PATTERN).encode())
_PID: Final = re.compile(rb"[0-9]{1,18}")


@dataclass(frozen=True)
class PlaylistLine:
    """What one line says.

    Attributes:
        number: line number from 1.
        pid: playlist id, None where it cannot be read.
        uris: the well-formed track URIs, distinct, in order.
    """

    number: int
    pid: int | None
    uris: list[bytes]


def parse_file(path: Path, violations: Violations) -> Iterator[TeamInfo | PlaylistLine]:
    """Yield the team info and the playlists in file order; faults go to ``violations``.

    Comments, blank lines, Windows line ends and spaces or tabs round the commas are allowed.

    Raises:
        MissingInputError: nothing there.
        InputError: not a file that can be read.
    """
    order = _Order(violations)
    count = 0
    for number, raw in read_lines(path, violations):
        line = raw.removesuffix(b"\r").strip(BLANK)
        if not line:
            continue
        if line.startswith(b"#"):
            TextCheck(number, violations).add(line)
            continue
        count += 1
        if count > MAX_LINES:
            found = f"more than {MAX_LINES:,} lines that are neither blank nor comments; read no further"
            violations.add(Rule.FILE_TOO_LARGE, found)
            break
        plain = parse_plain(number, line)
        if plain is not None:
            order.see_playlist(number)
            yield plain
            continue
        TextCheck(number, violations).add(line)
        if line[: len(_KEYWORD)].lower() == _KEYWORD:
            order.see_team_info(number)
            team = parse_team_info(line.decode("utf-8", "replace"), violations, line=number)
            if team is not None:
                yield team
        elif not order.is_stray_header(number, line):
            order.see_playlist(number)
            yield parse_careful(number, line, violations)
    order.finish()


class _Order:
    """Which kinds of line came when."""

    def __init__(self, violations: Violations) -> None:
        self._violations = violations
        self._team_info: int | None = None
        self._first: int | None = None
        self._stray = b""

    def see_playlist(self, number: int) -> None:
        """Note a playlist."""
        self._first = self._first or number

    def see_team_info(self, number: int) -> None:
        """Note a team_info line, and report one that should not be there."""
        if self._team_info is not None:
            found = f"the first is line {self._team_info}"
            self._violations.add(Rule.REPEATED_TEAM_INFO, found, line=number)
        elif self._first is not None:
            found = f"line {self._first} comes before it"
            self._violations.add(Rule.TEAM_INFO_NOT_FIRST, found, line=number)
        self._team_info = self._team_info or number
        self._first = self._first or number

    def is_stray_header(self, number: int, line: bytes) -> bool:
        """Whether a first line is meant as a heading, so that it is not read as a playlist."""
        if self._first is not None or b"spotify:" in line or line[:1].isdigit():
            return False
        self._first, self._stray = number, line
        return True

    def finish(self) -> None:
        """Report what never came."""
        if self._first is None:
            if not self._violations.counts:
                self._violations.add(Rule.ONLY_COMMENTS, "no line but comments and blank ones")
        elif self._team_info is None:
            found = f"found {quoted(self._stray)}" if self._stray else "the file begins with a playlist"
            self._violations.add(Rule.MISSING_TEAM_INFO, found, line=self._first)


def parse_plain(number: int, line: bytes) -> PlaylistLine | None:
    """Read a line without any fault as programs write it; None for any other line."""
    text = line.replace(b", ", b",")
    if b" " in text or b"\t" in text:
        text = b",".join([field.strip(BLANK) for field in text.split(b",")])
    raw_pid, comma, rest = text.partition(b",")
    # Left after all letters and digits are gone: 500 times a comma and the two colons of a URI ...
    if not _PID.fullmatch(raw_pid) or (comma + rest).translate(None, _ALPHANUMERIC) != _PUNCTUATION:
        return None
    # ... and each comma is followed by the prefix, so what else a field holds is letters and digits.
    uris = rest.split(b",")
    if text.count(_PREFIX) != LIST_LENGTH or set(map(len, uris)) != {URI_LENGTH}:
        return None
    pid = int(raw_pid)
    return PlaylistLine(number, pid, uris) if len(set(uris)) == LIST_LENGTH and pid <= MAX_PID else None


def parse_careful(number: int, line: bytes, violations: Violations) -> PlaylistLine:
    """Read a line field by field; what breaks a rule goes to ``violations``."""
    raw_pid, *fields = [field.strip(BLANK) for field in line.split(b",")]
    pid = int(raw_pid) if _PID.fullmatch(raw_pid) else None
    if pid is None or pid > MAX_PID:
        found = f"{quoted(raw_pid)} is not a whole number from 0 to {MAX_PID}"
        violations.add(Rule.NON_INTEGER_PID, found, line=number)
        pid = None
    if len(fields) != LIST_LENGTH:
        found = f"{len(fields)} track{'' if len(fields) == 1 else 's'}, expected {LIST_LENGTH}"
        violations.add(Rule.WRONG_TRACK_COUNT, found, line=number, pid=pid)
    if len(fields) > _MAX_FIELDS:
        return PlaylistLine(number, pid, [])
    malformed = {index: field for index, field in enumerate(fields, 2) if not _URI.fullmatch(field)}
    if malformed:
        found = _listing([f"field {index}: {quoted(field)}" for index, field in malformed.items()])
        violations.add(Rule.MALFORMED_URI, found, line=number, pid=pid)
    repeats = {uri: count for uri, count in Counter(fields).items() if count > 1}
    if repeats:
        found = _listing([f"{quoted(uri)} {count} times" for uri, count in repeats.items()])
        violations.add(Rule.REPEATED_TRACK, found, line=number, pid=pid)
    return PlaylistLine(number, pid, list(dict.fromkeys(uri for uri in fields if _URI.fullmatch(uri))))


def _listing(items: list[str]) -> str:
    more = len(items) - _SHOWN
    return "; ".join(items[:_SHOWN]) + (f"; and {more:,} more" if more > 0 else "")


def list_uris(uris: list[bytes]) -> str:
    """Name the first few URIs and how many more there are."""
    return _listing([uri.decode("ascii", "replace") for uri in uris])
