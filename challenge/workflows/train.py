"""The workflow that fits the recommender of a run and saves it."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Final

from challenge.artifacts import RunManifest
from challenge.config import RunConfig, as_dict
from challenge.recommender import Recommender, TrainingSummary
from challenge.workflows.inputs import RunInputs, load_inputs

MANIFEST_FILE: Final = "manifest.json"
RECOMMENDER_DIR: Final = "recommender"
CHECKPOINT_DIR: Final = "checkpoint"


def train(
    mpd: Path,
    challenge: Path,
    output: Path,
    config: RunConfig,
    *,
    cache: Path | None = None,
    resume: bool = False,
) -> RunManifest:
    """Fit a recommender to the MPD and the challenge's seeds, and save it in ``output``.

    Raises:
        InputError: a file of the user's is missing or not in the official format.
        ConfigError: an impossible setting.
        ResourceError: memory or disk would not do.
    """
    require_possible(config)
    manifest = new_manifest(config)
    with manifest.stage("prepare"):
        inputs = load_inputs(mpd, challenge, cache=cache)
    record_inputs(manifest, inputs)
    fit_recommender(inputs, output, config, manifest, resume=resume)
    manifest.save(output / MANIFEST_FILE)
    return manifest


def require_possible(config: RunConfig) -> None:
    """Refuse settings that this machine cannot serve, before anything is read.

    Raises:
        ConfigError: no such device here.
    """
    if config.device not in ("auto", "cpu"):
        from challenge.lightgcn.device import choose_device

        choose_device(config.device)


def fit_recommender(
    inputs: RunInputs, output: Path, config: RunConfig, manifest: RunManifest, *, resume: bool
) -> Recommender:
    """Fit and save as a stage of a run."""
    manifest.save(output / MANIFEST_FILE)  # a folder that cannot be written to had better show before
    with manifest.stage("train"):
        recommender = Recommender.fit(
            inputs.dataset, config, checkpoint_dir=output / CHECKPOINT_DIR, resume=resume
        )
    record_training(manifest, recommender.summary)
    with manifest.stage("save"):
        recommender.save(output / RECOMMENDER_DIR)
    return recommender


def new_manifest(config: RunConfig) -> RunManifest:
    """Start the manifest of a run with these settings."""
    return RunManifest(config=as_dict(config), seed=config.seed)


def record_inputs(manifest: RunManifest, inputs: RunInputs) -> None:
    """Note the inputs by their content."""
    manifest.inputs = {"mpd": inputs.store.content_hash, "challenge_set_md5": inputs.challenge_set.md5}
    manifest.results["store"] = str(inputs.store.path)
    manifest.results["playlists"] = len(inputs.dataset.playlists)
    manifest.results["tracks"] = inputs.dataset.n_tracks
    manifest.results["official_challenge_set"] = inputs.challenge_set.is_official
    manifest.results["seeds"] = asdict(inputs.seeds)


def record_training(manifest: RunManifest, summary: TrainingSummary) -> None:
    """Note what fitting did."""
    manifest.device = summary.device
    manifest.results["lightgcn"] = [asdict(report) for report in summary.lightgcn]
    manifest.results["training"] = list(summary.lightgcn[-1].epochs) if summary.lightgcn else []
    manifest.results["ranker"] = {
        "queries": summary.ranker_queries,
        "rows": summary.ranker_rows,
        "importance": summary.importance,
    }
