"""Serves the pages to this machine alone."""

from __future__ import annotations

import os
import socket
import sys
import webbrowser
from typing import Final

import uvicorn

from challenge.errors import ConfigError
from challenge.explore.app import HOSTS, make_app
from challenge.explore.explorer import Explorer

USUAL_PORT: Final = 8018


def listen(port: int | None = None) -> socket.socket:
    """Listen on the loopback: on ``port``, or on the usual one, or where that is taken on a free one.

    Raises:
        ConfigError: that port is taken or may not be used.
    """
    if port is not None:
        return _listening(port)
    try:
        return _listening(USUAL_PORT)
    except ConfigError:
        return _listening(0)


def _listening(port: int) -> socket.socket:
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((HOSTS[0], port))
        listening.listen()
    except (OSError, OverflowError) as error:
        listening.close()
        reason = getattr(error, "strerror", None) or str(error)
        raise ConfigError(
            f"port {port}: {reason.lower()}", hint="choose another, or none for a free one"
        ) from error
    return listening


def serve(explorer: Explorer, listening: socket.socket) -> None:
    """Answer until the process is asked to end."""
    config = uvicorn.Config(
        make_app(explorer),
        log_level="warning",
        access_log=False,
        lifespan="off",
        server_header=False,
        timeout_graceful_shutdown=1,
    )
    uvicorn.Server(config).run(sockets=[listening])


def open_browser(address: str) -> bool:
    """Open a page in the person's browser; False where there is none, or only one in the terminal."""
    graphical = sys.platform != "linux" or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    return bool(graphical) and webbrowser.open(address)
