"""Whatever a named file is or holds, a command ends soon, with a documented code and one harmless message."""

from __future__ import annotations

import csv
import gzip
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from challenge.cli.app import build_app
from tests.official_files import TINY_SLICES, slice_text, tiny_challenge
from tests.small_submissions import World, write_world

ESCAPES = "\n\x1b[2J\x9b31m\u202eError: forged"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHALLENGE_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def world(tmp_path: Path) -> World:
    return write_world(tmp_path)


def run(words: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(build_app(), [*words.split(), "--quiet"])
    return result.exit_code, result.stdout, result.stderr


def fifo(path: Path) -> None:
    os.mkfifo(path)


def endless(path: Path) -> None:
    path.symlink_to("/dev/zero")


def sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(1 << 40)


def nested(path: Path) -> None:
    path.write_bytes(b"[" * 100_000)


def nested_playlist(path: Path) -> None:
    path.write_bytes(b'{"playlists": [{"pid": 1, "tracks": ' + b"[" * 100_000)


def digits(path: Path) -> None:
    path.write_bytes(b'{"playlists": [{"pid": ' + b"9" * 5000 + b"}]}")


def surrogates(path: Path) -> None:
    path.write_bytes(rb'{"\ud800": "\ud800", "playlists": "\ud800"}')


def loud(path: Path) -> None:
    path.write_text(json.dumps({"playlists": [{"pid": ESCAPES * 100_000, "tracks": []}], ESCAPES: {}}))


def broken_gzip(path: Path) -> None:
    path.write_bytes(gzip.compress(b"{" * 1000)[:9] + b"\xff" * 9)


KINDS = (fifo, endless, sparse, nested, nested_playlist, digits, surrogates, loud, broken_gzip)
WORDS = (
    "prepare --mpd {F}",
    "describe {F}",
    "split --mpd {F} -o {T}/out",
    "describe {W.mpd} --challenge {F}",
    "validate {W.submission} --challenge {F}",
    "validate {F} --challenge {W.challenge}",
    "score {F} --answers {W.answers}",
    "score {W.submission} --answers {F}",
    "run --mpd {W.mpd} --challenge {W.challenge} -o {T}/out --config {F}",
)


@pytest.mark.parametrize("words", WORDS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_hostile_file_is_refused(
    world: World, tmp_path: Path, words: str, kind: Callable[[Path], None]
) -> None:
    path = tmp_path / ("mpd.slice.0-999.json" if "mpd {F}" in words or "describe {F}" in words else "hostile")
    kind(path)
    code, stdout, stderr = run(words.format(F=path, W=world, T=tmp_path))
    assert code in {2, 3, 4}
    told = stdout + stderr
    assert len(told) < 3000
    assert not set(told) & set("\x1b\x9b\u202e")
    assert sum(line.startswith("Error: ") for line in told.splitlines()) == (code != 4 or not stdout)


def test_a_second_list_of_playlists_is_refused(tmp_path: Path) -> None:
    text = slice_text(TINY_SLICES["0-2"]).rstrip(" \n}") + ', "playlists": []}'
    (tmp_path / "mpd.slice.0-2.json").write_text(text)
    code, _, stderr = run(f"describe {tmp_path / 'mpd.slice.0-2.json'}")
    assert code == 3
    assert "the key 'playlists' stands there twice" in stderr


def test_scores_of_playlists_are_proper_csv_without_formulas(world: World, tmp_path: Path) -> None:
    answers = json.loads(world.answers.read_text())
    names = ['=HYPERLINK("http://x.org","a")', "a,b", 'say "a"', "+1", "-1", "@a"]
    for name, record in zip(names, answers.values(), strict=False):
        record["category"] = name
    world.answers.write_text(json.dumps(answers))
    words = f"score {world.submission} --answers {world.answers} --per-playlist {tmp_path / 'each.csv'}"
    assert run(words)[0] == 0
    with (tmp_path / "each.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["category"] for row in rows[:6]] == [
        "'=HYPERLINK(\"http://x.org\",\"a\")", "a,b", 'say "a"', "'+1", "'-1", "'@a",
    ]  # fmt: skip
    assert [float(row["clicks"]) for row in rows] == [0.0] * 10


def test_answers_of_pids_up_to_the_largest_are_scored(world: World) -> None:
    """As ``split`` writes them for a dataset with such pids."""
    answers = json.loads(world.answers.read_text())
    *_, last = answers
    pids = {last: "2147483647"}
    world.answers.write_text(json.dumps({pids.get(pid, pid): record for pid, record in answers.items()}))
    text = gzip.decompress(world.submission.read_bytes()).replace(f"\n{last},".encode(), b"\n2147483647,")
    world.submission.write_bytes(gzip.compress(text))
    assert run(f"score {world.submission} --answers {world.answers}")[0] == 0


def test_titles_do_not_act_on_the_terminal(tmp_path: Path, world: World) -> None:
    challenge = tiny_challenge()
    path = tmp_path / "challenge.json"
    path.write_text(json.dumps(challenge))
    team = f"team_info,a{chr(0x9B)}31m b,a@b.org\n".encode()
    text = gzip.decompress(world.submission.read_bytes())
    world.submission.write_bytes(gzip.compress(team + text.split(b"\n", 1)[1]))
    for more in ("", " --json"):
        code, stdout, stderr = run(f"validate {world.submission} --challenge {path}{more}")
        assert code == 4
        assert "\x9b" not in stdout + stderr
        assert r"\x9b" in stdout or r"\u009b" in stdout or r"\\x9b" in stdout
