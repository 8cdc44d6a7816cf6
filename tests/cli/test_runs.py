from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from challenge.cli.app import build_app
from challenge.evaluation.scorecard import PlaylistScores, Scorecard
from challenge.run_folder import RunFolder
from challenge.threads import one_thread
from challenge.workflows.run import run
from challenge.workflows.score import kept_scores
from tests.tiny_runs import TinySample, with_sources


@pytest.fixture(scope="module")
def two_runs(sample: TinySample, tmp_path_factory: pytest.TempPathFactory) -> tuple[TinySample, Path, Path]:
    folder = tmp_path_factory.mktemp("two")
    runs = []
    with one_thread():
        for name, sources in (("a", ("popularity",)), ("b", ("playlist_knn", "title_knn"))):
            config = with_sources(*sources, ranking="blend")
            output = folder / "runs" / name
            run(sample.mpd, sample.challenge, output, config, cache=sample.cache, answers=sample.answers)
            runs.append(output)
    return sample, runs[0], runs[1]


def challenge(*arguments: object) -> Result:
    return CliRunner(env={"COLUMNS": "80"}).invoke(build_app(), [*map(str, arguments)])


def test_runs_are_listed_with_their_scores(two_runs: tuple[TinySample, Path, Path]) -> None:
    _, a, b = two_runs
    listed = challenge("runs", a.parent)
    assert listed.exit_code == 0, listed.output
    assert max(map(len, listed.stdout.splitlines())) <= 80
    lines = challenge("runs", a.parent, "--json").stdout.splitlines()
    facts = [json.loads(line) for line in lines]
    assert [each["run"] for each in facts] == [str(a), str(b)]
    for path, each in zip((a, b), facts, strict=True):
        card = Scorecard.load(path / "scorecard.json")
        assert each["ndcg"] == card.overall.ndcg.mean
        assert each["signature"] == card.signature
        assert f"{card.overall.ndcg.mean:.4f}" in listed.stdout
    assert facts[0]["settings"]["sources.names"] == ["popularity"]
    assert "do not compare" not in listed.stdout


def test_a_damaged_run_is_told_and_others_are_listed(
    two_runs: tuple[TinySample, Path, Path], tmp_path: Path
) -> None:
    shutil.copytree(two_runs[1], tmp_path / "runs" / "whole")
    (tmp_path / "runs" / "broken").mkdir()
    (tmp_path / "runs" / "broken" / "manifest.json").write_text("{")
    result = challenge("runs", tmp_path / "runs")
    assert result.exit_code == 0
    assert "whole" in result.stdout
    assert "left out" in result.stderr
    assert challenge("runs", tmp_path / "nowhere").exit_code == 3


def test_two_runs_are_compared_by_what_they_keep(two_runs: tuple[TinySample, Path, Path]) -> None:
    sample, a, b = two_runs
    result = json.loads(challenge("compare", a, b, "--json").stdout)
    found = result["differences"]["all"]["ndcg"]
    first, second = (Scorecard.load(path / "scorecard.json").overall.ndcg.mean for path in (a, b))
    assert found["difference"]["mean"] == pytest.approx(second - first, abs=1e-6)
    assert found["difference"]["mean"] > 0
    assert found["p_value"] < 0.05
    assert [each["what"] for each in result["conditions"]] == ["setting sources.names"]
    again = json.loads(challenge("compare", a, b, "--answers", sample.answers, "--json").stdout)
    assert again["differences"] == result["differences"]


def test_a_submission_file_is_compared_with_answers(
    two_runs: tuple[TinySample, Path, Path], tmp_path: Path
) -> None:
    sample, a, b = two_runs
    loose = shutil.copy(b / "submission.csv.gz", tmp_path / "other.csv.gz")
    refused = challenge("compare", a, loose)
    assert refused.exit_code == 2
    assert "--answers" in refused.stderr
    result = challenge("compare", a, loose, "--answers", sample.answers)
    assert result.exit_code == 0, result.output
    assert max(len(line) for line in result.stdout.splitlines() if "│" in line or "±" in line) <= 80
    assert "*" in next(line for line in result.stdout.splitlines() if line.startswith(" all "))


def test_compare_has_two_uses_and_refuses_a_mixture(two_runs: tuple[TinySample, Path, Path]) -> None:
    sample, a, b = two_runs
    mixed = challenge("compare", a, b, "--mpd", sample.mpd, "--epochs", "3")
    assert mixed.exit_code == 2
    assert "--mpd, --epochs: of no use" in mixed.stderr
    one = challenge("compare", a)
    assert one.exit_code == 2
    assert "expected two, RUN_A and RUN_B" in one.stderr
    none = challenge("compare")
    assert none.exit_code == 2
    assert "neither two runs nor --mpd" in none.stderr


def test_kept_scores_are_those_of_the_submission_or_none(
    two_runs: tuple[TinySample, Path, Path], tmp_path: Path
) -> None:
    folder = RunFolder(Path(shutil.copytree(two_runs[2], tmp_path / "run")))
    kept = kept_scores(folder)
    assert kept is not None
    card, scores = kept
    assert scores.values.ndcg.mean() == pytest.approx(card.overall.ndcg.mean, abs=1e-6)
    assert np.array_equal(PlaylistScores.load(folder.scores).pid, scores.pid)
    folder.scores.write_text(folder.scores.read_text().replace("0.", "0.1", 1))
    assert kept_scores(folder) is None
    folder.begin_filling()
    assert not folder.scores.exists()
