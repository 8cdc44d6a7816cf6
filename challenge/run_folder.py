"""The folder of a run: the name of every file in it, and which of them belong together.

A scorecard, a validation and examples are of one submission, and say so by the hash of its file. What is of
another submission than the one in the folder is not shown, and a new training or filling removes it when it
begins. Manifest and recommender are of one run, and say so by its id. One command at a time writes to the
folder.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from challenge import progress
from challenge.errors import FormatError, MissingInputError
from challenge.files import file_hash, read_json, remove, remove_abandoned, require_writable, write_json
from challenge.locks import locked
from challenge.manifest import Manifest
from challenge.sealed import seal, unseal

SUBMISSION_HASH: Final = "submission_sha256"
"""Key under which a scorecard and a validation name their submission."""
_COMMANDS: Final = {
    "validation.json": "validate, or run",
    "scorecard.json": "score",
    "examples.json": "fill, or run",
}


class RunFolder:
    """The folder of a run, which need not be there yet; its attributes are the paths of what it holds."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.submission = path / "submission.csv.gz"
        self.manifest = path / "manifest.json"  # how the run came about: challenge.manifest.Manifest
        self.private = (
            path / "private.json"
        )  # where its inputs lie, and the e-mail: challenge.manifest.Private
        self.validation = path / "validation.json"  # what the check against the rules found
        self.scorecard = path / "scorecard.json"
        self.scores = path / "scores.csv"  # of each playlist; the scorecard has its hash
        self.examples = path / "examples.json"  # a few lists with names: challenge.report.examples
        self.report = path / "report.html"
        self.recommender = path / "recommender"  # what was learned: challenge.recommender.Recommender
        self.checkpoints = path / "checkpoint"  # of LightGCN's trainings
        self.lock = path / ".lock"  # of the command that works on it, while one does

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other commands from writing to the folder; nothing is read before it is known that it can be.

        Raises:
            InputError: it is a file, or may not be written.
            ResourceError: another command works on it.
        """
        require_writable(self.path)
        with locked(self.lock, str(self.path)):
            yield

    def load_manifest(self) -> Manifest:
        """Read the manifest.

        Raises:
            MissingInputError: this is not the folder of a run.
            FormatError: the manifest is damaged or of an earlier version.
        """
        if not self.manifest.exists():
            hint = "name the folder that 'challenge run --output' wrote"
            raise MissingInputError(
                f"{self.path}: not the folder of a run: {self.manifest.name} is missing", hint=hint
            )
        return Manifest.load(self.manifest)

    def submission_hash(self) -> str | None:
        """SHA-256 of the submission here, or, where its file was taken away, of the one in the manifest.

        Raises:
            FormatError: the manifest is needed, and damaged or of an earlier version.
        """
        if self.submission.exists():
            return file_hash(self.submission)
        written = self.load_manifest().submission if self.manifest.exists() else None
        return written.sha256 if written is not None else None

    def write_of_submission(self, path: Path, content: Mapping[str, Any]) -> None:
        """Write a scorecard, a validation or examples of the submission here, with its hash."""
        write_json(path, seal({SUBMISSION_HASH: file_hash(self.submission), **content}))

    def read_of_submission(self, path: Path) -> dict[str, Any] | None:
        """Read what was written of a submission; None where nothing was, or it is of another submission.

        Raises:
            FormatError: not a JSON object, or changed since it was written.
        """
        if not path.exists():
            return None
        content = read_json(path)
        if not isinstance(content, dict):
            raise FormatError(f"{path}: expected a JSON object, found {type(content).__name__}")
        found = content.get(SUBMISSION_HASH)
        if found is None or found != self.submission_hash():
            return None
        return unseal(content, path, hint=f"make it again: challenge {_COMMANDS[path.name]}")

    def begin_training(self, manifest: Manifest, *, resume: bool = False) -> None:
        """Remove what an earlier run left, tell which run that was, and leave the new one's manifest.

        Going on with the same run replaces nothing. Going on with other settings or inputs keeps the
        checkpoints only, which have a check of their own.

        Args:
            manifest: of the new run.
            resume: whether to go on from checkpoints.
        """
        remove_abandoned(self.path)
        if resume and self._run() == manifest.run:
            return
        stale = [self.submission, self.scorecard, self.scores, self.validation, self.examples, self.report]
        stale += [self.manifest, self.private, self.recommender] + ([] if resume else [self.checkpoints])
        self._replace(stale)
        manifest.save(self.manifest)

    def _run(self) -> str | None:
        """The id of the run here; None where no manifest tells."""
        try:
            return Manifest.load(self.manifest).run
        except (FormatError, MissingInputError):
            return None

    def begin_filling(self) -> None:
        """Remove what is of the earlier submission, which stays until it is written over."""
        remove_abandoned(self.path)
        stale = [self.scorecard, self.scores, self.validation, self.examples, self.report]
        self._replace(stale, kept=self.submission)

    def keep_only_of_submission(self) -> None:
        """Remove what is not of the submission here, and with it the page."""
        kept = (self.scorecard, self.validation, self.examples)
        stale = [path for path in kept if self._is_stale(path)]
        if stale:
            for path in (*stale, self.scores, self.report):
                remove(path)

    def _is_stale(self, path: Path) -> bool:
        try:
            return path.exists() and self.read_of_submission(path) is None
        except FormatError:
            return True

    def _replace(self, stale: Iterable[Path], *, kept: Path | None = None) -> None:
        found = [path for path in stale if path.exists()]
        if found or (kept is not None and kept.exists()):
            progress.message(f"{self.path}: replaces the run of {self._date()}")
        for path in found:
            remove(path)

    def _date(self) -> str:
        """When the run here began; where no manifest tells, when its oldest file was written."""
        try:
            return Manifest.load(self.manifest).date
        except (FormatError, MissingInputError):
            files = [path.stat().st_mtime for path in self.path.rglob("*") if path.is_file()]
            return datetime.fromtimestamp(min(files, default=0), UTC).isoformat(timespec="seconds")
