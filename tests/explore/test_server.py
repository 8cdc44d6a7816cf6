"""The command, as far as it can be looked at without a browser."""

from __future__ import annotations

import importlib.util
import socket

import pytest
from typer.testing import CliRunner

from challenge.cli.app import build_app
from challenge.errors import ConfigError
from challenge.explore import server
from tests.explore.conftest import ExploredRun


def test_it_listens_on_this_machine_alone_and_a_taken_port_is_refused() -> None:
    with server.listen() as listening:
        host, port = listening.getsockname()
        assert host == "127.0.0.1"
        with pytest.raises(ConfigError, match=f"port {port}: address already in use"):
            server.listen(port)


def test_where_the_usual_port_is_taken_another_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        monkeypatch.setattr(server, "USUAL_PORT", taken.getsockname()[1])
        with server.listen() as listening:
            assert listening.getsockname()[1] not in (0, taken.getsockname()[1])


def test_no_browser_is_opened_without_a_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("webbrowser.open", lambda address: address == "http://b")
    monkeypatch.setattr("sys.platform", "linux")
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    assert not server.open_browser("http://a")
    monkeypatch.setenv("DISPLAY", ":0")
    assert server.open_browser("http://b")


def test_without_its_packages_the_command_says_what_to_install(
    explored: ExploredRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        "challenge.cli.explore.find_spec", lambda name: None if name == "uvicorn" else find(name)
    )
    result = CliRunner().invoke(build_app(), ["explore", str(explored.folder), "--no-browser"])
    assert result.exit_code == 5
    assert "Hint: pip install 'mpd-challenge[explore]'" in result.stderr


def test_a_folder_that_is_no_run(explored: ExploredRun) -> None:
    result = CliRunner().invoke(build_app(), ["explore", str(explored.folder.parent), "--no-browser", "-q"])
    assert result.exit_code == 3
    assert "holds no recommender" in result.stderr
    assert result.stdout == ""
