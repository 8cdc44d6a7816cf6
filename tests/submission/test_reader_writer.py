from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from challenge.errors import InputError, InvalidSubmissionError, MissingInputError
from challenge.submission.reader import read_submission
from challenge.submission.submission import Submission
from challenge.submission.team import TeamInfo
from challenge.submission.writer import write_submission
from tests.small_submissions import HEADER, PIDS, lines, playlist, submission, tracks, write


def test_written_text_is_the_official_formatat(tmp_path: Path) -> None:
    write_submission(submission(), tmp_path / "s.csv")
    assert (tmp_path / "s.csv").read_text() == "\n".join(lines()) + "\n"


def test_gzip_holds_the_same_text_and_depends_on_nothing_else(tmp_path: Path) -> None:
    write_submission(submission(), tmp_path / "a.csv.gz")
    write_submission(submission(), tmp_path / "b.csv.gz")
    data = (tmp_path / "a.csv.gz").read_bytes()
    assert data == (tmp_path / "b.csv.gz").read_bytes()
    assert gzip.decompress(data).decode() == "\n".join(lines()) + "\n"
    assert data[3:8] == b"\0\0\0\0\0", "neither a name nor a time in the header"


@settings(max_examples=20, deadline=None)
@given(
    pids=st.lists(st.integers(0, 2**31 - 1), max_size=4, unique=True),
    name=st.text(min_size=1, max_size=20).filter(lambda text: text.isprintable() and "," not in text),
    track=st.sampled_from([None, "main", "creative"]),
    file_name=st.sampled_from(["s.csv", "s.csv.gz"]),
)
def test_reading_gives_back_what_was_written(
    tmp_path_factory: pytest.TempPathFactory, *, pids: list[int], name: str, track: str | None, file_name: str
) -> None:
    name = name.strip() or "x"
    alphabet = np.frombuffer(b"0123456789ABCXYZabcxyz", np.uint8)
    letters = np.random.default_rng(len(name)).choice(alphabet, (len(pids), 500, 22))
    before = Submission(
        TeamInfo(name, "a@b.org", track), np.array(pids, np.int32), letters.view("S22").reshape(-1, 500)
    )
    path = tmp_path_factory.mktemp("round") / file_name
    write_submission(before, path)
    after = read_submission(path)
    assert after.team == before.team
    np.testing.assert_array_equal(after.pid, before.pid)
    np.testing.assert_array_equal(after.track_ids, before.track_ids)


def test_reading_allows_what_the_rules_allow(tmp_path: Path) -> None:
    text = ["# made by hand", "", " # and more", *(line.replace(",", " , ") for line in lines()), "  "]
    path = write(tmp_path, "\r\n".join(text).encode())
    np.testing.assert_array_equal(read_submission(path).track_ids, submission().track_ids)


def test_a_broken_file_is_refused_with_its_first_faults(tmp_path: Path) -> None:
    path = write(tmp_path, [HEADER, playlist(1, tracks(0, 499)), playlist(2), playlist(2), playlist("x")])
    with pytest.raises(InvalidSubmissionError) as caught:
        read_submission(path)
    assert "line 2, pid 1: wrong-track-count: 499 tracks, expected 500" in str(caught.value)
    assert "challenge validate" in str(caught.value.hint)
    for number, words in ((3, "line 2"), (4, "; and 1 more violations"), (9, "; and 6 more violations")):
        path = write(tmp_path, [*lines(), *[playlist(PIDS[0])] * number])
        with pytest.raises(InvalidSubmissionError) as caught:
            read_submission(path)
        assert caught.value.message.endswith(words)
        assert caught.value.message.count("repeated-pid") == 3


def test_repeated_playlist_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, [*lines(), playlist(PIDS[0])])
    with pytest.raises(
        InvalidSubmissionError, match=r"line 5, pid 1000000: repeated-pid: the first is line 2"
    ):
        read_submission(path)


def test_missing_file_and_folder(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match="no such file"):
        read_submission(tmp_path / "none.csv")
    with pytest.raises(InputError, match="cannot be read"):
        read_submission(tmp_path)


def test_nothing_is_left_when_writing_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_submission(submission(), tmp_path / "s.csv.gz")
    before = (tmp_path / "s.csv.gz").read_bytes()
    monkeypatch.setattr(TeamInfo, "line", lambda self: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        write_submission(submission(3), tmp_path / "s.csv.gz")
    assert [file.name for file in tmp_path.iterdir()] == ["s.csv.gz"]
    assert (tmp_path / "s.csv.gz").read_bytes() == before
