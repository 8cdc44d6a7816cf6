"""``run``, ``train``, ``fill`` and ``compare`` as a person runs them, on a small sample."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from challenge.artifacts import RunManifest, read_json
from challenge.cli.app import build_app
from challenge.config_file import load_toml
from challenge.data.sample import SampleFiles, write_sample
from challenge.stages.config import RunConfig
from challenge.types import Category

SETTINGS = """
team = "The Testers"
email = "test@example.org"
device = "cpu"

[lightgcn]
embedding_size = 8
epochs = 2

[sources.factors]
embedding_size = 8
iterations = 2

[ranker]
queries = 60
rounds = 5
least_in_leaf = 5
"""
QUICK_SOURCES = """
[sources]
names = ["neighbours", "title", "popularity"]

[sources.factors]"""


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """One cache for the module, so that its small MPD is read once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CHALLENGE_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setenv("COLUMNS", "200")
        yield


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> SampleFiles:
    """300 playlists, and three to continue in each category."""
    folder = tmp_path_factory.mktemp("sample")
    return write_sample(folder, playlists=300, seed=5, challenge_per_category=3, workers=1)


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("settings") / "settings.toml"
    path.write_text(SETTINGS)
    return path


@pytest.fixture(scope="module")
def quick(settings: Path) -> Path:
    """The same settings with three sources, none of which is slow to fit."""
    path = settings.with_name("quick.toml")
    path.write_text(SETTINGS.replace("[sources.factors]", QUICK_SOURCES))
    return path


def run(*arguments: object) -> Any:
    return CliRunner().invoke(build_app(), [str(argument) for argument in arguments])


def inputs(sample: SampleFiles) -> list[object]:
    return ["--mpd", sample.mpd, "--challenge", sample.challenge_set]


