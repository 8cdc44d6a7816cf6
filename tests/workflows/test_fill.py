"""Filling with a saved recommender: what it needs, what it leaves, and what it refuses."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from challenge.config import RunConfig, merge
from challenge.errors import ConfigError, FormatError, InputError, MissingInputError
from challenge.files import read_json, write_json
from challenge.manifest import Manifest
from challenge.recommender import Recommender
from challenge.submission.reader import read_submission
from challenge.workflows.fill import fill
from challenge.workflows.run import RunResult, run
from challenge.workflows.train import train
from tests.tiny_runs import TINY, TinySample, with_sources

pytestmark = pytest.mark.usefixtures("single_thread")


@pytest.fixture(scope="module")
def finished(sample: TinySample, tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    """A run with the usual sources and a learned ranking."""
    return run(sample.mpd, sample.challenge, tmp_path_factory.mktemp("run"), TINY, cache=sample.cache)


@pytest.fixture(scope="module")
def trained(sample: TinySample, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a training whose files are gone: MPD, challenge set and the store made of them."""
    folder = tmp_path_factory.mktemp("trained")
    files = sample.copied(folder / "files")
    train(files.mpd, files.challenge, folder / "out", TINY, cache=files.cache)
    shutil.rmtree(folder / "files")
    return folder / "out"


@pytest.fixture
def output(trained: Path, tmp_path: Path) -> Path:
    """A copy of that folder, to be changed."""
    return Path(shutil.copytree(trained, tmp_path / "out"))


# -- train, then fill -----------------------------------------------------------------------------


def test_train_then_fill_is_run_without_the_files_at_hand(output: Path, finished: RunResult) -> None:
    trained = Manifest.load(output / "manifest.json")
    assert list(trained.profile.stages) == ["prepare", "train", "save"]
    assert not (output / "submission.csv.gz").exists()
    filled = fill(output)
    assert filled.submission == output / "submission.csv.gz"
    assert filled.submission.read_bytes() == finished.fill.submission.read_bytes()
    assert (filled.n_playlists, filled.sources) == (finished.fill.n_playlists, finished.fill.sources)
    both = Manifest.load(output / "manifest.json")
    assert list(both.profile.stages) == ["prepare", "train", "save", "fill"]
    assert both.ranker == trained.ranker
    assert both.submission is not None
    assert both.submission.sources == filled.sources


def test_filling_again_may_name_another_team_and_needs_no_manifest(output: Path, finished: RunResult) -> None:
    (output / "manifest.json").unlink()
    named = fill(output, team="Other", email="o@example.org")
    renamed = read_submission(named.submission)
    assert (renamed.team.name, renamed.team.email) == ("Other", "o@example.org")
    expected = read_submission(finished.fill.submission)
    np.testing.assert_array_equal(renamed.track_ids, expected.track_ids)
    manifest = Manifest.load(output / "manifest.json")
    assert merge(RunConfig(), manifest.config) == replace(TINY, team="Other", email=RunConfig().email)
    assert manifest.run == finished.manifest.run
    assert fill(output).submission.read_bytes() == finished.fill.submission.read_bytes()
    with pytest.raises(ConfigError, match=r"command line: .*the team name 'a,b' has a comma"):
        fill(output, team="a,b")


def test_what_was_trained_on_a_gpu_is_filled_without_one(output: Path, finished: RunResult) -> None:
    trained = Recommender.load(output / "recommender")
    trained.config = replace(trained.config, device="cuda:99")
    trained.save(output / "recommender")
    with pytest.raises(ConfigError, match="device is 'cuda:99'"):
        fill(output)
    assert fill(output, device="auto").submission.read_bytes() == finished.fill.submission.read_bytes()
    assert Manifest.load(output / "manifest.json").config["device"] == "auto"


def test_training_queries_beside_the_challenge_get_no_list(sample: TinySample, tmp_path: Path) -> None:
    """Few training queries are queries of the dataset that is saved, behind the challenge's."""
    ranker = replace(TINY.ranker, num_queries=30)
    config = with_sources("playlist_knn", "lightgcn", "ials", ranker=ranker)
    result = run(sample.mpd, sample.challenge, tmp_path, config, cache=sample.cache)
    assert len(result.manifest.lightgcn) == 1, "one fit for both"
    before = result.fill.submission.read_bytes()
    loaded = Recommender.load(tmp_path / "recommender")
    assert (len(loaded.queries()), len(loaded.sources.queries()) > 65) == (50, True)
    assert fill(tmp_path).submission.read_bytes() == before


