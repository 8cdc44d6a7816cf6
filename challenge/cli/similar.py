"""``challenge similar``: tracks like one track."""

from __future__ import annotations

from typing import Annotated

import typer

from challenge.cli.console import make_table, show, show_json
from challenge.cli.options import JsonFlag, RunArgument


def similar(
    run: RunArgument,
    track: Annotated[str, typer.Argument(metavar="TRACK", help="URI, link, id or name.", show_default=False)],
    *,
    count: Annotated[int, typer.Option("--count", "-n", min=1, metavar="N", help="How many.")] = 20,
    json: JsonFlag = False,
) -> None:
    """Show the tracks nearest to one in the space of LightGCN's embeddings.

    Reads RUN/recommender/. Writes nothing.
    """
    from challenge.search import NameSearch
    from challenge.workflows.ask import load_to_ask

    recommender = load_to_ask(run)
    uri = NameSearch(recommender.dataset, recommender.sources.index).one_track(track)
    found = recommender.similar(uri, count)
    if json:
        show_json(found)
        return
    rows = [(each.rank, each.track, each.artist, f"{each.score:.3f}") for each in found]
    from rich.text import Text

    heading = Text(f"tracks like {track}", "bold")
    show(heading, make_table(None, ("", "track", "artist", "cosine"), rows, left=3))
