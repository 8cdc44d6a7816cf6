"""Fixtures that several test folders use: a tiny MPD and challenge set in the official formats."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import pytest

from challenge import progress, threads
from challenge.data.dataset import Dataset
from challenge.threads import one_thread
from challenge.workflows.inputs import load_inputs
from tests.official_files import TINY_SLICES, tiny_challenge, write_mpd_zip
from tests.small_submissions import World, write_world
from tests.tiny_runs import TinySample, make_tiny_sample
from tests.toy_dataset import ToyDataset, toy_dataset

SLOWEST = (
    "workflows/test_together.py",
    "explore/test_browser.py",
    "benchmarks/test_kills.py",
    "benchmarks/test_damage.py",
    "workflows/test_run.py",
    "workflows/test_compare.py",
    "workflows/test_fill.py",
    "sample/test_sample.py",
)
"""Files of tests that are begun first, so that no process is left with one while the others have no more."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the slowest files first, and leave the order otherwise."""
    places = {Path(__file__).parent / name: place for place, name in enumerate(SLOWEST)}
    items.sort(key=lambda item: places.get(item.path, len(SLOWEST)))


@pytest.fixture(autouse=True)
def same_threads_afterwards() -> Iterator[None]:
    """Keep ``--threads`` of one test from reaching the next."""
    before = {name: os.environ.get(name) for name in threads.POOL_VARIABLES}
    chosen = threads._chosen.get()
    yield
    threads._chosen.set(chosen)
    for name, value in before.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


class Messages:
    """Collects what the person watching is told."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def task(self, label: str, total: float | None, unit: str) -> AbstractContextManager[progress.Advance]:
        return nullcontext(lambda amount=1, *, note="": None)

    def message(self, text: str) -> None:
        self.texts.append(text)


@pytest.fixture
def told() -> Iterator[list[str]]:
    """Messages of progress, as they come."""
    backend = Messages()
    with progress.use_backend(backend):
        yield backend.texts


@pytest.fixture
def tiny_mpd(tmp_path: Path) -> Path:
    """Zip of three slices: pids 0-2, 3-4 and 10; seven tracks by three artists."""
    return write_mpd_zip(tmp_path / "mpd.zip", TINY_SLICES)


@pytest.fixture
def tiny_challenge_set(tmp_path: Path) -> Path:
    """challenge_set.json with one playlist of each category; the pid is 1000 + its place."""
    path = tmp_path / "challenge_set.json"
    path.write_text(json.dumps(tiny_challenge()))
    return path


@pytest.fixture(scope="module")
def single_thread() -> Iterator[None]:
    """Run a module's tests with one thread."""
    with one_thread():
        yield


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> TinySample:
    """A tiny sample with a cache of its own, which no test may change."""
    return make_tiny_sample(tmp_path_factory.mktemp("sample"))


@pytest.fixture(scope="session")
def dataset(sample: TinySample) -> Dataset:
    """The tiny sample as a dataset."""
    return load_inputs(sample.mpd, sample.challenge, cache=sample.cache).dataset


@pytest.fixture(scope="module")
def toy() -> ToyDataset:
    """Playlists of a few genres, in which it is known what belongs to what."""
    return toy_dataset()


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """An MPD, a challenge set with its answers, and a submission whose scores are known."""
    monkeypatch.setenv("CHALLENGE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "300")
    return write_world(tmp_path)
