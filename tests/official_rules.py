"""The official check once more, written from the rules alone: slow, plain, knowing nothing of our validator.

Sources: the challenge's page, the readme of the challenge set, and the organisers' script. Where our
validator promises to be stricter (control characters, the form of team_info, names of files), so is this.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from functools import lru_cache

LETTERS_AND_DIGITS = frozenset("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
DIGITS = frozenset(b"%d" % number for number in range(10))
CONTROL_CHARACTERS = bytes([*range(9), *range(10, 32), 127])
LONGEST_LINE = 65_536
"""A stated limit: a line of 500 tracks has about 19,000 bytes."""
SAYS_NOTHING = frozenset({"only-comments", "wrong-encoding"})
SIGNS_OF_NO_TEXT = (b"\xff\xfe", b"\xfe\xff", b"PK\x03\x04", b"\x1f\x8b")


def broken_rules(
    data: bytes,
    file_name: str,
    seeds: Mapping[int, AbstractSet[str]],
    known: AbstractSet[str] | None = None,
) -> set[str]:
    """Name the rules that a submission breaks.

    Args:
        data: the bytes of the file.
        file_name: its name.
        seeds: the URIs of each challenge playlist's seeds, by pid.
        known: the URIs that the dataset has; None where that is not looked at.
    """
    broken: set[str] = set()
    text = _inflated(data, file_name, broken)
    if text is None:
        return broken
    if text.startswith(b"\xef\xbb\xbf"):
        broken.add("wrong-encoding")
        text = text[3:]
    elif _is_no_text(text):
        return {*broken, "wrong-encoding"}
    answered = _check_lines(text, seeds, known, broken)
    if set(seeds) - answered and (answered or not broken & SAYS_NOTHING):
        broken.add("missing-pid")
    return broken


def _inflated(data: bytes, file_name: str, broken: set[str]) -> bytes | None:
    zipped, named_so = data[:2] == b"\x1f\x8b", file_name.lower().endswith(".gz")
    if zipped != named_so and data:
        broken.add("gzip-named-plain" if zipped else "plain-named-gzip")
    if zipped:
        try:
            data = gzip.decompress(data)
        except (OSError, EOFError, zlib.error):
            broken.add("damaged-gzip")
            return None
    if not data:
        broken.add("empty-file")
        return None
    return data


def _is_no_text(text: bytes) -> bool:
    begin = text[:64]
    return text.startswith(SIGNS_OF_NO_TEXT) or text[257:262] == b"ustar" or 4 * begin.count(0) > len(begin)


def _check_lines(
    text: bytes, seeds: Mapping[int, AbstractSet[str]], known: AbstractSet[str] | None, broken: set[str]
) -> set[int]:
    """Check line after line; return the pids of the challenge that have one."""
    answered: set[int] = set()
    team_lines = other_lines = 0
    for line in _lines_with_content(text, broken):
        if line[:9].lower() == b"team_info":
            if team_lines:
                broken.add("repeated-team-info")
            elif other_lines:
                broken.add("team-info-not-first")
            team_lines += 1
            _check_team_info(line.decode("utf-8", "replace"), broken)
            continue
        other_lines += 1
        is_heading = (
            other_lines == 1 and not team_lines and line[:1] not in DIGITS and b"spotify:" not in line
        )
        if not is_heading:
            pid, uris = _check_playlist(line.decode("latin-1"), broken)
            _check_against(pid, uris, seeds, known, answered, broken)
    if other_lines + team_lines == 0 and not broken:
        broken.add("only-comments")
    if other_lines and not team_lines:
        broken.add("missing-team-info")
    return answered


def _lines_with_content(text: bytes, broken: set[str]) -> Iterator[bytes]:
    for raw in text.split(b"\n"):
        whole = raw[:-1] if raw.endswith(b"\r") else raw
        line = whole.strip(b" \t")
        is_comment = line.startswith(b"#")
        if len(raw) > LONGEST_LINE and line and not is_comment:
            broken.add("line-too-long")
            continue
        if line.translate(None, CONTROL_CHARACTERS) != line:
            broken.add("control-character")
        try:
            line.decode("utf-8")
        except UnicodeDecodeError:
            broken.add("wrong-encoding")
        if line and not is_comment:
            yield line


def _check_team_info(line: str, broken: set[str]) -> None:
    fields = [field.strip(" \t") for field in line.split(",")]
    if fields[0] != "team_info" or len(fields) not in (3, 4):
        broken.add("malformed-team-info")
        return
    name, email = fields[1], fields[-1]
    if not name or name != name.strip() or any(_acts(letter) for letter in name):
        broken.add("malformed-team-info")
    if len(fields) == 4 and fields[2] not in ("main", "creative"):
        broken.add("malformed-team-info")
    if not _is_email(email):
        broken.add("malformed-email")


def _acts(letter: str) -> bool:
    return ord(letter) < 32 or 127 <= ord(letter) < 160 or letter in "\u2028\u2029"


def _is_email(text: str) -> bool:
    if (
        text.count("@") != 1
        or not text.isprintable()
        or any(each.isspace() or each in ',;:<>"\\' for each in text)
    ):
        return False
    user, domain = text.split("@")
    parts = domain.split(".")
    return bool(user) and len(parts) > 1 and all(parts)


def _check_playlist(line: str, broken: set[str]) -> tuple[int | None, list[str]]:
    """Check a line by itself; return its pid, where it has one, and its well-formed URIs."""
    first, *uris = [field.strip(" \t") for field in line.split(",")]
    pid = int(first) if first.isascii() and first.isdigit() and len(first) <= 18 else None
    if pid is None or pid > 2**31 - 1:
        broken.add("non-integer-pid")
        pid = None
    if len(uris) != 500:
        broken.add("wrong-track-count")
    if len(uris) > 1000:  # no attempt at 500 tracks
        return pid, []
    if len(set(uris)) != len(uris):
        broken.add("repeated-track")
    well_formed = [uri for uri in uris if _is_track(uri)]
    if len(well_formed) != len(uris):
        broken.add("malformed-uri")
    return pid, well_formed


@lru_cache(maxsize=10_000)
def _is_track(uri: str) -> bool:
    begin, track = uri[:14], uri[14:]
    return begin == "spotify:track:" and len(track) == 22 and LETTERS_AND_DIGITS.issuperset(track)


def _check_against(
    pid: int | None,
    uris: list[str],
    seeds: Mapping[int, AbstractSet[str]],
    known: AbstractSet[str] | None,
    answered: set[int],
    broken: set[str],
) -> None:
    if pid is not None and pid not in seeds:
        broken.add("unknown-pid")
    elif pid is not None:
        if pid in answered:
            broken.add("repeated-pid")
        answered.add(pid)
        if seeds[pid] & set(uris):
            broken.add("seed-included")
    if known is not None and set(uris) - known:
        broken.add("unknown-track")
