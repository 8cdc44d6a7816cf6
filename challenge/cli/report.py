"""``challenge report``: one HTML page about a run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from challenge.cli.console import show, show_json
from challenge.cli.options import JsonFlag


def report(
    run: Annotated[
        Path,
        typer.Argument(metavar="DIR", help="Folder that 'challenge run --output' wrote.", show_default=False),
    ],
    json: JsonFlag = False,
) -> None:
    """Make one HTML page of a run: scores, sources, training, time, memory and settings.

    Reads manifest.json in DIR, and validation.json and scorecard.json where they are there. Writes
    DIR/report.html, which needs no other file and no network.
    """
    from challenge.report.page import render_report

    path = render_report(run)
    if json:
        show_json({"report": str(path)})
    else:
        show(str(path))
