"""Fuzzes every parser of files that people name.

Each case is a mutant of a proper file. It must be refused by one of our errors, or accepted as what the
standard library reads from it; anything else (another exception, a hang, memory above the limit, an end of
the process) is wrong. Mutants that go new ways are mutated further: by the lines they reach where atheris is
installed, otherwise by the message they end with.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from types import FrameType
from typing import TYPE_CHECKING, Any, Final, NoReturn

from benchmarks._mutation import mutate

if TYPE_CHECKING:
    from benchmarks._fuzz_targets import Outcome, Target

SHARES: Final = {
    "slices": 20, "zips of slices": 12, "challenge sets": 14, "answers": 16, "settings": 10, "playlists": 16,
    "submissions": 8, "records of runs": 3, "records of stores": 1,
}  # fmt: skip
"""Targets, and how many of a hundred cases each gets."""
SECONDS: Final = 20
MEMORY: Final = 3 << 30
_MAX_CORPUS: Final = 3000
_KEPT: Final = 0.1
"""Share of the accepted mutants that are mutated further; of the refused ones those that end in a new way."""
_MAX_BYTES: Final = 60_000
_SHOWN: Final = 10


class Hang(BaseException):
    """A case took more than :data:`SECONDS`."""


@dataclass
class Tally:
    """What became of the cases of one target."""

    target: Target
    verdicts: Counter[str] = field(default_factory=Counter)
    paths: set[str] = field(default_factory=set)
    wrong: list[str] = field(default_factory=list)

    def judge(self, data: bytes) -> bool:
        """Judge one case; return whether it ended in a way that is new."""
        from benchmarks._fuzz_targets import Outcome, judge

        signal.setitimer(signal.ITIMER_REAL, SECONDS)
        try:
            outcome: Outcome = judge(self.target, data)
        except Hang:
            outcome = Outcome("wrong", f"more than {SECONDS} s")
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
        self.verdicts[outcome.verdict] += 1
        new = outcome.path not in self.paths
        if outcome.verdict == "wrong" and new:
            self.wrong.append(f"{outcome.words[:300]} on {data[:2000]!r}")
        self.paths.add(outcome.path)
        return new


def _hang(number: int, frame: FrameType | None) -> NoReturn:
    raise Hang


def run_here(target: Target, cases: int, seed: int) -> Tally:
    """Fuzz one target, led by the messages that cases end with."""
    random, tally = Random(seed), Tally(target)
    accepted, refused = list(target.seeds), list(target.seeds)
    for data in target.seeds:
        tally.judge(data)
    for _ in range(cases):
        data = mutate(random.choice(random.choice([accepted, accepted, refused])), refused, random)
        before = tally.verdicts["accepted"]
        new = tally.judge(data)
        if tally.verdicts["accepted"] > before:
            new, kept = random.random() < _KEPT, accepted
        else:
            kept = refused
        if new and len(kept) < _MAX_CORPUS and len(data) < _MAX_BYTES:
            kept.append(data)
    return tally


def run_by_coverage(name: str, cases: int, seed: int, folder: Path, report: Path) -> NoReturn:
    """Fuzz one target, led by the lines of ours that cases reach; ends the process."""
    import atheris

    with atheris.instrument_imports(include=["challenge"]):
        from benchmarks._fuzz_targets import make_targets
    target = make_targets(folder)[name]
    tally, begin = Tally(target), time.monotonic()

    def one(data: bytes) -> None:
        tally.judge(data)
        if tally.verdicts.total() >= cases:
            _write(report, name, tally, time.monotonic() - begin)

    def mutated(data: bytes, max_size: int, number: int) -> bytes:
        return mutate(data or target.seeds[number % len(target.seeds)], target.seeds, Random(number))[
            :max_size
        ]

    seeds = folder / "seeds"
    seeds.mkdir()
    for number, data in enumerate(target.seeds):
        (seeds / str(number)).write_bytes(data)
    options = [
        f"-runs={cases}",
        f"-seed={seed + 1}",
        f"-max_len={_MAX_BYTES}",
        "-rss_limit_mb=0",
        "-verbosity=0",
    ]
    atheris.Setup([sys.argv[0], *options, "-handle_alrm=0", str(seeds)], one, custom_mutator=mutated)
    atheris.Fuzz()
    sys.exit()


def _write(report: Path, name: str, tally: Tally, seconds: float) -> None:
    content = {
        "target": name,
        **tally.verdicts,
        "ways": len(tally.paths),
        "seconds": seconds,
        "examples": tally.wrong,
    }
    report.write_text(json.dumps(content))


def worker(name: str, cases: int, seed: int, report: Path, *, coverage: bool) -> None:
    """Fuzz one target in this process, and write what came of it."""
    signal.signal(signal.SIGALRM, _hang)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    in_memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=in_memory if in_memory.is_dir() else None) as folder:
        if coverage:
            run_by_coverage(name, cases, seed, Path(folder), report)
        from benchmarks._fuzz_targets import make_targets

        begin = time.monotonic()
        tally = run_here(make_targets(Path(folder))[name], cases, seed)
        _write(report, name, tally, time.monotonic() - begin)


def fuzz(name: str, cases: int, seed: int, *, coverage: bool) -> dict[str, Any]:
    """Fuzz one target in a process of its own, whose end counts as wrong if it comes too soon."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        options = ["--target", name, "--cases", str(cases), "--seed", str(seed), "--report", str(report)]
        command = [
            sys.executable,
            "-m",
            "benchmarks.fuzz",
            *options,
            *(["--messages"] if not coverage else []),
        ]
        ended = subprocess.run(command, stderr=subprocess.PIPE, text=True, check=False)
        if report.exists():
            return dict(json.loads(report.read_text()))
        told = f"the process ended with {ended.returncode}: {ended.stderr[-2000:]}"
        return {"target": name, "wrong": 1, "ways": 0, "seconds": 0.0, "examples": [told]}


def main() -> None:
    """Read the options, fuzz, and print a table; ends with 1 where a case went wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--cases", type=int, default=1_000_000, help="of all targets together, or of --target"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--target", choices=SHARES)
    parser.add_argument("--messages", action="store_true", help="do without atheris")
    parser.add_argument("--report", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    coverage = not options.messages and importlib.util.find_spec("atheris") is not None
    if options.report is not None:
        worker(options.target, options.cases, options.seed, options.report, coverage=coverage)
        return
    chosen = {options.target: 100} if options.target else SHARES
    print(f"led by {'coverage (atheris)' if coverage else 'messages'}, seed {options.seed}\n")
    columns = ("cases", "refused", "accepted", "wrong", "ways", "a second")
    print(f"| files | {' | '.join(columns)} |\n|---|{'---|' * len(columns)}")
    wrong = []
    for name, share in chosen.items():
        found = fuzz(name, options.cases * share // 100, options.seed, coverage=coverage)
        verdicts = [found.get(verdict, 0) for verdict in ("refused", "accepted", "wrong")]
        rate = sum(verdicts) / max(found["seconds"], 1e-9)
        figures = (sum(verdicts), *verdicts, found["ways"], round(rate))
        print(f"| {name} | {' | '.join(f'{figure:,}' for figure in figures)} |", flush=True)
        wrong += [f"{name}: {example}" for example in found["examples"]]
    for example in wrong[:_SHOWN]:
        print(f"\nwrong: {example}")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
