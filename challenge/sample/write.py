"""Writes a sample: the MPD as a zip, made by several processes, then the challenge set and its answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Final, NamedTuple
from zipfile import ZipFile

import numpy as np
import orjson

from challenge import progress
from challenge.data.dataset import Queries
from challenge.data.interactions import Interactions
from challenge.files import atomic_file, write_bytes
from challenge.mpd.build import in_order
from challenge.mpd.outputs import (
    ANSWERS_NAME,
    CHALLENGE_SET_NAME,
    MPD_NAME,
    DatasetManifest,
    dataset_folder,
    dataset_paths,
    require_replaceable,
)
from challenge.mpd.writer import TrackJson, add_to_zip, answers_of, challenge_set_json, laid_out, slice_json
from challenge.sample.catalogue import build_catalogue
from challenge.sample.challenge_set import draw_category
from challenge.sample.draw import ThemedCatalogue, draw_playlists, lengths_at_least
from challenge.sample.names import named_catalog
from challenge.sample.options import SampleOptions
from challenge.threads import thread_count
from challenge.types import Category, Int32Array

SLICE_PLAYLISTS: Final = 1000
FIRST_CHALLENGE_PID: Final = 1_000_000
_MAKER: Final = "sample"
_README: Final = """A synthetic dataset in the format of the Million Playlist Dataset.
{playlists:,} playlists, seed {seed}.
Every artist, album, track and playlist in it is invented.
"""


class SampleManifest(DatasetManifest, kw_only=True):
    """How a sample came about; ``options`` are what was asked for."""

    options: SampleOptions


@dataclass(frozen=True)
class SampleFiles:
    """What was written and how much: ``rows`` count repeated tracks too, ``json_bytes`` are uncompressed."""

    mpd: Path
    challenge_set: Path
    answers: Path
    playlists: int
    rows: int
    tracks: int
    challenge_playlists: int
    json_bytes: int


class _Slice(NamedTuple):
    """A finished slice, and the tracks of all its rows."""

    name: str
    content: bytes
    playlists: int
    tracks: Int32Array


@lru_cache(maxsize=1)
def _themed_catalogue(seed: int) -> ThemedCatalogue:
    """What this process draws from: workers forked from it find it made."""
    return ThemedCatalogue.of(build_catalogue(seed), seed)


def _make_slice(options: SampleOptions, number: int) -> _Slice:
    """Draw and write one slice; it depends on the seed and its number only, never on who makes it."""
    themed = _themed_catalogue(options.seed)
    first = number * SLICE_PLAYLISTS
    count = min(SLICE_PLAYLISTS, options.playlists - first)
    rng = np.random.default_rng([options.seed, 1, number])
    playlists, descriptions = draw_playlists(themed, lengths_at_least(0, count, rng), rng, repeats=True)
    drawn = playlists.interactions.track_index
    tracks, interactions = _named(themed, playlists.interactions)
    playlists = replace(playlists, pid=playlists.pid + first, interactions=interactions)
    name = f"{first}-{first + count - 1}"
    content = laid_out(slice_json(playlists, name, tracks, descriptions))
    return _Slice(f"data/mpd.slice.{name}.json", content, count, drawn)


def _named(themed: ThemedCatalogue, rows: Interactions) -> tuple[TrackJson, Interactions]:
    """The JSON of the tracks of some rows, and the rows with tracks numbered as they are there."""
    tracks, index = np.unique(rows.track_index, return_inverse=True)
    names = named_catalog(themed.catalogue, tracks, themed.seed)
    return TrackJson(*names), replace(rows, track_index=index.astype(np.int32))


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
    with dataset_folder(folder, SampleManifest(kind=_MAKER, options=options)) as temporary:
        files = _write(temporary, folder, options, workers or thread_count())
    _themed_catalogue.cache_clear()
    return files


def _write(folder: Path, final: Path, options: SampleOptions, workers: int) -> SampleFiles:
    """Write into ``folder`` what will be moved into ``final``, and tell of it there."""
    themed = _themed_catalogue(options.seed)
    numbers = range(-(-options.playlists // SLICE_PLAYLISTS))
    seen = np.zeros(themed.catalogue.n_tracks, np.bool_)
    rows = size = 0
    with (
        atomic_file(folder / MPD_NAME) as file,
        ZipFile(file, "w") as archive,
        progress.task("make the sample", options.playlists, unit="playlists") as done,
    ):
        readme = _README.format(playlists=options.playlists, seed=options.seed)
        add_to_zip(archive, "README.md", readme.encode())
        for part in in_order(partial(_make_slice, options), numbers, workers=min(workers, len(numbers))):
            add_to_zip(archive, part.name, part.content)
            seen[part.tracks] = True
            rows, size = rows + len(part.tracks), size + len(part.content)
            done(part.playlists)
    in_mpd = ThemedCatalogue.of(themed.catalogue.restricted(seen), options.seed)
    parts = [
        draw_category(in_mpd, category, options.per_category, options.seed)
        for category in progress.track(Category, "make the challenge set", len(Category), unit="categories")
    ]
    _write_challenge(folder, themed, parts, max(FIRST_CHALLENGE_PID, options.playlists))
    return SampleFiles(
        **dataset_paths(final),
        playlists=options.playlists,
        rows=rows,
        tracks=int(seen.sum()),
        challenge_playlists=len(Category) * options.per_category,
        json_bytes=size,
    )


def _write_challenge(
    folder: Path, themed: ThemedCatalogue, parts: Sequence[tuple[Queries, Interactions]], first_pid: int
) -> None:
    """Write the challenge set and the answers."""
    queries = Queries.concatenate([queries for queries, _ in parts])
    tracks, seeds = _named(themed, queries.seeds)
    pid = np.arange(first_pid, first_pid + len(queries), dtype=np.int32)
    queries = replace(queries, pid=pid, seeds=seeds)
    write_bytes(folder / CHALLENGE_SET_NAME, laid_out(challenge_set_json(queries, tracks)))
    tracks, holdout = _named(themed, Interactions.concatenate([holdout for _, holdout in parts]))
    answers = answers_of(queries, holdout, tracks.catalog.tracks)
    write_bytes(folder / ANSWERS_NAME, orjson.dumps(answers))
