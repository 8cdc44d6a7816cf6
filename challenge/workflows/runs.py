"""Finds the runs below a folder, and compares two of them, or two submissions, playlist by playlist."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from challenge import progress
from challenge.errors import ConfigError, FormatError, MissingInputError
from challenge.evaluation.ground_truth import read_ground_truth
from challenge.evaluation.scorecard import PlaylistScores, Scorecard, compare_paired
from challenge.evaluation.significance import PairedDifference
from challenge.files import read_json
from challenge.manifest import Manifest
from challenge.report.page import flatten
from challenge.run_folder import RunFolder
from challenge.workflows.catalog_source import find_catalog
from challenge.workflows.repeat import Difference, differences
from challenge.workflows.score import kept_scores, score


@dataclass(frozen=True)
class RunEntry:
    """A run that was found: its folder, its manifest, and its scores where it has any."""

    path: Path
    manifest: Manifest
    card: Scorecard | None

    @property
    def seconds(self) -> float:
        """What all its stages took."""
        return sum(cost.seconds for cost in self.manifest.profile.stages.values())

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, in one level but for the settings."""
        manifest, data = self.manifest, self.manifest.dataset
        scores = {} if self.card is None else self.card.to_dict()
        return {
            "run": str(self.path),
            "id": manifest.run,
            "date": manifest.date,
            "mpd": manifest.inputs and manifest.inputs.mpd.hash,
            "challenge_set": manifest.inputs and manifest.inputs.challenge_set.hash,
            "training_playlists": data and data.playlists,
            "official_challenge_set": data and data.official_challenge_set,
            **{name: scores.get(name) for name in ("r_precision", "ndcg", "clicks", "signature")},
            "seconds": round(self.seconds, 3),
            "peak_bytes": max((cost.peak_bytes for cost in manifest.profile.stages.values()), default=None),
            "device": manifest.device,
            "seed": manifest.seed,
            "submission_sha256": manifest.submission and manifest.submission.sha256,
            "settings": flatten(manifest.config),
        }


def list_runs(folder: Path) -> list[RunEntry]:
    """Find the runs in a folder and up to two below it, the oldest first; tell of damaged ones.

    Raises:
        MissingInputError: no such folder.
    """
    if not folder.is_dir():
        raise MissingInputError(f"{folder}: no such folder", hint="name the one that runs were written into")
    found = []
    for pattern in ("manifest.json", "*/manifest.json", "*/*/manifest.json"):
        for path in folder.glob(pattern):
            try:
                if _is_of_run(path):
                    found.append(_entry(path.parent))
            except (FormatError, MissingInputError) as error:
                progress.message(f"Note: left out: {error.message}")
    return sorted(found, key=lambda each: (each.manifest.date, str(each.path)))


def _is_of_run(path: Path) -> bool:
    """Stores and splits have manifests too."""
    raw = read_json(path)
    return isinstance(raw, dict) and raw.get("kind") == "run"


def _entry(path: Path) -> RunEntry:
    folder = RunFolder(path)
    scored = folder.read_of_submission(folder.scorecard)
    return RunEntry(
        path, folder.load_manifest(), None if scored is None else Scorecard.load(folder.scorecard)
    )


@dataclass(frozen=True, eq=False)
class RunComparison:
    """Two runs or submissions on the same held-out tracks.

    Attributes:
        cards: scores of the first and the second.
        differences: category (or "all") → metric → what the second has over the first.
        conditions: settings, inputs and the like that differ; None unless both are runs.
    """

    cards: tuple[Scorecard, Scorecard]
    differences: dict[str, dict[str, PairedDifference]]
    conditions: list[Difference] | None


def compare_runs(paths: Sequence[Path], *, answers: Path | None = None) -> RunComparison:
    """Compare two runs or submission files by their scores on each playlist.

    Args:
        paths: two folders of runs, submission files, or one of each.
        answers: held-out tracks; not needed where both runs were scored on the same.

    Raises:
        ConfigError: not two of them, or no answers where they are needed.
        InputError: a file is missing or not in its format.
        InvalidSubmissionError: a submission is broken or incomplete.
    """
    if len(paths) != 2:
        raise ConfigError(f"{len(paths)} runs are named; expected two, RUN_A and RUN_B")
    for path in paths:
        if not path.exists():
            hint = "challenge runs lists the runs that are there"
            raise MissingInputError(f"{path}: no such file or folder", hint=hint)
    scored = _kept(paths, answers) or _scored(paths, answers)
    (first, before), (second, after) = scored
    manifests = [RunFolder(path).load_manifest() for path in paths if path.is_dir()]
    return RunComparison(
        (first, second),
        compare_paired(before, after),
        differences(*manifests) if len(manifests) == 2 else None,
    )


def _kept(paths: Sequence[Path], answers: Path | None) -> list[tuple[Scorecard, PlaylistScores]]:
    """What both runs keep of being scored alike; empty where a score is missing or of something else."""
    found = [kept for path in paths if path.is_dir() and (kept := kept_scores(RunFolder(path)))]
    signatures = {card.signature for card, _ in found}
    if len(found) < 2 or len(signatures) > 1:
        return []
    if answers is not None and f"|answers:{read_ground_truth(answers).content_hash}|" not in signatures.pop():
        return []
    return found


def _scored(paths: Sequence[Path], answers: Path | None) -> list[tuple[Scorecard, PlaylistScores]]:
    if answers is None:
        raise ConfigError(
            "these two do not both keep scores of each playlist on the same answers",
            hint="name the held-out tracks with --answers",
        )
    truth = read_ground_truth(answers)
    files = [RunFolder(path).submission if path.is_dir() else path for path in paths]
    sources = [source for path in files if (source := find_catalog(path)) is not None]
    store = sources[0].store if sources else None  # one store for both, so that both know the same artists
    return [score(path, truth, store=store) for path in files]
