"""``challenge split``: hold out a challenge from an MPD."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from challenge.cli.console import make_table, show, show_json, size_text
from challenge.cli.options import CacheOption, JsonFlag, MpdOption, OutputOption, SeedOption

if TYPE_CHECKING:
    from challenge.workflows.split import SplitFiles


class SplitKindName(StrEnum):
    """Which split."""

    TUNING = "tuning"
    FINAL = "final"


SplitKindOption: TypeAlias = Annotated[
    SplitKindName,
    typer.Option(
        "--kind", help="A split to tune on, or the final one, whose playlists no tuning split touches."
    ),
]


def split(
    *,
    mpd: MpdOption,
    output: OutputOption,
    kind: SplitKindOption = SplitKindName.TUNING,
    draw: Annotated[int, typer.Option("--draw", min=0, metavar="N", help="Number of the tuning split.")] = 0,
    seed: SeedOption = 0,
    per_category: Annotated[
        int,
        typer.Option(
            "--per-category",
            min=1,
            metavar="N",
            help="Playlists in each of the ten categories; a small MPD gives fewer.",
        ),
    ] = 1000,
    challenge: Annotated[
        Path | None,
        typer.Option(
            "--challenge",
            metavar="PATH",
            help="Challenge set whose playlist lengths to follow.",
            show_default="lengths as the MPD has them",
        ),
    ] = None,
    cache: CacheOption = None,
    json: JsonFlag = False,
) -> None:
    """Hold out a challenge in the ten categories, so that any system can be scored without the organisers.

    Reads the MPD. Writes DIR/mpd.zip (the training playlists), DIR/challenge_set.json and DIR/answers.json in
    the official formats, and DIR/manifest.json. Held-out playlists leave the training data entirely, and each
    of their tracks still occurs there.
    """
    from challenge.workflows.split import SplitOptions
    from challenge.workflows.split import split as hold_out

    options = SplitOptions(kind=kind.value, draw=draw, seed=seed, per_category=per_category)
    files = hold_out(mpd, output, options, challenge=challenge, cache=cache)
    if json:
        show_json(files)
    else:
        _show(files)


def _show(files: SplitFiles) -> None:
    counts = files.playlists.values()
    each = str(max(counts)) if len(set(counts)) == 1 else f"{min(counts)} to {max(counts)}"
    challenge = f"{sum(counts):,} playlists ({each} a category) with {files.seeds:,} seeds"
    contents = (
        (files.mpd, f"{files.train_playlists:,} playlists to train on, {files.train_rows:,} rows"),
        (files.challenge_set, challenge),
        (files.answers, f"their {files.holdouts:,} held-out tracks"),
    )
    rows = [(path.name, what, size_text(path.stat().st_size)) for path, what in contents]
    show(make_table(f"Written to {files.mpd.parent}", ("file", "holds", "size"), rows, left=2))
    inputs = f"--mpd {quote(str(files.mpd))} --challenge {quote(str(files.challenge_set))}"
    show(f"Next: challenge run {inputs} --output DIR")
    show(f"then: challenge score DIR/submission.csv.gz --answers {quote(str(files.answers))}")
