"""The whole path on a tiny sample: every output, and the ways in which it must not matter how it is made."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from challenge.config import RunConfig, load, override
from challenge.errors import (
    ConfigError,
    InputError,
    InvalidSubmissionError,
    InvariantError,
    MissingInputError,
)
from challenge.evaluation.scorecard import Scorecard
from challenge.manifest import Input, Manifest
from challenge.mpd.challenge_set import OFFICIAL_MD5, read_challenge_set
from challenge.ranking.fill import FALLBACKS, FilledLists
from challenge.recommender import Recommender, scorer_of
from challenge.report.page import render_report
from challenge.run_folder import RunFolder
from challenge.sources.base import IndexedQueries
from challenge.sources.merge import Candidates
from challenge.sources.registry import SOURCES
from challenge.split.training_queries import FOLDS
from challenge.submission.reader import read_submission
from challenge.submission.submission import Submission
from challenge.submission.writer import write_submission
from challenge.types import LIST_LENGTH, Category
from challenge.workflows import fill as fill_module
from challenge.workflows.fill import FillSummary, fill
from challenge.workflows.inputs import load_inputs
from challenge.workflows.run import RunResult, check_submission, run, warn_of_placeholders
from challenge.workflows.score import score
from challenge.workflows.train import train
from challenge.workflows.validate import validate
from tests.fitted import fit
from tests.tiny_runs import IN_FOLDS, PER_CATEGORY, TINY, TinySample, with_sources
from tests.toy_dataset import toy_dataset

pytestmark = pytest.mark.usefixtures("single_thread")


@dataclass(frozen=True)
class Finished:
    result: RunResult
    submission: bytes


@pytest.fixture(scope="module")
def finished(sample: TinySample, tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """A run with the usual sources and a learned ranking."""
    output = tmp_path_factory.mktemp("runs") / "deep" / "run"
    result = run(sample.mpd, sample.challenge, output, IN_FOLDS, cache=sample.cache, answers=sample.answers)
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
    manifest = Manifest.load(finished.result.output / "manifest.json")
    assert manifest.seed == 0
    assert manifest.device == "cpu"
    assert list(manifest.profile.stages) == ["prepare", "train", "save", "fill", "validate", "score"]
    assert manifest.profile == finished.result.manifest.profile
    assert manifest.commands == finished.result.manifest.commands
    assert manifest.inputs is not None
    assert (manifest.inputs.mpd.name, manifest.inputs.mpd.kind) == ("mpd.zip", "zip")
    md5 = hashlib.md5(sample.challenge.read_bytes()).hexdigest()
    assert manifest.inputs.challenge_set == Input("challenge_set.json", "json", f"md5:{md5}")
    assert manifest.config["team"] == "Tiny team"
    assert manifest.config["sources"]["lightgcn"]["embedding_size"] == 8  # type: ignore[index]
    assert manifest.dataset is not None
    assert (manifest.dataset.playlists, manifest.dataset.unknown_seeds) == (300, 0)
    assert manifest.dataset.rows > manifest.dataset.tracks > 500
    assert manifest.dataset.official_challenge_set is False
    assert manifest.submission is not None
    assert manifest.submission.file == "submission.csv.gz"
    assert manifest.submission.sha256 == hashlib.sha256(finished.submission).hexdigest()
    assert manifest.submission.sources == finished.result.fill.sources
    assert len(manifest.lightgcn) == FOLDS + 1
    assert [(entry.epoch, entry.loss is None) for entry in manifest.lightgcn[-1].epochs] == [
        (0, True),
        (1, False),
    ]
    assert manifest.ranker is not None
    assert 40 <= manifest.ranker.queries <= 60
    assert manifest.ranker.rows > 1000
    assert sum(manifest.ranker.importance.values()) == pytest.approx(1)


def test_settings_are_saved_and_read_back(finished: Finished) -> None:
    assert load(finished.result.output / "recommender" / "config.toml") == IN_FOLDS


def test_each_place_has_a_source(finished: Finished) -> None:
    sources = finished.result.fill.sources
    assert list(sources) == [category.value for category in Category]
    for counts in sources.values():
        assert sum(counts.values()) == PER_CATEGORY * LIST_LENGTH
        assert set(counts) <= {*SOURCES, *FALLBACKS}
    assert "playlist_knn" in sources["title_first_100"]
    assert "title_knn" in sources["title_only"]


def test_scorecard_is_that_of_the_score_stage(sample: TinySample, finished: Finished) -> None:
    saved = Scorecard.load(finished.result.output / "scorecard.json")
    card, _ = score(finished.result.fill.submission, sample.answers, challenge=sample.challenge)
    assert saved.overall == card.overall
    assert saved.signature == card.signature
    assert saved.notes == (), "artists were at hand"
    assert finished.result.scorecard is not None
    assert 0.05 < saved.overall.r_precision.mean < 0.6
    assert saved.overall.ndcg.mean > 0.15


def test_the_page_of_a_run_tells_what_it_recommends_and_what_was_chosen(finished: Finished) -> None:
    folder = RunFolder(finished.result.output)
    page, facts = folder.report.read_text(), folder.load_manifest().submission
    assert facts is not None
    assert facts.coverage is not None
    lists = read_submission(folder.submission).track_ids
    assert facts.coverage.tracks == len(set(lists.ravel().tolist()))
    assert f"{facts.coverage.tracks:,} different tracks are recommended" in page
    assert "What the ranker goes by" in page
    assert "<code>sources.ials.embedding_size</code></th><td><code>256</code></td><td><code>8</code>" in page
    assert "<code>sources.names</code></th>" not in page  # the same as by default, as a list of the file
    assert "tiny@example.org" not in page


def test_nothing_else_is_left(finished: Finished) -> None:
    names = {path.name for path in finished.result.output.iterdir()}
    files = {"manifest.json", "private.json", "submission.csv.gz", "validation.json", "scorecard.json"}
    files |= {"scores.csv", "examples.json", "report.html"}
    assert names == {*files, "recommender", "checkpoint"}


# -- how it is made does not matter ---------------------------------------------------------------


def test_the_same_seed_gives_the_same_bytes_even_into_a_used_folder(
    sample: TinySample, finished: Finished, tmp_path: Path
) -> None:
    run(sample.mpd, sample.challenge, tmp_path, replace(TINY, seed=1), cache=sample.cache)
    other = (tmp_path / "submission.csv.gz").read_bytes()
    run(sample.mpd, sample.challenge, tmp_path, IN_FOLDS, cache=sample.cache)
    assert (tmp_path / "submission.csv.gz").read_bytes() == finished.submission
    assert other != finished.submission


def test_a_finished_run_resumes_to_the_same_bytes(
    sample: TinySample, finished: Finished, tmp_path: Path
) -> None:
    output = finished.result.output
    again = run(sample.mpd, sample.challenge, output, IN_FOLDS, cache=sample.cache, resume=True)
    assert again.fill.submission.read_bytes() == finished.submission
    assert all(report.steps == 0 for report in again.manifest.lightgcn)


def files(folder: RunFolder) -> set[str]:
    return {path.name for path in folder.path.iterdir()}


def test_a_run_into_a_used_folder_leaves_nothing_of_the_one_before(
    sample: TinySample, tmp_path: Path, told: list[str]
) -> None:
    """Its ranker, scorecard and page would pass for those of the new submission."""
    folder = RunFolder(tmp_path)
    learned = with_sources("title_knn", "popularity")
    first = run(sample.mpd, sample.challenge, tmp_path, learned, cache=sample.cache, answers=sample.answers)
    assert {"scorecard.json", "report.html"} <= files(folder)
    assert (folder.recommender / "ranker.txt").exists()
    blend = with_sources("playlist_knn", "popularity", ranking="blend")
    run(sample.mpd, sample.challenge, tmp_path, blend, cache=sample.cache)
    expected = {"manifest.json", "private.json", "submission.csv.gz", "validation.json", "recommender"}
    assert files(folder) == {*expected, "examples.json", "report.html"}
    assert "Not scored" in folder.report.read_text()
    assert not (folder.recommender / "ranker.txt").exists()
    assert [text for text in told if "replaces" in text] == [
        f"{tmp_path}: replaces the run of {first.manifest.date}"
    ]


def test_filling_anew_leaves_no_verdict_on_the_submission_before(sample: TinySample, tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    blend = with_sources("title_knn", "popularity", ranking="blend")
    run(sample.mpd, sample.challenge, tmp_path, blend, cache=sample.cache, answers=sample.answers)
    render_report(tmp_path)
    fill(tmp_path, team="Other")
    assert files(folder) == {
        "manifest.json",
        "private.json",
        "submission.csv.gz",
        "examples.json",
        "recommender",
    }
    assert list(folder.load_manifest().profile.stages) == ["prepare", "train", "save", "fill"]


def test_training_anew_leaves_no_submission(sample: TinySample, tmp_path: Path) -> None:
    blend = with_sources("title_knn", "popularity", ranking="blend")
    run(sample.mpd, sample.challenge, tmp_path, blend, cache=sample.cache, answers=sample.answers)
    train(sample.mpd, sample.challenge, tmp_path, blend, cache=sample.cache)
    assert files(RunFolder(tmp_path)) == {"manifest.json", "private.json", "recommender"}


@pytest.mark.parametrize("command", [run, train])
def test_an_output_that_is_a_file_is_refused_before_anything_is_read(tmp_path: Path, command: Any) -> None:
    (tmp_path / "out").write_text("mine")
    with pytest.raises(InputError, match="out: is a file; expected a folder"):
        command(tmp_path / "none.zip", tmp_path / "none.json", tmp_path / "out", TINY)
    assert (tmp_path / "out").read_text() == "mine"


def test_an_input_that_is_missing_costs_the_run_before_nothing(sample: TinySample, tmp_path: Path) -> None:
    blend = with_sources("title_knn", "popularity", ranking="blend")
    run(sample.mpd, sample.challenge, tmp_path, blend, cache=sample.cache, answers=sample.answers)
    before = files(RunFolder(tmp_path))
    with pytest.raises(MissingInputError):
        run(tmp_path / "none.zip", sample.challenge, tmp_path, blend, cache=sample.cache)
    assert files(RunFolder(tmp_path)) == before


# -- choices of sources and ranking ---------------------------------------------------------------


def test_few_training_queries_need_one_fit_of_the_sources(sample: TinySample, tmp_path: Path) -> None:
    """As beside a large MPD: up to a tenth of the playlists, training queries join the challenge."""
    config = override(with_sources("playlist_knn", "lightgcn", "ials"), {"ranker.num_queries": 30})
    result = run(sample.mpd, sample.challenge, tmp_path, config, cache=sample.cache, answers=sample.answers)
    assert len(result.manifest.lightgcn) == 1
    assert result.manifest.ranker is not None
    assert 20 <= result.manifest.ranker.queries <= 30
    assert result.scorecard is not None
    assert result.scorecard.overall.ndcg.mean > 0.2


def test_lightgcn_alone(sample: TinySample, tmp_path: Path) -> None:
    summary = run_tiny(sample, tmp_path, with_sources("lightgcn", ranking="blend"))
    assert {name for counts in summary.sources.values() for name in counts} <= {"lightgcn", *FALLBACKS}
    assert summary.sources["title_first_100"] == {"lightgcn": PER_CATEGORY * LIST_LENGTH}
    assert not (tmp_path / "recommender" / "ranker.txt").exists()


def test_a_ranking_learned_from_one_source_that_knows_no_title(sample: TinySample, tmp_path: Path) -> None:
    summary = run_tiny(sample, tmp_path, with_sources("cooccurrence"))
    assert "cooccurrence" in summary.sources["first_5"]
    assert set(summary.sources["title_only"]) <= set(FALLBACKS)
    manifest = Manifest.load(tmp_path / "manifest.json")
    assert manifest.device == "none"
    assert manifest.lightgcn == ()


def test_blending_needs_no_ranker(sample: TinySample, tmp_path: Path) -> None:
    config = with_sources("playlist_knn", "cooccurrence", "title_knn", "popularity", ranking="blend")
    run_tiny(sample, tmp_path, config)
    files = {path.name for path in (tmp_path / "recommender").iterdir() if path.is_file()}
    assert files == {"config.toml", "recommender.json"}
    assert Manifest.load(tmp_path / "manifest.json").ranker is None


def test_weights_of_a_blend() -> None:
    """Each source's scores are divided by its best; a source asked alone counts whatever its weight."""
    config = override(TINY, {"sources.title_knn.weight": 0.3})
    indptr, track = np.array([0, 2]), np.array([4, 6], np.int32)
    both = Candidates(indptr, track, np.array([[2, 0], [1, 8]], np.float32))
    dataset = toy_dataset().dataset
    sources = fit(dataset, "title_knn", "popularity")
    batch = sources.queries().batch(0, 1)
    scores = scorer_of(sources, config, None)(batch, both)
    np.testing.assert_allclose(scores, [0.3, 0.3 / 2 + 0.001], rtol=1e-6)
    weightless = override(config, {"sources.playlist_knn.weight": 0.0})
    alone = scorer_of(fit(dataset, "playlist_knn"), weightless, None)
    np.testing.assert_allclose(alone(batch, Candidates(indptr, track, both.score[:, :1])), [1, 0.5])