@pytest.fixture(scope="module")
def finished(sample: SampleFiles, settings: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a finished run with all sources and answers."""
    folder = tmp_path_factory.mktemp("runs") / "a run"
    done = run("run", *inputs(sample), "-o", folder, "--config", settings, "--answers", sample.answers)
    assert done.exit_code == 0, done.stderr
    assert f"valid {folder}/submission.csv.gz: 30 playlists of 500 tracks" in done.stdout
    assert "Which source put the tracks forward" in done.stdout
    return folder


def test_a_run_leaves_a_valid_submission(finished: Path, sample: SampleFiles) -> None:
    checked = run("validate", finished / "submission.csv.gz", "--challenge", sample.challenge_set, "--json")
    report = json.loads(checked.stdout)
    assert checked.exit_code == 0
    assert report["valid"]
    lines = gzip.decompress((finished / "submission.csv.gz").read_bytes()).decode().splitlines()
    assert lines[0].replace(" ", "") == "team_info,TheTesters,test@example.org"
    assert len(lines) == 31
    saved = read_json(finished / "validation.json")
    assert saved["valid"]


def test_a_run_tells_how_it_came_about(finished: Path, settings: Path) -> None:
    manifest = RunManifest.load(finished / "manifest.json")
    assert list(manifest.stages) == ["prepare", "train", "fill", "validate", "score"]
    assert manifest.config["lightgcn"]["embedding_size"] == 8
    assert manifest.config["ranker"]["queries"] == 60
    assert manifest.device.startswith("cpu")
    assert manifest.results["playlists"] == 300
    assert manifest.results["seeds"]["unknown_seeds"] == 0
    assert manifest.results["training"][-1]["epoch"] == 2
    # Three playlists of 500 places in each category, every place with the source that filled it.
    sources = manifest.results["sources"]
    assert {category: sum(places.values()) for category, places in sources.items()} == dict.fromkeys(
        [category.value for category in Category], 1500
    )
    assert load_toml(finished / "model" / "config.toml", RunConfig) == load_toml(settings, RunConfig)


def test_a_run_is_scored_as_the_score_command_scores_it(finished: Path, sample: SampleFiles) -> None:
    options = ["--answers", sample.answers, "--challenge", sample.challenge_set, "--json"]
    scored = json.loads(run("score", finished / "submission.csv.gz", *options).stdout)
    assert scored == read_json(finished / "scorecard.json")
    # The sample's playlists are coherent, so a ranking that works finds far more than chance.
    assert scored["ndcg"] > 0.15


def test_train_and_fill_do_in_two_steps_what_run_does(
    sample: SampleFiles, quick: Path, tmp_path: Path
) -> None:
    done = run("run", *inputs(sample), "-o", tmp_path / "one", "--config", quick)
    assert done.exit_code == 0, done.stderr
    trained = run("train", *inputs(sample), "-o", tmp_path / "two", "--config", quick)
    assert trained.exit_code == 0, trained.stderr
    assert "Next: challenge fill" in trained.stdout
    assert not (tmp_path / "two" / "submission.csv.gz").exists()
    filled = run("fill", *inputs(sample), "-o", tmp_path / "two", "--team", "The Two")
    assert filled.exit_code == 0, filled.stderr
    one, two = (
        gzip.decompress((tmp_path / name / "submission.csv.gz").read_bytes()).splitlines()
        for name in ("one", "two")
    )
    assert one[1:] == two[1:]
    assert b"The Two" in two[0]
    assert "fill" in RunManifest.load(tmp_path / "two" / "manifest.json").stages


def test_one_source_and_fixed_weights_need_no_training(sample: SampleFiles, tmp_path: Path) -> None:
    options = ["--sources", "neighbours,popularity", "--ranking", "blend", "--json", "--quiet"]
    done = run("run", *inputs(sample), "-o", tmp_path, *options)
    assert done.exit_code == 0, done.stderr
    facts = json.loads(done.stdout)
    assert (facts["playlists"], facts["device"], facts["scorecard"]) == (30, "none", None)
    used = {name for places in facts["sources"].values() for name in places}
    assert "neighbours" in used
    assert used.isdisjoint({"lightgcn", "factors"})
    assert [file.name for file in (tmp_path / "model").iterdir()] == ["config.toml"]


def test_fill_wants_a_trained_model(sample: SampleFiles, tmp_path: Path) -> None:
    done = run("fill", *inputs(sample), "-o", tmp_path)
    assert done.exit_code == 3
    assert "holds no trained model" in done.stderr
    assert "challenge train" in done.stderr


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (["--sources", "neighbors"], 2, "neighbors"),
        (["--ranking", "random"], 2, "'learned', 'blend'"),
        (["--device", "tpu"], 2, "tpu"),
    ],
)
def test_impossible_settings_are_refused(
    sample: SampleFiles, tmp_path: Path, options: list[str], code: int, message: str
) -> None:
    done = run("run", *inputs(sample), "-o", tmp_path, *options)
    assert done.exit_code == code, done.stderr
    assert message in done.stderr
    assert not (tmp_path / "submission.csv.gz").exists()


def test_an_unknown_setting_in_the_file_gets_a_suggestion(sample: SampleFiles, tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text("[lightgcn]\nepoch = 3\n")
    done = run("run", *inputs(sample), "-o", tmp_path / "out", "--config", path)
    assert done.exit_code == 2
    assert "did you mean lightgcn.epochs?" in done.stderr


def test_compare_scores_systems_side_by_side(sample: SampleFiles, quick: Path) -> None:
    options = ["--answers", sample.answers, "--config", quick, "--systems", "popularity,knn,full"]
    done = run("compare", *inputs(sample), *options, "--json", "--quiet")
    assert done.exit_code == 0, done.stderr
    facts = json.loads(done.stdout)
    scores = {name: card["ndcg"] for name, card in facts["systems"].items()}
    assert list(scores) == ["popularity", "knn", "full"]
    assert facts["best"] == max(scores, key=lambda name: scores[name])
    assert scores["popularity"] < scores["knn"]
    table = run("compare", *inputs(sample), *options[:4], "--systems", "popularity,knn", "--by-category")
    assert table.exit_code == 0, table.stderr
    assert "knn" in table.stdout


def test_compare_holds_playlists_out_where_no_answers_are_given(sample: SampleFiles, tmp_path: Path) -> None:
    settings = tmp_path / "few.toml"
    settings.write_text('[sources]\nnames = ["popularity", "title"]\n')
    options = ["--systems", "popularity,title", "--kind", "final", "--per-category", 1, "--config", settings]
    done = run("compare", "--mpd", sample.mpd, *options, "--json")
    assert done.exit_code == 0, done.stderr
    card = json.loads(done.stdout)["systems"]["title"]
    counts = {name: score["playlists"] for name, score in card["categories"].items()}
    # Only the longest playlists, which so small a sample may lack, can be given 100 seeds.
    assert set(counts) >= {category.value for category in Category if category.seed_count < 100}
    assert set(counts.values()) == {1}
