"""The lines of a submission file, and what is said of a file that is no text."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import pytest

from challenge import progress
from challenge.errors import FormatError
from challenge.submission.lines import MAX_LINE_BYTES, TextCheck, read_lines
from challenge.submission.rules import Rule, Violations

UTF_16 = "the file looks like UTF-16: many of its bytes are NUL"
NO_TEXT = "the file is no text: many of its bytes are NUL"


def read(
    folder: Path, content: bytes, name: str = "s.csv"
) -> tuple[list[tuple[int, bytes]], list[tuple[Rule, str, int | None]]]:
    path = folder / name
    path.write_bytes(content)
    violations = Violations()
    lines = list(read_lines(path, violations))
    return lines, [(each.rule, each.message, each.line) for each in violations]


def told(message: str) -> list[tuple[Rule, str, int | None]]:
    return [(Rule.WRONG_ENCODING, message, 1)]


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("text", ["team_info,a,b\n" * 9, "team"])
def test_utf_16_without_a_mark_is_told_by_its_nul_bytes(tmp_path: Path, encoding: str, text: str) -> None:
    assert read(tmp_path, text.encode(encoding)) == ([], told(UTF_16))


def test_nul_bytes_in_even_and_odd_places_are_no_text(tmp_path: Path) -> None:
    assert read(tmp_path, b"a\0\0\0" * 40) == ([], told(NO_TEXT))
    assert read(tmp_path, b"\0\0") == ([], told(NO_TEXT))


def test_up_to_a_quarter_of_nul_bytes_is_read_line_by_line(tmp_path: Path) -> None:
    quarter = b"\0abc" * 16
    assert read(tmp_path, quarter) == ([(1, quarter)], [])
    assert read(tmp_path, b"\0" + quarter[1:]) == ([(1, quarter)], [])
    one_more = b"\0\0bc" + quarter[4:]
    assert read(tmp_path, one_more) == ([], told(NO_TEXT))


def test_only_the_first_64_bytes_tell_the_encoding(tmp_path: Path) -> None:
    lines, violations = read(tmp_path, b"a" * 64 + b"\0" * 4000)
    assert [number for number, _ in lines] == [1]
    assert violations == []
    assert read(tmp_path, b"\0" * 17 + b"a" * 47 + b"a" * 4000) == ([], told(NO_TEXT))
    assert read(tmp_path, b"\0" * 16 + b"a" * 48 + b"\0" * 4000)[1] == []


def test_a_tar_archive_is_named(tmp_path: Path) -> None:
    content = b"s.csv".ljust(257, b"\0") + b"ustar\0" + b"0" * 200
    assert read(tmp_path, content) == (
        [],
        told("the file is a tar archive: take the submission out of it"),
    )


def test_lines_are_numbered_from_1_with_and_without_a_last_line_feed(tmp_path: Path) -> None:
    expected = [(1, b"a"), (2, b""), (3, b"b\r"), (4, b"c")]
    assert read(tmp_path, b"a\n\nb\r\nc") == (expected, [])
    assert read(tmp_path, b"a\n\nb\r\nc\n") == (expected, [])


def test_lines_around_a_long_one_keep_their_numbers(tmp_path: Path) -> None:
    comment, line = b"#" * (MAX_LINE_BYTES + 1), b"x" * (MAX_LINE_BYTES + 1)
    lines, violations = read(tmp_path, b"\n".join([b"a", comment, b"b", line, b"c"]))
    assert lines == [(1, b"a"), (3, b"b"), (5, b"c")]
    assert [(rule, line) for rule, _, line in violations] == [(Rule.LINE_TOO_LONG, 4)]


def test_a_gzip_file_that_goes_on_is_told_from_a_damaged_one(tmp_path: Path) -> None:
    whole = gzip.compress(b"a\nb\n" * 1000)
    follows = "whole, but bytes that are no gzip follow it"
    assert read(tmp_path, whole + b"more", "s.csv.gz")[1] == [(Rule.DAMAGED_GZIP, follows, None)]
    for damaged in (whole[:-9], whole[:-4] + b"\0\0\0\0", whole[:14] + b"\xff" * 8 + whole[22:]):
        ((rule, message, _),) = read(tmp_path, damaged, "s.csv.gz")[1]
        assert rule is Rule.DAMAGED_GZIP
        assert message.startswith("damaged after ")


def test_another_kind_of_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="JSON"):
        read(tmp_path, b'{"0": {"holdout": []}}', "answers.json")


class Told:
    """What a progress bar was told."""

    def __init__(self) -> None:
        self.total: float | None = None
        self.unit, self.done = "", list[float]()

    def message(self, text: str) -> None:
        raise AssertionError(text)

    def task(self, label: str, total: float | None, unit: str) -> AbstractContextManager[Callable[..., None]]:
        self.total, self.unit = total, unit
        return nullcontext(lambda amount=1, *, note="": self.done.append(amount))


def test_progress_is_in_bytes_of_the_file_and_never_goes_back(tmp_path: Path) -> None:
    told = Told()
    line = b"#" * 1023 + b"\n"
    size = len(line) * 3000
    with progress.use_backend(told):
        read(tmp_path, line * 3000)
    assert (told.total, told.unit, sum(told.done)) == (size, "B", size)
    assert len(told.done) > 1
    assert min(told.done) >= 0


def check(*pieces: bytes) -> list[tuple[Rule, str, int | None]]:
    violations = Violations()
    line = TextCheck(7, violations)
    for number, piece in enumerate(pieces, start=1):
        line.add(piece, last=number == len(pieces))
    return [(each.rule, each.message, each.line) for each in violations]


def test_places_are_counted_over_all_pieces_of_a_line() -> None:
    assert check(b"abc", b"de\x01f") == [(Rule.CONTROL_CHARACTER, "character 0x01 after 5 bytes", 7)]
    wrong = (Rule.WRONG_ENCODING, "byte 0xff after 5 bytes is not UTF-8", 7)
    assert check(b"abc", b"de\xfff") == [wrong]
    assert check(b"ab\xc3", b"\xa9\xff") == [(Rule.WRONG_ENCODING, "byte 0xff after 4 bytes is not UTF-8", 7)]
    assert check(b"ab\xc3") == [(Rule.WRONG_ENCODING, "byte 0xc3 after 2 bytes is not UTF-8", 7)]


def test_each_rule_is_told_once_a_line() -> None:
    found = check(b"\x01\x02", b"\x03\xff", b"\xff\x04", b"\xff")
    assert found == [
        (Rule.CONTROL_CHARACTER, "character 0x01 after 0 bytes", 7),
        (Rule.WRONG_ENCODING, "byte 0xff after 3 bytes is not UTF-8", 7),
    ]
