"""Options that several commands share, so that each is spelt and explained once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, TypeAlias

import typer


def path_option(name: str, help_text: str, *, metavar: str = "PATH", default: str | bool = False) -> Any:
    """Declare an option that names a file or folder; ``default`` is what the help says of going without."""
    return typer.Option(f"--{name}", metavar=metavar, help=help_text, show_default=default)


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
ProcessesOption: TypeAlias = Annotated[
    int, typer.Option("--processes", min=1, metavar="N", help="Processes that train and fill together.")
]
JsonFlag: TypeAlias = Annotated[
    bool, typer.Option("--json", help="Print the result as JSON and nothing else on stdout.")
]
SeedOption: TypeAlias = Annotated[int, typer.Option("--seed", min=0, help="Seed of all randomness.")]
SubmissionArgument: TypeAlias = Annotated[
    Path, typer.Argument(metavar="FILE", help="The submission, .csv or .csv.gz.", show_default=False)
]
MpdOption: TypeAlias = Annotated[
    Path,
    path_option(
        "mpd", "The MPD: the official zip, an unpacked folder, any part of the slices, or a store of it."
    ),
]
StoreOption: TypeAlias = Annotated[
    Path | None,
    path_option(
        "store",
        "Store of the MPD, to look tracks and their artists up in.",
        metavar="DIR",
        default="that of the run whose private.json lies beside FILE",
    ),
]
MpdForStoreOption: TypeAlias = Annotated[
    Path | None, path_option("mpd", "The MPD itself, instead of --store.")
]
ChallengeOption: TypeAlias = Annotated[
    Path, path_option("challenge", "The challenge set: challenge_set.json, or its zip or gz.")
]
AnswersOption: TypeAlias = Annotated[
    Path, path_option("answers", 'The held-out tracks: JSON of pid → {"category", "holdout": \\[uri, …]}.')
]
OutputOption: TypeAlias = Annotated[
    Path, typer.Option("--output", "-o", metavar="DIR", help="Folder to write to.", show_default=False)
]
ConfigOption: TypeAlias = Annotated[
    Path | None,
    path_option(
        "config",
        "Settings in TOML, or the name of a preset (challenge settings); options given here override it.",
        metavar="FILE",
    ),
]
ResumeFlag: TypeAlias = Annotated[
    bool, typer.Option("--resume", help="Go on from the checkpoints of a training that was cut off.")
]
CacheOption: TypeAlias = Annotated[
    Path | None,
    path_option(
        "cache",
        "Where prepared data is kept.",
        metavar="DIR",
        default="$CHALLENGE_CACHE, else the user's cache folder",
    ),
]
RunArgument: TypeAlias = Annotated[
    Path,
    typer.Argument(metavar="RUN", help="Folder of a finished run, or of a training.", show_default=False),
]
