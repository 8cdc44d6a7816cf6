"""The stage that scores a submission file: load the ground truth and the artists, then score."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Final

from challenge import progress
from challenge.evaluation.defaults import RESAMPLES
from challenge.evaluation.evaluate import rows_of_truth, score_submission
from challenge.evaluation.ground_truth import GroundTruth, read_ground_truth
from challenge.evaluation.scorecard import PlaylistScores, Scorecard
from challenge.evaluation.variants import Variants
from challenge.files import file_hash
from challenge.mpd.challenge_set import ChallengeSet, read_challenge_set
from challenge.report.page import render_report
from challenge.run_folder import RunFolder
from challenge.submission.reader import read_submission
from challenge.submission.submission import Submission
from challenge.workflows.catalog_source import find_catalog, require_one
from challenge.workflows.examples import keep_scored

SCORES_HASH: Final = "scores_sha256"
"""Key under which a scorecard names the scores of each playlist that it is the mean of."""
NO_ARTISTS: Final = (
    "no store of the MPD at hand, so the artists of tracks are unknown: R-precision counts tracks only, "
    "and is lower than in the leaderboard's variant; name --store or --mpd"
)


def score(
    submission: Path | str,
    answers: Path | str | GroundTruth,
    *,
    store: Path | str | None = None,
    mpd: Path | str | None = None,
    challenge: Path | str | ChallengeSet | None = None,
    lists: Submission | None = None,
    variants: Variants | None = None,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> tuple[Scorecard, PlaylistScores]:
    """Score ``submission`` against ``answers``.

    Args:
        submission: .csv or .csv.gz file.
        answers: JSON of pid → category and held-out tracks; or what was read of it.
        store: store of the MPD, for the tracks' artists.
        mpd: the MPD itself, where there is no store yet.
        challenge: challenge set, for the artists of tracks that only its seeds name.
        lists: what was read of the submission, where that was done.
        variants: variants of the metrics; the leaderboard's unless given.
        seed: seed of the bootstrap.
        resamples: how many times the bootstrap draws.

    Raises:
        ConfigError: both a store and an MPD are named.
        MissingInputError: a file is not there.
        FormatError: answers or store are not what they should be.
        InvalidSubmissionError: the submission is broken or incomplete.
    """
    require_one(store=store, mpd=mpd)
    variants = variants or Variants()
    truth = answers if isinstance(answers, GroundTruth) else read_ground_truth(Path(answers))
    if isinstance(challenge, Path | str):
        challenge = read_challenge_set(challenge)
    submission = Path(submission)
    lists = read_submission(submission) if lists is None else lists
    rows_of_truth(lists, truth)
    source = find_catalog(submission, store=store, mpd=mpd) if variants.needs_artists else None
    if source is not None and challenge is not None:
        source = source.with_seeds(challenge)
    with progress.task("score"):
        card, scores = score_submission(
            lists,
            truth,
            artist_of=None if source is None else source.artist_of,
            variants=variants,
            seed=seed,
            resamples=resamples,
        )
    if source is None and variants.needs_artists:
        card = replace(card, notes=(*card.notes, NO_ARTISTS))
    return card, scores


def save_beside(
    submission: Path,
    truth: GroundTruth,
    card: Scorecard,
    scores: PlaylistScores,
    lists: Submission | None = None,
) -> Path | None:
    """Keep the scores of a run where ``submission`` is that run's own; return the path of its scorecard."""
    folder = RunFolder(submission.parent)
    if submission.name != folder.submission.name or not folder.manifest.exists():
        return None
    try:
        with progress.task("keep the scores"):
            keep_scores(folder, card, scores)
            keep_scored(folder, truth, scores, lists=lists)
            if folder.report.exists():
                render_report(folder.path)
    except PermissionError:
        progress.message(f"Note: {folder.scorecard} cannot be written, so the scorecard is not kept")
        return None
    return folder.scorecard


def keep_scores(folder: RunFolder, card: Scorecard, scores: PlaylistScores) -> None:
    """Write the scorecard of the submission in a folder, and the scores of each playlist beside it."""
    scores.save(folder.scores)
    folder.write_of_submission(folder.scorecard, {SCORES_HASH: file_hash(folder.scores), **card.to_dict()})


def kept_scores(folder: RunFolder) -> tuple[Scorecard, PlaylistScores] | None:
    """Read what :func:`keep_scores` wrote; None where there is none of the submission in the folder.

    Raises:
        FormatError: a file is damaged.
    """
    content = folder.read_of_submission(folder.scorecard)
    if content is None or not folder.scores.exists():
        return None
    if content.get(SCORES_HASH) != file_hash(folder.scores):
        return None
    return Scorecard.load(folder.scorecard), PlaylistScores.load(folder.scores)
