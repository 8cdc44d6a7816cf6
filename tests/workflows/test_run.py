"""The whole path on a tiny sample: every output, and the ways in which it must not matter how it is made."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from challenge.artifacts import RunManifest
from challenge.config import BlendConfig, RunConfig
from challenge.config_file import load_toml
from challenge.errors import ConfigError, InvalidSubmissionError, MissingInputError
from challenge.evaluation.scorecard import Scorecard
from challenge.mpd.challenge_set import read_challenge_set
from challenge.ranking.fill import FALLBACKS
from challenge.sources.registry import SOURCES
from challenge.split import training_queries as training_query
from challenge.submission.csv_format import read_submission
from challenge.types import LIST_LENGTH, Category
from challenge.workflows import fill as fill_module
from challenge.workflows.fill import FillSummary, recommend
from challenge.workflows.inputs import load_inputs
from challenge.workflows.run import RunResult, check_submission, run
from challenge.workflows.score import score
from challenge.workflows.steps import fill, train
from challenge.workflows.train import train_models
from challenge.workflows.validate import validate
from tests.tiny_runs import PER_CATEGORY, TINY, TinySample, make_tiny_sample, one_thread, with_sources


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    with one_thread():
        yield


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> TinySample:
    return make_tiny_sample(tmp_path_factory.mktemp("sample"))


@dataclass(frozen=True)
class Finished:
    result: RunResult
    submission: bytes


@pytest.fixture(scope="module")
def finished(sample: TinySample, tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """A run with the usual sources and a learned ranking."""
    output = tmp_path_factory.mktemp("runs") / "deep" / "run"
    result = run(sample.mpd, sample.challenge, output, TINY, cache=sample.cache, answers=sample.answers)
    return Finished(result, (output / "submission.csv.gz").read_bytes())


def run_tiny(
    sample: TinySample,
    output: Path,
    config: RunConfig,
    challenge: Path | None = None,
    mpd: Path | None = None,
) -> FillSummary:
    """Run, and check what must always hold."""
    challenge, mpd = challenge or sample.challenge, mpd or sample.mpd
    result = run(mpd, challenge, output, config, cache=sample.cache)
    report = validate(output / "submission.csv.gz", challenge)
    assert report.valid, report.counts
    assert result.fill.n_playlists == len(read_challenge_set(challenge).pid)
    places = sum(sum(counts.values()) for counts in result.fill.sources.values())
    assert places == LIST_LENGTH * result.fill.n_playlists
    return result.fill


# -- what a run leaves ----------------------------------------------------------------------------


def test_submission_is_valid_and_complete(sample: TinySample, finished: Finished) -> None:
    path = finished.result.fill.submission
    assert path == finished.result.output / "submission.csv.gz"
    assert validate(path, sample.challenge).valid
    submission = read_submission(path)
    assert submission.team.name == "Tiny team"
    assert submission.pid.tolist() == [p["pid"] for p in sample.challenge_set()["playlists"]]
    report = json.loads((finished.result.output / "validation.json").read_text())
    assert report["valid"] is True


def test_manifest_tells_how_it_came_about(sample: TinySample, finished: Finished) -> None:
    manifest = RunManifest.load(finished.result.output / "manifest.json")
    assert manifest.seed == 0
    assert manifest.device == "cpu"
    assert list(finished.result.manifest.stages) == ["prepare", "train", "fill", "validate", "score"]
    assert manifest.stages == finished.result.manifest.stages
    assert manifest.inputs.keys() == {"mpd", "challenge_set_md5"}
    assert manifest.config["team"] == "Tiny team"
    assert manifest.config["lightgcn"]["embedding_size"] == 8
    results = manifest.results
    assert results["playlists"] == 300
    assert results["submission"] == "submission.csv.gz"
    assert results["official_challenge_set"] is False
    assert results["seeds"]["unknown_seeds"] == 0
    assert [entry["epoch"] for entry in results["training"]] == [0, 1]
    assert len(results["lightgcn"]) == training_query.FOLDS + 1
    assert 40 <= results["ranker"]["queries"] <= 60
    assert results["ranker"]["rows"] > 1000
    assert sum(results["ranker"]["importance"].values()) == pytest.approx(1)
    assert Path(results["store"]).parent == sample.cache


def test_settings_are_saved_and_read_back(finished: Finished) -> None:
    assert load_toml(finished.result.output / "model" / "config.toml", RunConfig) == TINY


def test_each_place_has_a_source(finished: Finished) -> None:
    sources = finished.result.fill.sources
    assert list(sources) == [category.value for category in Category]
    for counts in sources.values():
        assert sum(counts.values()) == PER_CATEGORY * LIST_LENGTH
        assert set(counts) <= {*SOURCES, *FALLBACKS}
    assert "neighbours" in sources["title_first_100"]
    assert "title" in sources["title_only"]


def test_scorecard_is_that_of_the_score_stage(sample: TinySample, finished: Finished) -> None:
    saved = Scorecard.load(finished.result.output / "scorecard.json")
    card, _ = score(finished.result.fill.submission, sample.answers, challenge=sample.challenge)
    assert saved.overall == card.overall
    assert saved.signature == card.signature
    assert saved.notes == (), "artists were at hand"
    assert finished.result.scorecard is not None
    assert 0.05 < saved.overall.r_precision.mean < 0.6
    assert saved.overall.ndcg.mean > 0.15


def test_nothing_else_is_left(finished: Finished) -> None:
    names = {path.name for path in finished.result.output.iterdir()}
    expected = {"model", "manifest.json", "submission.csv.gz", "validation.json", "scorecard.json"}
    assert names == expected


# -- how it is made does not matter ---------------------------------------------------------------


def test_train_then_fill_is_run(sample: TinySample, finished: Finished, tmp_path: Path) -> None:
    manifest = train(sample.mpd, sample.challenge, tmp_path, TINY, cache=sample.cache)
    assert list(manifest.stages) == ["prepare", "train"]
    assert not (tmp_path / "submission.csv.gz").exists()
    summary = fill(sample.mpd, sample.challenge, tmp_path, cache=sample.cache)
    assert summary.submission.read_bytes() == finished.submission
    assert summary.sources == finished.result.fill.sources
    both = RunManifest.load(tmp_path / "manifest.json")
    assert both.stages.keys() == {"prepare", "train", "open", "fill"}
    assert both.results["ranker"] == manifest.results["ranker"]
    # Filling again needs no training, and may name another team.
    (tmp_path / "manifest.json").unlink()
    named = fill(
        sample.mpd, sample.challenge, tmp_path, cache=sample.cache, team="Other", email="o@example.org"
    )
    renamed = read_submission(named.submission)
    assert (renamed.team.name, renamed.team.email) == ("Other", "o@example.org")
    np.testing.assert_array_equal(
        renamed.track_ids, read_submission(finished.result.fill.submission).track_ids
    )


def test_the_same_seed_gives_the_same_bytes_even_into_a_used_folder(
    sample: TinySample, finished: Finished, tmp_path: Path
) -> None:
    run(sample.mpd, sample.challenge, tmp_path, replace(TINY, seed=1), cache=sample.cache)
    other = (tmp_path / "submission.csv.gz").read_bytes()
    run(sample.mpd, sample.challenge, tmp_path, TINY, cache=sample.cache)
    assert (tmp_path / "submission.csv.gz").read_bytes() == finished.submission
    assert other != finished.submission


def test_a_finished_run_resumes_to_the_same_bytes(
    sample: TinySample, finished: Finished, tmp_path: Path
) -> None:
    output = finished.result.output
    again = run(sample.mpd, sample.challenge, output, TINY, cache=sample.cache, resume=True)
    assert again.fill.submission.read_bytes() == finished.submission
    assert all(report["steps"] == 0 for report in again.manifest.results["lightgcn"])


# -- choices of sources and ranking ---------------------------------------------------------------


def test_few_training_queries_need_one_fit_of_the_sources(
    sample: TinySample, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As beside a large MPD: the training queries join the challenge, and filling by itself knows it too."""
    monkeypatch.setattr(training_query, "JOINT_SHARE", 1.0)
    config = with_sources("neighbours", "lightgcn", "factors")
    result = run(sample.mpd, sample.challenge, tmp_path, config, cache=sample.cache, answers=sample.answers)
    assert len(result.manifest.results["lightgcn"]) == 1
    assert result.scorecard is not None
    assert result.scorecard.overall.ndcg.mean > 0.2
    before = result.fill.submission.read_bytes()
    again = fill(sample.mpd, sample.challenge, tmp_path, cache=sample.cache)
    assert again.submission.read_bytes() == before


