from __future__ import annotations

import gzip
import json
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from challenge.errors import InputError, MissingInputError
from challenge.mpd.challenge_set import read_challenge_set
from challenge.submission import lines as lines_module
from challenge.submission.rules import Rule, Violations
from challenge.submission.validator import (
    ValidationReport,
    seeds_by_pid,
    validate_against,
    validate_file,
)
from tests.small_submissions import HEADER, PIDS, lines, playlist, seeds, tracks, uri, write


def check(
    folder: Path, content: bytes | list[str], name: str = "submission.csv", **options: Any
) -> ValidationReport:
    return validate_against(write(folder, content, name), seeds(), **options)


def found(report: ValidationReport) -> list[tuple[Rule, int | None, int | None]]:
    return [(violation.rule, violation.line, violation.pid) for violation in report.violations]


def replaced(number: int, line: str) -> list[str]:
    """The valid lines with one (from 1) replaced."""
    content = lines()
    content[number - 1] = line
    return content


@pytest.mark.parametrize("name", ["s.csv", "s.csv.gz", "s.CSV.GZ"])
def test_valid_file_in_each_name(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    data = "\n".join(lines()).encode()
    path.write_bytes(gzip.compress(data) if name.lower().endswith("gz") else data)
    report = validate_against(path, seeds())
    assert report.valid
    assert report.counts == {}
    assert report.team is not None
    assert report.team.name == "The Team"
    assert (report.n_playlists, report.n_expected) == (3, 3)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_comments_blank_lines_spaces_and_line_ends(tmp_path: Path, end: str) -> None:
    content = ["# a comment é", "", "  \t", *(line.replace(",", " ,\t") for line in lines()), "#"]
    assert check(tmp_path, end.join(content).encode()).valid


def test_format_of_2018_is_valid_but_noted(tmp_path: Path) -> None:
    report = check(tmp_path, replaced(1, "team_info,The Team,creative,team@example.org"))
    assert report.valid
    assert "format of 2018" in report.notes[0]


def test_several_gzip_members_are_one_file(tmp_path: Path) -> None:
    path = tmp_path / "s.csv.gz"
    path.write_bytes(b"".join(gzip.compress((line + "\n").encode()) for line in lines()))
    assert validate_against(path, seeds()).valid


FIRST, SECOND, THIRD = PIDS
OF_ONE_LINE = {
    "malformed team_info": (1, "team_info,The Team", [(Rule.MALFORMED_TEAM_INFO, 1, None)]),
    "malformed email": (1, "team_info,The Team,nowhere", [(Rule.MALFORMED_EMAIL, 1, None)]),
    "missing team_info": (1, "# nothing", [(Rule.MISSING_TEAM_INFO, 2, None)]),
    "another heading": (1, "pid,tracks", [(Rule.MISSING_TEAM_INFO, 1, None)]),
    "pid is no integer": (
        2,
        playlist("1e6"),
        [(Rule.NON_INTEGER_PID, 2, None), (Rule.MISSING_PID, None, FIRST)],
    ),
    "unknown pid": (3, playlist(17), [(Rule.UNKNOWN_PID, 3, 17), (Rule.MISSING_PID, None, SECOND)]),
    "repeated pid": (3, playlist(FIRST), [(Rule.REPEATED_PID, 3, FIRST), (Rule.MISSING_PID, None, SECOND)]),
    "missing pid": (4, "", [(Rule.MISSING_PID, None, THIRD)]),
    "499 tracks": (2, playlist(FIRST, tracks(0, 499)), [(Rule.WRONG_TRACK_COUNT, 2, FIRST)]),
    "501 tracks": (2, playlist(FIRST, tracks(0, 501)), [(Rule.WRONG_TRACK_COUNT, 2, FIRST)]),
    "comma at the end": (
        2,
        playlist(FIRST) + ",",
        [(Rule.WRONG_TRACK_COUNT, 2, FIRST), (Rule.MALFORMED_URI, 2, FIRST)],
    ),
    "repeated track": (4, playlist(THIRD, [*tracks(0, 499), uri(7)]), [(Rule.REPEATED_TRACK, 4, THIRD)]),
    "seed included": (2, playlist(FIRST, tracks(401, 500)), [(Rule.SEED_INCLUDED, 2, FIRST)]),
    "album": (
        2,
        playlist(FIRST, ["spotify:album:" + "a" * 22, *tracks(0, 499)]),
        [(Rule.MALFORMED_URI, 2, FIRST)],
    ),
    "underscore in id": (
        2,
        playlist(FIRST, ["spotify:track:" + "a" * 21 + "_", *tracks(0, 499)]),
        [(Rule.MALFORMED_URI, 2, FIRST)],
    ),
    "id without prefix": (2, playlist(FIRST, ["a" * 22, *tracks(0, 499)]), [(Rule.MALFORMED_URI, 2, FIRST)]),
    "semicolons": (
        2,
        playlist(FIRST).replace(",", ";"),
        [
            (Rule.NON_INTEGER_PID, 2, None),
            (Rule.WRONG_TRACK_COUNT, 2, None),
            (Rule.MISSING_PID, None, FIRST),
        ],
    ),
}


@pytest.mark.parametrize(("number", "line", "expected"), OF_ONE_LINE.values(), ids=OF_ONE_LINE.keys())
def test_each_broken_line_breaks_exactly_its_rule(
    tmp_path: Path, number: int, line: str, expected: list[tuple[Rule, int | None, int | None]]
) -> None:
    assert found(check(tmp_path, replaced(number, line))) == expected


def test_team_info_after_playlists_and_twice(tmp_path: Path) -> None:
    header, *rest = lines()
    assert found(check(tmp_path, [*rest, header])) == [(Rule.TEAM_INFO_NOT_FIRST, 4, None)]
    assert found(check(tmp_path, [header, *rest, header])) == [(Rule.REPEATED_TEAM_INFO, 5, None)]


def test_all_violations_are_collected_in_order(tmp_path: Path) -> None:
    report = check(tmp_path, [HEADER, playlist(17), playlist(FIRST, tracks(0, 3)), playlist(FIRST)])
    assert found(report) == [
        (Rule.UNKNOWN_PID, 2, 17),
        (Rule.WRONG_TRACK_COUNT, 3, FIRST),
        (Rule.REPEATED_PID, 4, FIRST),
        (Rule.MISSING_PID, None, SECOND),
        (Rule.MISSING_PID, None, THIRD),
    ]
    assert report.counts[Rule.MISSING_PID] == 2
    assert str(report.violations[1]) == "line 3, pid 1000000: wrong-track-count: 3 tracks, expected 500"


def test_tracks_that_do_not_exist(tmp_path: Path) -> None:
    def below_501(ids: np.ndarray) -> np.ndarray:
        return ids.astype("S22") < uri(501)[14:].encode()

    report = check(tmp_path, lines(), track_exists=below_501)
    assert report.tracks_checked
    assert found(report) == [(Rule.UNKNOWN_TRACK, 4, THIRD)]
    assert report.violations[0].message == uri(501)


TEXT = "\n".join(lines()).encode()
WHOLE_FILE = {
    "no bytes": ("s.csv", b"", Rule.EMPTY_FILE),
    "gzip of nothing": ("s.csv.gz", gzip.compress(b""), Rule.EMPTY_FILE),
    "only comments": ("s.csv", b"# one\n\n  # two\n", Rule.ONLY_COMMENTS),
    "truncated gzip": ("s.csv.gz", gzip.compress(TEXT)[:-300], Rule.DAMAGED_GZIP),
    "gzip without its end": ("s.csv.gz", gzip.compress(TEXT)[:-4], Rule.DAMAGED_GZIP),
    "changed gzip": ("s.csv.gz", gzip.compress(TEXT)[:-8] + b"\0" * 8, Rule.DAMAGED_GZIP),
    "gzip and more": ("s.csv.gz", gzip.compress(TEXT) + b"more", Rule.DAMAGED_GZIP),
    "two bytes of gzip": ("s.csv.gz", b"\x1f\x8b", Rule.DAMAGED_GZIP),
    "gzip named csv": ("s.csv", gzip.compress(TEXT), Rule.GZIP_NAMED_PLAIN),
    "text named gz": ("s.csv.gz", TEXT, Rule.PLAIN_NAMED_GZIP),
    "byte-order mark": ("s.csv", b"\xef\xbb\xbf" + TEXT, Rule.WRONG_ENCODING),
    "UTF-16": ("s.csv", TEXT.decode().encode("utf-16"), Rule.WRONG_ENCODING),
    "UTF-16 without mark": ("s.csv", TEXT.decode().encode("utf-16-le"), Rule.WRONG_ENCODING),
    "zip": ("s.csv", b"PK\x03\x04" + b"x" * 100, Rule.WRONG_ENCODING),
    "Latin-1": ("s.csv", TEXT.replace(b"The Team", b"L'\xe9quipe"), Rule.WRONG_ENCODING),
    "Latin-1 comment": ("s.csv", b"# \xe9\n" + TEXT, Rule.WRONG_ENCODING),
    "NUL in a comment": ("s.csv", TEXT + b"\n# a\0b", Rule.CONTROL_CHARACTER),
    "lone carriage return": ("s.csv", b"# a\rteam\n" + TEXT, Rule.CONTROL_CHARACTER),
}


@pytest.mark.parametrize(("name", "data", "rule"), WHOLE_FILE.values(), ids=WHOLE_FILE.keys())
def test_each_broken_file_breaks_its_rule(tmp_path: Path, name: str, data: bytes, rule: Rule) -> None:
    (tmp_path / name).write_bytes(data)
    counts = validate_against(tmp_path / name, seeds()).counts
    assert set(counts) == {rule}


MISLEADING = {
    "gzip and more": (
        "s.csv.gz",
        gzip.compress(TEXT) + b"more",
        "whole, but bytes that are no gzip follow it",
    ),
    "gzipped twice": ("s.csv.gz", gzip.compress(gzip.compress(TEXT)), "the file is gzipped twice"),
    "tar": ("s.csv.gz", gzip.compress(b"s.csv".ljust(257, b"\0") + b"ustar" + TEXT), "is a tar archive"),
    "NUL": ("s.csv", b"\0" * 600, "the file is no text"),
    "capitals": (
        "s.csv",
        TEXT.replace(b"team_info", b"TEAM_INFO"),
        "'TEAM_INFO'; expected team_info in lower",
    ),
}


@pytest.mark.parametrize("kind", MISLEADING)
def test_what_is_wrong_is_told_as_it_is(tmp_path: Path, kind: str) -> None:
    name, data, message = MISLEADING[kind]
    (first, *_) = validate_against(write_bytes(tmp_path / name, data), seeds()).violations
    assert message in first.message


@pytest.mark.parametrize("at", range(2, 12))
@pytest.mark.parametrize("value", [0, 3, 4, 8, 16, 32, 0xE0, 255])
def test_no_gzip_header_is_a_mistake_in_the_program(tmp_path: Path, at: int, value: int) -> None:
    data = bytearray(gzip.compress(TEXT))
    data[at] = value
    counts = validate_against(write_bytes(tmp_path / "s.csv.gz", bytes(data)), seeds()).counts
    assert set(counts) <= {Rule.DAMAGED_GZIP}


def test_nul_in_a_playlist_is_named_with_what_it_breaks(tmp_path: Path) -> None:
    report = check(tmp_path, replaced(2, playlist(FIRST)[:-3] + "\0" + playlist(FIRST)[-2:]))
    assert [rule for rule, *_ in found(report)] == [Rule.CONTROL_CHARACTER, Rule.MALFORMED_URI]


def test_old_mac_line_ends_are_not_taken(tmp_path: Path) -> None:
    assert Rule.CONTROL_CHARACTER in check(tmp_path, "\r".join(lines()).encode()).counts


def test_one_huge_line_does_not_fill_memory(tmp_path: Path) -> None:
    blob = lines()[1].encode() + b"," + b"x" * 3_000_000
    report = check(tmp_path, b"\n".join([HEADER.encode(), blob, *(line.encode() for line in lines()[2:])]))
    assert found(report) == [(Rule.LINE_TOO_LONG, 2, None), (Rule.MISSING_PID, None, FIRST)]


def test_a_long_line_at_the_end_is_reported_too(tmp_path: Path) -> None:
    assert found(check(tmp_path, TEXT + b"\nx" + b"x" * 2_500_000)) == [(Rule.LINE_TOO_LONG, 5, None)]


LONG = 2_500_001  # ends inside a piece that is read at once
LONG_LINES = {
    "comment": (b"#" + "é".encode() * LONG, []),
    "comment after blanks": (b" " * LONG + b"\t# team_info", []),
    "blank": (b" \t" * LONG, []),
    "blank, Windows": (b" " * 70_000 + b"\r", []),
    "comment, old line end": (b"#" * ((1 << 20) - 1) + b"\r\n", []),
    "NUL in a comment": (b"#" + b"x" * LONG + b"\0\0", [Rule.CONTROL_CHARACTER]),
    "half a character": (b"#" + b"x" * LONG + b"\xc3", [Rule.WRONG_ENCODING]),
    "Latin-1": (b"#" + b"x" * LONG + b"\xe9x\xe9", [Rule.WRONG_ENCODING]),
    "a return inside": (b" " * ((1 << 20) - 1) + b"\r ", [Rule.LINE_TOO_LONG]),
    "after blanks": (b" " * LONG + b"x", [Rule.LINE_TOO_LONG]),
    "a playlist": (b"1," * LONG, [Rule.LINE_TOO_LONG]),
}


@pytest.mark.parametrize("kind", LONG_LINES)
def test_comments_and_blank_lines_may_be_long_and_no_others(tmp_path: Path, kind: str) -> None:
    line, rules = LONG_LINES[kind]
    for place in (0, 2, 4):
        content = [each.encode() for each in lines()]
        content.insert(place, line)
        report = check(tmp_path, b"\n".join(content))
        assert [(violation.rule, violation.line) for violation in report.violations] == [
            (rule, place + 1) for rule in rules
        ]


def test_the_longest_line_there_may_be(tmp_path: Path) -> None:
    """Whether something follows it or not, one byte more is too long."""
    for more in (0, 1):
        line = b"x" * (lines_module.MAX_LINE_BYTES + more)
        for content, number in ((line + b"\n" + TEXT, 1), (TEXT + b"\n" + line, 5)):
            too_long = [
                each.line for each in check(tmp_path, content).violations if each.rule is Rule.LINE_TOO_LONG
            ]
            assert too_long == [number] * more


def test_the_place_of_a_wrong_byte_in_a_long_comment(tmp_path: Path) -> None:
    report = check(tmp_path, b"#" + "é".encode() * 600_000 + b"\xff\n" + TEXT)
    assert str(report.violations[0]) == "line 1: wrong-encoding: byte 0xff after 1200001 bytes is not UTF-8"


def test_any_number_of_comments_and_blank_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("challenge.submission.parser.MAX_LINES", 10)
    comments = b"# one\n\n \r\n" * 500
    assert check(tmp_path, comments + TEXT + b"\n" + comments).valid
    report = check(tmp_path, TEXT + b"\n17" * 10)
    assert found(report)[0] == (Rule.FILE_TOO_LARGE, None, None)
    assert report.counts[Rule.UNKNOWN_PID] == 6


def test_a_bomb_is_read_only_up_to_the_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = write_bytes(tmp_path / "s.csv.gz", gzip.compress(TEXT + b"\n" + b"# \n" * 1_000_000))
    monkeypatch.setattr(lines_module, "MAX_TEXT_BYTES", 1 << 20)
    assert found(validate_against(bomb, seeds())) == [(Rule.FILE_TOO_LARGE, None, None)]


def test_the_limit_itself_is_no_violation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_bytes(tmp_path / "s.csv", TEXT)
    for limit, expected in ((len(TEXT), []), (len(TEXT) - 1, [(Rule.FILE_TOO_LARGE, None, None)])):
        monkeypatch.setattr(lines_module, "MAX_TEXT_BYTES", limit)
        assert found(validate_against(path, seeds()))[:1] == expected


def test_where_the_encoding_is_wrong_and_how_far_a_file_could_be_read(tmp_path: Path) -> None:
    marked = validate_against(write_bytes(tmp_path / "s.csv", b"\xef\xbb\xbf" + TEXT), seeds())
    assert found(marked) == [(Rule.WRONG_ENCODING, 1, None)]
    damaged = validate_against(write_bytes(tmp_path / "s.csv.gz", b"\x1f\x8b"), seeds())
    assert damaged.violations[0].message.startswith("damaged after 0 bytes of text")


def write_bytes(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def test_violations_are_counted_beyond_what_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("challenge.submission.rules.MAX_RECORDED", 3)
    violations = Violations()
    for pid in range(10):
        violations.add(Rule.MISSING_PID, "none", pid=pid)
    assert len(violations) == 10
    assert [violation.pid for violation in violations] == [0, 1, 2]


def test_remembering_tracks_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("challenge.submission.validator._MAX_REMEMBERED", 10)
    asked = []

    def exists(ids: np.ndarray) -> np.ndarray:
        asked.append(len(ids))
        return np.ones(len(ids), bool)

    assert check(tmp_path, lines(), track_exists=exists).valid
    assert asked == [500, 1, 499]


def test_missing_file_and_folder(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError):
        validate_against(tmp_path / "none.csv", seeds())
    with pytest.raises(InputError):
        validate_against(tmp_path, seeds())


def test_report_as_json(tmp_path: Path) -> None:
    report = check(tmp_path, replaced(2, playlist(FIRST, tracks(0, 499))))
    value = json.loads(json.dumps(report.to_dict()))
    assert value["valid"] is False
    assert value["counts"] == {"wrong-track-count": 1}
    assert value["rules"] == {"wrong-track-count": "Each playlist must have exactly 500 tracks."}
    assert value["violations"] == [
        {"line": 2, "pid": FIRST, "rule": "wrong-track-count", "message": "499 tracks, expected 500"}
    ]


def test_every_rule_has_a_sentence() -> None:
    assert all(rule.description.endswith(".") for rule in Rule)


def official_checker_accepts(text: str) -> bool:
    """What the challenge set's own script looks at, in a few lines (it dies on an unknown pid)."""
    known, seen, header = seeds(), set(), False
    for line in (each.strip() for each in text.splitlines()):
        if not line or line[0] == "#":
            continue
        if not header:
            header = line.startswith("team_info")
            if not header:
                return False
            continue
        pid, *uris = (field.strip() for field in line.split(","))
        try:
            seen.add(int(pid))
        except ValueError:
            return False
        parts = [each.split(":") for each in uris]
        if int(pid) not in known or len(uris) != 500 or len(set(uris)) != 500:
            return False
        if known[int(pid)] & {each.encode() for each in uris}:
            return False
        if not all(
            len(part) == 3 and part[:2] == ["spotify", "track"] and len(part[2]) == 22 for part in parts
        ):
            return False
    return seen == set(known)


EDITS = [
    ",",
    " ",
    "\t",
    "\r",
    "\n",
    "#",
    "\x0b",
    "\x1c",
    "\u00a0",
    "\u2028",
    ":",
    "a",
    "0",
    "_",
    "é",
    "\ufeff",
    "\0",
]


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 60_000), st.sampled_from(EDITS), st.booleans()), max_size=3),
    st.randoms(),
)
def test_what_is_accepted_the_official_checker_accepts(
    tmp_path_factory: pytest.TempPathFactory, edits: list[tuple[int, str, bool]], random: Random
) -> None:
    content = lines()
    if random.random() < 0.3:
        content = [line.replace(",", ", ") for line in content]
    text = "\n".join(content)
    for place, piece, overwrite in edits:
        at = place % (len(text) if random.random() < 0.5 else 60)
        text = text[:at] + piece + text[at + overwrite :]
    path = write_bytes(tmp_path_factory.mktemp("law") / "s.csv", text.encode())
    if validate_against(path, seeds()).valid:
        assert official_checker_accepts(text)