def test_sources_that_find_nothing_leave_nothing_to_learn(sample: TinySample, tmp_path: Path) -> None:
    nobody = {"sources.artists_in_title.min_artist_popularity": 10**6}
    config = override(with_sources("artists_in_title"), nobody)
    with pytest.raises(MissingInputError, match="no ranking to learn"):
        run(sample.mpd, sample.challenge, tmp_path, config, cache=sample.cache)


def test_impossible_settings_show_before_any_work(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="sources: found knn; expected some of playlist_knn"):
        with_sources("knn")
    with pytest.raises(ConfigError, match="seed is -1; expected a whole number >= 0"):
        replace(TINY, seed=-1)
    with pytest.raises(ConfigError, match="team name 'a,b' has a comma"):
        replace(TINY, team="a,b")
    with pytest.raises(ConfigError, match="'nobody' is not an email"):
        replace(TINY, email="nobody")
    with pytest.raises(ConfigError, match="device is 'abacus'"):
        run(tmp_path / "no mpd", tmp_path / "no set", tmp_path / "out", replace(TINY, device="abacus"))
    assert not (tmp_path / "out").exists()


def test_missing_answers_show_before_any_work(sample: TinySample, tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match=r"none\.json: no such file"):
        run(sample.mpd, sample.challenge, tmp_path / "out", TINY, answers=tmp_path / "none.json")
    assert not (tmp_path / "out").exists()


