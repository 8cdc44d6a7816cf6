"""Every number among the settings is refused out of its range, and inside of it nothing breaks."""

from __future__ import annotations

import math
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import fields, replace
from functools import cache
from typing import Any, Final, get_args, get_type_hints

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from challenge.config import RunConfig, override
from challenge.data.dataset import Dataset
from challenge.errors import ConfigError
from challenge.lightgcn import report
from challenge.lightgcn.config import LightGCNConfig
from challenge.ranking.ranker import RankerConfig, TrainingRows, train_ranker
from challenge.settings import Settings
from challenge.sources.base import FitContext, Source
from challenge.sources.playlist_knn import PlaylistKnn
from challenge.sources.registry import SOURCES, SourcesConfig, fit_sources
from challenge.split.training_queries import draw_training_queries
from challenge.threads import one_thread
from tests.fitted import SMALL, table_of
from tests.toy_dataset import toy_dataset

NUMBERS: Final = (
    0, 1, -1, 0.5, -0.5, 5e-324, 1e-9, 1e308, -1e308, 2**31 - 1, 2**31, 2**62, 2**63, 10**30,
    math.nan, math.inf, -math.inf,
)  # fmt: skip
"""Tried for each number, beside the ends of its own range and what is just beyond."""
QUICK: Final = {
    "embedding_size": 100,
    "iterations": 20,
    "num_iterations": 50,
    "layers": 12,
    "epochs": 3,
    "batch_size": 2000,
    "negatives": 2000,
}
"""Where the end of a range takes long even on a toy, this is run in its place."""
COUNTING: Final = tuple(name for name in SOURCES if not name.startswith(("lightgcn", "ials")))
BASE: Final[Mapping[str, Source]] = {
    **SMALL,
    "lightgcn": replace(SMALL["lightgcn"], epochs=2),  # type: ignore[type-var]
    "lightgcn_paper": replace(SMALL["lightgcn_paper"], epochs=2),  # type: ignore[type-var]
}


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    with one_thread():
        yield


@pytest.fixture(scope="module")
def toy() -> Dataset:
    return toy_dataset().dataset


def ends(kind: type, name: str) -> tuple[int | float, ...]:
    """Ends of the range of a field, in it or just outside."""
    metas = [
        each for each in get_args(get_type_hints(kind, include_extras=True)[name]) if hasattr(each, "le")
    ]
    bounds = [bound for meta in metas for bound in (meta.ge, meta.gt, meta.le, meta.lt) if bound is not None]
    return tuple(bounds)


def tried(settings_of: Any, name: str) -> list[int | float]:
    """Values to try: far out, at the ends of the range, and beyond them."""
    found: list[int | float] = [*NUMBERS, *((7, 30, 60) if name == "min_degree" else ())]
    for bound in ends(type(settings_of), name):
        found += [
            bound,
            bound - 1,
            bound + 1,
            math.nextafter(bound, math.inf),
            math.nextafter(bound, -math.inf),
        ]
    whole = isinstance(getattr(settings_of, name), int)
    return [value for value in dict.fromkeys(found) if not whole or isinstance(value, int)]


def numbers(settings_of: Any) -> list[str]:
    """Fields that are numbers."""
    values = {field.name: getattr(settings_of, field.name) for field in fields(settings_of)}
    return [n for n, v in values.items() if isinstance(v, int | float) and not isinstance(v, bool)]


@cache
def accepted(table: str, settings_of: Any, name: str) -> list[int | float]:
    """Values that an option may give; the others are refused with the name of the setting."""
    kept: list[int | float] = []
    for value in tried(settings_of, name):
        try:
            override(RunConfig(), {f"{table}.{name}": value})
        except ConfigError as error:
            if name not in error.message:
                raise
        else:
            assert math.isfinite(value), (name, value)
            kept.append(min(value, QUICK.get(name, value)))
    return list(dict.fromkeys(kept))


def propose(dataset: Dataset, name: str, source: Any) -> None:
    """Fit one source and ask it: nothing breaks, and what it says are numbers."""
    config = SourcesConfig((name,), settings={**BASE, name: source})
    fitted = fit_sources(FitContext(dataset, config.settings), config)
    queries = fitted.queries()
    found = fitted.candidates(queries.batch(0, len(queries)))
    assert np.isfinite(found.score).all()
    assert ((found.track >= 0) & (found.track < dataset.n_tracks)).all()


# -- refused, or harmless -----------------------------------------------------------------------------------


def test_every_table_is_of_checked_settings() -> None:
    config = RunConfig()
    for table in (config, config.ranker, *config.sources.settings.values()):
        assert isinstance(table, Settings)