def test_lightgcn_alone(sample: TinySample, tmp_path: Path) -> None:
    summary = run_tiny(sample, tmp_path, with_sources("lightgcn", ranking="blend"))
    assert {name for counts in summary.sources.values() for name in counts} <= {"lightgcn", *FALLBACKS}
    assert summary.sources["title_first_100"] == {"lightgcn": PER_CATEGORY * LIST_LENGTH}
    assert not (tmp_path / "model" / "ranker.txt").exists()


def test_a_ranking_learned_from_one_source_that_knows_no_title(sample: TinySample, tmp_path: Path) -> None:
    summary = run_tiny(sample, tmp_path, with_sources("cooccurrence"))
    assert "cooccurrence" in summary.sources["first_5"]
    assert set(summary.sources["title_only"]) <= set(FALLBACKS)
    manifest = RunManifest.load(tmp_path / "manifest.json")
    assert manifest.device == "none"
    assert manifest.results["training"] == []
    assert manifest.results["lightgcn"] == []


def test_blending_needs_no_ranker(sample: TinySample, tmp_path: Path) -> None:
    config = with_sources("neighbours", "cooccurrence", "title", "popularity", ranking="blend")
    run_tiny(sample, tmp_path, config)
    assert sorted(path.name for path in (tmp_path / "model").iterdir()) == ["config.toml"]


