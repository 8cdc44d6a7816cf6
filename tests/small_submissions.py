"""Small submissions in which every id is invented."""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from challenge.submission.submission import Submission
from challenge.submission.team_info import TeamInfo

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
