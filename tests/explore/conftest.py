"""A finished run in which titles and names are as hostile as other people's text can be."""

from __future__ import annotations

import json
import zipfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from challenge.threads import one_thread
from challenge.workflows.run import run
from tests.tiny_runs import TinySample, with_sources

HOSTILE_TITLE = "<script>alert('title')</script>&\"><img src=x onerror=alert(1)>"
HOSTILE_TRACK = '</span><script src="https://evil.example/a.js"></script>{{ 7 * 7 }}'
HOSTILE_ARTIST = "\u202e<b onclick='alert(1)'>artist</b>&amp;"


@dataclass(frozen=True)
class ExploredRun:
    """The folder of the run, its answers, and the track and the playlist whose names are hostile."""

    folder: Path
    answers: Path
    track: str
    pid: int


@pytest.fixture(scope="package")
def explored(sample: TinySample, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ExploredRun]:
    """A run on a tiny sample."""
    folder = tmp_path_factory.mktemp("explored")
    with one_thread():
        files = sample.copied(folder)
        track = rename_most_popular(files.mpd)
        pids: list[int] = []

        def rename(playlists: list[dict[str, Any]]) -> None:
            titled = next(each for each in playlists if each.get("name") and each["num_samples"] == 5)
            titled["name"] = HOSTILE_TITLE
            pids.append(titled["pid"])

        challenge = files.changed(folder / "hostile.json", rename)
        config = with_sources("playlist_knn", "title_knn", "ials", "popularity")
        run(files.mpd, challenge, folder / "run", config, cache=folder / "cache", answers=files.answers)
        yield ExploredRun(folder / "run", files.answers, track, pids[0])


def rename_most_popular(mpd: Path) -> str:
    """Give the most popular track and its artist hostile names; return the track's URI."""
    with zipfile.ZipFile(mpd) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    slices = {name: json.loads(data) for name, data in files.items() if "mpd.slice" in name}
    tracks = [
        track for each in slices.values() for playlist in each["playlists"] for track in playlist["tracks"]
    ]
    popular, _ = Counter(track["track_uri"] for track in tracks).most_common(1)[0]
    artist = next(track["artist_uri"] for track in tracks if track["track_uri"] == popular)
    for track in tracks:
        track["track_name"] = HOSTILE_TRACK if track["track_uri"] == popular else track["track_name"]
        track["artist_name"] = HOSTILE_ARTIST if track["artist_uri"] == artist else track["artist_name"]
    with zipfile.ZipFile(mpd, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, json.dumps(slices[name]) if name in slices else data)
    return str(popular)
