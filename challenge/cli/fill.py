"""``challenge fill``: continue the challenge's playlists with a saved recommender."""

from __future__ import annotations

from shlex import quote

from challenge.cli.console import show, show_json
from challenge.cli.options import JsonFlag, OutputOption
from challenge.cli.run import show_sources
from challenge.cli.settings import EmailOption, TeamOption


def fill(
    *, output: OutputOption, team: TeamOption = None, email: EmailOption = None, json: JsonFlag = False
) -> None:
    """Fill each challenge playlist to 500 tracks with the recommender that challenge train left in DIR.

    Reads DIR/recommender/, which needs neither the MPD nor the challenge set beside it. Writes
    DIR/submission.csv.gz and DIR/manifest.json. Next: challenge validate.
    """
    from challenge.workflows.fill import fill as fill_lists

    filled = fill_lists(output, team=team, email=email)
    if json:
        show_json(
            {"submission": str(filled.submission), "playlists": filled.n_playlists, "sources": filled.sources}
        )
        return
    show_sources(filled.sources)
    show(f"Written {filled.submission}: {filled.n_playlists:,} playlists of 500 tracks")
    show(f"Next: challenge validate {quote(str(filled.submission))} --challenge CHALLENGE_SET.JSON")