# -- a recommender that is missing, damaged or of something else ----------------------------------


def test_filling_needs_a_training(tmp_path: Path) -> None:
    (tmp_path / "recommender").mkdir()
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(MissingInputError) as caught:
            fill(folder)
        place = folder / "recommender"
        assert caught.value.message == f"{place}: holds no recommender (recommender.json is missing)"
        assert "challenge train" in str(caught.value.hint)
    assert not (tmp_path / "nowhere").exists()
    assert not (tmp_path / "manifest.json").exists()


def test_no_file_can_be_lost_or_cut_short_unnoticed(output: Path) -> None:
    files = sorted(path for path in (output / "recommender").rglob("*") if path.is_file())
    assert {"config.toml", "ranker.txt", "recommender.json", "arrays.json"} < {path.name for path in files}
    assert {path.parent.name for path in files} >= {"catalog", "index", "queries", "lightgcn", "ials"}
    for path in files:
        whole = path.read_bytes()
        for change in (None, whole[:-2], whole[: len(whole) // 2]):
            path.unlink()
            if change is not None:
                path.write_bytes(change)
            with pytest.raises(InputError, match=r"missing|no such file|not as it was|not JSON") as caught:
                fill(output)
            assert path.name in caught.value.message
            assert caught.value.hint is not None, caught.value.message
            path.write_bytes(whole)
    fill(output)


def test_a_changed_byte_shows(output: Path) -> None:
    for path in (output / "recommender").rglob("*.*"):
        whole = path.read_bytes()
        if path.suffix == ".json" or len(whole) <= 128:
            continue
        path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
        with pytest.raises(FormatError, match="not as it was written"):
            fill(output)
        path.write_bytes(whole)


def test_parts_of_another_recommender_are_refused(sample: TinySample, output: Path, tmp_path: Path) -> None:
    challenge = sample.changed(tmp_path / "fewer.json", lambda playlists: playlists.__delitem__(-1))
    train(sample.mpd, challenge, tmp_path / "other", TINY, cache=sample.cache)
    for part in ("queries", "index", "sources/lightgcn", "sources/ials"):
        place = output / "recommender" / part
        place.rename(tmp_path / "kept")
        shutil.copytree(tmp_path / "other" / "recommender" / part, place)
        with pytest.raises(FormatError, match=r"arrays\.json: is not as it was written"):
            fill(output)
        shutil.rmtree(place)
        (tmp_path / "kept").rename(place)
    fill(output)


def test_a_recommender_of_another_run_is_refused(sample: TinySample, output: Path, tmp_path: Path) -> None:
    """Its lists would stand under settings that they were not made with."""
    train(sample.mpd, sample.challenge, tmp_path / "other", replace(TINY, seed=1), cache=sample.cache)
    (output / "manifest.json").unlink()
    shutil.copy(tmp_path / "other" / "manifest.json", output)
    with pytest.raises(
        FormatError, match=r"recommender: is of run \w{16}, manifest\.json beside it of run \w{16}"
    ):
        fill(output)
    assert not (output / "submission.csv.gz").exists()


def test_the_inputs_and_the_team_of_the_record_are_those_of_the_submission(output: Path) -> None:
    before = Manifest.load(output / "manifest.json")
    fill(output, team="Second team")
    after = Manifest.load(output / "manifest.json")
    assert (after.inputs, after.run) == (before.inputs, before.run)
    assert after.config["team"] == "Second team"


def test_a_training_that_was_cut_off_leaves_nothing_to_fill_from(
    sample: TinySample, output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Recommender, "fit", None)
    with pytest.raises(TypeError):
        train(sample.mpd, sample.challenge, output, replace(TINY, seed=1), cache=sample.cache)
    with pytest.raises(MissingInputError, match="holds no recommender"):
        fill(output)
    assert Manifest.load(output / "manifest.json").seed == 1


def test_a_recommender_of_another_version_is_refused(output: Path) -> None:
    facts = output / "recommender" / "recommender.json"
    write_json(facts, read_json(facts) | {"format": 99})
    with pytest.raises(FormatError, match=r"recommender\.json: format is 99; expected 4"):
        fill(output)