def test_weights_of_a_blend() -> None:
    blend = BlendConfig(title=0.3)
    assert blend.weights(("title", "popularity")) == {"title": 0.3, "popularity": 0.001}
    assert blend.weights(("continuation",)) == {"continuation": 1.0}
    assert set(blend.weights(SOURCES)) == set(SOURCES), "every source has a weight"


def test_sources_that_find_nothing_leave_nothing_to_learn(sample: TinySample, tmp_path: Path) -> None:
    config = with_sources("title_names")
    nobody = replace(config.sources.title_names, min_artist_popularity=10**6)
    config = replace(config, sources=replace(config.sources, title_names=nobody))
    with pytest.raises(MissingInputError, match="no ranking to learn"):
        run(sample.mpd, sample.challenge, tmp_path, config, cache=sample.cache)


def test_impossible_settings_show_before_any_work(sample: TinySample, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="sources: found knn; expected some of neighbours"):
        with_sources("knn")
    with pytest.raises(ConfigError, match="seed is -1; expected 0 or more"):
        replace(TINY, seed=-1)
    with pytest.raises(ConfigError, match="team name 'a,b' has a comma"):
        replace(TINY, team="a,b")
    with pytest.raises(ConfigError, match="'nobody' is not an email"):
        replace(TINY, email="nobody")
    with pytest.raises(ConfigError, match="device is 'abacus'"):
        run(
            sample.mpd, sample.challenge, tmp_path / "out", replace(TINY, device="abacus"), cache=sample.cache
        )
    assert not (tmp_path / "out" / "submission.csv.gz").exists()


def test_missing_answers_show_before_any_work(sample: TinySample, tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match=r"none\.json: no such file"):
        run(sample.mpd, sample.challenge, tmp_path / "out", TINY, answers=tmp_path / "none.json")
    assert not (tmp_path / "out").exists()


# -- challenge sets that know little --------------------------------------------------------------

BLEND = with_sources(
    "neighbours", "cooccurrence", "title", "factors", "continuation", "popularity", ranking="blend"
)


def make_unknown(playlist: dict[str, Any], *, makers: bool = True) -> None:
    """Give the seeds ids that no MPD has, and their artists and albums too."""
    for number, track in enumerate(playlist["tracks"]):
        invented = f"{playlist['pid']:08d}{number:014d}"
        track["track_uri"] = f"spotify:track:{invented}"
        if makers:
            track["artist_uri"] = f"spotify:artist:{invented}"
            track["album_uri"] = f"spotify:album:{invented}"


@pytest.mark.parametrize("config", [TINY, BLEND], ids=["learned", "blend"])
def test_no_seed_is_known_and_some_playlists_have_no_title(
    sample: TinySample, tmp_path: Path, config: RunConfig
) -> None:
    def change(playlists: list[dict[str, Any]]) -> None:
        for playlist in playlists:
            make_unknown(playlist)
            if "name" in playlist and playlist["pid"] % 2:
                playlist["name"] = "" if playlist["pid"] % 4 == 1 else "?!"

    challenge = sample.changed(tmp_path / "unknown.json", change)
    summary = run_tiny(sample, tmp_path / "run", config, challenge)
    report = RunManifest.load(tmp_path / "run" / "manifest.json").results["seeds"]
    assert report["seeds"] == report["unknown_seeds"] > 0
    assert report["playlists_without_known_seed"] == 45
    assert set(summary.sources["first_5"]) <= {"popularity", "popularity fallback"}


def test_unknown_seeds_by_known_artists_are_continued(sample: TinySample, tmp_path: Path) -> None:
    def change(playlists: list[dict[str, Any]]) -> None:
        for playlist in playlists:
            make_unknown(playlist, makers=False)

    challenge = sample.changed(tmp_path / "unknown.json", change)
    summary = run_tiny(sample, tmp_path / "run", with_sources("continuation", ranking="blend"), challenge)
    assert summary.sources["first_10"]["continuation"] > 0


