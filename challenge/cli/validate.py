"""``challenge validate``: check a submission file against every rule."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Annotated, Final

import typer

from challenge import progress
from challenge.cli import options
from challenge.cli.console import make_table, show, show_json
from challenge.errors import InvalidSubmissionError

if TYPE_CHECKING:
    from challenge.submission.validator import ValidationReport

SHOWN: Final = 20


def validate(
    file: options.SubmissionArgument,
    *,
    challenge: options.ChallengeOption,
    store: options.StoreOption = None,
    mpd: options.MpdForStoreOption = None,
    show_all: Annotated[
        bool, typer.Option("--all", help=f"Show all violations, not the first {SHOWN}.")
    ] = False,
    json: options.JsonFlag = False,
) -> None:
    """Check a submission against every rule of the challenge, and list all that it breaks.

    Reads FILE, the challenge set and, where there is one, the store of the MPD. Writes nothing. Ends with 0
    where the submission is valid and with 4 where it is not. The official checker accepts what is valid here.
    """
    from challenge.workflows.validate import validate as check

    report = check(file, challenge, store=store, mpd=mpd)
    if json:
        show_json(report.to_dict())
    else:
        _show(report, limit=None if show_all else SHOWN)
    if not report.valid:
        raise typer.Exit(InvalidSubmissionError.exit_code)


def _show(report: ValidationReport, limit: int | None) -> None:
    if report.valid:
        _show_valid(report)
    else:
        _show_violations(report, limit)
        _show_rules(report)
    for note in report.notes:
        progress.message(f"Note: {note}")


def _show_valid(report: ValidationReport) -> None:
    from rich.text import Text

    team = f" by {report.team.name}" if report.team else ""
    checked = (
        "every track occurs in the MPD"
        if report.tracks_checked
        else "whether its tracks exist was not checked (name --store or --mpd)"
    )
    verdict = f": {report.n_playlists:,} playlists of 500 tracks{team}; {checked}"
    show(Text.assemble(("valid", "bold green"), f" {report.path}{verdict}"))


def _show_violations(report: ValidationReport, limit: int | None) -> None:
    from rich.text import Text

    total = sum(report.counts.values())
    show(Text.assemble(("not valid", "bold red"), f" {report.path}: {total:,} violations"))
    rows = [
        (_plain(violation.line), _plain(violation.pid), violation.rule.value, violation.message)
        for violation in islice(report.violations, limit)
    ]
    show(make_table(None, ("line", "pid", "rule", "found"), rows, left=4))
    more = total - len(rows)
    if more and limit is not None:
        show(f"and {more:,} more: --all shows them, --json gives them to a script")


def _plain(number: int | None) -> str:
    """A line number or pid without separators, as in the file."""
    return "" if number is None else str(number)


def _show_rules(report: ValidationReport) -> None:
    rows = [(rule.value, count, rule.description) for rule, count in report.counts.items()]
    table = make_table("Rules broken", ("rule", "times", "what the rule asks"), rows, left=1)
    table.columns[2].justify = "left"
    show(table)
    show("Any of these gets the file rejected: mend what wrote it and check again.")
