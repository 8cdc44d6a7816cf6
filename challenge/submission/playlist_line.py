"""One line of a submission: a pid and its 500 tracks.

Nearly every line is in the plain form that programs write, which a few passes of C-speed byte operations
recognise without doubt. Any other line is read field by field, where each fault gets its name.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import Final

from challenge.submission.rules import Rule, Violations, shorten
from challenge.types import ID_LENGTH, ID_PATTERN, LIST_LENGTH, TRACK_PREFIX

MAX_PID: Final = 2**31 - 1
URI_LENGTH: Final = len(TRACK_PREFIX) + ID_LENGTH
_SHOWN: Final = 5
_MOST_FIELDS: Final = 2 * LIST_LENGTH
"""A line with more fields is no attempt at 500 tracks: its fields are not looked at one by one."""
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


def parse_line(number: int, line: bytes, violations: Violations) -> PlaylistLine:
    """Read a line; what breaks a rule by itself goes to ``violations``."""
    return parse_plain(number, line) or parse_careful(number, line, violations)


def parse_plain(number: int, line: bytes) -> PlaylistLine | None:
    """Read a line without any fault in the form that programs write; None for any other line."""
    text = line.replace(b", ", b",")
    if b" " in text or b"\t" in text:
        text = b",".join([field.strip(b" \t") for field in text.split(b",")])
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
    raw_pid, *fields = [field.strip(b" \t") for field in line.split(b",")]
    pid = int(raw_pid) if _PID.fullmatch(raw_pid) else None
    if pid is None or pid > MAX_PID:
        found = f"{shorten(raw_pid)} is not a whole number from 0 to {MAX_PID}"
        violations.add(Rule.NON_INTEGER_PID, found, line=number)
        pid = None
    if len(fields) != LIST_LENGTH:
        found = f"{len(fields)} tracks, expected {LIST_LENGTH}"
        violations.add(Rule.WRONG_TRACK_COUNT, found, line=number, pid=pid)
    if len(fields) > _MOST_FIELDS:
        return PlaylistLine(number, pid, [])
    malformed = {place: field for place, field in enumerate(fields, 1) if not _URI.fullmatch(field)}
    if malformed:
        found = _listing([f"field {place + 1}: {shorten(field)}" for place, field in malformed.items()])
        violations.add(Rule.MALFORMED_URI, found, line=number, pid=pid)
    repeats = {uri: count for uri, count in Counter(fields).items() if count > 1}
    if repeats:
        found = _listing([f"{shorten(uri)} {count} times" for uri, count in repeats.items()])
        violations.add(Rule.REPEATED_TRACK, found, line=number, pid=pid)
    return PlaylistLine(number, pid, list(dict.fromkeys(uri for uri in fields if _URI.fullmatch(uri))))


def _listing(items: list[str]) -> str:
    more = len(items) - _SHOWN
    return "; ".join(items[:_SHOWN]) + (f"; and {more:,} more" if more > 0 else "")


def list_uris(uris: list[bytes]) -> str:
    """Name the first few URIs and how many more there are."""
    return _listing([uri.decode("ascii", "replace") for uri in uris])
