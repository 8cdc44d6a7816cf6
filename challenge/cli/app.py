"""Puts the commands together.

To add a command ``foo``: write ``challenge/cli/foo.py`` with a function ``foo`` and, if it is new, put its
name into :data:`COMMANDS`. The function's docstring is its help and tells what it reads and writes; its
parameters are the options (shared ones are in :mod:`challenge.cli.options`). Import whatever is slow inside
the function: this module loads all commands, and ``challenge --help`` must stay under half a second. Print
results with :mod:`challenge.cli.console`, raise errors of :mod:`challenge.errors`, report progress by
:mod:`challenge.progress`. ``--quiet``, ``--threads`` and ``--traceback`` are added to each command here, and
errors become messages and exit codes; to end with another code, ``raise typer.Exit(code)``.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from typer.core import TyperCommand, TyperGroup

from challenge import __version__
from challenge.cli.errors import EXIT_CODES, report_errors
from challenge.cli.options import QuietFlag, ThreadsOption, TracebackFlag
from challenge.cli.parameters import PlainParameters
from challenge.cli.progress_console import console_progress
from challenge.cli.settings import show_defaults
from challenge.cli.streams import heeding_signals, prepare_streams
from challenge.files import require_utf8
from challenge.processes import rank
from challenge.threads import use_threads

COMMANDS: Final = {
    "run": "The whole path",
    "submit": "The whole path",
    "sample": "Data",
    "prepare": "Data",
    "describe": "Data",
    "split": "Data",
    "train": "Steps",
    "fill": "Steps",
    "validate": "Evaluation",
    "score": "Evaluation",
    "compare": "Evaluation",
    "runs": "Evaluation",
    "report": "Evaluation",
    "recommend": "Asking",
    "search": "Asking",
    "similar": "Asking",
    "show": "Asking",
    "explore": "Asking",
    "settings": "This machine",
    "doctor": "This machine",
}
"""The commands in the order of the help, each with the heading it stands under."""

_SHARED: Final = {
    "quiet": (QuietFlag, False),
    "threads": (ThreadsOption, None),
    "traceback": (TracebackFlag, False),
}

_HELP: Final = """Continue playlists: from the Million Playlist Dataset to a validated challenge submission.

[bold]challenge run --mpd MPD.ZIP --challenge CHALLENGE_SET.JSON --output DIR[/bold] does all of it; the other
commands do one step each. Every command tells with [bold]--help[/bold] what it reads and writes.
"""


class _Group(PlainParameters, TyperGroup):
    """All commands together."""


class _Command(PlainParameters, TyperCommand):
    """One command."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Show the help, with the defaults of settings as they are."""
        show_defaults(self.params)
        super().format_help(ctx, formatter)


def unwrapped(text: str) -> str:
    """Join the lines of each paragraph, so that help fills whatever width the terminal has."""
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in text.split("\n\n")).strip()


def with_shared_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that every command has, and turn its errors into messages and exit codes."""
    signature = inspect.signature(command, eval_str=True)
    shared = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
        for name, (annotation, default) in _SHARED.items()
    ]

    @functools.wraps(command)
    def run(*, quiet: bool, threads: int | None, traceback: bool, **options: Any) -> None:
        with report_errors(traceback=traceback), console_progress(quiet=quiet or rank() > 0):
            for value in options.values():
                if isinstance(value, Path):
                    require_utf8(value)
            use_threads(threads)
            command(**options)

    run.__doc__ = unwrapped(command.__doc__ or "")
    parameters = [*signature.parameters.values(), *shared]
    run.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return run


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"challenge {__version__}")
        raise typer.Exit


def _challenge(
    version: Annotated[
        bool,
        typer.Option("--version", help="Show the version and exit.", callback=_show_version, is_eager=True),
    ] = False,
) -> None:
    """Hold the options that stand before the command."""


def build_app() -> typer.Typer:
    """Load the commands; nothing slow is imported."""
    codes = "\n".join(f"  [bold]{code:>3}[/bold]  {meaning}" for code, meaning in EXIT_CODES.items())
    app = typer.Typer(
        name="challenge",
        cls=_Group,
        epilog=f"Exit codes\n{codes}",
        no_args_is_help=True,
        rich_markup_mode="rich",
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    )
    app.callback(help=unwrapped(_HELP))(_challenge)
    for name, heading in COMMANDS.items():
        place = f"challenge.cli.{name}"
        if find_spec(place) is not None:
            command = with_shared_options(getattr(import_module(place), name))
            app.command(name, cls=_Command, rich_help_panel=heading)(command)
    return app


def main() -> None:
    """Run the command line; ends the process."""
    prepare_streams()
    with heeding_signals(), report_errors(traceback=False):
        build_app()(prog_name="challenge")
