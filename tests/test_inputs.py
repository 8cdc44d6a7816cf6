"""Files are opened without waiting, read up to a limit, and decoded whatever they hold."""

from __future__ import annotations

import io
import os
import socket
from pathlib import Path

import pytest

from challenge.errors import FormatError, InputError, MissingInputError
from challenge.inputs import decode_json, open_regular, read_limited, read_regular


def test_a_file_is_read_whole(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"abc")
    (tmp_path / "link").symlink_to(tmp_path / "file")
    (tmp_path / "empty").touch()
    assert read_regular(tmp_path / "file", limit=3) == b"abc"
    assert read_regular(tmp_path / "link") == b"abc"
    assert read_regular(tmp_path / "empty") == b""


def test_more_than_the_limit_is_refused_and_not_read(tmp_path: Path) -> None:
    with (tmp_path / "huge").open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(FormatError, match=r"huge: more than 1,000,000 bytes, which is the most"):
        read_regular(tmp_path / "huge", limit=1_000_000)
    stream = io.BytesIO(b"x" * 1000)
    with pytest.raises(FormatError, match="stdin: more than 100 bytes"):
        read_limited(stream, "stdin", limit=100, piece=60)
    assert stream.tell() == 120


def test_what_is_no_file_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "endless").symlink_to("/dev/zero")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    here = Path.cwd()
    os.chdir(tmp_path)  # a socket's path may have a hundred characters
    try:
        with socket.socket(socket.AF_UNIX) as opened:
            opened.bind("socket")
    finally:
        os.chdir(here)
    for name, what in (
        ("fifo", "it is a pipe"),
        ("endless", "it is a device"),
        ("loop", "too many levels of symbolic links"),
        ("socket", "no such device"),
        (".", "it is a folder"),
        ("fifo/inside", "not a directory"),
        ("n" * 300, "file name too long"),
    ):
        with pytest.raises(InputError, match=what) as caught, open_regular(tmp_path / name, hint="another"):
            pass
        assert caught.value.hint == "another"
    with pytest.raises(MissingInputError, match="gone: no such file"):
        read_regular(tmp_path / "gone")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"[" * 100_000, "nested too deeply"),
        (b'{"a":' * 100_000, "nested too deeply"),
        (b'{"a": 1, "b": 2, "a": 3}', "the key 'a' stands there twice"),
        (b'{"\\udcff\\n": 1, "?\\n": 2}', r"the key '\?\\n' stands there twice"),
        (b"\xff", "is not UTF-8"),
        (b'"\xed\xa0\x80"', "is not UTF-8"),
        (b"[NaN]", "it holds NaN"),
        (b"", "not JSON"),
    ],
)
def test_json_is_refused_by_its_fault(text: bytes, message: str) -> None:
    with pytest.raises(FormatError, match=message):
        decode_json(text, "x")


def test_lone_surrogates_become_question_marks() -> None:
    text = rb'["\ud83d\uDE00", "\ud83d", "\\ud83d", "\ude00\ud83d", "\ud83d\ud83d\ude00", "\u00e9\\\uDFFF"]'
    assert decode_json(text, "x") == ["😀", "?", r"\ud83d", "??", "?😀", "é\\?"]


def test_json_of_any_size_of_number_is_decoded() -> None:
    assert decode_json(b"9" * 5000, "x") == float("inf")
    assert decode_json(b'{"a": {"b": 1, "b": 2}, "c": [{"d": 1}]}', "x") == {"a": {"b": 2}, "c": [{"d": 1}]}