def test_all_playlists_are_of_one_category(sample: TinySample, tmp_path: Path) -> None:
    challenge = sample.changed(
        tmp_path / "first.json", lambda playlists: playlists.__delitem__(slice(5, None))
    )
    summary = run_tiny(sample, tmp_path / "run", with_sources("title", "popularity"), challenge)
    assert list(summary.sources) == ["title_only"]


def test_part_of_the_mpd(sample: TinySample, tmp_path: Path) -> None:
    """A third of the slices in a folder: some seeds are unknown, and everything else goes on."""
    mpd = sample.slices(tmp_path / "mpd", 100, range(1, 2))
    run_tiny(sample, tmp_path / "run", with_sources("neighbours", "title", "popularity"), mpd=mpd)
    manifest = RunManifest.load(tmp_path / "run" / "manifest.json")
    assert manifest.results["playlists"] == 100
    assert 0 < manifest.results["seeds"]["unknown_seeds"] < manifest.results["seeds"]["seeds"]


def test_too_small_a_part_says_so(sample: TinySample, tmp_path: Path) -> None:
    mpd = sample.slices(tmp_path / "mpd", 2, range(1))
    with pytest.raises(MissingInputError, match="training playlists can be cut like the challenge's"):
        run_tiny(sample, tmp_path / "run", with_sources("popularity"), mpd=mpd)
    challenge = sample.changed(
        tmp_path / "first.json", lambda playlists: playlists.__delitem__(slice(5, None))
    )
    with pytest.raises(MissingInputError, match="tracks to choose from in all; expected at least 500"):
        run_tiny(sample, tmp_path / "run", with_sources("popularity", ranking="blend"), challenge, mpd)
    assert not (tmp_path / "run" / "submission.csv.gz").exists()


# -- models that are missing or of something else -------------------------------------------------


def test_filling_needs_a_training(sample: TinySample, tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match="holds no trained model") as caught:
        fill(sample.mpd, sample.challenge, tmp_path, cache=sample.cache)
    assert f"challenge train --mpd {sample.mpd}" in str(caught.value.hint)
    dataset = load_inputs(sample.mpd, sample.challenge, cache=sample.cache).dataset
    with pytest.raises(MissingInputError, match=r"ranker\.txt: no trained ranker"):
        recommend(dataset, with_sources("popularity"), tmp_path)
    with pytest.raises(MissingInputError, match="LightGCN is not trained"):
        recommend(dataset, with_sources("lightgcn"), tmp_path)


def test_embeddings_of_other_inputs_are_refused(sample: TinySample, tmp_path: Path) -> None:
    config = with_sources("lightgcn", ranking="blend")
    dataset = load_inputs(sample.mpd, sample.challenge, cache=sample.cache).dataset
    trained = train_models(dataset, replace(config, lightgcn=replace(config.lightgcn, epochs=0)), tmp_path)
    assert [entry["epoch"] for entry in trained.summary.epochs] == [0]
    assert recommend(dataset, config, tmp_path).track.shape == (50, LIST_LENGTH)
    fewer = replace(dataset, queries=dataset.queries.take(range(49)))
    with pytest.raises(
        MissingInputError, match=r"LightGCN was trained on 350 playlists .* here are 349"
    ) as caught:
        recommend(fewer, config, tmp_path)
    assert "challenge train" in str(caught.value.hint)


def test_a_submission_that_breaks_a_rule_is_not_called_valid(
    sample: TinySample, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if filling had a bug: every list is the same, so that some hold their own seeds."""
    config = with_sources("popularity", ranking="blend")
    real = recommend

    def broken(*args: object) -> object:
        lists = real(*args)  # type: ignore[arg-type]
        lists.track[:] = lists.track[0]
        return lists

    monkeypatch.setattr(fill_module, "recommend", broken)
    with pytest.raises(InvalidSubmissionError, match="breaks seed") as caught:
        run(sample.mpd, sample.challenge, tmp_path, config, cache=sample.cache)
    assert str(tmp_path / "validation.json") in str(caught.value.hint)
    assert json.loads((tmp_path / "validation.json").read_text())["valid"] is False
    inputs = load_inputs(sample.mpd, sample.challenge, cache=sample.cache)
    with pytest.raises(InvalidSubmissionError):
        check_submission(tmp_path / "submission.csv.gz", sample.challenge, inputs, tmp_path)
