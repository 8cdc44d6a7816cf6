"""The whole path: official files in, validated submission out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from challenge.artifacts import RunManifest, write_json
from challenge.config import RunConfig
from challenge.errors import InvalidSubmissionError
from challenge.evaluation.ground_truth import read_ground_truth
from challenge.evaluation.scorecard import Scorecard
from challenge.workflows.fill import FillSummary, write_lists
from challenge.workflows.inputs import RunInputs, load_inputs
from challenge.workflows.score import score
from challenge.workflows.train import (
    MANIFEST_FILE,
    fit_recommender,
    new_manifest,
    record_inputs,
    require_possible,
)
from challenge.workflows.validate import validate

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

    Writes submission.csv.gz, manifest.json and validation.json into ``output``, and what can be asked again
    into its folder ``recommender``.

    Raises:
        InputError: a file of the user's is missing or not in the official format.
        ConfigError: an impossible setting.
        ResourceError: memory or disk would not do.
        InvalidSubmissionError: the submission made breaks a rule, which would be a bug.
    """
    require_possible(config)
    manifest = new_manifest(config)
    if answers is not None:
        read_ground_truth(answers)  # whatever is wrong with them had better show before the training
    with manifest.stage("prepare"):
        inputs = load_inputs(mpd, challenge, cache=cache)
    record_inputs(manifest, inputs)
    recommender = fit_recommender(inputs, output, config, manifest, resume=resume)
    filled = write_lists(recommender, output, manifest)
    del recommender
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
