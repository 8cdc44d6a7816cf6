"""Opens an MPD and a challenge set as one dataset."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from challenge import progress
from challenge.data.dataset import Dataset, Queries
from challenge.manifest import Input, SeedReport
from challenge.mpd.build_dataset import build_dataset, seed_report
from challenge.mpd.challenge_set import ChallengeSet, read_challenge_set
from challenge.mpd.store import Store, is_store, prepare_store


@dataclass(frozen=True, eq=False)
class RunInputs:
    """What a run works on: both over one catalog, as a dataset, and how far the MPD knows the seeds."""

    store: Store
    challenge_set: ChallengeSet
    dataset: Dataset
    seeds: SeedReport


def load_inputs(mpd: Path, challenge: Path | ChallengeSet, *, cache: Path | None = None) -> RunInputs:
    """Read the challenge set, unless it is read already, and the MPD or its store where it was read before.

    Raises:
        MissingInputError: a file is not there.
        FormatError: a file is not in the official format.
        ResourceError: the disk is full.
    """
    challenge_set = challenge if isinstance(challenge, ChallengeSet) else read_challenge_set(challenge)
    store = prepare_store(mpd, cache_dir=cache)
    seeds = seed_report(store.catalog, challenge_set)
    if seeds.unknown_seeds:
        progress.message(
            f"{seeds.unknown_seeds:,} of {seeds.seeds:,} seeds are in no playlist of this MPD; "
            "their artists and albums still count"
        )
    return RunInputs(store, challenge_set, build_dataset(store, challenge_set), seeds)


def load_dataset(
    mpd: Path | str, challenge_set: Path | str | None = None, *, cache: Path | None = None
) -> Dataset:
    """Load the MPD, and the playlists to continue where a challenge set is named.

    Args:
        mpd: the official zip (never unpacked), a folder of slices, any part of them, or a store.
        challenge_set: ``challenge_set.json``, its zip or .gz; without it the dataset has no queries.
        cache: where the MPD as read is kept; the user's cache folder unless given.

    Raises:
        MissingInputError: a file is not there.
        FormatError: a file is not in the official format.
        ResourceError: the disk is full.
    """
    if challenge_set is not None:
        return load_inputs(Path(mpd), Path(challenge_set), cache=cache).dataset
    store = prepare_store(Path(mpd), cache_dir=cache)
    return Dataset(store.catalog, store.playlists, Queries.none())


def mpd_input(path: Path, store: Store) -> Input:
    """Describe an MPD that was given as ``path``."""
    return Input(path.name, _kind(path), f"sha256:{store.manifest.content_hash}")


def challenge_input(path: Path, challenge_set: ChallengeSet) -> Input:
    """Describe a challenge set that was given as ``path``."""
    return Input(path.name, _kind(path), f"md5:{challenge_set.md5}")


def _kind(path: Path) -> str:
    if path.is_dir():
        return "store" if is_store(path) else "folder"
    return path.suffix.removeprefix(".") or "file"
