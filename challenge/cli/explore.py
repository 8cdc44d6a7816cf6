"""``challenge explore``: a local web page to see and try a finished run."""

from __future__ import annotations

import signal
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from challenge import progress
from challenge.cli.console import show
from challenge.cli.options import RunArgument
from challenge.cli.streams import Stopped
from challenge.errors import ResourceError


def explore(
    run: RunArgument,
    *,
    answers: Annotated[
        Path | None,
        typer.Option("--answers", metavar="PATH", help="Held-out tracks, to mark hits.", show_default=False),
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(
            "--port", min=1, max=65535, metavar="N", help="Port to use.", show_default="8018 or a free one"
        ),
    ] = None,
    browser: Annotated[
        bool, typer.Option("--browser/--no-browser", help="Open the page in a browser.")
    ] = True,
) -> None:
    """Show a web page on which a run is seen and tried, until Ctrl-C.

    Reads RUN/recommender/, the run's other files for its report and, where they are named, the answers.
    Writes nothing. Only this machine can open the page, and it asks nothing of any other.
    """
    if find_spec("starlette") is None or find_spec("uvicorn") is None:
        hint = "pip install 'mpd-challenge[explore]'"
        raise ResourceError("starlette and uvicorn are not installed, which this command needs", hint=hint)
    from challenge.explore.server import listen, open_browser, serve
    from challenge.workflows.explore import load_explorer

    with listen(port) as listening:
        explorer = load_explorer(run, answers=answers)
        address = "http://{}:{}/".format(*listening.getsockname())
        show(f"{address} shows {run} until Ctrl-C")
        if browser:
            open_browser(address)
        try:
            with progress.use_backend(None):
                serve(explorer, listening)
        except Stopped as stopped:
            if stopped.signal != signal.SIGINT:
                raise
