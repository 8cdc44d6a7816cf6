"""Several systems on one split."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from challenge.config import override
from challenge.data.interactions import Interactions
from challenge.errors import ConfigError, FormatError
from challenge.evaluation.ground_truth import read_ground_truth
from challenge.recommender import Recommender
from challenge.sources.base import FitContext
from challenge.sources.registry import SOURCES, fit_sources
from challenge.split.options import SplitKind, SplitOptions
from challenge.types import LIST_LENGTH
from challenge.workflows.compare import (
    Comparison,
    compare,
    compare_on,
    ground_truth_of,
    holdout_of_ground_truth,
    only,
)
from challenge.workflows.inputs import load_inputs
from challenge.workflows.run import RunResult, run
from challenge.workflows.systems import SYSTEMS
from tests.tiny_runs import IN_FOLDS, TINY, TinySample, make_tiny_sample, with_sources
from tests.toy_dataset import toy_dataset

CHEAP = override(
    with_sources("playlist_knn", "cooccurrence", "title_knn", "ials", "popularity"),
    {"ranker.num_queries": IN_FOLDS.ranker.num_queries},
)
"""So that the sources that serve see all training playlists, whether a ranking is learned or not."""


pytestmark = pytest.mark.usefixtures("single_thread")


@pytest.fixture(scope="module")
def compared(sample: TinySample) -> Comparison:
    systems = ("popularity", "title", "knn", "ials", "blend", "full")
    return compare(
        sample.mpd,
        CHEAP,
        systems=systems,
        challenge=sample.challenge,
        answers=sample.answers,
        cache=sample.cache,
    )


@pytest.fixture(scope="module")
def runs(sample: TinySample, tmp_path_factory: pytest.TempPathFactory) -> dict[str, RunResult]:
    """Runs of two systems with the same settings."""
    folder = tmp_path_factory.mktemp("runs")
    configs = {"full": CHEAP, "blend": replace(CHEAP, ranking="blend")}
    return {
        name: run(
            sample.mpd, sample.challenge, folder / name, config, cache=sample.cache, answers=sample.answers
        )
        for name, config in configs.items()
    }


def test_a_system_scores_as_its_submission_does(compared: Comparison, runs: dict[str, RunResult]) -> None:
    for system, result in runs.items():
        assert result.scorecard is not None
        assert compared.cards[system].overall == result.scorecard.overall
        assert compared.cards[system].by_category == result.scorecard.by_category
        assert compared.cards[system].signature == result.scorecard.signature


def test_the_recommender_of_a_run_scores_as_one_fitted_here(
    sample: TinySample, compared: Comparison, runs: dict[str, RunResult]
) -> None:
    compare_here = partial(
        compare,
        sample.mpd,
        CHEAP,
        challenge=sample.challenge,
        answers=sample.answers,
        cache=sample.cache,
    )
    systems = tuple(compared.cards)
    again = compare_here(systems=systems, run=runs["full"].output)
    assert again.best == compared.best
    for name, card in again.cards.items():
        assert card.overall == compared.cards[name].overall, name
    with pytest.raises(ConfigError, match="system full: that run learned no ranking"):
        compare_here(systems=("full",), run=runs["blend"].output)


def exchange(playlists: list[dict[str, Any]]) -> None:
    """Give the last playlist a seed of the one before it in place of its last."""
    last, other = playlists[-1]["tracks"][-1], playlists[-2]["tracks"][0]
    assert last["track_uri"] != other["track_uri"]
    last |= {key: value for key, value in other.items() if key != "pos"}


def test_a_run_on_other_files_is_refused(
    sample: TinySample, runs: dict[str, RunResult], tmp_path: Path
) -> None:
    """Another MPD, a part of this one, a challenge without the last playlist or with another seed."""
    other = make_tiny_sample(tmp_path / "other", seed=6)
    fewer = sample.changed(tmp_path / "fewer.json", lambda playlists: playlists.__delitem__(-1))
    changed = sample.changed(tmp_path / "changed.json", exchange)
    for mpd, challenge, answers, what in (
        (other.mpd, other.challenge, other.answers, "tracks; found"),
        (sample.mpd, fewer, sample.answers, "50 challenge playlists; found 49 or others"),
        (sample.mpd, changed, sample.answers, "seeds; found"),
    ):
        with pytest.raises(FormatError, match=f"the recommender was fitted to .*{what}") as caught:
            compare(
                mpd,
                CHEAP,
                systems=("popularity",),
                challenge=challenge,
                answers=answers,
                cache=tmp_path / "cache",
                run=runs["full"].output,
            )
        assert caught.value.hint == "name the MPD and the challenge set of that run"
    recommender = Recommender.load(runs["full"].output / "recommender")
    dataset = load_inputs(sample.mpd, sample.challenge, cache=sample.cache).dataset
    holdout = Interactions.from_rows([[0]] * len(dataset.queries))
    part = replace(dataset, playlists=dataset.playlists.take(range(299)))
    with pytest.raises(FormatError, match="fitted to 300 training playlists; found 299 or others"):
        compare_on(
            part, holdout, ground_truth_of(part, holdout), CHEAP, ("popularity",), recommender=recommender
        )


def test_a_split_cannot_be_scored_by_a_recommender_that_saw_it(
    sample: TinySample, runs: dict[str, RunResult]
) -> None:
    """Without the answers that its challenge goes with, the MPD itself is split: other training playlists."""
    with pytest.raises(ConfigError, match="a run's recommender does not fit a split drawn here"):
        compare(
            sample.mpd,
            CHEAP,
            systems=("popularity",),
            challenge=sample.challenge,
            split=SplitOptions(per_category=1),
            cache=sample.cache,
            run=runs["full"].output,
        )


def test_the_best_is_set_against_all_others(compared: Comparison) -> None:
    ndcg = {name: card.overall.ndcg.mean for name, card in compared.cards.items()}
    assert compared.best == max(ndcg, key=lambda name: ndcg[name])
    assert compared.differences.keys() == ndcg.keys() - {compared.best}
    for name, found in compared.differences.items():
        gain = ndcg[compared.best] - ndcg[name]
        assert found["all"]["ndcg"].difference.mean == pytest.approx(gain, abs=1e-6)
        assert found.keys() == {*compared.cards[name].by_category, "all"}
    assert ndcg["knn"] > ndcg["popularity"]
    assert compared.differences["popularity"]["all"]["ndcg"].significant


def test_a_split_of_the_mpd_serves_too(sample: TinySample) -> None:
    config = with_sources("popularity")
    found = compare(
        sample.mpd, config, systems=("popularity",), split=SplitOptions(per_category=1), cache=sample.cache
    )
    again = compare(
        sample.mpd,
        config,
        systems=("popularity",),
        split=SplitOptions(SplitKind.FINAL, per_category=1),
        cache=sample.cache,
        challenge=sample.challenge,
    )
    assert found.best == "popularity"
    assert found.differences == {}
    assert found.cards["popularity"].signature != again.cards["popularity"].signature


def test_what_cannot_be_compared(sample: TinySample, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="expected some of popularity, title, knn"):
        compare(sample.mpd, TINY, systems=("popularity", "oracle"))
    with pytest.raises(ConfigError):
        compare(sample.mpd, TINY, systems=())
    answers = json.loads(sample.answers.read_text())
    answers.pop(next(iter(answers)))
    (tmp_path / "answers.json").write_text(json.dumps(answers))
    with pytest.raises(FormatError, match="1 playlists of the challenge have none"):
        compare(
            sample.mpd,
            with_sources("popularity"),
            systems=("popularity",),
            challenge=sample.challenge,
            answers=tmp_path / "answers.json",
            cache=sample.cache,
        )


def test_a_system_without_its_source_says_so(sample: TinySample) -> None:
    with pytest.raises(ConfigError, match="sources: playlist_knn not in use"):
        compare(sample.mpd, with_sources("popularity"), systems=("knn",), cache=sample.cache)


def test_answers_and_held_out_tracks_are_the_same_thing(sample: TinySample) -> None:
    dataset = load_inputs(sample.mpd, sample.challenge, cache=sample.cache).dataset
    answers = read_ground_truth(sample.answers)
    holdout = holdout_of_ground_truth(answers, dataset)
    content = json.loads(sample.answers.read_text())
    for query, pid in enumerate(dataset.queries.pid.tolist()):
        assert dataset.catalog.tracks.uris(holdout.row(query)) == content[str(pid)]["holdout"]
    back = ground_truth_of(dataset, holdout)
    assert back.content_hash == answers.content_hash
    np.testing.assert_array_equal(back.pid, answers.pid)


def test_every_system_has_its_sources() -> None:
    assert {source for sources in SYSTEMS.values() for source in sources} <= set(SOURCES)
    fitted = fit_sources(FitContext(toy_dataset().dataset, CHEAP.sources.settings), CHEAP.sources)
    assert only(fitted, ()).names == CHEAP.sources.names
    assert only(fitted, ("title_knn", "popularity")).names == ("title_knn", "popularity")
    assert only(fitted, ("title_knn", "popularity")).num_candidates["popularity"] == 200
    assert only(fitted, ("popularity",)).num_candidates["popularity"] == LIST_LENGTH
