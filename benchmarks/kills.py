"""Kills commands at random moments, and tells whether anything but the right result can come of it.

Run: python -m benchmarks.kills FOLDER [--kills 1000] [--seed 0]

In FOLDER a small synthetic sample is run to its end, by ``challenge run`` and by ``train`` and ``fill``. Each
case does the same again and is killed on its way, once or several times in a row: by SIGKILL, or by one or
two of SIGTERM, SIGINT and SIGHUP, before a file is opened, moved or removed or after so much processor time,
with and without ``--resume``. After each kill every file in the folder of the run and in the cache must be
whole. Then the command is run to its end, and what is left must be what the uninterrupted run left, byte for
byte but for times. Results are appended to ``FOLDER/results.jsonl``; a later call goes on. A folder in memory
(``/dev/shm``) spares waiting for the disk.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import msgspec
import numpy as np

from benchmarks._damages import link_tree
from benchmarks._killed import Ending, Plan, attempt, import_all
from benchmarks._whole import broken, unlike
from challenge.sample.options import SampleOptions
from challenge.sample.write import write_sample
from challenge.threads import use_threads

SETTINGS: Final = """\
team = "Small team"
email = "small@example.org"
device = "cpu"
[sources]
names = ["ials", "lightgcn", "popularity"]
[sources.ials]
embedding_size = 8
iterations = 2
[sources.lightgcn]
embedding_size = 8
epochs = 2
batch_size = 100
checkpoint_minutes = 0
[ranker]
num_folds = 2
num_queries = 30
num_iterations = 10
"""
PATHS: Final = {"run": ("run",), "train, fill": ("train", "fill")}
"""The ways to a submission, each with its commands."""
_KILL, _TERM, _INT, _HUP = signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP
SIGNALS: Final = ((_KILL,), (_TERM,), (_INT,), (_HUP,), (_TERM, _TERM), (_INT, _INT), (_INT, _TERM))
_PARTS: Final = ("run", "cache", "tmp")
"""Folders of a case in which nothing may be left behind."""


class Killed(msgspec.Struct, frozen=True):
    """A command that was killed, or the one that went on to the end.

    Attributes:
        case: its number; with the seed it decides everything but what clocks do.
        command: with its options.
        signals: that it was sent, by name.
        place: where it was by then.
        code: how it ended.
        wrong: what is not as it must be; empty where all is.
    """

    case: int
    command: str
    signals: str
    place: str
    code: int
    wrong: str = ""


class Whole(NamedTuple):
    """What an uninterrupted path left: its folder, and how each of its commands ended."""

    folder: Path
    endings: dict[str, Ending]


class Bench:
    """A sample, both paths run without interruption, and a folder in which to interrupt them."""

    def __init__(self, folder: Path) -> None:
        self._folder, self.case, self._log = folder, folder / "case", folder / "log"
        os.environ["TMPDIR"] = str(self.case / "tmp")
        shutil.rmtree(folder / "files", ignore_errors=True)
        self._files = write_sample(folder / "files", SampleOptions(300, 3), workers=1)
        self._config = folder / "settings.toml"
        self._config.write_text(SETTINGS)
        self._empty()
        names = self._folder / "modules"
        self.execute("run", names=names)
        import_all(names.read_text().split())
        self.whole = {path: self._uninterrupted(path, commands) for path, commands in PATHS.items()}

    def execute(
        self, command: str, *, resume: bool = False, plan: Plan | None = None, names: Path | None = None
    ) -> Ending:
        """Run a command in the folder of the case."""
        arguments = [command, "--output", self.case / "run", "--threads", 1]
        if command != "fill":
            arguments += ["--mpd", self._files.mpd, "--challenge", self._files.challenge_set]
            arguments += ["--config", self._config, "--cache", self.case / "cache"]
            arguments += ["--answers", self._files.answers] if command == "run" else []
            arguments += ["--resume"] * resume
        return attempt([*map(str, arguments)], self.case, self._log, plan, names=names)

    def _uninterrupted(self, path: str, commands: Sequence[str]) -> Whole:
        self._empty()
        endings = {command: self.execute(command) for command in commands}
        if any(ending.code for ending in endings.values()):
            raise SystemExit(self._log.read_text())
        kept = self._folder / commands[-1]
        shutil.rmtree(kept, ignore_errors=True)
        shutil.copytree(self.case, kept)
        return Whole(kept, endings)

    def _empty(self) -> None:
        shutil.rmtree(self.case, ignore_errors=True)
        for part in _PARTS:
            (self.case / part).mkdir(parents=True)

    def interrupt(self, number: int, seed: int) -> Iterator[Killed]:
        """Take a path in the case's folder, with interruptions, and tell how each command on it ended."""
        rng = np.random.default_rng([seed, number])
        path = list(PATHS)[rng.integers(len(PATHS))]
        whole = self.whole[path]
        self._empty()
        if rng.random() < 0.5:
            (self.case / "cache").rmdir()
            link_tree(whole.folder / "cache", self.case / "cache")
        for command in PATHS[path]:
            for left in reversed(range(1 + rng.choice((1, 2, 4, 6)))):
                plan = _plan(rng, whole.endings[command]) if left else Plan()
                resume = command != "fill" and bool(rng.random() < 0.6)
                ending = self.execute(command, resume=resume, plan=plan)
                yield self._told(number, f"{command}{' --resume' * resume}", ending, plan, whole)
                if ending.code == 0:
                    break
        yield Killed(number, path, "", "the end", 0, next(unlike(self.case, whole.folder), ""))

    def _told(self, number: int, command: str, ending: Ending, plan: Plan, whole: Whole) -> Killed:
        sent = plan.signals[: ending.sent]
        wrong = self._ill_ended(ending, sent) or next(broken(self.case, whole.folder), "")
        names = " ".join(signal.Signals(each).name for each in sent)
        return Killed(number, command, names, ending.place, ending.code, wrong)

    def _ill_ended(self, ending: Ending, sent: Sequence[int]) -> str:
        """What is wrong with an exit code, with what was printed, or with what goes on."""
        printed = self._log.read_text(errors="replace")
        # Killed by the last signal, or ended by the first one after tidying up, or done by then.
        expected = {0, *(128 + each for each in sent[:1])}
        if len(sent) > 1 or signal.SIGKILL in sent or _is_done(printed):
            expected |= {-each for each in sent}
        if ending.code not in expected or (sent and ending.code == 0 and ending.after > 1):
            return f"ended with {ending.code}, {ending.after} file events after a signal: {printed[-500:]}"
        noise = "Traceback" in printed or "Exception ignored" in printed
        return f"printed: {printed[-2000:]}" if noise else ""


