"""The first run on a machine: a fresh clone's ``make submission``, as a person at a terminal sees it.

Run by ``make bench-first-run``: python -m benchmarks.first_run [--markdown FILE]
Clones what is committed, runs the command on a terminal of 80 columns with an empty cache, but for pip's own.
Tells when each command began, how long nothing moved on the screen, and what the run says it cost.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import tempfile
import termios
import time
from dataclasses import dataclass, field
from pathlib import Path

_ESCAPES = re.compile(rb"\x1b\[[0-9;?]*[A-Za-z]")
_COMMANDS = {
    "install": r"^\S*python3? -m (venv|pip)\b",
    "make the sample": r"^\S*challenge sample\b",
    "run": r"^\S*challenge run\b",
    "validate": r"^\S*challenge validate\b",
    "score": r"^\S*challenge score\b",
}


_RECENT = 1 << 14
"""Bytes that are looked through when something new has come."""


def _cleaned(shown: bytes) -> str:
    return re.sub("\r+\n?", "\n", _ESCAPES.sub(b"", shown).decode("utf-8", "replace"))


@dataclass
class Timeline:
    """What was seen on the screen, and when; seconds from the start.

    Attributes:
        begins: when each command was first seen.
        silences: the longest times without a change within each command, and what was last seen before.
        end: when the command ended.
    """

    begins: dict[str, float] = field(default_factory=dict)
    silences: dict[str, tuple[float, str]] = field(default_factory=dict)
    end: float = 0.0
    _shown: bytes = b""

    @property
    def text(self) -> str:
        """All that was shown, without the codes that move the cursor."""
        return _cleaned(self._shown)

    def add(self, chunk: bytes, now: float, last: float) -> None:
        """Note what has come at ``now`` after nothing since ``last``."""
        if self.begins and now - last > self.silences.get(self._current, (0.0, ""))[0]:
            self.silences[self._current] = (now - last, self._last_line())
        self._shown += chunk
        text = _cleaned(self._shown[-_RECENT:])
        for name, command in _COMMANDS.items():
            if name not in self.begins and re.search(command, text, re.MULTILINE):
                self.begins[name] = now

    @property
    def _current(self) -> str:
        return next(reversed(self.begins))

    def _last_line(self) -> str:
        return next(
            (
                line.strip()
                for line in reversed(_cleaned(self._shown[-_RECENT:]).splitlines())
                if line.strip()
            ),
            "",
        )

    def table(self) -> str:
        """The commands in order as a Markdown table."""
        names, bounds = list(self.begins), [*self.begins.values(), self.end]
        lines = ["| | begins | seconds | longest silence | after |", "|---|---|---|---|---|"]
        for number, name in enumerate(names):
            silence, after = self.silences.get(name, (0.0, ""))
            seconds = bounds[number + 1] - bounds[number]
            lines.append(f"| {name} | {bounds[number]:.0f} | {seconds:.0f} | {silence:.1f} | {after:.60} |")
        return "\n".join([*lines, f"| all | | {self.end:.0f} | | |"])

    def costs(self) -> str:
        """The run's own table of what it cost."""
        found = re.search(r"^ *stage +time.*?\n\s*\n", self.text, re.MULTILINE | re.DOTALL)
        return found[0].rstrip() if found else ""


def watch(command: list[str], folder: Path, environment: dict[str, str]) -> Timeline:
    """Run a command on a terminal of its own.

    Raises:
        SystemExit: it failed.
    """
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    start = last = time.monotonic()
    seen = Timeline()
    with subprocess.Popen(
        command, cwd=folder, env=environment, stdin=follower, stdout=follower, stderr=follower
    ) as process:
        os.close(follower)
        while chunk := _read(leader):
            now = time.monotonic()
            seen.add(chunk, now - start, last - start)
            last = now
    os.close(leader)
    seen.end = time.monotonic() - start
    if process.returncode:
        sys.exit(f"{' '.join(command)} ended with {process.returncode}:\n{seen.text[-2000:]}")
    return seen


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 1 << 16)
    except OSError:  # what Linux says when the other side is closed
        return b""


def main() -> None:
    """Print the timeline of a fresh clone."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--markdown", type=Path, help="write the tables here too")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        clone = Path(name) / "clone"
        subprocess.run(["git", "clone", "--quiet", str(Path(__file__).parents[1]), str(clone)], check=True)
        # Variables of the make that called this are not for the one that is measured.
        foreign = ("MPD", "CHALLENGE", "ARGS", "MAKEFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "MFLAGS")
        environment = {key: value for key, value in os.environ.items() if key not in foreign}
        environment |= {"CHALLENGE_CACHE": str(Path(name) / "cache"), "TERM": "xterm"}
        seen = watch(["make", "submission"], clone, environment)
    text = f"{seen.table()}\n\n```\n{seen.costs()}\n```\n"
    print(text)
    if options.markdown:
        options.markdown.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
