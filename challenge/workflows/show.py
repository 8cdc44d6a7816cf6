"""The workflow that looks up one challenge playlist in a finished run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from challenge.errors import InputError
from challenge.evaluation.ground_truth import GroundTruth, read_ground_truth
from challenge.playlist import Recommendation
from challenge.ranking.recommend import describe, recommend
from challenge.recommender import Recommender
from challenge.run_folder import RunFolder
from challenge.types import TRACK_PREFIX


@dataclass(frozen=True)
class ShownPlaylist:
    """A challenge playlist and its continuation.

    The rank of a seed is its position from 1. ``hits`` tells which recommended tracks are held out, None
    without answers.
    """

    pid: int
    title: str | None
    category: str
    num_holdouts: int
    seeds: list[Recommendation]
    recommended: list[Recommendation]
    hits: list[bool] | None


def show_playlist(run: Path, pid: int, count: int, *, answers: Path | None = None) -> ShownPlaylist:
    """Look a playlist up and continue it as the run did.

    Raises:
        InputError: no such playlist in the challenge of that run, or in the answers.
        MissingInputError: no recommender there.
    """
    truth = None if answers is None else read_ground_truth(answers)
    recommender = Recommender.load(RunFolder(run).recommender)
    queries = recommender.queries()
    rows = np.flatnonzero(queries.queries.pid == pid)
    if len(rows) == 0:
        pids = queries.queries.pid
        raise InputError(
            f"playlist {pid}: not in the challenge of {run}, "
            + (f"whose pids are {pids.min()} to {pids.max()}" if len(pids) else "which has no playlists")
        )
    one = queries.take([int(rows[0])])
    lists = recommend(recommender.sources, recommender.ranker, recommender.weights, one, count, explain=False)
    hits = None
    if truth is not None:
        held_out = _held_out(truth, pid)
        hits = [each.uri in held_out for each in lists[0]]
    catalog, own = recommender.dataset.catalog, one.queries
    seeds = [
        describe(catalog, int(position) + 1, int(track), float("nan"))
        for track, position in zip(own.seeds.row(0), own.seeds.row_positions(0), strict=True)
    ]
    category = own.categories[0].value
    return ShownPlaylist(pid, own.titles[0], category, int(own.num_holdouts[0]), seeds, lists[0], hits)


def _held_out(truth: GroundTruth, pid: int) -> set[str]:
    """URIs of the held-out tracks of a playlist."""
    row = int(np.searchsorted(truth.pid, pid))
    if row == len(truth.pid) or truth.pid[row] != pid:
        raise InputError(f"playlist {pid}: not in the answers")
    ids = truth.track_ids[truth.indptr[row] : truth.indptr[row + 1]]
    return {TRACK_PREFIX + each.decode() for each in ids.tolist()}