def test_a_challenge_set_gives_the_seeds(tmp_path: Path, tiny_challenge_set: Path) -> None:
    challenge = read_challenge_set(tiny_challenge_set)
    by_pid = seeds_by_pid(challenge)
    assert by_pid == {
        int(pid): frozenset(b"spotify:track:" + track for track in challenge.track_ids[begin:end].tolist())
        for pid, begin, end in zip(challenge.pid, challenge.indptr, challenge.indptr[1:], strict=False)
    }
    sizes = {pid: len(given) for pid, given in by_pid.items()}
    assert sizes[int(challenge.pid[0])] == 0
    pid, given = next((pid, given) for pid, given in by_pid.items() if given)
    path = write(tmp_path, [HEADER, playlist(pid, [next(iter(given)).decode(), *tracks(0, 499)])])
    report = validate_file(path, challenge)
    assert found(report)[0] == (Rule.SEED_INCLUDED, 2, pid)
    assert report.counts[Rule.MISSING_PID] == len(challenge.pid) - 1


def test_a_report_as_plain_values(tmp_path: Path) -> None:
    path = write(tmp_path, replaced(3, playlist(PIDS[1], [*tracks(0, 499), uri(900)])))
    report = validate_against(path, seeds())
    told = report.to_dict()
    (violation,) = told.pop("violations")
    assert violation["line"] == 3
    assert violation["message"] == uri(900)
    assert told == {
        "path": str(path),
        "valid": False,
        "team": {"name": "The Team", "email": "team@example.org", "track": None},
        "playlists": 3,
        "expected_playlists": 3,
        "tracks_checked": False,
        "counts": {Rule.SEED_INCLUDED.value: 1},
        "rules": {Rule.SEED_INCLUDED.value: Rule.SEED_INCLUDED.description},
        "notes": list(report.notes),
    }


def test_too_many_lines_are_told_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("challenge.submission.parser.MAX_LINES", 2)
    assert check(tmp_path, lines()).counts[Rule.FILE_TOO_LARGE] == 1


def test_what_stands_in_the_place_of_team_info_is_told(tmp_path: Path) -> None:
    for first, told in (
        ("a stray header", "found 'a stray header'"),
        ("", "the file begins with a playlist"),
    ):
        (violation, *_) = check(tmp_path, [first, *lines()[1:]]).violations
        assert violation.rule is Rule.MISSING_TEAM_INFO
        assert violation.message == told
