"""Takes a run's submission to the challenge's site by the site's client, and keeps a log of what went up."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import orjson

from challenge.errors import (
    ChallengeError,
    ConfigError,
    FormatError,
    InvalidSubmissionError,
    MissingInputError,
)
from challenge.evaluation.scorecard import Scorecard
from challenge.evaluation.variants import METRICS
from challenge.files import file_hash
from challenge.manifest import Private
from challenge.mpd.challenge_set import read_challenge_set
from challenge.run_folder import RunFolder
from challenge.submission.team import TeamInfo
from challenge.workflows.validate import validate

SLUG: Final = "spotify-million-playlist-dataset-challenge"
LOG: Final = "submissions.jsonl"
"""Name of the log beside the folders of the runs."""
_CLIENT: Final = "aicrowd"
_STDERR: Final = 2
"""Where the client prints: stdout is for results of ours."""


@dataclass(frozen=True)
class Upload:
    """What would go up.

    Attributes:
        file: the submission, absolute.
        team: its first line.
        sha256: of the file.
        description: text beside it on the site.
        scores: the local scores of that very file; empty without any.
        official: whether it continues the official challenge set.
        before: entries of the log of the same file that went up.
        log: where it will be noted.
    """

    file: Path
    team: TeamInfo
    sha256: str
    description: str
    scores: dict[str, Any]
    official: bool
    before: list[dict[str, Any]]
    log: Path

    @property
    def command(self) -> list[str]:
        """The command of the site's client, which checks the file too without ``--no-verify``."""
        return [_CLIENT, "submission", "create", "-c", SLUG, "-f", str(self.file), "-d", self.description]


def plan_upload(run: Path, *, challenge: Path | None = None, description: str | None = None) -> Upload:
    """Validate a run's submission and gather what would go up; nothing is sent.

    Args:
        run: folder of the run.
        challenge: the challenge set, where it is not where the run read it.
        description: text beside it on the site; the name of the folder unless given.

    Raises:
        MissingInputError: no submission, or no challenge set to validate it by.
        InvalidSubmissionError: it breaks a rule.
        ConfigError: team or e-mail are placeholders.
    """
    folder = RunFolder(run)
    if not folder.submission.exists():
        hint = "name the folder that 'challenge run --output' wrote"
        raise MissingInputError(f"{folder.submission}: no such file", hint=hint)
    challenge_set = read_challenge_set(challenge or _challenge_of(folder))
    report = validate(folder.submission, challenge_set)
    if not report.valid or report.team is None:
        rules = ", ".join(f"{rule.value} ({count:,})" for rule, count in report.counts.items())
        hint = "challenge validate lists every violation"
        raise InvalidSubmissionError(f"{folder.submission}: breaks {rules}", hint=hint)
    _require_real(report.team, run)
    scored = folder.read_of_submission(folder.scorecard)
    card = None if scored is None else Scorecard.load(folder.scorecard)
    scores = {} if card is None else {name: card.overall[name].mean for name in METRICS}
    digest, log = file_hash(folder.submission), run.absolute().parent / LOG
    return Upload(
        folder.submission.absolute(),
        report.team,
        digest,
        description or run.absolute().name,
        scores if card is None else scores | {"signature": card.signature},
        challenge_set.is_official,
        [entry for entry in read_log(log) if entry.get("sha256") == digest and entry.get("exit_code") == 0],
        log,
    )


def _challenge_of(folder: RunFolder) -> Path:
    known = Private.load(folder.private).challenge_set if folder.private.exists() else ""
    if not known or not Path(known).exists():
        raise MissingInputError(
            f"{folder.path}: the challenge set is not where the run read it", hint="name it with --challenge"
        )
    return Path(known)


def _require_real(team: TeamInfo, run: Path) -> None:
    found = team.placeholders()
    if found:
        hint = (
            f"write the file again: challenge fill --output {run} --team NAME --email ADDRESS "
            "(its scores and its page come again with challenge score and challenge report)"
        )
        raise ConfigError(f"{found}: the site would not know whose it is", hint=hint)


def read_log(path: Path) -> list[dict[str, Any]]:
    """Read what went up from the runs of a folder, the earliest first; empty where there is no log.

    Raises:
        FormatError: a line is no JSON object.
    """
    entries = []
    for number, line in enumerate(path.read_bytes().splitlines() if path.exists() else (), 1):
        try:
            entries.append(dict(orjson.loads(line)))
        except (ValueError, TypeError) as error:
            hint = "mend the line or move the log away"
            raise FormatError(f"{path}: line {number} is no JSON object", hint=hint) from error
    return entries


def upload(plan: Upload) -> None:
    """Run the site's client and note in the log how it ended.

    It runs in an empty folder: inside a challenge's git folder it would not read which challenge is named.

    Raises:
        MissingInputError: there is no client.
        ConfigError: the submission is not of the official challenge set.
        ChallengeError: the client failed.
    """
    if not plan.official:
        raise ConfigError(
            f"{plan.file}: not of the official challenge set, so the site would refuse it",
            hint="make a run with the official challenge_set.json",
        )
    if shutil.which(_CLIENT) is None:
        raise MissingInputError(f"no {_CLIENT} on the PATH", hint="pip install aicrowd-cli && aicrowd login")
    with tempfile.TemporaryDirectory() as empty:
        done = subprocess.run(plan.command, cwd=empty, check=False, stdout=_STDERR)
    entry = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "run": plan.file.parent.name,
        "sha256": plan.sha256,
        "team": plan.team.name,
        "description": plan.description,
        "exit_code": done.returncode,
        **plan.scores,
    }
    with plan.log.open("ab") as log:
        log.write(orjson.dumps(entry, option=orjson.OPT_APPEND_NEWLINE))
    if done.returncode != 0:
        raise ChallengeError(f"{_CLIENT} ended with {done.returncode}", hint="what it printed tells why")
