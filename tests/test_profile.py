"""What stages and sections cost."""

from __future__ import annotations

import mmap
import time
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest

from challenge import profile
from challenge.profile import Profile, StageCost, measure


def test_measure_sees_time_and_memory() -> None:
    costs = Profile()
    with measure() as idle:
        pass
    with costs.stage("fill"):
        block = np.frombuffer(mmap.mmap(-1, 100_000_000), np.uint8)  # not what was freed before
        block[:] = 1
        time.sleep(0.15)
    assert costs.stages["fill"].seconds >= 0.15
    assert costs.stages["fill"].peak_bytes >= idle.peak_bytes + 0.8 * block.nbytes


def fixed_costs(monkeypatch: pytest.MonkeyPatch, *costs: StageCost) -> None:
    """Let measurements give these costs, in the order in which they end."""
    left = iter(costs)

    @contextmanager
    def measured() -> Iterator[StageCost]:
        yield (found := StageCost())
        found.seconds, found.peak_bytes = vars(next(left)).values()

    monkeypatch.setattr(profile, "measure", measured)


def test_sections_of_a_stage_add_up(monkeypatch: pytest.MonkeyPatch) -> None:
    fixed_costs(monkeypatch, StageCost(1, 50), StageCost(0.1, 9), StageCost(2, 40), StageCost(10, 60))
    costs = Profile()
    with costs.stage("train"):
        for name in ("factors", "small", "factors"):
            with profile.section(name):
                pass
    assert costs.sections == {"train": {"factors": StageCost(3, 50), "small": StageCost(0.1, 9)}}
    shown = [(name, seconds.seconds, is_section) for name, seconds, is_section in costs.rows()]
    assert shown == [("train", 10, False), ("factors", 3, True)], "what takes a hundredth is left out"
    costs.drop("train", "fill")
    assert costs == Profile()


def test_a_section_outside_of_any_stage_is_not_measured() -> None:
    with profile.section("alone"):
        pass
    with profile.profiled() as found:
        pass
    assert found == {}
