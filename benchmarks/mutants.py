"""Mutation testing of what decides a score or a submission: does some test notice each small change?

Run: python -m benchmarks.mutants [TARGET ...] [--slowest 2] [--share 1.0] [--seed 0]

A target is a module or package of :data:`TARGETS`. Its tests are collected once, in a process that has
imported everything. Each is run to see which functions of the target it calls, and how long it takes. Then
each mutant of ``_mutate`` is put in the place of its function in a fork, where the tests that call it are
run, quickest first, until one fails. A mutant that no test notices has survived, and is printed with its
line. What stands outside functions, and compiled loops, are not changed.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import json
import os
import resource
import signal
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from types import FrameType, FunctionType
from typing import Any, Final

import msgspec
import numpy as np
import pytest

from benchmarks._mutate import Mutant, mutants
from challenge.threads import use_threads

TARGETS: Final = {
    "challenge/evaluation": ("tests/evaluation",),
    "challenge/submission": ("tests/submission",),
    "challenge/split": ("tests/split",),
    "challenge/ranking/fill.py": ("tests/ranking/test_fill.py",),
    "challenge/ranking/first_places.py": ("tests/ranking/test_first_places.py",),
    "challenge/sources/merge.py": ("tests/sources/test_sources.py", "tests/ranking/test_features.py"),
}
"""Modules and packages, each with its tests."""
_SECONDS: Final = 60
"""Processor time of the tests of one mutant; who takes longer is noticed."""

Key = tuple[str, str]
"""A file and the qualified name of a function in it."""


class Result(msgspec.Struct, frozen=True):
    """A mutant, how many tests call its function, and whether none of them noticed."""

    target: str
    file: str
    line: int
    function: str
    before: str
    after: str
    tests: int
    survived: bool


class Mutation:
    """A plugin of pytest that runs the collected tests for each mutant, in forks of the process."""

    def __init__(
        self, target: str, tell: Callable[[Result], None], *, slowest: float, share: float, seed: int
    ) -> None:
        paths = [Path(target)] if target.endswith(".py") else sorted(Path(target).glob("*.py"))
        self._target, self._slowest, self._share, self._tell = target, slowest, share, tell
        self._rng = np.random.default_rng(seed)
        self._paths = {str(path.absolute()): path for path in paths}
        for path in paths:
            importlib.import_module(".".join(path.with_suffix("").parts))
        self._calls: dict[str, set[Key]] = defaultdict(set)
        self._callers = [""]

    def pytest_configure(self) -> None:
        """Make no failure of hypothesis small, and give every mutant the same examples."""
        from hypothesis import Phase, settings

        phases = (Phase.explicit, Phase.generate)
        settings.register_profile("mutants", phases=phases, database=None, derandomize=True)
        settings.load_profile("mutants")

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Run the tests once as they are, and then those that matter for each mutant."""
        tests = json.loads(_forked(lambda: self._observe(session), seconds=3600))
        functions = defaultdict(list)
        for each in gc.get_objects():
            if isinstance(each, FunctionType) and each.__code__.co_filename in self._paths:
                functions[each.__code__.co_filename, each.__code__.co_qualname].append(each)
        for name, path in self._paths.items():
            for mutant in mutants(path.read_text(), name):
                if self._rng.random() >= self._share:
                    continue
                called = tests.get(f"{name} {mutant.function}", [])
                work = partial(self._survives, session, called, functions[name, mutant.function], mutant)
                survived = not called or _forked(work, seconds=_SECONDS) == "survived"
                words = (mutant.line, mutant.function, mutant.before, mutant.after)
                self._tell(Result(self._target, str(path), *words, len(called), survived))
        return True

    def _survives(
        self, session: pytest.Session, tests: Sequence[int], functions: Sequence[FunctionType], mutant: Mutant
    ) -> str:
        for function in functions:
            function.__code__ = mutant.code
        return "" if _fails(session, [session.items[number] for number in tests]) else "survived"

    def _observe(self, session: pytest.Session) -> str:
        """Return, as JSON, the tests that call each function or have a fixture that does, quickest first."""
        session.config.pluginmanager.register(_Fixtures(self._callers))
        seconds = []
        for item, following in zip(session.items, [*session.items[1:], None], strict=True):
            self._callers[:] = [item.nodeid]
            begin = time.process_time()
            threading.setprofile(self._hear)
            sys.setprofile(self._hear)
            session.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            sys.setprofile(None)
            if session.testsfailed:
                raise SystemExit(f"{item.nodeid} fails as it is")
            seconds.append(time.process_time() - begin)
        found = defaultdict(list)
        quick = [number for number in np.argsort(seconds).tolist() if seconds[number] <= self._slowest]
        for number in quick:
            item = session.items[number]
            names: list[str] = [item.nodeid, *getattr(item, "fixturenames", ())]
            for file, function in set().union(*(self._calls[name] for name in names)):
                found[f"{file} {function}"].append(number)
        return json.dumps(found)

    def _hear(self, frame: FrameType, event: str, _: Any) -> None:
        code = frame.f_code
        if event == "call" and code.co_filename in self._paths:
            self._calls[self._callers[-1]].add((code.co_filename, code.co_qualname))


