"""``challenge search``: find tracks, artists and titles by name."""

from __future__ import annotations

from typing import Annotated

import typer

from challenge.cli.console import make_table, show, show_json
from challenge.cli.options import JsonFlag, RunArgument


def search(
    run: RunArgument,
    text: Annotated[list[str], typer.Argument(metavar="TEXT…", help="Words of a name.", show_default=False)],
    *,
    count: Annotated[
        int, typer.Option("--count", "-n", min=1, metavar="N", help="How many of each kind.")
    ] = 10,
    json: JsonFlag = False,
) -> None:
    """Find tracks, artists and titles by words of their name, misspelt ones too.

    Reads RUN/recommender/. Writes nothing. The more popular come first.
    """
    from challenge.search import NameSearch
    from challenge.workflows.ask import load_to_ask

    recommender = load_to_ask(run)
    names = NameSearch(recommender.dataset, recommender.sources.index)
    words = " ".join(text)
    found = [*names.tracks(words, count), *names.artists(words, count), *names.titles(words, count)]
    if json:
        show_json(found)
        return
    for kind in ("track", "artist", "title"):
        some = [each for each in found if each.kind == kind]
        if some:
            heading = f"{kind}s" + ("" if some[0].exact else " spelt alike")
            columns = (kind, "artist", "id") if kind == "track" else (kind,)
            rows = [
                (*(each.name, each.artist, each.uri.rsplit(":", 1)[-1])[: len(columns)], each.playlists)
                for each in some
            ]
            show(make_table(heading, (*columns, "playlists"), rows, left=len(columns)))
    if not found:
        show("nothing is named so")
