"""Training and filling as steps of their own, over a folder that keeps what lies between them."""

from __future__ import annotations

from pathlib import Path

from challenge.config import RunConfig
from challenge.config_file import dump_toml, load_toml, override
from challenge.errors import MissingInputError
from challenge.manifest import Manifest
from challenge.run_folder import RunFolder
from challenge.workflows.fill import FillSummary, fill_submission
from challenge.workflows.inputs import load_inputs
from challenge.workflows.record import new_manifest, record_fill, record_inputs, record_training
from challenge.workflows.train import train_models


def train(
    mpd: Path,
    challenge: Path,
    output: Path,
    config: RunConfig,
    *,
    cache: Path | None = None,
    resume: bool = False,
) -> Manifest:
    """Train the models of a run into ``output``.

    Raises:
        InputError: a file of the user's is missing or not in the official format.
        ConfigError: an impossible setting.
        ResourceError: memory or disk would not do.
    """
    folder = RunFolder(output)
    folder.require_writable()
    manifest = new_manifest(config)
    with manifest.profile.stage("prepare"):
        inputs = load_inputs(mpd, challenge, cache=cache)
    record_inputs(manifest, inputs, mpd, challenge)
    folder.begin_training(dump_toml(config), resume=resume)
    with manifest.profile.stage("train"):
        trained = train_models(inputs.dataset, config, folder.model, resume=resume)
    record_training(manifest, trained.summary)
    manifest.save(folder.manifest)
    return manifest


def fill(
    mpd: Path,
    challenge: Path,
    output: Path,
    *,
    cache: Path | None = None,
    team: str | None = None,
    email: str | None = None,
) -> FillSummary:
    """Fill the lists with the models of an earlier :func:`train`, with the settings saved there.

    Raises:
        MissingInputError: nothing was trained into ``output``, or an input is missing.
        FormatError: an input is not in the official format.
    """
    folder = RunFolder(output)
    if not folder.model.config.exists():
        raise MissingInputError(
            f"{output}: holds no trained model ({folder.model.config.relative_to(output)} is missing)",
            hint=f"train first: challenge train --mpd {mpd} --challenge {challenge} --output {output}",
        )
    folder.require_writable()
    config = override(load_toml(folder.model.config, RunConfig), {"team": team, "email": email})
    manifest = _earlier_manifest(folder, config)
    with manifest.profile.stage("open"):
        inputs = load_inputs(mpd, challenge, cache=cache)
    record_inputs(manifest, inputs, mpd, challenge)
    folder.begin_filling()
    with manifest.profile.stage("fill"):
        filled = fill_submission(inputs.dataset, config, folder)
    record_fill(manifest, filled)
    manifest.save(folder.manifest)
    return filled


def _earlier_manifest(folder: RunFolder, config: RunConfig) -> Manifest:
    """The manifest of the training, without what was measured of an earlier submission."""
    if not folder.manifest.exists():
        return new_manifest(config)
    manifest = folder.load_manifest()
    manifest.go_on()
    manifest.config = new_manifest(config).config
    manifest.profile.drop("open", "fill", "validate", "score")
    return manifest
