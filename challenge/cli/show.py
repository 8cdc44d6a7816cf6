"""``challenge show``: a challenge playlist, its seeds and our continuation."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from challenge.cli.console import make_table, show_json
from challenge.cli.console import show as print_table
from challenge.cli.options import JsonFlag, RunArgument


def show(
    run: RunArgument,
    pid: Annotated[int, typer.Argument(metavar="PID", min=0, help="Of the playlist.", show_default=False)],
    *,
    answers: Annotated[
        Path | None,
        typer.Option("--answers", metavar="PATH", help="Held-out tracks, to mark hits.", show_default=False),
    ] = None,
    count: Annotated[int, typer.Option("--count", "-n", min=1, max=500, metavar="N", help="How many.")] = 20,
    json: JsonFlag = False,
) -> None:
    """Show a challenge playlist: its seeds, and our continuation with names.

    Reads RUN/recommender/ and, where they are named, the answers: hits are marked then. Writes nothing.
    """
    from challenge.workflows.show import show_playlist

    found = show_playlist(run, pid, count, answers=answers)
    if json:
        show_json(found)
        return
    from rich.text import Text

    title = "no title" if found.title is None else f"“{found.title}”"
    print_table(Text(f"playlist {pid}: {title}, {found.category.replace('_', ' ')}"))
    if found.seeds:
        rows = [(each.rank, each.track, each.artist) for each in found.seeds]
        print_table(make_table("seeds", ("position", "track", "artist"), rows, left=3))
    marks = ["" if found.hits is None else "hit" if hit else "" for hit in found.hits or [False] * count]
    ranked = [
        (each.rank, each.track, each.artist, mark)
        for each, mark in zip(found.recommended, marks, strict=False)
    ]
    print_table(make_table("continuation", ("", "track", "artist", ""), ranked, left=4))
    if found.hits is not None:
        print_table(
            f"{sum(found.hits)} of {found.num_holdouts} held-out tracks among the first {len(ranked)}"
        )
