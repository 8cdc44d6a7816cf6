"""Fills the manifest of a run as its stages end."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import msgspec

from challenge.config import RunConfig
from challenge.files import file_hash
from challenge.manifest import (
    DatasetFacts,
    Inputs,
    Manifest,
    RankerFacts,
    SubmissionFacts,
    TrainingFacts,
)
from challenge.workflows.fill import FillSummary
from challenge.workflows.inputs import RunInputs, challenge_input, mpd_input
from challenge.workflows.train import TrainingSummary


def new_manifest(config: RunConfig) -> Manifest:
    """Start the manifest of a run with these settings."""
    return Manifest(config=asdict(config), seed=config.seed)


def record_inputs(manifest: Manifest, inputs: RunInputs, mpd: Path, challenge: Path) -> None:
    """Note the inputs, by the paths that were given and by content, and what they hold."""
    manifest.inputs = Inputs(
        mpd=mpd_input(mpd, inputs.store),
        challenge_set=challenge_input(challenge, inputs.challenge_set),
        store=str(inputs.store.path.absolute()),
    )
    playlists = inputs.dataset.playlists
    manifest.dataset = DatasetFacts(
        playlists=len(playlists),
        rows=len(playlists.interactions.track_index),
        tracks=inputs.dataset.n_tracks,
        official_challenge_set=inputs.challenge_set.is_official,
        **asdict(inputs.seeds),
    )


def record_training(manifest: Manifest, trained: TrainingSummary) -> None:
    """Note what training did."""
    manifest.device = trained.device
    manifest.lightgcn = tuple(msgspec.convert(report, TrainingFacts) for report in trained.lightgcn)
    manifest.ranker = None
    if trained.importance is not None:
        manifest.ranker = RankerFacts(trained.ranker_queries, trained.ranker_rows, trained.importance)


def record_fill(manifest: Manifest, filled: FillSummary) -> None:
    """Note what filled the lists, and the file by its hash."""
    path = filled.submission
    manifest.submission = SubmissionFacts(path.name, file_hash(path), filled.sources)
