"""The workflow that fits the recommender of a run and saves it."""

from __future__ import annotations

from pathlib import Path

from challenge import processes
from challenge.config import RunConfig
from challenge.manifest import Manifest
from challenge.recommender import Recommender
from challenge.run_folder import RunFolder
from challenge.workflows.inputs import RunInputs, load_inputs
from challenge.workflows.record import new_manifest, private_facts, record_inputs, record_training
from challenge.workflows.together import connect


def train(
    mpd: Path,
    challenge: Path,
    output: Path,
    config: RunConfig,
    *,
    cache: Path | None = None,
    resume: bool = False,
) -> Manifest:
    """Fit a recommender to the MPD and the challenge's seeds, and save it in ``output``.

    Raises:
        InputError: a file of the user's is missing or not in the official format.
        ConfigError: an impossible setting.
        ResourceError: memory or disk would not do.
    """
    folder = RunFolder(output)
    with folder.locked():
        require_device(config.device)
        connect(config)
        manifest = new_manifest(config)
        with manifest.profile.stage("prepare"):
            inputs = load_inputs(mpd, challenge, cache=cache)
        record_inputs(manifest, inputs, mpd, challenge)
        fit_recommender(inputs, folder, config, manifest, resume=resume)
        private_facts(manifest, config, inputs, mpd, challenge).save(folder.private)
        manifest.save(folder.manifest)
    return manifest


def require_device(device: str) -> None:
    """Refuse a device that is not there.

    Raises:
        ConfigError: no such device here.
    """
    if device not in ("auto", "cpu"):
        from challenge.lightgcn.device import choose_device

        choose_device(device)


def fit_recommender(
    inputs: RunInputs, folder: RunFolder, config: RunConfig, manifest: Manifest, *, resume: bool
) -> Recommender:
    """Fit and save as stages of a run; what an earlier run left in the folder is removed first."""
    folder.begin_training(manifest, resume=resume)
    processes.meet()
    with manifest.profile.stage("train"):
        recommender = Recommender.fit(
            inputs.dataset, config, checkpoint_dir=folder.checkpoints, resume=resume
        )
    record_training(manifest, recommender.summary)
    manifest.save(folder.manifest)  # first: a recommender is filled from only beside the manifest of its run
    recommender.run = manifest.run
    with manifest.profile.stage("save"):
        recommender.save(folder.recommender)
    return recommender
