"""The workflow that looks up one challenge playlist in a finished run."""

from __future__ import annotations

from pathlib import Path

from challenge.evaluation.ground_truth import read_ground_truth
from challenge.explore.challenge_playlists import ChallengePlaylists, ShownPlaylist
from challenge.workflows.ask import load_to_ask


def show_playlist(run: Path, pid: int, count: int, *, answers: Path | None = None) -> ShownPlaylist:
    """Look a playlist up and continue it as the run did.

    Raises:
        InputError: no such playlist in the challenge of that run, or in the answers.
        MissingInputError: no recommender there.
    """
    truth = None if answers is None else read_ground_truth(answers)
    recommender = load_to_ask(run)
    return ChallengePlaylists(recommender, truth).show(pid, count)
