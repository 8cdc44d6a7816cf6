"""The rules a submission must keep, and the record of where it breaks them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from challenge.types import LIST_LENGTH

MAX_RECORDED: Final = 100_000
"""How many violations are kept one by one; all of them are counted."""


class Rule(StrEnum):
    """A way to break a submission, named as reports and scripts see it."""

    EMPTY_FILE = "empty-file"
    ONLY_COMMENTS = "only-comments"
    DAMAGED_GZIP = "damaged-gzip"
    GZIP_NAMED_PLAIN = "gzip-named-plain"
    PLAIN_NAMED_GZIP = "plain-named-gzip"
    FILE_TOO_LARGE = "file-too-large"
    LINE_TOO_LONG = "line-too-long"
    WRONG_ENCODING = "wrong-encoding"
    CONTROL_CHARACTER = "control-character"
    MISSING_TEAM_INFO = "missing-team-info"
    TEAM_INFO_NOT_FIRST = "team-info-not-first"
    REPEATED_TEAM_INFO = "repeated-team-info"
    MALFORMED_TEAM_INFO = "malformed-team-info"
    MALFORMED_EMAIL = "malformed-email"
    NON_INTEGER_PID = "non-integer-pid"
    UNKNOWN_PID = "unknown-pid"
    REPEATED_PID = "repeated-pid"
    MISSING_PID = "missing-pid"
    WRONG_TRACK_COUNT = "wrong-track-count"
    REPEATED_TRACK = "repeated-track"
    MALFORMED_URI = "malformed-uri"
    SEED_INCLUDED = "seed-included"
    UNKNOWN_TRACK = "unknown-track"

    @property
    def description(self) -> str:
        """The rule in one sentence."""
        return _DESCRIPTIONS[self]


_DESCRIPTIONS: Final = {
    Rule.EMPTY_FILE: "The file must not be empty.",
    Rule.ONLY_COMMENTS: "The file must hold more than comments and blank lines.",
    Rule.DAMAGED_GZIP: "A gzip file must be whole: nothing cut off, changed or appended.",
    Rule.GZIP_NAMED_PLAIN: "A gzipped file's name must end in .gz.",
    Rule.PLAIN_NAMED_GZIP: "A file whose name ends in .gz must be gzipped.",
    Rule.FILE_TOO_LARGE: "The text must not be far larger than a submission can be.",
    Rule.LINE_TOO_LONG: "A line must not be far longer than 500 track URIs.",
    Rule.WRONG_ENCODING: "The text must be UTF-8 without a byte-order mark.",
    Rule.CONTROL_CHARACTER: "The text must not hold NUL or other control characters.",
    Rule.MISSING_TEAM_INFO: "There must be a line 'team_info, team name, email'.",
    Rule.TEAM_INFO_NOT_FIRST: "The team_info line must come before all playlists.",
    Rule.REPEATED_TEAM_INFO: "There must be one team_info line only.",
    Rule.MALFORMED_TEAM_INFO: (
        "The first line must read 'team_info, team name, email', "
        "or as in 2018 'team_info, team name, main|creative, email'."
    ),
    Rule.MALFORMED_EMAIL: "The contact in team_info must be an email address.",
    Rule.NON_INTEGER_PID: "A line must begin with a pid, a whole number.",
    Rule.UNKNOWN_PID: "A pid must be one of the challenge's.",
    Rule.REPEATED_PID: "Each playlist must have one line only.",
    Rule.MISSING_PID: "Each playlist of the challenge must have a line.",
    Rule.WRONG_TRACK_COUNT: f"Each playlist must have exactly {LIST_LENGTH} tracks.",
    Rule.REPEATED_TRACK: "A track must not occur twice in a playlist.",
    Rule.MALFORMED_URI: "A track must be 'spotify:track:' and 22 letters or digits.",
    Rule.SEED_INCLUDED: "A playlist must hold none of its seed tracks.",
    Rule.UNKNOWN_TRACK: "A track must occur in the Million Playlist Dataset.",
}


@dataclass(frozen=True)
class Violation:
    """One breach of one rule.

    Attributes:
        rule: the rule broken.
        message: what was found, with the offending values.
        line: line number from 1, None where the whole file is meant.
        pid: playlist, None where none is meant or it cannot be read.
    """

    rule: Rule
    message: str
    line: int | None = None
    pid: int | None = None

    def __str__(self) -> str:
        where = [] if self.line is None else [f"line {self.line}"]
        where += [] if self.pid is None else [f"pid {self.pid}"]
        return f"{', '.join(where) or 'file'}: {self.rule.value}: {self.message}"

    def to_dict(self) -> dict[str, Any]:
        """Return the violation as plain values for JSON."""
        return {"line": self.line, "pid": self.pid, "rule": self.rule.value, "message": self.message}


@dataclass
class Violations:
    """All violations found so far: counted without end, kept up to ``MAX_RECORDED``."""

    counts: Counter[Rule] = field(default_factory=Counter)
    _recorded: list[Violation] = field(default_factory=list)

    def add(self, rule: Rule, message: str, *, line: int | None = None, pid: int | None = None) -> None:
        """Record one violation."""
        self.counts[rule] += 1
        if len(self._recorded) < MAX_RECORDED:
            self._recorded.append(Violation(rule, message, line, pid))

    def __len__(self) -> int:
        return self.counts.total()

    def __iter__(self) -> Iterator[Violation]:
        """Yield what was kept: the whole file's first, then by line, then the missing playlists."""
        return iter(sorted(self._recorded, key=_reading_order))


def _reading_order(violation: Violation) -> tuple[bool, int]:
    return (violation.rule is Rule.MISSING_PID, violation.line or 0)
