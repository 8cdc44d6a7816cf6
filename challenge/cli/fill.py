"""``challenge fill``: continue the challenge's playlists with a saved recommender."""

from __future__ import annotations

from shlex import quote
from typing import Annotated, Any

import typer

from challenge import processes as group
from challenge.cli.console import show, show_json
from challenge.cli.options import JsonFlag, OutputOption, ProcessesOption
from challenge.cli.run import show_sources


def _option(name: str, metavar: str, help_text: str) -> Any:
    return typer.Option(f"--{name}", metavar=metavar, help=help_text, show_default="as trained")


def fill(
    *,
    output: OutputOption,
    team: Annotated[str | None, _option("team", "NAME", "Team name in the submission.")] = None,
    email: Annotated[str | None, _option("email", "ADDRESS", "Contact address in the submission.")] = None,
    device: Annotated[
        str | None,
        _option("device", "auto|cpu|cuda", "Where to search; auto takes a GPU where there is one."),
    ] = None,
    processes: ProcessesOption = 1,
    json: JsonFlag = False,
) -> None:
    """Fill each challenge playlist to 500 tracks with the recommender that challenge train left in DIR.

    Reads DIR/recommender/, which needs neither the MPD nor the challenge set beside it. Writes
    DIR/submission.csv.gz and DIR/manifest.json. Next: challenge validate.
    """
    from challenge.workflows.fill import fill as fill_lists
    from challenge.workflows.together import assist_filling

    group.start(processes)
    if group.rank() > 0:
        assist_filling(output, device=device)
        return
    filled = fill_lists(output, team=team, email=email, device=device)
    if json:
        show_json(
            {"submission": str(filled.submission), "playlists": filled.n_playlists, "sources": filled.sources}
        )
        return
    show_sources(filled.sources)
    show(f"Written {filled.submission}: {filled.n_playlists:,} playlists of 500 tracks")
    show(f"Next: challenge validate {quote(str(filled.submission))} --challenge CHALLENGE_SET.JSON")
