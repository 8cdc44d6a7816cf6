"""A submission file as what its lines say, with every fault that a line has by itself."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from challenge.submission.lines import read_lines
from challenge.submission.playlist_line import PlaylistLine, parse_careful, parse_plain
from challenge.submission.rules import Rule, Violations, shorten
from challenge.submission.team import KEYWORD, TeamInfo, parse_team_info

_CONTROL: Final = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_KEYWORD: Final = KEYWORD.encode()


def scan(path: Path, violations: Violations) -> Iterator[TeamInfo | PlaylistLine]:
    """Yield the team info and the playlists in file order; faults go to ``violations``.

    Comments, blank lines, Windows line ends and spaces or tabs round the commas are allowed.

    Raises:
        MissingInputError: nothing there.
        InputError: not a file that can be read.
    """
    order = _Order(violations)
    for number, raw in read_lines(path, violations):
        line = raw.removesuffix(b"\r").strip(b" \t")
        plain = parse_plain(number, line)
        if plain is not None:
            order.see_playlist(number)
            yield plain
            continue
        _check_text(number, line, violations)
        if not line or line.startswith(b"#"):
            continue
        if line[: len(_KEYWORD)].lower() == _KEYWORD:
            order.see_team_info(number)
            team = parse_team_info(line.decode("utf-8", "replace"), violations, line=number)
            if team is not None:
                yield team
        elif not order.is_stray_header(number, line):
            order.see_playlist(number)
            yield parse_careful(number, line, violations)
    order.finish()


def _check_text(number: int, line: bytes, violations: Violations) -> None:
    control = _CONTROL.search(line)
    if control:
        found = f"character {control.group()[0]:#04x} after {control.start()} bytes"
        violations.add(Rule.CONTROL_CHARACTER, found, line=number)
    try:
        line.decode("utf-8")
    except UnicodeDecodeError as error:
        found = f"byte {line[error.start]:#04x} after {error.start} bytes is not UTF-8"
        violations.add(Rule.WRONG_ENCODING, found, line=number)


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
        """Whether a first line is meant as a heading, so that it is not judged as a playlist."""
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
            found = f"found {shorten(self._stray)}" if self._stray else "the file begins with a playlist"
            self._violations.add(Rule.MISSING_TEAM_INFO, found, line=self._first)
