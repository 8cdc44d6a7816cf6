"""Holds out a challenge in the ten categories from an MPD alone.

How it follows the official challenge: held-out playlists leave the training data entirely, have titles, take
their first or random tracks as seeds, and every seed and held-out track still occurs in a training playlist.
To keep that true, a track that would vanish with a playlist is left out of that playlist, as if it had never
been in it, and positions are counted anew. (Holding out only playlists whose tracks all occur elsewhere
would favour popular tracks, on a part of the MPD badly so.) A track given as a seed is not held out again.

The playlists of the final split are drawn first, so that tuning and final splits of one seed never overlap; a
tuning split's training data lack both. Pids stay those of the MPD: a held-out playlist is not in it any more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from challenge.data.dataset import Dataset, Queries
from challenge.data.interactions import Interactions
from challenge.data.playlists import Playlists
from challenge.errors import MissingInputError
from challenge.files import write_bytes, write_json
from challenge.mpd.build_dataset import PlaylistSource
from challenge.mpd.challenge_set import ChallengeSet
from challenge.mpd.outputs import dataset_paths
from challenge.mpd.writer import TrackJson, answers_of, challenge_set_json, write_mpd
from challenge.split.holdout import HeldOut, HoldoutPool, target_lengths
from challenge.split.options import SplitKind, SplitOptions
from challenge.types import Category, Int64Array

MAX_SHARE: Final = 0.06
"""Of the playlists that can be held out, at most this share is: a small MPD keeps its training data."""


@dataclass(frozen=True, eq=False)
class Split:
    """A held-out challenge with its ground truth; all indices are those of the source's catalog.

    Attributes:
        source: the playlists and catalog it was taken from.
        options: how it was drawn.
        train_rows: rows of the source's playlists that are left for training, int64, ascending.
        query_rows: the row of each held-out playlist, int64, shape (Q,).
        queries: the Q held-out playlists as a challenge, grouped by category.
        holdout: held-out tracks of each, in playlist order, Q rows; a track may stand there twice.
    """

    source: PlaylistSource
    options: SplitOptions
    train_rows: Int64Array
    query_rows: Int64Array
    queries: Queries
    holdout: Interactions

    @property
    def train_playlists(self) -> Playlists:
        """The playlists left for training; a copy."""
        return self.source.playlists.take(self.train_rows)

    def dataset(self) -> Dataset:
        """Training playlists and queries over the source's catalog, whose tracks all keep their index."""
        return Dataset(self.source.catalog, self.train_playlists, self.queries)


def split_holdout(
    source: PlaylistSource, options: SplitOptions, *, challenge_set: ChallengeSet | None = None
) -> Split:
    """Hold out playlists in each category.

    Lengths follow the challenge set's ``num_tracks`` in each category where one is at hand; otherwise they
    are those of the MPD's playlists that are long enough.

    At most a tenth of 6 % of the eligible playlists is taken for each category.

    Raises:
        MissingInputError: no playlist can be held out.
    """
    pool = HoldoutPool(source.playlists, source.catalog.n_tracks)
    count = min(options.per_category, int(MAX_SHARE * pool.n_eligible / len(Category)) or 1)
    chosen = _draw(pool, count, challenge_set, np.random.default_rng([options.seed, 0]))
    if options.kind == SplitKind.TUNING:
        pool.commit()
        chosen = _draw(pool, count, challenge_set, np.random.default_rng([options.seed, 1 + options.draw]))
    if not chosen:
        raise MissingInputError(
            f"none of {len(source.playlists):,} playlists can be held out: expected titled ones of at least "
            "5 tracks that also occur in other playlists",
            hint="take more slices of the MPD",
        )
    return Split(
        source=source,
        options=options,
        train_rows=pool.remaining_rows(),
        query_rows=np.array([held_out.row for held_out in chosen], np.int64),
        queries=queries_of(source.playlists, chosen),
        holdout=holdout_of(chosen),
    )


def _draw(
    pool: HoldoutPool, count: int, challenge_set: ChallengeSet | None, rng: np.random.Generator
) -> list[HeldOut]:
    """Draw the categories with most seeds first: few playlists are long enough for them."""
    chosen: dict[Category, list[HeldOut]] = {}
    for category in sorted(Category, key=lambda c: -c.seed_count):
        lengths = target_lengths(category, count, challenge_set)
        chosen[category] = pool.draw(category, count, lengths, rng)
    return [held_out for category in Category for held_out in chosen[category]]


def holdout_of(chosen: Sequence[HeldOut]) -> Interactions:
    """Held-out tracks of each playlist with their positions, in the given order."""
    return Interactions.from_rows(
        [h.holdout.tolist() for h in chosen], [h.holdout_position.tolist() for h in chosen]
    )


def queries_of(playlists: Playlists, chosen: Sequence[HeldOut]) -> Queries:
    """Held-out playlists as queries, in the given order."""
    rows = np.array([held_out.row for held_out in chosen], np.int64)
    categories = tuple(held_out.category for held_out in chosen)
    return Queries(
        pid=np.asarray(playlists.pid[rows]),
        titles=tuple(
            playlists.title(row) if category.has_title else None
            for row, category in zip(rows.tolist(), categories, strict=True)
        ),
        categories=categories,
        num_holdouts=np.array([len(h.holdout) for h in chosen], np.int32),
        seeds=Interactions.from_rows(
            [h.seeds.tolist() for h in chosen], [h.seed_position.tolist() for h in chosen]
        ),
    )


def write_split(split: Split, folder: Path | str) -> dict[str, Path]:
    """Write ``mpd.zip`` (training), ``challenge_set.json`` and ``answers.json`` in the official formats.

    Equal splits give equal bytes. The training playlists keep their pids; descriptions, which the store does
    not keep, are missing. Returns the three paths by "mpd", "challenge_set" and "answers".

    Raises:
        ResourceError: the disk is full; none of the files is left half written.
    """
    paths = dataset_paths(Path(folder))
    catalog = split.source.catalog
    tracks = TrackJson(catalog, getattr(split.source, "album_names", None))
    write_mpd(split.source.playlists, split.train_rows, tracks, paths["mpd"])
    write_bytes(paths["challenge_set"], challenge_set_json(split.queries, tracks))
    write_json(paths["answers"], answers_of(split.queries, split.holdout, catalog.tracks))
    return paths
