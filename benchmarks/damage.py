"""Damages what is kept at random, and tells whether anything but the right submission can come of it.

Run: python -m benchmarks.damage FOLDER [--cases 1000] [--seed 0] [--seconds 500] [--markdown FILE]

In FOLDER a small synthetic sample is run once, and once more with other settings on other playlists. Each
case takes a copy, damages one file and lets a command use it, in a process of its own, so that a crash is
seen. It ends in one of four ways: the damage is refused with a message; the file is made again to the same
bytes; it makes no difference to a single byte of the result; or it is WRONG: another result, a crash, no end,
or an error that no message explains. Results are appended to ``FOLDER/results.jsonl``; a later call goes on.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Final, NamedTuple

import msgspec
import numpy as np
import orjson

from benchmarks._damages import DAMAGES, link_tree
from benchmarks._killed import import_all
from challenge.cli.errors import explain
from challenge.config import RunConfig, override
from challenge.errors import ChallengeError, InputError, ResourceError
from challenge.files import write_text
from challenge.mpd.store import prepare_store
from challenge.progress import use_backend
from challenge.run_folder import RunFolder
from challenge.sample.options import SampleOptions
from challenge.sample.write import write_sample
from challenge.threads import use_threads
from challenge.workflows.fill import fill
from challenge.workflows.run import run
from challenge.workflows.validate import validate
from challenge.workflows.verify import verify_run

SMALL: Final = override(
    RunConfig(team="Small team", email="small@example.org", device="cpu"),
    {
        "sources.names": ("playlist_knn", "title_knn", "ials", "lightgcn", "popularity"),
        "sources.ials.embedding_size": 8,
        "sources.ials.iterations": 2,
        "sources.lightgcn.embedding_size": 8,
        "sources.lightgcn.epochs": 1,
        "ranker.num_queries": 30,
        "ranker.num_iterations": 10,
    },
)
OUTCOMES: Final = ("refused", "made again", "no difference", "WRONG")
_NO_DAMAGE: Final = {("store, named", "folder of another")}
"""A whole store of another MPD that is named is what was asked for."""
_LONGEST_SECONDS: Final = 400
_EXPLAINED: Final = (ChallengeError.exit_code, InputError.exit_code, ResourceError.exit_code)


class World(NamedTuple):
    """Where everything of a case lies; ``pristine`` is another one, which is whole.

    Attributes:
        folder: with ``files/``, ``cache/`` and ``run/``.
        pristine: the world it is a copy of.
    """

    folder: Path
    pristine: Path

    @property
    def mpd(self) -> Path:
        """The MPD, which is never damaged."""
        return self.pristine / "files" / "mpd.zip"

    @property
    def challenge(self) -> Path:
        """The challenge set, which is never damaged."""
        return self.pristine / "files" / "challenge_set.json"

    @property
    def run(self) -> Path:
        """The folder of the run."""
        return self.folder / "run"

    @property
    def store(self) -> Path:
        """The only store of the cache, by its name in the whole world."""
        (name,) = (path.name for path in (self.pristine / "cache").glob("mpd-*"))
        return self.folder / "cache" / name


class Case(msgspec.Struct, frozen=True):
    """A case and how it ended.

    Attributes:
        number: from 0; with the seed it decides everything.
        target: what was damaged.
        damage: how.
        file: which file.
        outcome: one of :data:`OUTCOMES`.
        detail: what was said.
    """

    number: int
    target: str
    damage: str
    file: str
    outcome: str = ""
    detail: str = ""


# -- what uses the files, and whether the result is right ---------------------------------------------


def _use_cache(world: World) -> str:
    """A command that reads the MPD: the store is opened, or made again."""
    store = prepare_store(world.mpd, cache_dir=world.folder / "cache", workers=1)
    whole = world.pristine / "cache" / world.store.name
    for path in whole.glob("*.npy"):
        _require((world.store / path.name).read_bytes() == path.read_bytes(), f"{path.name} is another")
    return "made again" if store.made else "no difference"


def _use_store(world: World) -> str:
    """A judge who names the store: every track of a right submission is in it."""
    report = validate(world.pristine / "run" / "submission.csv.gz", world.challenge, store=world.store)
    _require(report.valid and report.tracks_checked, "a right submission is called wrong")
    return "no difference"


def _use_recommender(world: World) -> str:
    fill(world.run)
    _require_submission(world)
    return "no difference"


def _use_checkpoint(world: World) -> str:
    told = _Told()
    cache = world.pristine / "cache"
    with use_backend(told):
        run(world.mpd, world.challenge, world.run, SMALL, cache=cache, resume=True)
    _require_submission(world)
    return "made again" if any("begins anew" in text for text in told.texts) else "no difference"


def _use_record(world: World) -> str:
    """Somebody who reads what a run says of itself, having asked ``challenge doctor --run``."""
    ill = [finding for finding in verify_run(world.run) if not finding.ok]
    if ill:
        raise ChallengeError(f"{ill[0].topic}: {ill[0].found}")
    for name in ("manifest.json", "validation.json"):
        one, two = (orjson.loads((each / "run" / name).read_bytes()) for each in world)
        _require(one == two, f"{name} says something else")
    _require_submission(world)
    return "no difference"


class _Told:
    """Keeps messages; shows nothing."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def task(self, *_: object) -> _Told:
        return self

    def __enter__(self) -> Callable[..., None]:
        return lambda *_, **__: None

    def __exit__(self, *_: object) -> None:
        return None

    def message(self, text: str) -> None:
        self.texts.append(text)


class _OtherResultError(Exception):
    """The result is not the one of whole files."""


def _require(right: bool, what: str) -> None:
    if not right:
        raise _OtherResultError(what)


