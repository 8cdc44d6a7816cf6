"""Options that several commands share, so that each is spelt and explained once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

QuietFlag: TypeAlias = Annotated[
    bool, typer.Option("--quiet", "-q", help="No progress on stderr; errors still.", rich_help_panel="Shared")
]
ThreadsOption: TypeAlias = Annotated[
    int | None,
    typer.Option(
        "--threads",
        min=1,
        metavar="N",
        help="Threads and processes to use.",
        show_default="all that this machine or container grants",
        rich_help_panel="Shared",
    ),
]
TracebackFlag: TypeAlias = Annotated[
    bool,
    typer.Option("--traceback", help="Show where in the code an error arose.", rich_help_panel="Shared"),
]
JsonFlag: TypeAlias = Annotated[
    bool, typer.Option("--json", help="Print the result as JSON and nothing else on stdout.")
]
SeedOption: TypeAlias = Annotated[int, typer.Option("--seed", min=0, help="Seed of all randomness.")]
MpdOption: TypeAlias = Annotated[
    Path,
    typer.Option(
        "--mpd",
        metavar="PATH",
        help="The MPD: the official zip, an unpacked folder, any part of the slices, or a store of it.",
        show_default=False,
    ),
]
ChallengeOption: TypeAlias = Annotated[
    Path,
    typer.Option(
        "--challenge",
        metavar="PATH",
        help="The challenge set: challenge_set.json, or its zip or gz.",
        show_default=False,
    ),
]
AnswersOption: TypeAlias = Annotated[
    Path,
    typer.Option(
        "--answers",
        metavar="PATH",
        help='The held-out tracks: JSON of pid → {"category", "holdout": \\[uri, …]}.',
        show_default=False,
    ),
]
OutputOption: TypeAlias = Annotated[
    Path, typer.Option("--output", "-o", metavar="DIR", help="Folder to write to.", show_default=False)
]
ConfigOption: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--config",
        metavar="FILE",
        help="Settings in TOML; options given here override it.",
        show_default=False,
    ),
]
CacheOption: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--cache",
        metavar="DIR",
        help="Where prepared data is kept.",
        show_default="$CHALLENGE_CACHE, else the user's cache folder",
    ),
]
DeviceOption: TypeAlias = Annotated[
    str, typer.Option("--device", metavar="auto|cpu|cuda", help="Where to compute; auto tells why.")
]
