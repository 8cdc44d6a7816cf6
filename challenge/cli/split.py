"""``challenge split``: hold out a challenge from an MPD."""

from __future__ import annotations

from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated, Final

import typer

from challenge.cli.console import show, show_json, show_written
from challenge.cli.options import CacheOption, JsonFlag, MpdOption, OutputOption, SeedOption, path_option
from challenge.split.options import SplitKind, SplitOptions

if TYPE_CHECKING:
    from challenge.workflows.split import SplitFiles


DEFAULTS: Final = SplitOptions()
KIND: Final = typer.Option(
    "--kind",
    metavar="tuning|final",
    help="A split to tune on, or the final one, whose playlists no tuning split touches.",
    show_default=str(DEFAULTS.kind),
)
DRAW: Final = typer.Option(
    "--draw", min=0, metavar="N", help="Number of the tuning split.", show_default=str(DEFAULTS.draw)
)
PER_CATEGORY: Final = typer.Option(
    "--per-category",
    min=1,
    metavar="N",
    help="Playlists in each of the ten categories; a small MPD gives fewer.",
    show_default=str(DEFAULTS.per_category),
)


def split(
    *,
    mpd: MpdOption,
    output: OutputOption,
    kind: Annotated[SplitKind, KIND] = DEFAULTS.kind,
    draw: Annotated[int, DRAW] = DEFAULTS.draw,
    seed: SeedOption = DEFAULTS.seed,
    per_category: Annotated[int, PER_CATEGORY] = DEFAULTS.per_category,
    challenge: Annotated[
        Path | None,
        path_option(
            "challenge",
            "Challenge set whose playlist lengths to follow.",
            default="lengths as the MPD has them",
        ),
    ] = None,
    cache: CacheOption = None,
    json: JsonFlag = False,
) -> None:
    """Hold out a challenge in the ten categories, so that any system can be scored without the organisers.

    Reads the MPD. Writes DIR/mpd.zip (the training playlists), DIR/challenge_set.json and DIR/answers.json in
    the official formats, and DIR/manifest.json; a former split there is replaced, but no other file. Held-out
    playlists leave the training data entirely, and each of their tracks still occurs there.
    """
    from challenge.workflows.split import split as hold_out

    options = SplitOptions(kind=kind, draw=draw, seed=seed, per_category=per_category)
    files = hold_out(mpd, output, options, challenge=challenge, cache=cache)
    if json:
        show_json(files)
    else:
        _show(files)


def _show(files: SplitFiles) -> None:
    counts = files.playlists.values()
    each = str(max(counts)) if len(set(counts)) == 1 else f"{min(counts)} to {max(counts)}"
    challenge = f"{sum(counts):,} playlists ({each} a category) with {files.seeds:,} seeds"
    show_written(
        {
            files.mpd: f"{files.train_playlists:,} playlists to train on, {files.train_rows:,} rows",
            files.challenge_set: challenge,
            files.answers: f"their {files.holdouts:,} held-out tracks",
        }
    )
    inputs = f"--mpd {quote(str(files.mpd))} --challenge {quote(str(files.challenge_set))}"
    show(f"Next: challenge run {inputs} --output DIR")
    show(f"then: challenge score DIR/submission.csv.gz --answers {quote(str(files.answers))}")
