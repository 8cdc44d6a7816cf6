"""Small submissions in which every id is invented."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from typer.testing import CliRunner, Result

from challenge.cli.app import build_app
from challenge.manifest import Private
from challenge.submission.submission import Submission
from challenge.submission.team import TeamInfo
from challenge.types import Category
from tests.official_files import playlist_record, tiny_challenge, track_uri, write_mpd_zip

PIDS = (1_000_000, 1_000_002, 1_000_007)
HEADER = "team_info,The Team,team@example.org"


def track_id(number: int) -> str:
    return f"T{number:021d}"


def uri(number: int) -> str:
    return "spotify:track:" + track_id(number)


def tracks(first: int = 0, count: int = 500) -> list[str]:
    return [uri(number) for number in range(first, first + count)]


def playlist(pid: int | str, uris: Sequence[str] | None = None) -> str:
    return ",".join([str(pid), *(tracks() if uris is None else uris)])


def lines() -> list[str]:
    return [HEADER, *(playlist(pid, tracks(number)) for number, pid in enumerate(PIDS))]


def seeds() -> dict[int, frozenset[bytes]]:
    """Seeds that no playlist of :func:`lines` holds."""
    return {pid: frozenset({uri(900).encode(), uri(901 + pid % 10).encode()}) for pid in PIDS}


def write(folder: Path, content: Iterable[str] | bytes, name: str = "submission.csv") -> Path:
    path = folder / name
    data = content if isinstance(content, bytes) else "\n".join(content).encode() + b"\n"
    path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    return path


def submission(first: int = 0) -> Submission:
    ids = [[track_id(number) for number in range(first + row, first + row + 500)] for row in range(len(PIDS))]
    return Submission(
        TeamInfo("The Team", "team@example.org"), np.array(PIDS, np.int32), np.array(ids, dtype="S22")
    )


@dataclass(frozen=True)
class World:
    """A tiny MPD, the challenge set of ten, answers, and a valid submission in the folder of a run."""

    mpd: Path
    challenge: Path
    answers: Path
    submission: Path


def private_of_store(store: Path | str) -> Private:
    """What the folder of a run keeps for itself, of a run on the MPD whose store lies there."""
    return Private("0a", "team@example.org", "mpd.zip", "challenge_set.json", str(store))


def write_world(folder: Path) -> World:
    """Every list is pop1 to pop500; pop1 (index 0) is held out, and jazz2, whose artist no list has."""
    pops = [f"pop{number}" for number in range(1, 601)]
    slices = {
        "0-3": [
            playlist_record(0, "pop", pops[:250]),
            playlist_record(1, "pop", pops[250:500]),
            playlist_record(2, "pop", pops[500:]),
            playlist_record(3, "jazz", ["jazz1", "jazz2", "rock1"]),
        ]
    }
    challenge = tiny_challenge()
    pids = [playlist["pid"] for playlist in challenge["playlists"]]
    names = [category.value for category in Category]
    held_out = [track_uri("pop1"), track_uri("jazz2")]
    answers = {pid: {"category": name, "holdout": held_out} for pid, name in zip(pids, names, strict=True)}
    run = folder / "run"
    run.mkdir()
    (folder / "challenge_set.json").write_text(json.dumps(challenge))
    (folder / "answers.json").write_text(json.dumps(answers))
    content = [HEADER, *(playlist(pid, [track_uri(name) for name in pops[:500]]) for pid in pids)]
    return World(
        write_mpd_zip(folder / "mpd.zip", slices),
        folder / "challenge_set.json",
        folder / "answers.json",
        write(run, content, "submission.csv.gz"),
    )


def run(*arguments: object) -> Result:
    """Run a command of the command line."""
    return CliRunner().invoke(build_app(), list(map(str, arguments)))