def _require_submission(world: World) -> None:
    one, two = ((each / "run" / "submission.csv.gz").read_bytes() for each in world)
    _require(one == two, "another submission")


@dataclass(frozen=True)
class Target:
    """Something that is kept.

    Attributes:
        share: of all cases.
        folder: where it lies in a world.
        pattern: its files.
        use: what reads them, and tells the outcome.
    """

    share: float
    folder: Callable[[World], Path]
    pattern: str
    use: Callable[[World], str]


TARGETS: Final[Mapping[str, Target]] = MappingProxyType(
    {
        "store, in the cache": Target(0.32, lambda world: world.store, "*", _use_cache),
        "store, named": Target(0.2, lambda world: world.store, "*", _use_store),
        "recommender": Target(0.35, lambda world: world.run / "recommender", "**/*", _use_recommender),
        "checkpoint": Target(
            0.05, lambda world: world.run / "checkpoint", "**/*.safetensors", _use_checkpoint
        ),
        "record of a run": Target(0.08, lambda world: world.run, "*.*", _use_record),
    }
)


# -- cases --------------------------------------------------------------------------------------------


def make_worlds(folder: Path) -> tuple[Path, Path]:
    """Make a run to be damaged and another one, where that was not done before; return both."""
    for name, seed in (("whole", 0), ("other", 1)):
        world = folder / name
        if RunFolder(world / "run").validation.exists():
            continue
        made = _in_a_process(partial(_make_world, world, seed), seconds=0)
        if made != ("", ""):
            raise SystemExit(f"{world}: {made}")
    return folder / "whole", folder / "other"


def _make_world(world: Path, seed: int) -> str:
    files = write_sample(world / "files", SampleOptions(300 - 10 * seed, 3, seed=seed), workers=1)
    config = replace(SMALL, seed=seed)
    run(files.mpd, files.challenge_set, world / "run", config, cache=world / "cache")
    return ""


def run_case(number: int, whole: Path, other: Path, *, seed: int, scratch: Path) -> Case:
    """Copy the whole world, damage a file of it, use it, and tell how that ended."""
    rng = np.random.default_rng([seed, number])
    shares = np.array([target.share for target in TARGETS.values()])
    name = list(TARGETS)[rng.choice(len(TARGETS), p=shares / shares.sum())]
    possible = [damage for damage in DAMAGES if (name, damage) not in _NO_DAMAGE]
    target, damage = TARGETS[name], possible[rng.integers(len(possible))]
    with tempfile.TemporaryDirectory(dir=scratch) as copy:
        world = World(Path(copy), whole)
        for part in ("cache", "run"):
            link_tree(whole / part, world.folder / part)
        place = target.folder(world)
        files = sorted(path for path in place.glob(target.pattern) if path.is_file() and path.stat().st_size)
        path = files[rng.integers(len(files))]
        relative = path.relative_to(place)
        twin = target.folder(World(other, other)) / relative
        DAMAGES[damage](path, twin, rng)
        case = Case(number, name, damage, relative.as_posix())
        outcome, detail = _in_a_process(partial(target.use, world))
    return msgspec.structs.replace(case, outcome=outcome, detail=detail)


def _in_a_process(work: Callable[[], str], *, seconds: int = _LONGEST_SECONDS) -> tuple[str, str]:
    """Call ``work`` in a fork, which compiled loops and their threads stay in; return how it ended."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        signal.alarm(seconds)
        use_threads(1)  # not before: threads do not survive a fork
        os.write(writing, orjson.dumps(_outcome(work)))
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        said = pipe.read()
    _, status = os.waitpid(child, 0)
    if status != 0 or not said:
        return "WRONG", f"the process ended with {os.waitstatus_to_exitcode(status)}"
    outcome, detail = orjson.loads(said)
    return outcome, detail


def _outcome(work: Callable[[], str]) -> tuple[str, str]:
    try:
        return work(), ""
    except Exception as error:  # as the command line would tell of it
        report = explain(error)
        return "refused" if report.exit_code in _EXPLAINED else "WRONG", report.message[:500]


# -- results ------------------------------------------------------------------------------------------


def table(cases: Sequence[Case]) -> str:
    """How many cases of each target, and of each damage, ended in which way."""
    lines = [f"| | cases | {' | '.join(OUTCOMES)} |", "|---" * (2 + len(OUTCOMES)) + "|"]
    groups = [(name, [case for case in cases if case.target == name]) for name in TARGETS]
    groups += [(name, [case for case in cases if case.damage == name]) for name in DAMAGES]
    for name, some in [*groups, ("**all**", list(cases))]:
        counts = Counter(case.outcome for case in some)
        lines.append(f"| {name} | {len(some):,} | {' | '.join(f'{counts[each]:,}' for each in OUTCOMES)} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Run cases until there are as many as asked for, or the time is over."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--cases", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=np.inf)
    parser.add_argument("--markdown", type=Path)
    options = parser.parse_args()
    begin = time.monotonic()
    import_all(("challenge.lightgcn.trainer", "lightgbm"))
    whole, other = make_worlds(options.folder)
    results = options.folder / "results.jsonl"
    lines = results.read_bytes().splitlines() if results.exists() else []
    cases = [msgspec.json.decode(line, type=Case) for line in lines]
    scratch = options.folder / "scratch"
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir()
    while len(cases) < options.cases and time.monotonic() - begin < options.seconds:
        cases.append(run_case(len(cases), whole, other, seed=options.seed, scratch=scratch))
        with results.open("ab") as file:
            file.write(msgspec.json.encode(cases[-1]) + b"\n")
    wrong = [case for case in cases if case.outcome == "WRONG"]
    print(table(cases))
    for case in wrong:
        print(case)
    if options.markdown is not None:
        write_text(options.markdown, table(cases))
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
