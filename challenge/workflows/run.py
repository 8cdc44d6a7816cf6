"""The whole path: official files in, validated submission out."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from challenge.artifacts import RunManifest, write_json
from challenge.config import RunConfig
from challenge.errors import InvalidSubmissionError
from challenge.evaluation.ground_truth import read_ground_truth
from challenge.evaluation.scorecard import Scorecard
from challenge.workflows.fill import FillSummary, fill_submission
from challenge.workflows.inputs import RunInputs, load_inputs
from challenge.workflows.score import score
from challenge.workflows.train import MODEL_DIR, TrainingSummary, train_models
from challenge.workflows.validate import validate

MANIFEST_FILE: Final = "manifest.json"
VALIDATION_FILE: Final = "validation.json"
SCORECARD_FILE: Final = "scorecard.json"


@dataclass(frozen=True)
class RunResult:
    """What a run left in its folder.

    Attributes:
        output: the folder.
        manifest: how it came about and what it cost.
        fill: what filled the lists.
        scorecard: scores where answers were given.
    """

    output: Path
    manifest: RunManifest
    fill: FillSummary
    scorecard: Scorecard | None = None


def run(
    mpd: Path,
    challenge: Path,
    output: Path,
    config: RunConfig,
    *,
    cache: Path | None = None,
    answers: Path | None = None,
    resume: bool = False,
) -> RunResult:
    """Prepare, train, fill and validate; score too where ``answers`` are given.

    Writes submission.csv.gz, manifest.json and validation.json into ``output``, and the models into its
    folder ``model``.

    Raises:
        InputError: a file of the user's is missing or not in the official format.
        ConfigError: an impossible setting.
        ResourceError: memory or disk would not do.
        InvalidSubmissionError: the submission made breaks a rule, which would be a bug.
    """
    manifest = new_manifest(config)
    if answers is not None:
        read_ground_truth(answers)  # whatever is wrong with them had better show before the training
    with manifest.stage("prepare"):
        inputs = load_inputs(mpd, challenge, cache=cache)
    record_inputs(manifest, inputs)
    with manifest.stage("train"):
        trained = train_models(inputs.dataset, config, output / MODEL_DIR, resume=resume)
    record_training(manifest, trained.summary)
    with manifest.stage("fill"):
        filled = fill_submission(inputs.dataset, config, output / MODEL_DIR, output, trained.sources)
    del trained
    record_fill(manifest, filled)
    manifest.save(output / MANIFEST_FILE)
    with manifest.stage("validate"):
        check_submission(filled.submission, challenge, inputs, output)
    scorecard = None
    if answers is not None:
        with manifest.stage("score"):
            scorecard, _ = score(filled.submission, answers, store=inputs.store.path, challenge=challenge)
        scorecard.save(output / SCORECARD_FILE)
    manifest.save(output / MANIFEST_FILE)
    return RunResult(output, manifest, filled, scorecard)


def new_manifest(config: RunConfig) -> RunManifest:
    """Start the manifest of a run with these settings."""
    return RunManifest(config=asdict(config), seed=config.seed)


def record_inputs(manifest: RunManifest, inputs: RunInputs) -> None:
    """Note the inputs by their content."""
    manifest.inputs = {"mpd": inputs.store.content_hash, "challenge_set_md5": inputs.challenge_set.md5}
    manifest.results["store"] = str(inputs.store.path)
    manifest.results["playlists"] = len(inputs.dataset.playlists)
    manifest.results["tracks"] = inputs.dataset.n_tracks
    manifest.results["official_challenge_set"] = inputs.challenge_set.is_official
    manifest.results["seeds"] = asdict(inputs.seeds)


def record_training(manifest: RunManifest, trained: TrainingSummary) -> None:
    """Note what training did."""
    manifest.device = trained.device
    facts: dict[str, Any] = asdict(trained)
    manifest.results["training"] = trained.epochs
    manifest.results["lightgcn"] = facts["lightgcn"]
    manifest.results["ranker"] = {
        "queries": trained.ranker_queries,
        "rows": trained.ranker_rows,
        "importance": trained.importance or {},
    }


def record_fill(manifest: RunManifest, filled: FillSummary) -> None:
    """Note what filled the lists."""
    manifest.results["submission"] = filled.submission.name
    manifest.results["sources"] = filled.sources


def check_submission(submission: Path, challenge: Path, inputs: RunInputs, output: Path) -> None:
    """Validate a submission of ours and save the report.

    Raises:
        InvalidSubmissionError: it breaks a rule.
    """
    report = validate(submission, challenge, store=inputs.store.path)
    write_json(output / VALIDATION_FILE, report.to_dict())
    if not report.valid:
        rules = ", ".join(f"{rule.value} ({count:,})" for rule, count in report.counts.items())
        raise InvalidSubmissionError(
            f"{submission}: breaks {rules}",
            hint=f"this is a bug of ours: please report it with {output / VALIDATION_FILE}",
        )
