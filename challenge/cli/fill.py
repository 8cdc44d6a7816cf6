"""``challenge fill``: answer the challenge with trained models."""

from __future__ import annotations

from shlex import quote

from challenge.cli.console import show, show_json
from challenge.cli.options import CacheOption, ChallengeOption, JsonFlag, MpdOption, OutputOption
from challenge.cli.run import show_sources
from challenge.cli.settings import EmailOption, TeamOption


def fill(
    *,
    mpd: MpdOption,
    challenge: ChallengeOption,
    output: OutputOption,
    team: TeamOption = None,
    email: EmailOption = None,
    cache: CacheOption = None,
    json: JsonFlag = False,
) -> None:
    """Fill each challenge playlist to 500 tracks with the models that challenge train left in DIR.

    Reads the MPD (or its store), the challenge set and DIR/model/. Writes DIR/submission.csv.gz and
    DIR/manifest.json. Next: challenge validate.
    """
    from challenge.workflows.steps import fill as fill_step

    filled = fill_step(mpd, challenge, output, cache=cache, team=team, email=email)
    if json:
        show_json(
            {"submission": str(filled.submission), "playlists": filled.n_playlists, "sources": filled.sources}
        )
        return
    show_sources(filled.sources)
    show(f"Written {filled.submission}: {filled.n_playlists:,} playlists of 500 tracks")
    show(f"Next: challenge validate {quote(str(filled.submission))} --challenge {quote(str(challenge))}")
