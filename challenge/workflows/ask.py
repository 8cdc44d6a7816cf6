"""Loads what a run learned, to ask it about a few playlists."""

from __future__ import annotations

from pathlib import Path

from challenge.recommender import Recommender
from challenge.run_folder import RunFolder


def load_to_ask(run: Path) -> Recommender:
    """Load the recommender of a run for a few questions: a CPU answers them before PyTorch would be imported.

    Raises:
        MissingInputError: nothing there, or a part is missing.
        FormatError: of another version, or damaged.
    """
    return Recommender.load(RunFolder(run).recommender, device="cpu")
