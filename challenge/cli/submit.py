"""``challenge submit``: a run's submission to the challenge's site."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from challenge import progress
from challenge.cli.console import show, show_json, size_text
from challenge.cli.metric_text import METRIC_TITLES, mean_text
from challenge.cli.options import JsonFlag, RunArgument, path_option


def submit(
    run: RunArgument,
    *,
    challenge: Annotated[
        Path | None, path_option("challenge", "The challenge set.", default="where the run read it")
    ] = None,
    description: Annotated[
        str | None,
        typer.Option(
            "--description",
            "-d",
            metavar="TEXT",
            help="Text beside it on the site.",
            show_default="RUN's name",
        ),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Send it now, by the site's client aicrowd.")] = False,
    json: JsonFlag = False,
) -> None:
    """Check a run's submission, show what would go up and the command for it, or with --yes send it.

    Reads the submission, the challenge set and the scorecard in RUN. With --yes it writes one line of JSON
    into submissions.jsonl beside RUN, with the file's hash and its local scores. A submission that breaks a
    rule, and a team or an e-mail that is a placeholder, are refused.
    """
    from challenge.workflows.submit import plan_upload, upload

    plan = plan_upload(run, challenge=challenge, description=description)
    for entry in plan.before:
        progress.message(f"Note: this very file went up on {entry.get('date')}, from {entry.get('run')}")
    if not plan.official:
        progress.message("Note: not of the official challenge set: the site would refuse it")
    if not json:
        size = size_text(plan.file.stat().st_size)
        show(f"file         {plan.file}, {size}, valid, sha256 {plan.sha256[:12]}…")
        show(f"team         {plan.team.name}, {plan.team.email}")
        show(f"description  {plan.description}")
        if plan.scores:
            scores = [
                f"{title} {mean_text(name, plan.scores[name])}" for name, title in METRIC_TITLES.items()
            ]
            show(f"local scores {', '.join(scores)}")
    if yes:
        upload(plan)
    if json:
        show_json(
            {
                "sent": yes,
                "command": plan.command,
                "sha256": plan.sha256,
                "before": plan.before,
                **plan.scores,
            }
        )
    elif yes:
        show(f"Sent; noted in {plan.log}")
    else:
        show("Send it with --yes or, outside of any challenge's git folder, where -c is not read, by")
        show(shlex.join(plan.command))
