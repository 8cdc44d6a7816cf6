"""Repeats a run by its manifest, and says what differs where the result does."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from challenge.config import RunConfig, merge
from challenge.errors import ConfigError, FormatError, InputError, MissingInputError
from challenge.manifest import Input, Manifest, Private
from challenge.mpd.challenge_set import read_challenge_set
from challenge.mpd.store import prepare_store
from challenge.report.page import flatten
from challenge.run_folder import RunFolder
from challenge.workflows.inputs import challenge_input, mpd_input


@dataclass(frozen=True)
class Repetition:
    """A run to be made again, the same inputs where they lie now, and its settings."""

    manifest: Manifest
    mpd: Path
    challenge: Path
    config: RunConfig


@dataclass(frozen=True)
class Difference:
    """Something that may be why a result differs, as it was and as it is."""

    what: str
    then: str
    now: str


def plan_repetition(
    path: Path,
    *,
    mpd: Path | None = None,
    challenge: Path | None = None,
    email: str | None = None,
    cache: Path | None = None,
) -> Repetition:
    """Find what a manifest asks for: inputs of the same content, settings, team.

    Where the inputs lie and the e-mail are in a file beside the manifest, unless they are given.

    Args:
        path: the manifest, or the folder of the run.
        mpd: the MPD, where it is not where it was.
        challenge: the challenge set, where it is not where it was.
        email: address in the submission, where none is kept beside the manifest.
        cache: where prepared data is kept.

    Raises:
        MissingInputError: no manifest, or an input is not named and not where it was.
        FormatError: the manifest is damaged, of another version, or of a run that was not finished.
        ConfigError: no e-mail is known.
        InputError: an input is not the one that the run read.
    """
    folder = RunFolder(path if path.is_dir() else path.parent)
    manifest = Manifest.load(folder.manifest if path.is_dir() else path)
    if manifest.inputs is None or manifest.submission is None:
        raise FormatError(f"{path}: a run that was not finished", hint="make it anew with challenge run")
    known = Private.load(folder.private) if folder.private.exists() else Private(manifest.run, "", "", "", "")
    if known.run != manifest.run:
        raise FormatError(
            f"{folder.private}: of run {known.run}, {path} of run {manifest.run}",
            hint="bring back the folder that both are from",
        )
    mpd = mpd or _known(path, known.mpd, "mpd")
    challenge = challenge or _known(path, known.challenge_set, "challenge")
    email = email or known.email
    if not email:
        raise ConfigError(f"{path}: tells no e-mail", hint="give one with --email")
    _require_same(
        challenge, challenge_input(challenge, read_challenge_set(challenge)), manifest.inputs.challenge_set
    )
    _require_same(mpd, mpd_input(mpd, prepare_store(mpd, cache_dir=cache)), manifest.inputs.mpd)
    config = merge(RunConfig(), _without_none(manifest.config) | {"email": email}, where=str(path))
    return Repetition(manifest, mpd, challenge, config)


def _known(path: Path, found: str, option: str) -> Path:
    if not found:
        raise MissingInputError(f"{path}: does not tell where its inputs lie", hint=f"name --{option}")
    if not Path(found).exists():
        raise MissingInputError(f"{found}: no longer there", hint=f"name it with --{option}")
    return Path(found)


def _require_same(path: Path, found: Input, wanted: Input) -> None:
    if found.hash != wanted.hash:
        raise InputError(
            f"{path}: not what the run read: its content is {found.hash}, expected {wanted.hash}",
            hint=f"name the {wanted.name} of that run",
        )


def _without_none(table: dict[str, Any]) -> dict[str, Any]:
    return {
        key: _without_none(value) if isinstance(value, dict) else value
        for key, value in table.items()
        if value is not None
    }


def same_lists(then: Manifest, now: Manifest) -> bool:
    """Whether two runs put the same tracks in the same order, whoever submits them."""
    assert then.submission is not None
    assert now.submission is not None
    return then.submission.lists_sha256 == now.submission.lists_sha256


def differences(then: Manifest, now: Manifest) -> list[Difference]:
    """What two runs do not have in common of all that a result may depend on."""
    before, after = _conditions(then), _conditions(now)
    return [
        Difference(name, before.get(name, "none"), after.get(name, "none"))
        for name in dict.fromkeys((*before, *after))
        if before.get(name) != after.get(name)
    ]


def _conditions(manifest: Manifest) -> dict[str, str]:
    inputs = flatten(msgspec.to_builtins(manifest.inputs) or {})
    found = {
        **{f"input {name}": value for name, value in inputs.items() if name.endswith(".hash")},
        **{f"setting {name}": value for name, value in flatten(manifest.config).items()},
        **{f"version of {name}": value for name, value in manifest.versions.items()},
        "threads": manifest.threads,
        "device": manifest.device,
        "processor": manifest.processor,
        "clock": manifest.not_repeatable,
    }
    # As in a file, where there are no tuples.
    return {
        name: value if isinstance(value, str) else msgspec.json.encode(value).decode()
        for name, value in found.items()
    }
