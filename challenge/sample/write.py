"""Writes a sample: the MPD as a zip, made by several processes, then the challenge set and its answers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import pairwise
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
import orjson

from challenge import progress
from challenge.data.interactions import Interactions
from challenge.files import atomic_file, write_bytes
from challenge.manifest import Command
from challenge.mpd.build import in_order
from challenge.mpd.outputs import (
    ANSWERS_NAME,
    CHALLENGE_SET_NAME,
    MPD_NAME,
    dataset_folder,
    dataset_paths,
    require_replaceable,
)
from challenge.mpd.zip_writer import Deflated, ZipWriter
from challenge.sample.catalogue import build_catalogue
from challenge.sample.challenge_set import HeldOutPlaylists, draw_category
from challenge.sample.draw import ThemedCatalogue, draw_playlists, lengths_at_least
from challenge.sample.options import SampleOptions
from challenge.sample.text import TrackTexts, challenge_json, slice_json
from challenge.threads import thread_count
from challenge.types import Category, Int32Array
from challenge.versions import package_versions

SLICE_PLAYLISTS: Final = 1000
_MAKER: Final = "sample"
FIRST_CHALLENGE_PID: Final = 1_000_000
_README: Final = """A synthetic dataset in the format of the Million Playlist Dataset.
{playlists:,} playlists, seed {seed}.
Every artist, album, track and playlist in it is invented.
"""


class SampleManifest(msgspec.Struct, kw_only=True):
    """How a sample came about.

    Attributes:
        kind: tells it from other manifests.
        command: what was run.
        options: what was asked for.
        versions: of Python and packages.
        files: SHA-256 of each file written, by name.
    """

    kind: str = _MAKER
    command: Command
    options: SampleOptions
    versions: dict[str, str]
    files: dict[str, str] = msgspec.field(default_factory=dict)


@dataclass(frozen=True)
class SampleFiles:
    """What was written, and how much of it.

    Attributes:
        mpd: the zip of slices.
        challenge_set: the challenge playlists with their seeds.
        answers: pid → category and held-out tracks.
        playlists: playlists in the MPD.
        rows: their tracks, repetitions included.
        tracks: different tracks among them.
        challenge_playlists: playlists in the challenge set.
        json_bytes: size of all slices before compression.
    """

    mpd: Path
    challenge_set: Path
    answers: Path
    playlists: int
    rows: int
    tracks: int
    challenge_playlists: int
    json_bytes: int


@dataclass(frozen=True, eq=False)
class _Slice:
    """A finished slice and the tracks it holds."""

    member: Deflated
    playlists: int
    rows: int
    tracks: Int32Array


class _SliceMaker:
    """Makes slices; each depends on the seed and its number only, never on who makes it."""

    def __init__(self, seed: int) -> None:
        self.catalogue = build_catalogue(seed)
        self.themed = ThemedCatalogue.of(self.catalogue, seed)
        self.texts = TrackTexts(self.catalogue, seed)

    def make(self, options: SampleOptions, number: int) -> _Slice:
        """Draw, write and compress one slice."""
        first = number * SLICE_PLAYLISTS
        count = min(SLICE_PLAYLISTS, options.playlists - first)
        rng = np.random.default_rng([options.seed, 1, number])
        drawn = draw_playlists(self.themed, lengths_at_least(0, count, rng), rng, repeats=True)
        content = slice_json(self.texts, self.catalogue, drawn, first)
        member = Deflated.of(f"data/mpd.slice.{first}-{first + count - 1}.json", content)
        tracks = drawn.tracks.track_index
        return _Slice(member, count, len(tracks), np.unique(tracks))


@lru_cache(maxsize=1)
def _slice_maker(seed: int) -> _SliceMaker:
    """The maker of this process: workers forked from it find it made."""
    return _SliceMaker(seed)


def _make_slice(options: SampleOptions, number: int) -> _Slice:
    return _slice_maker(options.seed).make(options, number)


def write_sample(folder: Path, options: SampleOptions, *, workers: int | None = None) -> SampleFiles:
    """Write ``mpd.zip``, ``challenge_set.json`` and ``answers.json`` into ``folder``, and a manifest beside.

    The content depends on the options only, not on ``workers`` (None: one for each processor). Every seed and
    every held-out track occurs in the MPD. A former sample there is replaced, nothing else.

    Raises:
        InputError: the folder cannot be written.
        ConfigError: a file there is not of a former sample.
        ResourceError: the disk is full.
    """
    require_replaceable(folder, _MAKER)
    manifest = SampleManifest(command=Command.begin(), options=options, versions=package_versions())
    with dataset_folder(folder, manifest) as temporary:
        files = _write(temporary, folder, options, workers or thread_count())
        manifest.command.stop()
    _slice_maker.cache_clear()
    return files


def _write(folder: Path, final: Path, options: SampleOptions, workers: int) -> SampleFiles:
    """Write into ``folder`` what will be moved into ``final``, and tell of it there."""
    maker = _slice_maker(options.seed)
    numbers = range(-(-options.playlists // SLICE_PLAYLISTS))
    seen = np.zeros(maker.catalogue.n_tracks, np.bool_)
    rows = size = 0
    with (
        atomic_file(folder / MPD_NAME) as file,
        progress.task("Sample", options.playlists, unit="playlists") as done,
    ):
        archive = ZipWriter(file)
        readme = _README.format(playlists=options.playlists, seed=options.seed)
        archive.add(Deflated.of("README.md", readme.encode()))
        for part in in_order(partial(_make_slice, options), numbers, workers=min(workers, len(numbers))):
            archive.add(part.member)
            seen[part.tracks] = True
            rows, size = rows + part.rows, size + part.member.size
            done(part.playlists)
        archive.close()
    themed = ThemedCatalogue.of(maker.catalogue.restricted(seen), options.seed)
    parts = [
        draw_category(themed, category, options.per_category, options.seed)
        for category in progress.track(Category, "Challenge set", len(Category), unit="categories")
    ]
    _write_challenge(folder, maker.texts, parts, max(FIRST_CHALLENGE_PID, options.playlists))
    return SampleFiles(
        **dataset_paths(final),
        playlists=options.playlists,
        rows=rows,
        tracks=int(seen.sum()),
        challenge_playlists=len(Category) * options.per_category,
        json_bytes=size,
    )


def _write_challenge(folder: Path, texts: TrackTexts, parts: list[HeldOutPlaylists], first_pid: int) -> None:
    """Write the challenge set and the answers."""
    titles = [title for part in parts for title in part.titles]
    categories = [part.category.value for part in parts for _ in part.titles]
    seeds = Interactions.concatenate([part.seeds for part in parts])
    holdouts = Interactions.concatenate([part.holdouts for part in parts])
    pids = list(range(first_pid, first_pid + len(titles)))
    text = challenge_json(texts, pids, titles, holdouts.lengths, seeds)
    write_bytes(folder / CHALLENGE_SET_NAME, text)
    uris = texts.uris(holdouts.track_index)
    bounds = holdouts.indptr.tolist()
    answers = {
        str(pid): {"category": category, "holdout": uris[a:b]}
        for pid, category, (a, b) in zip(pids, categories, pairwise(bounds), strict=True)
    }
    write_bytes(folder / ANSWERS_NAME, orjson.dumps(answers))
