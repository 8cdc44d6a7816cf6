"""The first line of a submission: who sends it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from challenge.errors import ConfigError
from challenge.quoting import quoted
from challenge.submission.rules import Rule, Violations

KEYWORD: Final = "team_info"
TRACKS: Final = ("main", "creative")
"""The two competitions of 2018; today's has one and no longer names it."""
_PLACEHOLDERS: Final = ("my team", "sample team", "tiny team", "team", "team name", "your team")
_NO_ADDRESSES: Final = (
    "example",
    "invalid",
    "test",
    "localhost",
    "example.org",
    "example.com",
    "example.net",
)
"""Domains that are reserved for examples (RFC 2606), so that no mail reaches them."""
_EMAIL: Final = re.compile(r"""[^\s@,;:<>"\\]+@[^\s@,;:<>"\\.]+(\.[^\s@,;:<>"\\.]+)+""")
_BREAK: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029,]")
_HINT: Final = (
    "--team takes a name without commas or line breaks, --email an address such as team@example.org"
)


@dataclass(frozen=True)
class TeamInfo:
    """Who submits.

    Attributes:
        name: team name, without comma or line break.
        email: contact address.
        track: "main" or "creative" in the format of 2018, None in today's.

    Raises:
        ConfigError: the line made of it would break a rule.
    """

    name: str
    email: str
    track: str | None = None

    def __post_init__(self) -> None:
        found = "; ".join(message for _, message in _faults(self.name, self.email, self.track))
        if found:
            raise ConfigError(f"team_info: {found}", hint=_HINT)

    def placeholders(self) -> str:
        """Say what of it is a placeholder, by which nobody would know whose it is; empty where nothing is."""
        domain = self.email.rpartition("@")[2].lower()
        found = [f"team {quoted(self.name)}"] if self.name.lower() in _PLACEHOLDERS else []
        if domain in _NO_ADDRESSES or domain.rpartition(".")[2] in _NO_ADDRESSES:
            found.append(f"e-mail {quoted(self.email)}")
        verb = "is a placeholder" if len(found) == 1 else "are placeholders"
        return f"{' and '.join(found)} {verb}" if found else ""

    def line(self) -> str:
        """Return the line as it is written.

        No spaces round the commas: the checker of 2018 takes "main" only without.
        """
        return ",".join([KEYWORD, self.name, *([] if self.track is None else [self.track]), self.email])


def parse_team_info(text: str, violations: Violations, *, line: int | None = None) -> TeamInfo | None:
    """Read both official variants; what breaks a rule goes to ``violations`` and gives None.

    Source: the challenge's page (today's format) and the challenge set's readme (the format of 2018).
    """
    keyword, *fields = [field.strip(" \t") for field in text.split(",")]
    if keyword != KEYWORD and keyword.lower() == KEYWORD:
        found = f"found {quoted(keyword)}; expected {KEYWORD} in lower case"
        violations.add(Rule.MALFORMED_TEAM_INFO, found, line=line)
        return None
    if keyword != KEYWORD or len(fields) not in (2, 3):
        found = f"found {quoted(text)}, {len(fields) + 1} fields; a team name has no commas"
        violations.add(Rule.MALFORMED_TEAM_INFO, found, line=line)
        return None
    name, email, track = fields[0], fields[-1], fields[1] if len(fields) == 3 else None
    faults = list(_faults(name, email, track))
    for rule, message in faults:
        violations.add(rule, message, line=line)
    return None if faults else TeamInfo(name, email, track)


def _faults(name: str, email: str, track: str | None) -> Iterator[tuple[Rule, str]]:
    if not name:
        yield Rule.MALFORMED_TEAM_INFO, "the team name is empty"
    if _BREAK.search(name) or name != name.strip():
        yield (
            Rule.MALFORMED_TEAM_INFO,
            f"the team name {quoted(name)} has a comma, line break, control character or outer space",
        )
    if track is not None and track not in TRACKS:
        yield Rule.MALFORMED_TEAM_INFO, f"the third of four fields is {quoted(track)}, not main or creative"
    if not _EMAIL.fullmatch(email) or not email.isprintable():
        yield Rule.MALFORMED_EMAIL, f"{quoted(email)} is not an email address"