@pytest.mark.parametrize("name", SOURCES)
def test_every_number_of_a_source_is_refused_or_harmless(
    toy: Dataset, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report, "copy_bandwidth", lambda device: 1e9)  # a third of a second for each training
    base: Any = BASE[name]
    ran = 0
    for field in numbers(base):
        values = accepted(f"sources.{name}", base, field)
        for value in values if name in COUNTING or field == "min_degree" else {min(values), max(values)}:
            try:
                propose(toy, name, replace(base, **{field: value}))
            except ConfigError as error:
                if not re.match(rf"{field}|min_kept|layers", error.message):
                    raise
            ran += 1
    assert ran >= 2 * len(numbers(base))


def test_every_number_of_the_ranker_is_refused_or_harmless(toy: Dataset) -> None:
    rng = np.random.default_rng(0)
    label = np.arange(400) % 4 == 0
    rows = TrainingRows([rng.random((400, 3), np.float32)], label.astype(np.int8), np.full(20, 20, np.int64))
    base: Any = RankerConfig(num_iterations=3, min_data_in_leaf=5, num_leaves=4, num_queries=10)
    for field in numbers(base):
        for value in accepted("ranker", base, field):
            changed = replace(base, **{field: value})
            scores = train_ranker(rows, ("a", "b", "c"), changed, seed=0).scores(rows.features)
            assert np.isfinite(scores).all(), (field, value)
            drawn = draw_training_queries(toy, changed.num_queries, folds=changed.num_folds)
            assert drawn.folds


def test_the_seed_is_refused_or_harmless(toy: Dataset) -> None:
    for seed in (-1, 2**31, 2**63, 10**30):
        with pytest.raises(ConfigError, match=r"seed is -?\d+; expected a whole number"):
            RunConfig(seed=seed)
    for seed in (0, 1, 2**31 - 1):
        config = SourcesConfig(("lightgcn", "ials"), settings=dict(BASE))
        fit_sources(FitContext(toy, config.settings, seed=seed), config)
        rows = TrainingRows([np.zeros((4, 1), np.float32)], np.array([0, 1, 0, 1], np.int8), np.array([4]))
        train_ranker(rows, ["a"], RankerConfig(num_iterations=1), seed=seed)


@pytest.mark.parametrize("name", COUNTING)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_all_numbers_of_a_counting_source_at_once(name: str, data: st.DataObject) -> None:
    base: Any = BASE[name]
    drawn = {
        field: data.draw(st.sampled_from(accepted(f"sources.{name}", base, field)), label=field)
        for field in numbers(base)
    }
    propose(toy_dataset().dataset, name, replace(base, **drawn))


def test_loops_stay_inside_their_arrays() -> None:
    """Python, unlike machine code, says where an index is past the end."""
    command = [sys.executable, "-m", "pytest", "-n", "0", "-p", "no:cacheprovider", __file__]
    chosen = ["-k", "counting_source"]
    environment = os.environ | {"NUMBA_DISABLE_JIT": "1"}
    done = subprocess.run([*command, *chosen], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:]
    assert f"{len(COUNTING)} passed" in done.stdout


# -- weights that vanish ------------------------------------------------------------------------------------


def test_seeds_that_weigh_nothing_find_nobody(toy: Dataset) -> None:
    """As where a power of a popularity underflows: such a row was once counted for every seed it holds."""
    source = PlaylistKnn().fit(FitContext(toy, BASE))
    nothing = replace(source, track_weight=np.zeros_like(source.track_weight))
    queries = fit_sources(FitContext(toy, BASE), SourcesConfig(("popularity",), settings=BASE)).queries()
    batch = queries.batch(0, len(queries))
    assert not table_of(nothing, batch, toy.n_tracks).any()
    far = replace(source, row_scale=np.zeros_like(source.row_scale))
    assert not table_of(far, batch, toy.n_tracks).any()
    assert table_of(source, batch, toy.n_tracks).any()


# -- wherever they come from --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: PlaylistKnn(num_neighbours=0), "num_neighbours is 0; expected a whole number >= 1"),
        (lambda: PlaylistKnn(weight=math.inf), "weight is inf; expected a number <= 1000000000.0"),
        (lambda: LightGCNConfig(temperature=math.nan), "temperature is nan; expected a number >= 0.02"),
        (lambda: RankerConfig(num_leaves=1), "num_leaves is 1; expected a whole number >= 2"),
        (lambda: RunConfig(seed=-1), "seed is -1; expected a whole number >= 0"),
    ],
)
def test_a_program_s_settings_are_checked_too(make: Any, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        make()
    assert caught.value.message == message


def test_numbers_of_numpy_are_numbers() -> None:
    made = PlaylistKnn(num_neighbours=np.int64(3), weight=np.float32(0.5), length_damping=1)  # type: ignore[arg-type]
    assert made == PlaylistKnn(num_neighbours=3, weight=0.5, length_damping=1.0)
    assert (type(made.num_neighbours), type(made.length_damping)) == (int, float)
    with pytest.raises(ConfigError, match="weight is"):
        PlaylistKnn(weight=np.float32(-0.5))  # type: ignore[arg-type]