class _Fixtures:
    """Tells which fixture is being set up: what is called meanwhile, all tests that use it call."""

    def __init__(self, callers: list[str]) -> None:
        self._callers = callers

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: Any) -> Iterator[None]:
        self._callers.append(fixturedef.argname)
        try:
            return (yield)
        finally:
            self._callers.pop()


def _fails(session: pytest.Session, items: Sequence[pytest.Item]) -> bool:
    """Run tests until one fails, and tell whether one does."""
    for item, following in zip(items, [*items[1:], None], strict=True):
        session.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        if session.testsfailed:
            return True
    return False


def _forked(work: Callable[[], str], *, seconds: int) -> str:
    """Call ``work`` in a fork and return what it does; nothing where the fork ends otherwise or too late."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        signal.alarm(3 * seconds)
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
        quiet = os.open(os.devnull, os.O_WRONLY)
        os.dup2(quiet, 1)
        with os.fdopen(writing, "w") as pipe:
            pipe.write(work())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        said = pipe.read()
    _, status = os.waitpid(child, 0)
    return said if status == 0 else ""


def table(results: Sequence[Result]) -> str:
    """How many mutants of each target were noticed."""
    lines = ["| | mutants | noticed | survived | share noticed |", "|---|---|---|---|---|"]
    for name in [*TARGETS, "**all**"]:
        some = [result for result in results if name in (result.target, "**all**")]
        if some:
            left = sum(result.survived for result in some)
            lines.append(
                f"| {name} | {len(some):,} | {len(some) - left:,} | {left:,} | {1 - left / len(some):.1%} |"
            )
    return "\n".join(lines) + "\n"


def main() -> None:
    """Mutate each target and print which mutants survive."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("targets", nargs="*", default=[*TARGETS])
    parser.add_argument("--slowest", type=float, default=np.inf, help="seconds of the slowest test to run")
    parser.add_argument("--share", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    use_threads(1)
    results: list[Result] = []

    def tell(result: Result) -> None:
        results.append(result)
        if result.survived:
            place = f"{result.file}:{result.line} in {result.function} ({result.tests} tests)"
            print(f"{place}: {result.before}  ->  {result.after}", flush=True)

    for target in options.targets:
        arguments = ["-q", "-s", "-n", "0", "-p", "no:cacheprovider", *TARGETS[target]]
        drawn = {"slowest": options.slowest, "share": options.share, "seed": options.seed}
        pytest.main(arguments, plugins=[Mutation(target, tell, **drawn)])
    print(table(results))


if __name__ == "__main__":
    main()
