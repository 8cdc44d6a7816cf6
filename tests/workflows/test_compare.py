"""Several systems on one split."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from challenge.errors import ConfigError, FormatError
from challenge.evaluation.ground_truth import read_ground_truth
from challenge.workflows.compare import (
    SYSTEMS,
    Comparison,
    compare,
    ground_truth_of,
    holdout_of_ground_truth,
    only,
)
from challenge.workflows.inputs import load_inputs
from challenge.workflows.run import run
from tests.tiny_runs import TINY, TinySample, make_tiny_sample, one_thread, with_sources

CHEAP = with_sources("neighbours", "cooccurrence", "title", "factors", "popularity")


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    with one_thread():
        yield


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> TinySample:
    return make_tiny_sample(tmp_path_factory.mktemp("sample"))


@pytest.fixture(scope="module")
def compared(sample: TinySample) -> Comparison:
    systems = ("popularity", "title", "knn", "blend", "full")
    return compare(
        sample.mpd,
        CHEAP,
        systems=systems,
        challenge=sample.challenge,
        answers=sample.answers,
        cache=sample.cache,
    )


def test_a_system_scores_as_its_submission_does(
    sample: TinySample, compared: Comparison, tmp_path: Path
) -> None:
    blend = replace(CHEAP, ranking="blend")
    for system, config in (("full", CHEAP), ("blend", blend)):
        output, answers = tmp_path / system, sample.answers
        result = run(sample.mpd, sample.challenge, output, config, cache=sample.cache, answers=answers)
        assert result.scorecard is not None
        assert compared.cards[system].overall == result.scorecard.overall
        assert compared.cards[system].by_category == result.scorecard.by_category
        assert compared.cards[system].signature == result.scorecard.signature


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
    found = compare(sample.mpd, config, systems=("popularity",), per_category=1, cache=sample.cache)
    again = compare(
        sample.mpd,
        config,
        systems=("popularity",),
        per_category=1,
        cache=sample.cache,
        challenge=sample.challenge,
        kind="final",
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
    with pytest.raises(ConfigError, match="sources: neighbours not in use"):
        compare(sample.mpd, with_sources("popularity"), systems=("knn",), per_category=1, cache=sample.cache)


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
    from challenge.sources.registry import SOURCES, fit_sources
    from tests.toy_dataset import toy_dataset

    assert {source for sources in SYSTEMS.values() for source in sources} <= set(SOURCES)
    fitted = fit_sources(toy_dataset().dataset, CHEAP.sources)
    assert only(fitted, ()).names == CHEAP.sources.names
    assert only(fitted, ("title", "popularity")).names == ("title", "popularity")
