"""The stage that tells what is in a dataset: an MPD, a challenge set, or both together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from challenge.errors import ConfigError
from challenge.manifest import SeedReport
from challenge.mpd.build_dataset import seed_report
from challenge.mpd.challenge_set import ChallengeSet, read_challenge_set
from challenge.mpd.describe import Fact, describe_store
from challenge.mpd.file_kind import MPD_KINDS, FileKind, kind_of
from challenge.mpd.outputs import CHALLENGE_SET_NAME
from challenge.mpd.store import Store, prepare_store
from challenge.types import Category

CHALLENGE_TOTALS: Final = {"playlists": 10_000, "seeds": 281_000, "holdouts": 699_166}
"""Source: the readme of the challenge set."""


@dataclass(frozen=True)
class MpdDescription:
    """What is in an MPD: its store, and facts beside the official totals."""

    store: Path
    facts: tuple[Fact, ...]


@dataclass(frozen=True)
class CategoryFacts:
    """What a challenge set holds of one category; lengths count seeds and held-out tracks together."""

    category: Category
    playlists: int
    seeds: int
    holdouts: int
    shortest: int
    longest: int
    mean_length: float


@dataclass(frozen=True)
class ChallengeDescription:
    """What is in a challenge set: totals beside the official ones, and the ten categories.

    ``official`` tells whether it is that of 2018, by its md5; ``known`` how far the MPD at hand knows its
    seeds, None without an MPD.
    """

    path: Path
    md5: str
    official: bool
    facts: tuple[Fact, ...]
    categories: tuple[CategoryFacts, ...]
    known: SeedReport | None = None


@dataclass(frozen=True)
class Description:
    """What was found; None stands for what was not asked about."""

    mpd: MpdDescription | None = None
    challenge_set: ChallengeDescription | None = None


def describe(
    path: Path, *, challenge: Path | None = None, mpd: Path | None = None, cache: Path | None = None
) -> Description:
    """Describe the MPD, the store or the challenge set at ``path``.

    Args:
        path: what to describe; which kind it is shows by what it holds.
        challenge: a challenge set to describe as well, where ``path`` is an MPD.
        mpd: the MPD to look seeds up in, where ``path`` is a challenge set.
        cache: where stores are kept.

    Raises:
        ConfigError: a challenge set is named twice, or an MPD.
        MissingInputError: nothing there, or neither slices nor a challenge set.
        FormatError: damaged, or not in the official format.
    """
    if is_challenge_set(path):
        if challenge is not None:
            raise ConfigError(f"{path} is a challenge set, and --challenge names another", hint="use --mpd")
        known = None if mpd is None else prepare_store(mpd, cache_dir=cache)
        return Description(challenge_set=_describe_challenge(path, known))
    if mpd is not None:
        raise ConfigError(f"{path} is no challenge set, and --mpd names another MPD", hint="use --challenge")
    store = prepare_store(path, cache_dir=cache)
    return Description(
        MpdDescription(store.path, tuple(describe_store(store))),
        None if challenge is None else _describe_challenge(challenge, store),
    )


def is_challenge_set(path: Path) -> bool:
    """Tell a challenge set from an MPD; what is neither is taken for one by its suffix, false for nothing."""
    kind = kind_of(path)
    if path.is_dir():
        return (path / CHALLENGE_SET_NAME).exists() and kind not in MPD_KINDS
    return kind is FileKind.CHALLENGE_SET or (
        kind not in MPD_KINDS
        and path.is_file()
        and path.suffix in {".json", ".gz"}
        and not path.name.startswith("mpd.slice.")
    )


def _describe_challenge(path: Path, store: Store | None) -> ChallengeDescription:
    challenge_set = read_challenge_set(path)
    categories = tuple(_categories(challenge_set))
    values = {
        "playlists": len(challenge_set.pid),
        "seeds": len(challenge_set.track_ids),
        "holdouts": int(challenge_set.num_holdouts.sum(dtype=np.int64)),
    }
    return ChallengeDescription(
        path=path,
        md5=challenge_set.md5,
        official=challenge_set.is_official,
        facts=tuple(Fact(name, value, CHALLENGE_TOTALS[name]) for name, value in values.items()),
        categories=categories,
        known=None if store is None else seed_report(store.catalog, challenge_set),
    )


def _categories(challenge_set: ChallengeSet) -> Iterator[CategoryFacts]:
    seeds = np.diff(challenge_set.indptr)
    for category in Category:
        mine = np.array([found is category for found in challenge_set.categories], np.bool_)
        lengths = challenge_set.num_tracks[mine]
        yield CategoryFacts(
            category=category,
            playlists=int(mine.sum()),
            seeds=int(seeds[mine].sum()),
            holdouts=int(challenge_set.num_holdouts[mine].sum(dtype=np.int64)),
            shortest=int(lengths.min()) if len(lengths) else 0,
            longest=int(lengths.max(initial=0)),
            mean_length=round(float(lengths.mean()), 2) if len(lengths) else 0.0,
        )
