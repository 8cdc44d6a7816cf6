"""Scores a submission against the answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final, TypeAlias

import numpy as np

from challenge import __version__
from challenge.data.interactions import Interactions
from challenge.errors import InvalidSubmissionError
from challenge.evaluation.ground_truth import Answers
from challenge.evaluation.metrics import evaluate
from challenge.evaluation.scorecard import PlaylistScores, Scorecard, make_scorecard
from challenge.evaluation.significance import RESAMPLES
from challenge.evaluation.variants import Forms, RPrecisionForm
from challenge.submission.submission import Submission
from challenge.types import IdArray, Int32Array

ArtistOf: TypeAlias = Callable[[IdArray], Int32Array]
"""Gives the artist index of each track id (S22), -1 where unknown."""

_SHOWN: Final = 5


def score_submission(
    submission: Submission,
    answers: Answers,
    *,
    artist_of: ArtistOf | None = None,
    forms: Forms | None = None,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> tuple[Scorecard, PlaylistScores]:
    """Score by category and over all; playlists that the answers do not know are left out.

    Args:
        submission: the lists.
        answers: what was held out.
        artist_of: artists of tracks; without it R-precision counts tracks only, and the signature says so.
        forms: the leaderboard's unless given.
        seed: seed of the bootstrap.
        resamples: how many times the bootstrap draws.

    Raises:
        InvalidSubmissionError: playlists of the answers are missing.
    """
    forms = forms or Forms()
    if artist_of is None and forms.needs_artists:
        forms = replace(forms, r_precision=RPrecisionForm.TRACKS)
    ids = submission.track_ids[_rows_of(submission, answers)]
    codes, distinct = _numbered(ids, answers.track_ids)
    recommended, held_out = codes[: ids.size].reshape(ids.shape), codes[ids.size :]
    artists = artist_of(distinct) if artist_of is not None and forms.needs_artists else None
    holdouts = Interactions(answers.indptr, held_out, np.zeros_like(held_out))
    values = evaluate(recommended, holdouts, artists, forms)
    scores = PlaylistScores(answers.pid, answers.categories, values)
    notes = _notes(submission, answers, artists, held_out)
    signature = make_signature(forms, answers, seed=seed, resamples=resamples)
    return make_scorecard(scores, signature, seed=seed, resamples=resamples, notes=notes), scores


def make_signature(forms: Forms, answers: Answers, *, seed: int, resamples: int = RESAMPLES) -> str:
    """Name everything that a score depends on besides the lists themselves."""
    return (
        f"{forms}|answers:{answers.content_hash}|playlists:{len(answers)}"
        f"|bootstrap:{resamples}|seed:{seed}|version:{__version__}"
    )


def _rows_of(submission: Submission, answers: Answers) -> np.ndarray:
    """Where each playlist of the answers is in the submission, int64, shape (Q,)."""
    place = {pid: row for row, pid in enumerate(submission.pid.tolist())}
    missing = [pid for pid in answers.pid.tolist() if pid not in place]
    if missing:
        first = ", ".join(map(str, missing[:_SHOWN])) + (", ..." if len(missing) > _SHOWN else "")
        raise InvalidSubmissionError(
            f"{len(missing):,} of the {len(answers):,} playlists in the answers have no list: {first}",
            hint="only a complete submission has a score; check that file and answers belong together",
        )
    return np.array([place[pid] for pid in answers.pid.tolist()], np.int64)


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
    submission: Submission, answers: Answers, artists: Int32Array | None, held_out: Int32Array
) -> tuple[str, ...]:
    notes = []
    left_out = len(submission) - len(answers)
    if left_out:
        notes.append(f"{left_out:,} playlists of the submission are not in the answers and were left out")
    if artists is not None:
        unknown = int((artists[np.unique(held_out)] < 0).sum())
        if unknown:
            notes.append(
                f"{unknown:,} held-out tracks have no known artist, so no list gets credit for theirs"
            )
    return tuple(notes)
