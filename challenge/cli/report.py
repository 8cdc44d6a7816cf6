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
    playlists: Annotated[
        bool,
        typer.Option(
            "--playlists/--no-playlists",
            help="Show ten of the challenge's playlists; a page without them may be passed on.",
        ),
    ] = True,
    json: JsonFlag = False,
) -> None:
    """Make one HTML page of a run: scores, playlists, sources, training, time, memory and settings.

    Reads manifest.json in DIR, and validation.json, scorecard.json and examples.json where they are there.
    Writes DIR/report.html, which needs no other file and no network.
    """
    from challenge.report.page import render_report

    path = render_report(run, playlists=playlists)
    if json:
        show_json({"report": str(path)})
    else:
        show(str(path))
