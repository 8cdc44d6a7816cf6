"""Training and filling as steps of their own, over a folder that keeps what lies between them."""

from __future__ import annotations

from pathlib import Path

from challenge.artifacts import RunManifest
from challenge.config import RunConfig
from challenge.config_file import load_toml, override
from challenge.errors import MissingInputError
from challenge.workflows.fill import FillSummary, fill_submission
from challenge.workflows.inputs import load_inputs
from challenge.workflows.run import MANIFEST_FILE, new_manifest, record_fill, record_inputs, record_training
from challenge.workflows.train import CONFIG_FILE, MODEL_DIR, train_models


def train(
    mpd: Path,
    challenge: Path,
    output: Path,
    config: RunConfig,
    *,
    cache: Path | None = None,
    resume: bool = False,
) -> RunManifest:
    """Train the models of a run into ``output``.

    Raises:
        InputError: a file of the user's is missing or not in the official format.
        ConfigError: an impossible setting.
        ResourceError: memory or disk would not do.
    """
    manifest = new_manifest(config)
    with manifest.stage("prepare"):
        inputs = load_inputs(mpd, challenge, cache=cache)
    record_inputs(manifest, inputs)
    with manifest.stage("train"):
        trained = train_models(inputs.dataset, config, output / MODEL_DIR, resume=resume)
    record_training(manifest, trained.summary)
    manifest.save(output / MANIFEST_FILE)
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
    settings = output / MODEL_DIR / CONFIG_FILE
    if not settings.exists():
        raise MissingInputError(
            f"{output}: holds no trained model (model/{CONFIG_FILE} is missing)",
            hint=f"train first: challenge train --mpd {mpd} --challenge {challenge} --output {output}",
        )
    config = override(load_toml(settings, RunConfig), {"team": team, "email": email})
    manifest = _earlier_manifest(output, config)
    with manifest.stage("open"):
        inputs = load_inputs(mpd, challenge, cache=cache)
    record_inputs(manifest, inputs)
    with manifest.stage("fill"):
        filled = fill_submission(inputs.dataset, config, output / MODEL_DIR, output)
    record_fill(manifest, filled)
    manifest.save(output / MANIFEST_FILE)
    return filled


def _earlier_manifest(output: Path, config: RunConfig) -> RunManifest:
    try:
        return RunManifest.load(output / MANIFEST_FILE)
    except MissingInputError:
        return new_manifest(config)