def _is_done(printed: str) -> bool:
    """Whether the last line of a command was printed."""
    return printed.rstrip().rpartition("\n")[2].startswith(("valid ", "next ", "Next: "))


def _plan(rng: np.random.Generator, ending: Ending) -> Plan:
    """Draw signals and their moment, for a command that takes as long as the one that ended so."""
    signals = SIGNALS[rng.integers(len(SIGNALS))]
    gap = int(rng.integers(1, 30))
    if rng.random() < 0.5:
        return Plan(signals, event=int(rng.integers(1, ending.events + 1)), gap=gap)
    return Plan(signals, seconds=float(rng.uniform(0.03, ending.seconds)), gap=gap)


def table(killed: Sequence[Killed]) -> str:
    """How many commands were killed where, and how."""
    kinds = list(dict.fromkeys(" ".join(each.name for each in signals) for signals in SIGNALS))
    places = sorted({each.place for each in killed if each.signals})
    lines = [f"| | {' | '.join(kinds)} | all | WRONG |", "|---" * (3 + len(kinds)) + "|"]
    for name in [*places, "**all**"]:
        some = [each for each in killed if each.signals and name in (each.place, "**all**")]
        counts = Counter(each.signals for each in some)
        wrong = sum(bool(each.wrong) for each in some)
        cells = " | ".join(f"{counts[kind]:,}" for kind in kinds)
        lines.append(f"| {name} | {cells} | {len(some):,} | {wrong:,} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Kill until there are as many as asked for, or the time is over."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    use_threads(1)
    folder = options.folder.absolute()
    bench = Bench(folder)
    results = folder / "results.jsonl"
    lines = results.read_bytes().splitlines() if results.exists() else []
    killed = [msgspec.json.decode(line, type=Killed) for line in lines]
    number = max((each.case for each in killed), default=-1) + 1
    while sum(bool(each.signals) for each in killed) < options.kills:
        for each in bench.interrupt(number, options.seed):
            killed.append(each)
            with results.open("ab") as file:
                file.write(msgspec.json.encode(each) + b"\n")
        number += 1
    print(table(killed))
    wrong = [each for each in killed if each.wrong]
    for each in wrong:
        print(each)
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
