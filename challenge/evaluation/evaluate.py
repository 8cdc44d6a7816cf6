"""Scores a submission against the ground truth."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final, TypeAlias

import numpy as np

from challenge import __version__
from challenge.data.interactions import Interactions
from challenge.errors import InvalidSubmissionError
from challenge.evaluation.defaults import RESAMPLES
from challenge.evaluation.ground_truth import GroundTruth
from challenge.evaluation.metrics import evaluate
from challenge.evaluation.scorecard import PlaylistScores, Scorecard, make_scorecard
from challenge.evaluation.variants import RPrecisionVariant, Variants
from challenge.submission.submission import Submission
from challenge.types import IdArray, Int32Array, Int64Array

ArtistOf: TypeAlias = Callable[[IdArray], Int32Array]
"""Gives the artist index of each track id (S22), -1 where unknown."""

_SHOWN: Final = 5


def score_submission(
    submission: Submission,
    truth: GroundTruth,
    *,
    artist_of: ArtistOf | None = None,
    variants: Variants | None = None,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> tuple[Scorecard, PlaylistScores]:
    """Score by category and over all; playlists that the ground truth does not know are left out.

    Args:
        submission: the lists.
        truth: what was held out.
        artist_of: artists of tracks; without it R-precision counts tracks only, and the signature says so.
        variants: the leaderboard's unless given.
        seed: seed of the bootstrap.
        resamples: how many times the bootstrap draws.

    Raises:
        InvalidSubmissionError: playlists of the ground truth are missing.
    """
    variants = variants or Variants()
    if artist_of is None and variants.needs_artists:
        variants = replace(variants, r_precision=RPrecisionVariant.TRACKS)
    ids = submission.track_ids[rows_of_truth(submission, truth)]
    codes, distinct = _numbered(ids, truth.track_ids)
    recommended, held_out = codes[: ids.size].reshape(ids.shape), codes[ids.size :]
    artists = artist_of(distinct) if artist_of is not None and variants.needs_artists else None
    holdouts = Interactions(truth.indptr, held_out, np.zeros_like(held_out))
    values = evaluate(recommended, holdouts, artists, variants)
    scores = PlaylistScores(truth.pid, truth.categories, values)
    notes = _notes(submission, truth, artists, held_out)
    signature = make_signature(variants, truth, seed=seed, resamples=resamples)
    return make_scorecard(scores, signature, seed=seed, resamples=resamples, notes=notes), scores


def make_signature(variants: Variants, truth: GroundTruth, *, seed: int, resamples: int = RESAMPLES) -> str:
    """Name all that a score depends on besides the lists: variants, ground truth, bootstrap and version."""
    return (
        f"{variants}|answers:{truth.content_hash}|playlists:{len(truth.pid)}"
        f"|bootstrap:{resamples}|seed:{seed}|version:{__version__}"
    )


def rows_of_truth(submission: Submission, truth: GroundTruth) -> Int64Array:
    """Return the row that each playlist of the ground truth has in the submission, int64, shape (Q,).

    Raises:
        InvalidSubmissionError: a playlist has none.
    """
    row_of = {pid: row for row, pid in enumerate(submission.pid.tolist())}
    missing = [pid for pid in truth.pid.tolist() if pid not in row_of]
    if missing:
        first = ", ".join(map(str, missing[:_SHOWN])) + (", ..." if len(missing) > _SHOWN else "")
        raise InvalidSubmissionError(
            f"{len(missing):,} of the {len(truth.pid):,} playlists in the answers have no list: {first}",
            hint="only a complete submission has a score; check that file and answers belong together",
        )
    return np.array([row_of[pid] for pid in truth.pid.tolist()], np.int64)


def _numbered(lists: IdArray, held_out: IdArray) -> tuple[Int32Array, IdArray]:
    """Number the ids by first occurrence: a number for each entry of both, and the distinct ids."""
    numbers: dict[bytes, int] = {}
    codes = np.empty(lists.size + len(held_out), np.int32)
    for row, ids in enumerate(lists):
        start = row * lists.shape[1]
        codes[start : start + len(ids)] = [numbers.setdefault(each, len(numbers)) for each in ids.tolist()]
    codes[lists.size :] = [numbers.setdefault(each, len(numbers)) for each in held_out.tolist()]
    return codes, np.array(list(numbers), lists.dtype)


def _notes(
    submission: Submission, truth: GroundTruth, artists: Int32Array | None, held_out: Int32Array
) -> tuple[str, ...]:
    notes = []
    left_out = len(submission) - len(truth.pid)
    if left_out:
        notes.append(f"{left_out:,} playlists of the submission are not in the answers and were left out")
    if artists is not None:
        unknown = int((artists[np.unique(held_out)] < 0).sum())
        if unknown:
            notes.append(
                f"{unknown:,} held-out tracks have no known artist, so no list gets credit for theirs"
            )
    return tuple(notes)
