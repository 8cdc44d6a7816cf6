"""``challenge recommend``: continue one's own playlists with the recommender of a run."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from challenge.cli.console import make_table, show, unit_text
from challenge.cli.options import RunArgument
from challenge.errors import ConfigError
from challenge.quoting import printable, quoted

if TYPE_CHECKING:
    from challenge.playlist import Playlist, Recommendation


def recommend(
    run: RunArgument,
    *,
    title: Annotated[
        str | None,
        typer.Option("--title", metavar="TEXT", help="Title of the playlist.", show_default=False),
    ] = None,
    track: Annotated[
        list[str] | None,
        typer.Option(
            "--track",
            metavar="URI|NAME",
            help="A track it holds, in order; may be given many times.",
            show_default=False,
        ),
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option(
            "--file",
            metavar="FILE",
            help="Playlists in JSON or CSV instead; - for standard input.",
            show_default=False,
            allow_dash=True,
        ),
    ] = None,
    shuffled: Annotated[
        bool, typer.Option("--shuffled", help="The tracks are some of it in any order, not its first ones.")
    ] = False,
    count: Annotated[
        int, typer.Option("--count", "-n", min=1, max=500, metavar="N", help="Tracks to recommend.")
    ] = 20,
    explain: Annotated[
        bool, typer.Option("--explain", help="Tell for each track what speaks for it.")
    ] = False,
    output_format: Annotated[
        str, typer.Option("--format", metavar="table|json|csv|m3u", help="How to print the result.")
    ] = "table",
    json: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False,
) -> None:
    """Continue your own playlists: by title, tracks, or both.

    Reads RUN/recommender/, which needs neither the MPD nor the challenge set beside it. Writes nothing. A
    track may be named by its URI, link or id, or by words of its name and artist; where several are named so
    they are listed.
    """
    from challenge import progress
    from challenge.inputs import read_limited, read_regular
    from challenge.playlist import Playlist, require_askable
    from challenge.playlist_files import FORMATS, read_playlists, resolved
    from challenge.search import NameSearch
    from challenge.workflows.ask import load_to_ask

    chosen = "json" if json else output_format
    if chosen not in ("table", *FORMATS):
        raise ConfigError(f"--format {chosen}: expected table, {', '.join(FORMATS)}")
    if file is not None and (title is not None or track):
        raise ConfigError("--file and --title or --track both tell the playlist; give one")
    if file is None:
        # What the terminal gives need not be UTF-8.
        title = None if title is None else title.encode("utf-8", "replace").decode()
        playlists = [Playlist(title, track or [], ordered=not shuffled)]
    else:
        given = str(file) == "-"
        where = "standard input" if given else str(file)
        data = read_limited(sys.stdin.buffer, where) if given else read_regular(file)
        playlists = read_playlists(data, where)
    require_askable(playlists)
    recommender = load_to_ask(run)
    search = NameSearch(recommender.dataset, recommender.sources.index)
    playlists = resolved(playlists, search.one_track)
    lists = list(zip(playlists, recommender.recommend(playlists, count, explain=explain), strict=True))
    for title in dict.fromkeys(each.title for each in playlists if each.title):
        if not recommender.knows_title(title):
            progress.message(f"Note: no playlist has a title like {quoted(title)}, so it says nothing")
    if chosen == "table":
        for playlist, recommended in lists:
            show_list(playlist, recommended)
    else:
        typer.echo(FORMATS[chosen](lists))


def show_list(playlist: Playlist, recommended: list[Recommendation]) -> None:
    """Print the tracks recommended for a playlist, each with its reason where there is one."""
    from rich.padding import Padding
    from rich.text import Text

    from challenge.playlist import reason_lines

    count = len(playlist.tracks)
    told = f"{playlist.title or 'untitled'}, {count:,} {unit_text(count, 'tracks')} given"
    rows = [(each.rank, each.track, each.artist) for each in recommended]
    show(Text(told, "bold"), make_table(None, ("", "track", "artist"), rows, left=3))
    for each in recommended:
        if each.reason is not None:
            show(Text(f"{each.rank}. {each.track} by {each.artist}"))
            for line in reason_lines(each):
                show(Padding(Text(printable(line)), (0, 0, 0, 3), expand=False))
