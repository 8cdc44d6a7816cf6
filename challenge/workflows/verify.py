"""Verifies what earlier commands left: every byte of a store or of a run, and that its parts are of one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

from challenge.errors import ChallengeError, FormatError

if TYPE_CHECKING:
    from challenge.run_folder import RunFolder


@dataclass(frozen=True)
class Finding:
    """One thing looked at.

    Attributes:
        topic: what was looked at.
        found: what was found.
        ok: whether that suffices.
        advice: what to do if it does not; empty otherwise.
    """

    topic: str
    found: str
    ok: bool = True
    advice: str = ""


def verify_store(path: Path) -> list[Finding]:
    """Compare every byte of a store with its hash and every index with its bounds."""
    from challenge.permissions import foreign_hands

    findings = [_finding("store", _store, path)]
    reason = foreign_hands(path) if path.is_dir() else None
    if reason is not None:
        findings.append(Finding("permissions", reason, ok=False, advice=f"chmod go-w {quote(str(path))}"))
    return findings


def verify_run(path: Path) -> list[Finding]:
    """Compare every byte that a run keeps with its hash, and tell what in its folder is of another run."""
    from challenge.locks import owner_of
    from challenge.run_folder import RunFolder

    folder = RunFolder(path)
    findings = [_finding("manifest", _manifest, folder), *_recommender(folder), *_checkpoints(folder)]
    if folder.private.exists():
        findings.append(_finding("private", _private, folder))
    if folder.submission.exists():
        findings += [_finding("submission", _submission, folder), *_of_submission(folder)]
    owner = owner_of(folder.lock)
    return findings if owner is None else [*findings, Finding("in use", f"by {owner}")]


def _finding(topic: str, look: Callable[..., str], *arguments: Any) -> Finding:
    """What ``look`` tells, or the error that it ends with."""
    try:
        return Finding(topic, look(*arguments))
    except ChallengeError as error:
        return Finding(topic, error.message, ok=False, advice=error.hint or "")


def _store(path: Path) -> str:
    from challenge.mpd.store import open_store

    manifest = open_store(path).manifest
    return f"whole: {manifest.counts.get('playlists', 0):,} playlists in {manifest.store_bytes:,} bytes"


def _manifest(folder: RunFolder) -> str:
    manifest = folder.load_manifest()
    return f"run {manifest.run or 'without inputs'} of {manifest.date}"


def _private(folder: RunFolder) -> str:
    from challenge.manifest import Private

    run = Private.load(folder.private).run
    if folder.manifest.exists() and folder.load_manifest().run != run:
        raise FormatError(f"is of run {run}, not of the manifest's", hint=_train(folder))
    return "whole: where inputs lie, and the e-mail"


def _recommender(folder: RunFolder) -> Iterator[Finding]:
    from challenge.data.archive import INDEX

    yield _finding("recommender", _facts, folder)
    for index in sorted(folder.recommender.rglob(INDEX)):
        name = index.parent.relative_to(folder.path).as_posix()
        yield _finding(name, _record, index.parent, _train(folder))


def _train(folder: RunFolder) -> str:
    return f"train it again: challenge train --output {quote(str(folder.path))}"


def _facts(folder: RunFolder) -> str:
    """What the recommender says of itself; it must be of the manifest's run."""
    from challenge.recommender import saved_facts

    facts = saved_facts(folder.recommender)
    if folder.manifest.exists() and folder.load_manifest().run != facts.run:
        raise FormatError(f"is of run {facts.run or 'unknown'}, not of the manifest's", hint=_train(folder))
    return f"whole: {len(facts.files)} files and the arrays"


def _record(folder: Path, hint: str) -> str:
    from challenge.data.archive import check_record

    return f"whole: {len(check_record(folder, hint=hint))} arrays"


def _checkpoints(folder: RunFolder) -> Iterator[Finding]:
    for path in sorted(folder.checkpoints.glob("*/*/*.safetensors")):
        yield _finding(path.parent.relative_to(folder.path).as_posix(), _checkpoint, path.parent)


def _checkpoint(folder: Path) -> str:
    from challenge.lightgcn.checkpoint import load_checkpoint

    return f"whole: after step {load_checkpoint(folder)[1].step:,}"


def _submission(folder: RunFolder) -> str:
    from challenge.files import file_hash

    written = folder.load_manifest().submission
    if written is None or written.sha256 != file_hash(folder.submission):
        hint = f"fill again: challenge fill --output {quote(str(folder.path))}"
        raise FormatError("is not the one that the manifest tells of", hint=hint)
    return "as the manifest tells"


def _of_submission(folder: RunFolder) -> Iterator[Finding]:
    for path, command in ((folder.validation, "validate"), (folder.scorecard, "score")):
        if path.exists():
            yield _finding(path.stem, _belongs, folder, path, command)


def _belongs(folder: RunFolder, path: Path, command: str) -> str:
    if folder.read_of_submission(path) is None:
        hint = f"make it again: challenge {command} {quote(str(folder.submission))}"
        raise FormatError("is of another submission", hint=hint)
    return "of this submission"
