"""The commands of README, tutorial and how-tos, run as they stand, one after the other, on a tiny sample."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Final

import pytest
from typer.testing import CliRunner

from challenge.cli.app import build_app
from challenge.data.dataset import Dataset
from tests.test_docs import blocks, commands, lines_of, words_of
from tests.tiny_runs import TINY_TOML, TinySample

PAGES: Final = (
    "README.md",
    "docs/tutorial.md",
    "docs/how-to.md",
    "docs/getting-the-data.md",
    "docs/bring-your-own-model.md",
)
ELSEWHERE: Final = {
    "explore": "serves until Ctrl-C: tests/explore",
    "--processes": "two processes: tests/workflows/test_together.py",
    "--yes": "the site's client: tests/cli/test_submit.py",
}
"""What is not run here, by a word of the command, and where it is."""
REAL: Final = {"My team": "The Walkers", "me@example.org": "team@walkers.org"}

pytestmark = pytest.mark.usefixtures("single_thread")


@pytest.fixture
def desk(sample: TinySample, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dataset: Dataset) -> Path:
    """A folder with the files that the pages take for granted, and ``tiny.toml`` for the settings."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CHALLENGE_CACHE", str(sample.cache))
    for folder in (tmp_path, tmp_path / "data" / "sample"):
        sample.copied(folder)
    for name in ("spotify_million_playlist_dataset.zip", "MPD.zip"):
        (tmp_path / name).symlink_to("mpd.zip")
    (tmp_path / "svd.py").write_text(blocks("docs/bring-your-own-model.md", "python")[0])
    sample.slices(tmp_path / "my-slices", 150, range(2))
    (tmp_path / "tiny.toml").write_text(TINY_TOML)
    (tmp_path / "wider.toml").write_text(TINY_TOML.replace("embedding_size = 8", "embedding_size = 16"))
    tracks = dataset.catalog.tracks.uris(dataset.playlists.interactions.row(0)[:2])
    for name in ("playlists.json", "my-playlists.json"):
        (tmp_path / name).write_text(json.dumps([{"title": "road trip", "tracks": tracks}]))
    return tmp_path


def run(words: list[str]) -> None:
    result = CliRunner().invoke(build_app(), words)
    assert result.exit_code == 0, f"challenge {' '.join(words)}\n{result.stdout}\n{result.stderr}"


def as_here(words: list[str], dataset: Dataset) -> list[str]:
    """The words of a command with names of this dataset for those of the page, and with tiny settings."""
    name, *rest = words
    uris = iter(dataset.catalog.tracks.uris(dataset.playlists.interactions.row(0)[:4]))
    rest = [REAL.get(word, word) for word in rest]
    rest = [next(uris) if word == "spotify:track:…" else word for word in rest]
    for number, word in enumerate(rest[:-1]):
        if word == "--track" and not rest[number + 1].startswith("spotify:"):
            rest[number + 1] = next(uris)
    if name == "search":
        rest = [rest[0], *dataset.catalog.artist_names[0].split()]
    if "--config" in rest:
        at = rest.index("--config")
        del rest[at : at + 2]
    takes = any(option.name == "config" for option in commands()[name].params)
    trains = "--mpd" in rest and not {"--model", "--from-manifest"} & set(rest)
    if takes and trains:
        own = "wider.toml" if "wider.toml" in words else "tiny.toml"
        rest += ["--config", own]
    return [name, *rest]


@pytest.mark.parametrize("page", PAGES)
def test_the_commands_of_a_page_do_their_work(page: str, desk: Path, dataset: Dataset) -> None:
    given = ["--mpd", "mpd.zip", "--challenge", "challenge_set.json"]
    first = ["run", *given, "--answers", "answers.json", "--config", "tiny.toml"]
    team, email = REAL.values()
    run([*first, "--output", "submissions/first", "--team", team, "--email", email])
    shutil.copytree("submissions/first", "submissions/sample")
    for name in ("ours.csv.gz", "theirs.csv.gz"):
        shutil.copy("submissions/first/submission.csv.gz", name)
    done = 0
    for line in dict.fromkeys(lines_of(page)):
        if not re.match(r"(\.venv/bin/)?challenge ", line):
            continue
        words = words_of(line.replace("theirs.csv", "theirs.csv.gz"))[1:]
        if ELSEWHERE.keys() & set(words):
            continue
        run(as_here(words, dataset))
        done += 1
    assert done > 2
