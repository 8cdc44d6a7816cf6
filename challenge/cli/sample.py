"""``challenge sample``: a synthetic dataset in the official formats."""

from __future__ import annotations

from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated, Final

import typer

from challenge.cli.console import show, show_json, show_written
from challenge.cli.options import JsonFlag, SeedOption
from challenge.sample.options import MIN_PLAYLISTS, SampleOptions

if TYPE_CHECKING:
    from challenge.sample.write import SampleFiles

_DEFAULTS: Final = SampleOptions()


def sample(
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Folder to write to.")] = Path(
        "data/sample"
    ),
    playlists: Annotated[
        int,
        typer.Option(
            "--playlists", min=MIN_PLAYLISTS, metavar="N", help="Playlists in the MPD; a million take 6 GB."
        ),
    ] = _DEFAULTS.playlists,
    per_category: Annotated[
        int,
        typer.Option(
            "--per-category", min=1, metavar="N", help="Challenge playlists in each of the ten categories."
        ),
    ] = _DEFAULTS.per_category,
    seed: SeedOption = _DEFAULTS.seed,
    json: JsonFlag = False,
) -> None:
    """Make a synthetic MPD and challenge set, with invented artists, albums and tracks.

    Reads nothing. Writes DIR/mpd.zip, DIR/challenge_set.json and DIR/answers.json in the official formats,
    and DIR/manifest.json; a former sample there is replaced, but no other file. The same options give the
    same dataset, whatever the number of threads.
    """
    from challenge.sample.write import write_sample

    files = write_sample(output, SampleOptions(playlists, per_category, seed))
    if json:
        show_json(files)
    else:
        _show(files)


def _show(files: SampleFiles) -> None:
    """Print what was written."""
    show_written(
        {
            files.mpd: f"{files.playlists:,} playlists, {files.rows:,} rows, {files.tracks:,} tracks",
            files.challenge_set: f"{files.challenge_playlists:,} playlists to continue",
            files.answers: "their held-out tracks",
        }
    )
    inputs = f"--mpd {quote(str(files.mpd))} --challenge {quote(str(files.challenge_set))}"
    show(f"Next: challenge run {inputs} --output submissions/sample")
