"""``challenge run``, ``train``, ``fill`` and ``compare`` as a person calls them."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from challenge.cli.app import build_app
from challenge.config import RunConfig, load, override
from challenge.recommender import Recommender
from challenge.report.page import seed_groups
from challenge.sources.lightgcn import FittedLightGCN
from challenge.submission.reader import read_submission
from tests.tiny_runs import TINY, TINY_TOML, TinySample, make_tiny_sample

QUICK = ["--sources", "playlist_knn,title_knn,popularity", "--threads", "1"]
Invoke = Callable[..., Result]


@pytest.fixture(autouse=True)
def narrow_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")


@pytest.fixture
def invoke(sample: TinySample, tmp_path: Path) -> Invoke:
    """Run or train on the sample into ``tmp_path / "out"``; later options override earlier ones."""

    def call(command: str, *options: str, **paths: Path) -> Result:
        given = {"mpd": sample.mpd, "challenge": sample.challenge, "output": tmp_path / "out"} | paths
        given |= {"cache": sample.cache}
        arguments = [text for name, path in given.items() for text in (f"--{name}", str(path))]
        return CliRunner().invoke(build_app(), [command, *arguments, *options])

    return call


def config_of(sample: TinySample) -> list[str]:
    return ["--config", str(sample.config)]


def saved(tmp_path: Path) -> RunConfig:
    return load(tmp_path / "out" / "recommender" / "config.toml")


# -- what it prints -------------------------------------------------------------------------------


def test_run_makes_a_submission_and_tells_what_it_cost(
    invoke: Invoke, sample: TinySample, tmp_path: Path
) -> None:
    result = invoke("run", *config_of(sample), *QUICK, "--answers", str(sample.answers))
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    path = tmp_path / "out" / "submission.csv.gz"
    assert lines[-1].startswith("next  open ")
    assert lines[-2].startswith(f"valid {path}: 50 playlists of 500 tracks, ")
    assert lines[0].strip() == "Which source put the tracks forward, by seeds given"
    assert any(line.split()[:2] == ["popularity", "fallback"] for line in lines), "whole names fit 80 columns"
    assert any(line.split()[:1] == ["validate"] for line in lines)
    assert any("signature r_precision:leaderboard" in line for line in lines)
    assert "rank: done, 50 playlists" in result.stderr
    assert read_submission(path).team.name == "Tiny team"


def test_json_is_all_there_is_on_stdout(invoke: Invoke, sample: TinySample, tmp_path: Path) -> None:
    options = ["--ranking", "blend", "--quiet", "--json", "--team", "Flag team", "--seed", "3"]
    result = invoke("run", *config_of(sample), *QUICK, *options)
    assert result.exit_code == 0, result.output
    assert result.stderr == ""
    facts = json.loads(result.stdout)
    assert facts["submission"] == str(tmp_path / "out" / "submission.csv.gz")
    assert facts["playlists"] == 50
    assert facts["scorecard"] is None
    assert facts["device"] == "none"
    assert facts["ranker_validation"] is None
    assert facts["stages"].keys() == {"prepare", "train", "save", "fill", "validate"}
    assert sum(sum(counts.values()) for counts in facts["sources"].values()) == 25_000
    config = saved(tmp_path)
    assert (config.team, config.email, config.seed) == ("Flag team", "tiny@example.org", 3)
    assert (config.ranking, config.ranker.num_iterations) == ("blend", 10)
    assert config.sources.names == ("playlist_knn", "title_knn", "popularity")


def test_train_tells_what_it_made_and_what_is_next(
    invoke: Invoke, sample: TinySample, tmp_path: Path
) -> None:
    trained = invoke("train", *config_of(sample), *QUICK)
    assert trained.exit_code == 0, trained.output
    assert trained.stdout.startswith("Trained into ")
    assert trained.stdout.endswith(f"Next: challenge fill --output {tmp_path / 'out'}\n")
    again = invoke("train", *config_of(sample), *QUICK, "--json", "--quiet")
    facts = json.loads(again.stdout)
    assert facts["device"] == "none"
    assert facts["ranker"]["rows"] > 1000
    scores = facts["ranker"]["validation"]
    told = trained.stdout.splitlines()[-3:-1]
    assert told[0] == (
        f"Estimated on {scores['queries']} training playlists kept from the ranker, ± standard error:"
    )
    ndcg = scores["ndcg"]
    assert f", NDCG {ndcg['mean']:.4f} ±{ndcg['standard_error']:.4f}, clicks " in told[1]
    assert max(map(len, told)) <= 80


def test_options_reach_the_training_over_the_file(invoke: Invoke, sample: TinySample, tmp_path: Path) -> None:
    numbers = ["--epochs", "0", "--dim", "4", "--layers", "1", "--storage", "fp32", "--seed", "3"]
    options = ["--sources", "lightgcn, popularity", "--ranking", "blend", "--device", "cpu", *numbers]
    result = invoke("train", *config_of(sample), "--threads", "1", "--json", "--quiet", *options)
    assert result.exit_code == 0, result.output
    (training,) = json.loads(result.stdout)["lightgcn"]
    assert [entry["epoch"] for entry in training["epochs"]] == [0]
    changes = {
        "seed": 3,
        "device": "cpu",
        "ranking": "blend",
        "sources.names": ["lightgcn", "popularity"],
        "sources.lightgcn.epochs": 0,
        "sources.lightgcn.embedding_size": 4,
        "sources.lightgcn.layers": 1,
        "sources.lightgcn.storage": "fp32",
    }
    assert saved(tmp_path) == override(TINY, changes)
    fitted = Recommender.load(tmp_path / "out" / "recommender").sources.fitted["lightgcn"]
    assert isinstance(fitted, FittedLightGCN)
    assert fitted.embeddings.columns.shape[1] == 4 + 1, "the last is the bias"
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert (manifest["seed"], manifest["config"]["sources"]["lightgcn"]["layers"]) == (3, 1)


@pytest.mark.parametrize("command", ["run", "train"])
def test_help_shows_the_defaults_of_the_settings(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    text = CliRunner().invoke(build_app(), [command, "--help"]).stdout
    shown = dict(re.findall(r"^\W*--(\w+) .*\[default: \((.*?)\)\]", text, re.MULTILINE))
    expected = {"epochs": "40", "dim": "64", "layers": "2", "storage": "bf16", "seed": "0", "device": "auto"}
    assert expected.items() <= shown.items()
    config = RunConfig()
    assert int(shown["epochs"]) == config.sources.settings["lightgcn"].epochs  # type: ignore[attr-defined]
    assert shown["ranking"] == config.ranking == "learned"
    assert "all of playlist_knn, title_knn," in text


def test_compare_prints_one_table(invoke: Invoke, sample: TinySample, tmp_path: Path) -> None:
    common = ["--mpd", str(sample.mpd), "--cache", str(sample.cache), *config_of(sample), "--quiet"]
    files = ["--challenge", str(sample.challenge), "--answers", str(sample.answers)]
    options = [*common, *files, "--systems", "popularity, knn", "--threads", "1"]
    result = CliRunner().invoke(build_app(), ["compare", *options, "--by-category"])
    assert result.exit_code == 0, result.output
    scores, costs = result.stdout.split("fitting")
    rows = {line.split()[0]: line for line in scores.splitlines() if line.strip()}
    assert "R-precision" in scores
    assert "*" in rows["popularity"], "worse than playlist_knn on 50 playlists"
    assert "title first 100" in result.stdout.replace("_", " ")
    assert "* differs from knn with p < 0.05, paired" in result.stdout
    printed = CliRunner().invoke(build_app(), ["compare", *options, "--json"])
    facts = json.loads(printed.stdout)
    assert facts["best"] == "knn"
    assert facts["systems"].keys() == {"popularity", "knn"}
    assert facts["differences"]["popularity"]["all"]["ndcg"]["difference"]["mean"] > 0
    assert facts["costs"].keys() >= {"popularity", "playlist knn"}
    assert all(cost["seconds"] >= 0 and cost["peak_bytes"] > 0 for cost in facts["costs"].values())
    assert all(name in costs for name in facts["costs"])


def test_compare_takes_the_recommender_and_the_settings_of_a_run(
    invoke: Invoke, sample: TinySample, tmp_path: Path
) -> None:
    assert invoke("train", *config_of(sample), *QUICK, "--ranking", "blend", "--seed", "4").exit_code == 0
    systems = ["--systems", "title,blend", "--json", "--quiet", "--threads", "1"]
    model = ["--model", str(tmp_path / "out"), *systems]
    files = ["--mpd", str(sample.mpd), "--cache", str(sample.cache), "--challenge", str(sample.challenge)]
    answers = ["--answers", str(sample.answers)]
    result = CliRunner().invoke(build_app(), ["compare", *files, *answers, *model])
    assert result.exit_code == 0, result.output
    facts = json.loads(result.stdout)
    assert facts["best"] == "blend"
    assert "seed:4" in facts["systems"]["blend"]["signature"]
    other = make_tiny_sample(tmp_path / "other", seed=6)
    files = ["--mpd", str(other.mpd), "--cache", str(other.cache), "--challenge", str(other.challenge)]
    refused = CliRunner().invoke(build_app(), ["compare", *files, "--answers", str(other.answers), *model])
    assert refused.exit_code == 3
    assert refused.stderr.startswith("Error: the recommender was fitted to ")
    assert "Hint: name the MPD and the challenge set of that run" in refused.stderr
    nothing = ["compare", *files, "--model", str(tmp_path), "--quiet"]
    missing = CliRunner().invoke(build_app(), nothing)
    assert missing.exit_code == 3
    assert missing.stderr.startswith(f"Error: {tmp_path / 'recommender'}: holds no recommender")
    assert "Hint: fit it again: challenge train" in missing.stderr
    twice = CliRunner().invoke(build_app(), ["compare", *files, *model, *config_of(sample)])
    assert twice.exit_code == 2
    assert twice.stderr.startswith(
        "Error: --model has settings of its own; leave out --config, --source and --epochs"
    )


def test_places_are_summed_by_number_of_seeds() -> None:
    sources = {
        "title_only": {"title": 3},
        "title_first_1": {"a": 1},
        "first_5": {"a": 2, "b": 1},
        "title_first_5": {"a": 4},
    }
    assert seed_groups(sources) == {
        "0": {"title": 3},
        "1": {"a": 1},
        "5": {"a": 6, "b": 1},
        "all": {"title": 3, "a": 7, "b": 1},
    }
    assert list(seed_groups(sources))[-1] == "all"
    assert seed_groups({}) == {"all": {}}


# -- what is wrong with what is given -------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("mpd", "name the official zip"),
        ("challenge", "name the official challenge_set.json"),
        ("answers", "answers are a JSON object"),
        ("config", ""),
    ],
)
def test_paths_that_are_not_there(invoke: Invoke, tmp_path: Path, name: str, hint: str) -> None:
    missing = tmp_path / "nowhere" / "file.zip"
    result = invoke("run", "--quiet", *QUICK, **{name: missing})
    assert result.exit_code == 3
    assert result.stdout == ""
    assert result.stderr.startswith(f"Error: {missing}: no such file")
    assert hint in result.stderr
    assert not (tmp_path / "out").exists()


def test_files_that_are_something_else(invoke: Invoke, sample: TinySample, tmp_path: Path) -> None:
    nonsense = tmp_path / "nonsense"
    nonsense.write_text("[1, 2")
    for name in ("mpd", "challenge", "answers"):
        result = invoke("run", "--quiet", *QUICK, **{name: nonsense})
        assert result.exit_code == 3, name
        assert result.stderr.startswith(f"Error: {nonsense}"), name
    empty = tmp_path / "empty"
    empty.mkdir()
    result = invoke("run", "--quiet", *QUICK, mpd=empty)
    assert (result.exit_code, str(empty) in result.stderr) == (3, True)
    blocked = invoke("run", *config_of(sample), *QUICK, output=nonsense)
    assert blocked.exit_code == 3
    assert "training queries" not in blocked.stderr, "it shows before the training"
    assert str(nonsense) in blocked.stderr
    assert nonsense.read_text() == "[1, 2"


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("[sources.lightgcn]\nembeding_size = 8", "unknown setting sources.lightgcn.embeding_size"),
        ("rankin = 'blend'", "unknown setting rankin"),
        ("ranking = 'best'", "ranking is 'best'; expected one of 'learned', 'blend'"),
        ("[ranker]\nnum_queries = 'many'", "ranker.num_queries is 'many'; expected a whole number"),
        ("[sources.lightgcn]\ntemperature = 0.0", "temperature is 0.0; expected a number >= 0.02"),
        ("sources = 3", "sources is 3; expected a table"),
        ("[sources]\nnames = ['knn']", "sources: found knn; expected some of playlist_knn"),
        ("team = 'a,b'", "the team name 'a,b' has a comma"),
        ("[", "not TOML"),
    ],
)
def test_settings_that_do_not_fit(invoke: Invoke, tmp_path: Path, text: str, error: str) -> None:
    config = tmp_path / "config.toml"
    config.write_text(text)
    result = invoke("run", "--quiet", config=config)
    assert result.exit_code == 2
    assert result.stderr.startswith(f"Error: {config}")
    assert error in result.stderr
    assert not (tmp_path / "out").exists()


def test_misspelt_settings_get_a_suggestion(invoke: Invoke, tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text("[sources.lightgcn]\nembeding_size = 8")
    assert "Hint: did you mean sources.lightgcn.embedding_size?" in invoke("run", config=config).stderr


@pytest.mark.parametrize(
    ("option", "value", "error"),
    [
        ("--sources", "title_knn,knn", "sources: found knn"),
        ("--sources", "title_knn,title_knn", "found title_knn more than once"),
        ("--ranking", "best", "ranking is 'best'"),
        ("--team", "a,b", "the team name"),
        ("--email", "nobody", "not an email address"),
        ("--layers", "0", "layers is 0"),
        ("--storage", "int8", "storage is 'int8'"),
    ],
)
def test_options_that_do_not_fit(invoke: Invoke, tmp_path: Path, option: str, value: str, error: str) -> None:
    result = invoke("run", "--quiet", option, value)
    assert result.exit_code == 2
    assert result.stderr.startswith("Error: command line: ")
    assert error in result.stderr
    assert not (tmp_path / "out").exists()


# -- stopping -------------------------------------------------------------------------------------


def test_ctrl_c_keeps_what_was_finished_and_resume_goes_on(
    invoke: Invoke, sample: TinySample, tmp_path: Path
) -> None:
    """LightGCN would train for ever here; the run is stopped in it, then resumed with few epochs."""
    config, output = tmp_path / "endless.toml", tmp_path / "out"
    config.write_text(TINY_TOML.replace("epochs = 1", "epochs = 1000000\npatience = 0"))
    paths = [
        "--mpd",
        sample.mpd,
        "--challenge",
        sample.challenge,
        "--output",
        output,
        "--cache",
        sample.cache,
    ]
    options = ["--config", config, "--sources", "lightgcn", "--ranking", "blend", "--threads", "1"]
    command = [sys.executable, "-m", "challenge", "run", *map(str, [*paths, *options])]
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # heard even from the background
    ) as process:
        assert process.stderr is not None
        assert process.stdout is not None
        seen = ""
        while "epoch 2: loss" not in seen and (line := process.stderr.readline()):
            seen += line
        process.send_signal(signal.SIGINT)
        rest = process.stderr.read()
        printed = process.stdout.read()
    assert process.returncode == 130, seen + rest
    assert re.search(r"LightGCN: started, [\d,]+ steps$", seen, re.MULTILINE)
    assert "Stopped: what was finished is kept" in rest
    assert printed == ""
    left = sorted(str(path.relative_to(output)) for path in output.rglob("*") if path.is_file())
    checkpoints = [f"checkpoint/fit-0/lightgcn/checkpoint.{kind}" for kind in ("json", "safetensors")]
    assert left == [*checkpoints, "manifest.json"]

    config.write_text(config.read_text().replace("1000000", "2"))
    resumed = invoke("run", *map(str, options), "--resume")
    assert resumed.exit_code == 0, resumed.output
    assert "Resumed after step" in resumed.stderr
    assert len(read_submission(output / "submission.csv.gz").pid) == 50