# -- challenge sets that know little --------------------------------------------------------------

BLEND = with_sources(
    "playlist_knn", "cooccurrence", "title_knn", "ials", "artist_album", "popularity", ranking="blend"
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
    facts = Manifest.load(tmp_path / "run" / "manifest.json").dataset
    assert facts is not None
    assert facts.seeds == facts.unknown_seeds > 0
    assert facts.playlists_without_known_seed == 45
    assert set(summary.sources["first_5"]) <= {"popularity", "popularity fallback"}


def test_unknown_seeds_by_known_artists_are_continued(sample: TinySample, tmp_path: Path) -> None:
    def change(playlists: list[dict[str, Any]]) -> None:
        for playlist in playlists:
            make_unknown(playlist, makers=False)

    challenge = sample.changed(tmp_path / "unknown.json", change)
    summary = run_tiny(sample, tmp_path / "run", with_sources("artist_album", ranking="blend"), challenge)
    assert summary.sources["first_10"]["artist_album"] > 0


def test_all_playlists_are_of_one_category(sample: TinySample, tmp_path: Path) -> None:
    challenge = sample.changed(
        tmp_path / "first.json", lambda playlists: playlists.__delitem__(slice(5, None))
    )
    summary = run_tiny(sample, tmp_path / "run", with_sources("title_knn", "popularity"), challenge)
    assert list(summary.sources) == ["title_only"]


def test_part_of_the_mpd(sample: TinySample, tmp_path: Path) -> None:
    """A third of the slices in a folder: some seeds are unknown, and everything else goes on."""
    mpd = sample.slices(tmp_path / "mpd", 100, range(1, 2))
    run_tiny(sample, tmp_path / "run", with_sources("playlist_knn", "title_knn", "popularity"), mpd=mpd)
    manifest = Manifest.load(tmp_path / "run" / "manifest.json")
    assert manifest.dataset is not None
    assert manifest.dataset.playlists == 100
    assert 0 < manifest.dataset.unknown_seeds < manifest.dataset.seeds


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


def test_lists_that_hold_their_own_seeds_are_never_written(
    sample: TinySample, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if filling had a bug: every list is the same, so that some hold their own seeds."""
    config = with_sources("popularity", ranking="blend")
    real = Recommender.fill

    def broken(recommender: Recommender, queries: IndexedQueries | None = None) -> FilledLists:
        lists = real(recommender, queries)
        lists.track[:] = lists.track[0]
        return lists

    monkeypatch.setattr(Recommender, "fill", broken)
    with pytest.raises(InvariantError, match=r"pid \d+: its list holds spotify:track:\w+, one of its seeds"):
        run(sample.mpd, sample.challenge, tmp_path, config, cache=sample.cache)
    assert not (tmp_path / "submission.csv.gz").exists()


def test_a_submission_that_breaks_a_rule_is_not_called_valid(
    sample: TinySample, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if writing had a bug: every list is the same, so that some hold their own seeds."""
    config = with_sources("popularity", ranking="blend")
    real = write_submission

    def broken(made: Submission, path: Path) -> None:
        real(replace(made, track_ids=np.repeat(made.track_ids[:1], len(made), axis=0)), path)

    monkeypatch.setattr(fill_module, "write_submission", broken)
    with pytest.raises(InvalidSubmissionError, match="breaks seed") as caught:
        run(sample.mpd, sample.challenge, tmp_path, config, cache=sample.cache)
    assert str(tmp_path / "validation.json") in str(caught.value.hint)
    assert json.loads((tmp_path / "validation.json").read_text())["valid"] is False
    inputs = load_inputs(sample.mpd, sample.challenge, cache=sample.cache)
    with pytest.raises(InvalidSubmissionError):
        check_submission(RunFolder(tmp_path), inputs)


def test_a_placeholder_is_noted_before_the_training_where_it_matters(
    sample: TinySample, tmp_path: Path, told: list[str]
) -> None:
    challenge_set = load_inputs(sample.mpd, sample.challenge, cache=tmp_path).challenge_set
    official = replace(challenge_set, md5=OFFICIAL_MD5)
    real = RunConfig(team="The Walkers", email="team@walkers.org")
    told.clear()
    placeholders = RunConfig(team="My team", email="me@example.org")
    for config, data in ((placeholders, challenge_set), (real, official)):
        warn_of_placeholders(config, data)
    assert told == []
    warn_of_placeholders(placeholders, official)
    assert told == [
        "Note: team 'My team' and e-mail 'me@example.org' are placeholders; "
        "challenge submit will want your own, by --team and --email"
    ]
