"""What the stages of a command and their sections cost: seconds and peak memory."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

import psutil

_SAMPLE_SECONDS = 0.2
"""Each look goes through all processes of the machine for children, so it had better not look often."""


@dataclass
class StageCost:
    """Seconds on the wall clock and peak resident bytes (children included) of one stage."""

    seconds: float = 0.0
    peak_bytes: int = 0


@dataclass
class Profile:
    """Costs of the stages of a command in the order of running, and of the larger sections of each stage."""

    stages: dict[str, StageCost] = field(default_factory=dict)
    sections: dict[str, dict[str, StageCost]] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[StageCost]:
        """Measure the block and record it as ``name``, also when it fails."""
        with measure() as cost, profiled() as self.sections[name]:
            self.stages[name] = cost
            yield cost

    def rows(self, *, min_share: float = 0.02) -> Iterator[tuple[str, StageCost, bool]]:
        """Each stage, then its sections that take ``min_share`` of it: name, cost, whether a section."""
        for stage, cost in self.stages.items():
            yield stage, cost, False
            for name, own in self.sections.get(stage, {}).items():
                if own.seconds >= min_share * cost.seconds:
                    yield name, own, True

    def drop(self, *names: str) -> None:
        """Forget the stages with these names."""
        for name in names:
            self.stages.pop(name, None)
            self.sections.pop(name, None)


_profile: ContextVar[dict[str, StageCost] | None] = ContextVar("profiled", default=None)


@contextmanager
def profiled() -> Iterator[dict[str, StageCost]]:
    """Collect the costs of all :func:`section` inside the block, by name."""
    costs: dict[str, StageCost] = {}
    token = _profile.set(costs)
    try:
        yield costs
    finally:
        _profile.reset(token)


@contextmanager
def section(name: str) -> Iterator[None]:
    """Add the cost of the block to the profiled, where one is kept; repeated sections add up."""
    costs = _profile.get()
    if costs is None:
        yield
        return
    with measure() as cost:
        yield
    total = costs.setdefault(name, StageCost())
    total.seconds += cost.seconds
    total.peak_bytes = max(total.peak_bytes, cost.peak_bytes)


@contextmanager
def measure() -> Iterator[StageCost]:
    """Measure the block; the cost is complete once the block has ended."""
    cost = StageCost()
    stop = threading.Event()
    before = _lifetime_peak()
    watcher = threading.Thread(target=_watch, args=(cost, stop), daemon=True)
    start = time.perf_counter()
    watcher.start()
    try:
        yield cost
    finally:
        cost.seconds = time.perf_counter() - start
        stop.set()
        watcher.join()
        after = _lifetime_peak()
        # A peak between two samples shows in the process's own high-water mark when it is a new one.
        cost.peak_bytes = max(cost.peak_bytes, after if after > before else 0)


def _watch(cost: StageCost, stop: threading.Event) -> None:
    process = psutil.Process()
    ended = False
    while True:
        cost.peak_bytes = max(cost.peak_bytes, _resident_bytes(process))
        if ended:
            return
        ended = stop.wait(_SAMPLE_SECONDS)  # what is held at the end is looked at too


def _resident_bytes(process: psutil.Process) -> int:
    """Resident bytes of a process and its children; pages that they share count for each."""
    total = 0
    for member in (process, *process.children(recursive=True)):
        try:
            total += member.memory_info().rss
        except psutil.Error:
            continue
    return total


def _lifetime_peak() -> int:
    try:
        import resource
    except ImportError:  # Windows has no such record; the samples must do.
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(peak) if sys.platform == "darwin" else int(peak) * 1024
