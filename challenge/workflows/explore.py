"""The workflow that loads a finished run to be looked at."""

from __future__ import annotations

from pathlib import Path

from challenge import progress
from challenge.evaluation.evaluate import score_submission
from challenge.evaluation.ground_truth import GroundTruth, read_ground_truth
from challenge.evaluation.scorecard import PlaylistScores
from challenge.explore.explorer import Explorer
from challenge.recommender import Recommender
from challenge.run_folder import RunFolder
from challenge.submission.reader import read_submission
from challenge.workflows.ask import load_to_ask
from challenge.workflows.catalog_source import CatalogSource
from challenge.workflows.score import kept_scores


def load_explorer(run: Path, *, answers: Path | None = None) -> Explorer:
    """Load what was learned, and the scores of each playlist: those that are kept, or by the answers.

    Raises:
        MissingInputError: no recommender there, or no answers.
        FormatError: a file is damaged or of another version.
        InvalidSubmissionError: the submission lacks a playlist of the answers.
    """
    folder = RunFolder(run)
    truth = None if answers is None else read_ground_truth(answers)
    recommender = load_to_ask(run)
    explorer = Explorer(run, recommender, truth, _scores(folder, truth, recommender))
    with progress.task("answer a first question"), progress.use_backend(None):
        explorer.warm_up()
    return explorer


def _scores(folder: RunFolder, truth: GroundTruth | None, recommender: Recommender) -> PlaylistScores | None:
    """Scores of each playlist: those that the run keeps, unless they are on other answers; None for none."""
    kept = kept_scores(folder)
    if kept is not None and (truth is None or f"|answers:{truth.content_hash}|" in kept[0].signature):
        return kept[1]
    if truth is None:
        return None
    if not folder.submission.exists():
        progress.message(f"{folder.submission} is not there, so playlists have no scores; hits are marked")
        return None
    dataset = recommender.dataset
    source = CatalogSource(dataset.catalog, folder.recommender, len(dataset.playlists))
    with progress.task("score each playlist"):
        submission = read_submission(folder.submission)
        return score_submission(submission, truth, artist_of=source.artist_of, resamples=1)[1]
