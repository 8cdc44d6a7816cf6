"""A tiny sample in the official formats and settings that make a run of it a matter of a second."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from challenge.config import RunConfig, override
from challenge.sample.options import SampleOptions
from challenge.sample.write import write_sample
from challenge.sources.base import Source

PER_CATEGORY = 5
TINY: Final = override(
    RunConfig(team="Tiny team", email="tiny@example.org"),
    {
        "sources.ials.embedding_size": 8,
        "sources.ials.iterations": 2,
        "sources.lightgcn.embedding_size": 8,
        "sources.lightgcn.epochs": 1,
        "ranker.num_queries": 30,
        "ranker.num_iterations": 10,
        "tuning.num_queries": 0,
    },
)
"""So few training queries join the challenge: one fit of the sources does."""
IN_FOLDS: Final = override(TINY, {"ranker.num_queries": 60})
"""Training queries in three folds, for each of which all sources are fitted anew."""
TINY_TOML: Final = """\
team = "Tiny team"
email = "tiny@example.org"
[sources.ials]
embedding_size = 8
iterations = 2
[sources.lightgcn]
embedding_size = 8
epochs = 1
[ranker]
num_queries = 30
num_iterations = 10
[tuning]
num_queries = 0
"""


def with_sources(*names: str, **changes: Any) -> RunConfig:
    """Tiny settings with these sources only."""
    return replace(TINY, sources=replace(TINY.sources, names=names), **changes)


def with_settings(config: RunConfig, **settings: Source) -> RunConfig:
    """Change the settings of the sources that are named."""
    sources = replace(config.sources, settings={**config.sources.settings, **settings})
    return replace(config, sources=sources)


@dataclass(frozen=True)
class TinySample:
    """The files, a cache for the stores made of them, and tiny settings."""

    mpd: Path
    challenge: Path
    answers: Path
    cache: Path
    config: Path

    def copied(self, folder: Path) -> TinySample:
        """Copy the files into a folder, with a cache of their own."""
        folder.mkdir(parents=True, exist_ok=True)
        files = (self.mpd, self.challenge, self.answers, self.config)
        mpd, challenge, answers, config = (Path(shutil.copy(path, folder)) for path in files)
        return TinySample(mpd, challenge, answers, folder / "cache", config)

    def challenge_set(self) -> dict[str, Any]:
        """The challenge set as JSON, to be changed."""
        content: dict[str, Any] = json.loads(self.challenge.read_text())
        return content

    def changed(self, path: Path, change: Callable[[list[dict[str, Any]]], None]) -> Path:
        """Write the challenge set with its playlists changed."""
        content = self.challenge_set()
        change(content["playlists"])
        path.write_text(json.dumps(content))
        return path

    def slices(self, folder: Path, per_slice: int, wanted: range) -> Path:
        """Cut the MPD into slices and write the ``wanted`` of them into a folder."""
        with zipfile.ZipFile(self.mpd) as archive:
            name = next(name for name in archive.namelist() if "mpd.slice" in name)
            content = json.loads(archive.read(name))
        folder.mkdir()
        for number in wanted:
            first = number * per_slice
            part = content | {"playlists": content["playlists"][first : first + per_slice]}
            text = json.dumps(part)
            (folder / f"mpd.slice.{first}-{first + per_slice - 1}.json").write_text(text)
        return folder


def make_tiny_sample(folder: Path, seed: int = 5) -> TinySample:
    """300 playlists and a challenge of 50."""
    files = write_sample(folder, SampleOptions(300, PER_CATEGORY, seed=seed), workers=1)
    config = folder / "tiny.toml"
    config.write_text(TINY_TOML)
    return TinySample(files.mpd, files.challenge_set, files.answers, folder / "cache", config)
