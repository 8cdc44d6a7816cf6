"""Settings of sources chosen on the data at hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from challenge.config import RunConfig, override
from challenge.data.dataset import Dataset
from challenge.recommender import Recommender
from challenge.sources.base import FitContext
from challenge.sources.ials import Ials
from challenge.sources.playlist_knn import PlaylistKnn
from challenge.sources.popularity import Popularity
from challenge.sources.registry import SOURCES, SourcesConfig
from challenge.sources.tuning import STEPS, TuningConfig, climb, tune
from challenge.split.training_queries import draw_training_queries
from challenge.types import Float64Array
from tests.tiny_runs import IN_FOLDS
from tests.toy_dataset import random_dataset

pytestmark = pytest.mark.usefixtures("single_thread")


@pytest.mark.parametrize("name", STEPS)
def test_steps_ascend_and_hold_the_default_and_are_allowed(name: str) -> None:
    for key, values in STEPS[name].items():
        default = getattr(SOURCES[name], key)
        assert default in values
        assert list(values) == sorted(set(values))
        for value in values:
            replace(SOURCES[name], **{key: type(default)(value)})  # type: ignore[type-var]


class Judge:
    """Gives two queries an NDCG by the confidence and regularisation of a factorisation; remembers both."""

    def __init__(self, scores: Mapping[tuple[int, int], tuple[float, float]]) -> None:
        self.scores, self.asked = scores, list[tuple[int, int]]()

    def __call__(self, source: Ials) -> tuple[Float64Array, float]:
        self.asked.append((int(source.confidence), int(source.regularisation)))
        return np.array(self.scores.get(self.asked[-1], (0.0, 0.0))), 0.5


def test_the_next_values_are_tried_as_long_as_they_are_better() -> None:
    judge = Judge({(20, 10): (0.2, 0.3), (40, 10): (0.3, 0.4), (80, 10): (0.35, 0.5), (80, 5): (0.4, 0.55)})
    source, trials = climb("ials", Ials(), judge, 2.0)
    assert (source.confidence, source.regularisation) == (80, 5)
    assert judge.asked == [(20, 10), (40, 10), (80, 10), (160, 10), (80, 20), (80, 5), (80, 2)]  # of 2.5
    chosen = [(trial.setting, trial.value) for trial in trials if trial.chosen]
    assert chosen == [("confidence", 80), ("regularisation", 5)]
    assert [trial.ndcg for trial in trials if trial.chosen] == pytest.approx([0.425, 0.475])


def test_what_is_better_by_less_than_its_error_leaves_the_default() -> None:
    scores = {(20, 10): (0.2, 0.3), (40, 10): (0.5, 0.25), (10, 10): (0.2, 0.3)}
    source, trials = climb("ials", Ials(), Judge(scores), 2.0)
    assert source == Ials()
    assert not any(trial.chosen for trial in trials)
    assert climb("ials", Ials(), Judge(scores), 0.5)[0].confidence == 40


def test_what_was_set_is_kept() -> None:
    judge = Judge({(7, 10): (0.1, 0.1), (7, 5): (0.2, 0.3), (20, 10): (0.9, 0.9)})
    source, _ = climb("ials", Ials(confidence=7.0), judge, 2.0)
    assert (source.confidence, source.regularisation) == (7, 5)
    everything: Any = PlaylistKnn(num_neighbours=20, popularity_damping=0.1)
    assert climb("playlist_knn", everything, judge, 2.0) == (everything, [])


def fold_of(dataset: Dataset) -> Any:
    return draw_training_queries(dataset, 40, folds=1).folds[0]


def test_sources_in_use_are_tuned_and_what_was_tried_is_told() -> None:
    fold = fold_of(random_dataset(1, playlists=120, queries=20))
    names = ("playlist_knn", "ials", "popularity")
    sources = SourcesConfig(names=names, settings={**SOURCES, "ials": Ials(embedding_size=4)})
    config = TuningConfig(num_queries=30, embedding_size=4, iterations=1, min_gain=0)

    def chosen() -> tuple[SourcesConfig, Any]:
        context = FitContext(fold.dataset, sources.settings)
        return tune(context, sources, fold.holdout, config, first=fold.first)

    tuned, trials = chosen()
    assert (tuned, trials) == chosen()
    assert {trial.source for trial in trials} == {"playlist_knn", "ials"}
    assert tuned.settings["popularity"] == Popularity()
    assert tuned.settings["cooccurrence"] == SOURCES["cooccurrence"]
    assert tuned.settings["ials"].embedding_size == 4  # type: ignore[attr-defined]
    for trial in trials:
        assert 0 <= trial.ndcg <= 1
        assert 0 <= trial.recall <= 1
        if trial.chosen:
            assert getattr(tuned.settings[trial.source], trial.setting) == trial.value
            default = getattr(SOURCES[trial.source], trial.setting)
            before = [t.ndcg for t in trials if (t.setting, t.value) == (trial.setting, default)]
            assert trial.ndcg > before[0]


def test_what_validates_the_ranker_is_not_looked_at() -> None:
    fold = fold_of(random_dataset(1, playlists=120, queries=20))
    context = FitContext(fold.dataset, SOURCES)
    sources = SourcesConfig(names=("title_knn",))
    config, rows = TuningConfig(num_queries=1000), np.arange(len(fold.holdout))
    every = tune(context, sources, fold.holdout, config)[1]
    some = tune(context, sources, fold.holdout, config, left_out=rows[::2])[1]
    queries = fold.dataset.queries
    only = replace(fold.dataset, queries=queries.take(rows[1::2].tolist()))
    again = tune(FitContext(only, SOURCES), sources, fold.holdout.take(rows[1::2]), config)[1]
    assert [trial.recall for trial in some] == pytest.approx([trial.recall for trial in again])
    assert [trial.recall for trial in some] != pytest.approx([trial.recall for trial in every])


def test_of_many_playlists_a_sample_takes_part_in_trial_factorisations() -> None:
    fold = fold_of(random_dataset(1, playlists=120, queries=20))
    playlists = fold.dataset.playlists
    some = replace(fold.dataset, playlists=playlists.take(np.linspace(0, len(playlists) - 1, 60).astype(int)))
    sources = SourcesConfig(
        names=("playlist_knn", "ials"), settings={**SOURCES, "ials": Ials(embedding_size=4)}
    )

    def recalls(dataset: Dataset, max_playlists: int) -> dict[str, list[float]]:
        config = TuningConfig(embedding_size=4, iterations=1, max_playlists=max_playlists, min_gain=100)
        context = FitContext(dataset, sources.settings)
        _, trials = tune(context, sources, fold.holdout, config, first=fold.first)
        return {name: [t.recall for t in trials if t.source == name] for name in sources.names}

    every, sampled, only = recalls(fold.dataset, 1000), recalls(fold.dataset, 60), recalls(some, 1000)
    assert sampled["ials"] == pytest.approx(only["ials"])
    assert sampled["ials"] != pytest.approx(every["ials"])
    assert sampled["playlist_knn"] == every["playlist_knn"]


def test_a_recommender_keeps_what_was_chosen(tmp_path: Any) -> None:
    config: RunConfig = override(IN_FOLDS, {"tuning.num_queries": 30, "tuning.min_gain": 0.0})
    config = replace(config, sources=replace(config.sources, names=("playlist_knn", "ials", "title_knn")))
    recommender = Recommender.fit(random_dataset(2, playlists=200, queries=20), config)
    chosen = [trial for trial in recommender.summary.trials if trial.chosen]
    assert chosen
    for trial in chosen:
        settings = recommender.config.sources.settings[trial.source]
        assert getattr(settings, trial.setting) == trial.value
        assert recommender.sources.context.sources[trial.source] == settings
    recommender.save(tmp_path / "kept")
    assert Recommender.load(tmp_path / "kept").config == recommender.config
