"""The stage that holds out a challenge from an MPD and writes it in the official formats."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from challenge.manifest import Command, Input
from challenge.mpd.challenge_set import read_challenge_set
from challenge.mpd.outputs import DatasetManifest, dataset_folder, dataset_paths, require_replaceable
from challenge.mpd.store import prepare_store
from challenge.profile import Profile
from challenge.split.options import SplitOptions
from challenge.split.split import Split, split_holdout, write_split
from challenge.types import Category
from challenge.workflows.inputs import challenge_input, mpd_input

_MAKER: Final = "split"


@dataclass(frozen=True)
class SplitFiles:
    """What was written: the files, what is left for training, and what is held out.

    ``playlists`` counts the held-out ones of each category, ``seeds`` and ``holdouts`` their tracks.
    """

    mpd: Path
    challenge_set: Path
    answers: Path
    options: SplitOptions
    train_playlists: int
    train_rows: int
    playlists: dict[Category, int]
    seeds: int
    holdouts: int


class SplitManifest(DatasetManifest, kw_only=True):
    """How a split came about; ``challenge_set`` is the one whose playlist lengths were followed, if any."""

    options: SplitOptions
    mpd: Input
    challenge_set: Input | None
    playlists: dict[str, int]
    profile: Profile


def split(
    mpd: Path,
    output: Path,
    options: SplitOptions | None = None,
    *,
    challenge: Path | None = None,
    cache: Path | None = None,
) -> SplitFiles:
    """Hold out a challenge from ``mpd``; write it, the training data and the ground truth into ``output``.

    ``output/manifest.json`` tells how it came about, with the hash of each file.

    Args:
        mpd: the official zip, an unpacked folder, or any part of the slices.
        output: folder for mpd.zip, challenge_set.json and answers.json.
        options: what to hold out.
        challenge: a challenge set whose playlist lengths to follow.
        cache: where stores are kept.

    Raises:
        InputError: ``output`` cannot be written.
        MissingInputError: a file is not there, or no playlist can be held out.
        FormatError: an input is not in the official format.
        ConfigError: an input or a file of somebody else's would be replaced.
        ResourceError: the disk is full.
    """
    options, command, profile = options or SplitOptions(), Command.begin(), Profile()
    require_replaceable(output, _MAKER, (mpd, challenge))
    followed = None if challenge is None else read_challenge_set(challenge)
    store = prepare_store(mpd, cache_dir=cache)
    with profile.stage("split"):
        held_out = split_holdout(store, options, challenge_set=followed)
    files = _files(held_out, output)
    manifest = SplitManifest(
        kind=_MAKER,
        command=command,
        options=options,
        mpd=mpd_input(mpd, store),
        challenge_set=None if challenge is None or followed is None else challenge_input(challenge, followed),
        playlists={category.value: count for category, count in files.playlists.items()},
        profile=profile,
    )
    with dataset_folder(output, manifest) as folder, profile.stage("write"):
        write_split(held_out, folder)
    return files


def _files(held_out: Split, folder: Path) -> SplitFiles:
    counts = Counter(held_out.queries.categories)
    lengths = held_out.source.playlists.interactions.lengths
    return SplitFiles(
        **dataset_paths(folder),
        options=held_out.options,
        train_playlists=len(held_out.train_rows),
        train_rows=int(lengths[held_out.train_rows].sum()),
        playlists={category: counts[category] for category in Category},
        seeds=int(held_out.queries.seeds.lengths.sum()),
        holdouts=int(held_out.holdout.lengths.sum()),
    )
