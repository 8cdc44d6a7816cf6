"""``challenge runs``: the runs in a folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from challenge.cli.console import make_table, seconds_text, show, show_json_lines
from challenge.cli.metric_text import METRIC_TITLES, mean_text
from challenge.cli.options import JsonFlag

if TYPE_CHECKING:
    from challenge.workflows.runs import RunEntry


def runs(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where runs were written.")] = Path(
        "submissions"
    ),
    *,
    json: JsonFlag = False,
) -> None:
    """List runs with their date, data, scores and time, the oldest first.

    Reads manifest.json and scorecard.json in DIR and in the folders up to two levels below it. Writes
    nothing. With --json each run is one line of JSON, with its settings and hashes, as tools that track
    experiments read.
    """
    from challenge.workflows.runs import list_runs

    found = list_runs(folder)
    if json:
        show_json_lines(each.to_dict() for each in found)
        return
    columns = ("run", "date (UTC)", "trained on", *METRIC_TITLES.values(), "time")
    show(make_table(None, columns, [_row(each, folder) for each in found], left=2))
    signatures = {each.card.signature for each in found if each.card is not None}
    if len(signatures) > 1:
        show("Scores on other answers or by other variants do not compare: --json gives each signature.")


def _row(entry: RunEntry, folder: Path) -> tuple[object, ...]:
    data, name = entry.manifest.dataset, str(entry.path.relative_to(folder))
    scores = ["" if entry.card is None else mean_text(m, entry.card.overall[m].mean) for m in METRIC_TITLES]
    return (
        entry.path.absolute().name if name == "." else name,
        entry.manifest.date[:16].replace("T", " "),
        data and data.playlists,
        *scores,
        seconds_text(entry.seconds) if entry.manifest.submission else "unfinished",
    )
