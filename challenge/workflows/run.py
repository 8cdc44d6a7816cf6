"""The whole path: official files in, validated submission out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from challenge import processes, progress
from challenge.config import RunConfig
from challenge.errors import InvalidSubmissionError
from challenge.evaluation.ground_truth import read_ground_truth
from challenge.evaluation.scorecard import Scorecard
from challenge.manifest import Manifest
from challenge.mpd.challenge_set import ChallengeSet
from challenge.report.page import render_report
from challenge.run_folder import RunFolder
from challenge.submission.reader import read_submission
from challenge.submission.team import TeamInfo
from challenge.workflows.examples import keep_scored
from challenge.workflows.fill import FillSummary, write_lists
from challenge.workflows.inputs import RunInputs, load_inputs
from challenge.workflows.record import new_manifest, private_facts, record_inputs
from challenge.workflows.score import keep_scores, score
from challenge.workflows.together import connect
from challenge.workflows.train import fit_recommender, require_device
from challenge.workflows.validate import validate


@dataclass(frozen=True)
class RunResult:
    """What a run left in its folder; the scorecard where answers were given."""

    output: Path
    manifest: Manifest
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

    What is written into ``output`` is listed in :class:`challenge.run_folder.RunFolder`. What an earlier run
    left there is removed before the training begins.

    Raises:
        InputError: a file of the user's is missing or not in the official format.
        ConfigError: an impossible setting.
        ResourceError: memory or disk would not do.
        InvalidSubmissionError: the submission made breaks a rule, which would be a bug.
    """
    folder = RunFolder(output)
    with folder.locked():
        require_device(config.device)
        connect(config)
        manifest = new_manifest(config)
        # Each input is read once: it may be another one by the end.
        truth = None if answers is None else read_ground_truth(answers)
        with manifest.profile.stage("prepare"):
            inputs = load_inputs(mpd, challenge, cache=cache)
        record_inputs(manifest, inputs, mpd, challenge)
        warn_of_placeholders(config, inputs.challenge_set)
        recommender = fit_recommender(inputs, folder, config, manifest, resume=resume)
        processes.meet()
        private_facts(manifest, config, inputs, mpd, challenge).save(folder.private)
        filled = write_lists(recommender, folder, manifest)
        del recommender
        manifest.save(folder.manifest)
        with manifest.profile.stage("validate"):
            check_submission(folder, inputs)
        scorecard = None
        if truth is not None:
            with manifest.profile.stage("score"):
                lists = read_submission(filled.submission)
                scorecard, scores = score(
                    filled.submission,
                    truth,
                    store=inputs.store.path,
                    challenge=inputs.challenge_set,
                    lists=lists,
                )
            keep_scores(folder, scorecard, scores)
            keep_scored(folder, truth, scores, inputs.dataset, lists)
        manifest.save(folder.manifest)
        render_report(output)
        return RunResult(output, manifest, filled, scorecard)


def warn_of_placeholders(config: RunConfig, challenge_set: ChallengeSet) -> None:
    """Say before hours of training what would keep the submission from going up."""
    found = TeamInfo(config.team, config.email).placeholders()
    if found and challenge_set.is_official:
        progress.message(f"Note: {found}; challenge submit will want your own, by --team and --email")


def check_submission(folder: RunFolder, inputs: RunInputs) -> None:
    """Validate the submission of a run and save the report.

    Raises:
        InvalidSubmissionError: it breaks a rule.
    """
    report = validate(folder.submission, inputs.challenge_set, store=inputs.store.path)
    team = None if report.team is None else {"name": report.team.name}
    shared = {"path": folder.submission.name, "team": team}
    folder.write_of_submission(folder.validation, report.to_dict() | shared)
    if not report.valid:
        rules = ", ".join(f"{rule.value} ({count:,})" for rule, count in report.counts.items())
        raise InvalidSubmissionError(
            f"{folder.submission}: breaks {rules}",
            hint=f"this is a bug of ours: please report it with {folder.validation}",
        )
