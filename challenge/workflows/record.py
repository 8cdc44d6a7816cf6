"""Fills the manifest of a run as its stages end."""

from __future__ import annotations

from pathlib import Path

import msgspec

from challenge.config import RunConfig, as_dict
from challenge.files import file_hash
from challenge.manifest import DatasetFacts, Inputs, Manifest, RankerFacts, SubmissionFacts
from challenge.recommender import TrainingSummary
from challenge.workflows.inputs import RunInputs, challenge_input, mpd_input


def new_manifest(config: RunConfig) -> Manifest:
    """Start the manifest of a run with these settings."""
    return Manifest(config=as_dict(config), seed=config.seed)


def record_inputs(manifest: Manifest, inputs: RunInputs, mpd: Path, challenge: Path) -> None:
    """Note the inputs, by the paths that were given and by content, and what they hold."""
    manifest.inputs = Inputs(
        mpd=mpd_input(mpd, inputs.store),
        challenge_set=challenge_input(challenge, inputs.challenge_set),
        store=str(inputs.store.path.absolute()),
    )
    manifest.name_run()
    playlists = inputs.dataset.playlists
    manifest.dataset = DatasetFacts(
        playlists=len(playlists),
        rows=len(playlists.interactions.track_index),
        tracks=inputs.dataset.n_tracks,
        official_challenge_set=inputs.challenge_set.is_official,
        **msgspec.structs.asdict(inputs.seeds),
    )


def record_training(manifest: Manifest, trained: TrainingSummary) -> None:
    """Note what training did."""
    manifest.device = trained.device
    manifest.lightgcn = trained.lightgcn
    manifest.ranker = None
    if trained.ranker_queries:
        manifest.ranker = RankerFacts(trained.ranker_queries, trained.ranker_rows, trained.importance)


def record_fill(manifest: Manifest, submission: Path, sources: dict[str, dict[str, int]]) -> None:
    """Note what filled the lists, and the file by its hash."""
    manifest.submission = SubmissionFacts(submission.name, file_hash(submission), sources)
