"""What a run tells others: it opens no connection, and what is shared names neither paths nor people."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.tiny_runs import TinySample

LISTENING = """
import sys

heard = open(sys.argv.pop(1), "a", buffering=1)
def hear(event, arguments):
    if event.startswith(("socket.", "urllib.", "http.", "ftplib.", "smtplib.", "webbrowser.")):
        print(event, *map(repr, arguments), file=heard)
sys.addaudithook(hear)
"""
"""Writes down what Python tells of networks before it does it, also in processes that are forked off."""
COMMAND = f"{LISTENING}from challenge.cli.app import main; main()"


@dataclass(frozen=True)
class Ran:
    """A run from one folder to another, as a command of its own, and what it said of networks."""

    folder: Path
    cache: Path
    heard: str


@pytest.fixture(scope="module")
def ran(sample: TinySample, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    base = tmp_path_factory.mktemp("secret-place")
    folder, cache, heard = base / "run", base / "cache", base / "heard"
    paths = ["--mpd", sample.mpd, "--challenge", sample.challenge, "--answers", sample.answers]
    paths += ["--output", folder, "--cache", cache, "--config", sample.config]
    command = [
        sys.executable,
        "-c",
        COMMAND,
        str(heard),
        "run",
        *map(str, paths),
        "--threads",
        "1",
        "--quiet",
    ]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, preexec_fn=lambda: os.umask(0o022)
    )
    assert done.returncode == 0, done.stderr
    return Ran(folder, cache, heard.read_text())


def test_a_run_opens_no_connection(ran: Ran) -> None:
    assert ran.heard == ""


@pytest.mark.parametrize("what", ["socket.getaddrinfo('localhost', 80)", "socket.socket()"])
def test_a_connection_would_have_been_heard(what: str, tmp_path: Path) -> None:
    command = [sys.executable, "-c", f"{LISTENING}import socket; {what}", str(tmp_path / "heard")]
    subprocess.run(command, check=True)
    assert "socket." in (tmp_path / "heard").read_text()


def test_nobody_else_may_write_and_what_is_private_none_may_read(ran: Ran) -> None:
    modes = {
        str(path.relative_to(ran.folder.parent)): path.stat().st_mode & 0o777
        for top in (ran.folder, ran.cache)
        for path in (top, *top.rglob("*"))
    }
    assert not [name for name, mode in modes.items() if mode & 0o022]
    assert modes["run/private.json"] == 0o600
    stores = [name for name in modes if name.startswith("cache") and name.count("/") <= 1]
    assert len(stores) == 2
    assert {modes[name] for name in stores} == {0o700}
    assert modes["run/submission.csv.gz"] == 0o644, "as the umask has it"


def test_what_is_shared_names_neither_paths_nor_people(ran: Ran, sample: TinySample) -> None:
    """These files alone do: where the inputs lie, and the address that a submission must have."""
    secrets = (str(ran.folder.parent), str(sample.mpd.parent), str(Path.home()), str(Path.cwd()), sys.prefix)
    naming: dict[str, set[str]] = {"a path": set(), "the e-mail": set()}
    for path in (path for path in ran.folder.rglob("*") if path.is_file()):
        content = path.read_bytes()
        content = gzip.decompress(content) if path.suffix == ".gz" else content
        name = path.relative_to(ran.folder).as_posix()
        if any(secret.encode() in content for secret in secrets if len(secret) > 1):
            naming["a path"].add(name)
        if b"tiny@example.org" in content:
            naming["the e-mail"].add(name)
    assert naming == {
        "a path": {"private.json"},
        "the e-mail": {"private.json", "submission.csv.gz", "recommender/config.toml"},
    }
