"""Fills the manifest of a run as its stages end."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from challenge.config import RunConfig, as_dict
from challenge.files import file_hash
from challenge.manifest import Coverage, DatasetFacts, Inputs, Manifest, Private, RankerFacts, SubmissionFacts
from challenge.recommender import TrainingSummary
from challenge.submission.submission import Submission
from challenge.types import FloatArray, Int32Array
from challenge.workflows.inputs import RunInputs, challenge_input, mpd_input


def new_manifest(config: RunConfig) -> Manifest:
    """Start the manifest of a run with these settings."""
    return Manifest(
        config=public_settings(config), seed=config.seed, not_repeatable=_why_not_repeatable(config)
    )


def public_settings(config: RunConfig) -> dict[str, Any]:
    """Return settings as nested plain values, without the e-mail."""
    return {key: value for key, value in as_dict(config).items() if key != "email"}


def _why_not_repeatable(config: RunConfig) -> str:
    timed = [
        name for name in config.sources.names if getattr(config.sources.settings[name], "max_seconds", 0) > 0
    ]
    return "; ".join(f"sources.{name}.max_seconds lets the clock end a training" for name in timed)


def private_facts(
    manifest: Manifest, config: RunConfig, inputs: RunInputs, mpd: Path, challenge: Path
) -> Private:
    """What the manifest leaves out."""
    mpd_at, challenge_at, store_at = (str(path.absolute()) for path in (mpd, challenge, inputs.store.path))
    return Private(manifest.run, config.email, mpd_at, challenge_at, store_at)


def record_inputs(manifest: Manifest, inputs: RunInputs, mpd: Path, challenge: Path) -> None:
    """Note the inputs, by name and by content, and what they hold."""
    manifest.inputs = Inputs(
        mpd=mpd_input(mpd, inputs.store), challenge_set=challenge_input(challenge, inputs.challenge_set)
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
    manifest.lightgcn, manifest.trials = trained.lightgcn, trained.trials
    manifest.ranker = None
    if trained.ranker_queries:
        manifest.ranker = RankerFacts(
            trained.ranker_queries,
            trained.ranker_rows,
            trained.importance,
            trained.candidate_recall,
            trained.validation,
        )


def record_fill(
    manifest: Manifest,
    path: Path,
    submission: Submission,
    sources: dict[str, dict[str, int]],
    coverage: Coverage,
) -> None:
    """Note what filled the lists, their coverage, and both the file and its lists by their hashes."""
    lists = hashlib.sha256(submission.pid.tobytes() + submission.track_ids.tobytes()).hexdigest()
    manifest.submission = SubmissionFacts(path.name, file_hash(path), sources, lists, coverage)


def coverage_of(tracks: Int32Array, popularity: FloatArray) -> Coverage:
    """Tell the coverage of lists from their tracks (Q, 500) and how many playlists hold each track (T,)."""
    places = np.bincount(tracks.ravel(), minlength=len(popularity))
    return Coverage(
        int(np.count_nonzero(places)),
        len(popularity),
        _quartiles(popularity, places),
        _quartiles(popularity, popularity),
    )


def _quartiles(values: FloatArray, counts: NDArray[Any]) -> tuple[float, float, float]:
    """Quartiles of values of which each occurs so many times."""
    order = np.argsort(values, kind="stable")
    below = np.cumsum(counts[order], dtype=np.float64)
    low, middle, high = values[
        order[np.searchsorted(below, below[-1] * np.array([0.25, 0.5, 0.75]))]
    ].tolist()
    return low, middle, high
