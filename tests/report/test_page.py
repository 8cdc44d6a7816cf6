from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from challenge.artifacts import RunManifest, StageCost
from challenge.cli.app import build_app
from challenge.errors import FormatError, MissingInputError
from challenge.evaluation.metrics import MetricValues
from challenge.evaluation.scorecard import PlaylistScores, Scorecard, make_scorecard
from challenge.report.charts import score_chart
from challenge.report.page import flatten, render_report, source_counts, training_curves


def card() -> Scorecard:
    rng = np.random.default_rng(0)
    values = MetricValues(rng.random(40), rng.random(40), rng.integers(0, 52, 40).astype(float))
    categories = ("title_only", "first_5", "title_random_25", "of my own") * 10
    return make_scorecard(
        PlaylistScores(np.arange(40, dtype=np.int32), categories, values), "r:x|seed:0", notes=("a note",)
    )


def manifest() -> RunManifest:
    return RunManifest(
        config={"model": {"embedding_size": 64}},
        seed=7,
        inputs={"mpd": "0123abcd"},
        stages={"prepare": StageCost(1.5, 2_000_000_000), "train": StageCost(10.25, 3_500_000_000)},
        results={
            "sources": {"title_only": {"title": 300, "popularity": 100}, "first_5": {"popularity": 50}},
            "training": [{"epoch": 1, "loss": 0.7, "best": True}, {"epoch": 2, "loss": 0.5, "best": False}],
            "playlists": 40,
        },
    )


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    folder = tmp_path / "my <run>"
    folder.mkdir()
    manifest().save(folder / "manifest.json")
    return folder


def test_page_of_a_scored_run(run_dir: Path) -> None:
    card().save(run_dir / "scorecard.json")
    (run_dir / "validation.json").write_text(json.dumps({"valid": True, "playlists": 1000, "counts": {}}))
    path = render_report(run_dir)
    page = path.read_text()
    assert path == run_dir / "report.html"
    assert "my &lt;run&gt;" in page
    assert "my <run>" not in page
    assert f"<b>{card().overall.ndcg.mean:.4f}</b>" in page
    assert f"{card().by_category['first_5'].clicks.mean:.3f}" in page
    assert "r:x|seed:0" in page
    assert "Note: a note." in page
    assert "1,000 playlists of 500 tracks" in page
    assert page.count("<svg") == 3
    assert "model.embedding_size" in page
    assert re.search(r"<td>all</td><td class=\"number\">11\.8</td><td class=\"number\">3\.50</td>", page)


def test_page_needs_no_other_file(run_dir: Path) -> None:
    card().save(run_dir / "scorecard.json")
    page = render_report(run_dir).read_text()
    assert not re.search(r"<script|<link|<img|@import|url\((?!#)", page)
    assert not re.search(r'(src|href)="(?!#)', page)


def test_page_is_the_same_for_the_same_run(run_dir: Path) -> None:
    card().save(run_dir / "scorecard.json")
    assert render_report(run_dir).read_bytes() == render_report(run_dir).read_bytes()


def test_page_of_a_run_without_scores_and_with_violations(run_dir: Path) -> None:
    RunManifest().save(run_dir / "manifest.json")
    (run_dir / "validation.json").write_text(json.dumps({"valid": False, "counts": {"repeated-track": 1200}}))
    page = render_report(run_dir).read_text()
    assert "repeated-track (1,200)" in page
    assert "<svg" not in page
    assert "Signature" not in page


def test_chart_names_categories_and_marks_the_best_of_2018_where_known() -> None:
    svg = score_chart(card())
    assert svg.startswith("<svg")
    only_own = Scorecard("s", card().overall, {"of my own": card().overall})
    assert svg.count("<use") > score_chart(only_own).count("<use")


def test_folder_that_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match=r"manifest\.json is missing"):
        render_report(tmp_path)
    (tmp_path / "manifest.json").write_text("[]")
    with pytest.raises(FormatError, match="expected a JSON object, found list"):
        render_report(tmp_path)


def test_counts_of_sources_are_summed_over_categories() -> None:
    raw = {"results": manifest().results}
    assert source_counts(raw) == {"title": 300, "popularity": 150}
    assert source_counts({"results": {"sources": {"title": 3, "popularity": 4}}}) == {
        "title": 3,
        "popularity": 4,
    }
    assert source_counts({}) == {}


def test_training_curves_are_the_numbers_of_each_record() -> None:
    assert training_curves({"results": manifest().results}) == ([1.0, 2.0], {"loss": [0.7, 0.5]}, "epoch")
    nested = {"results": {"training": {"epochs": [{"loss": 3}, {"loss": 2}]}}}
    assert training_curves(nested) == ([1.0, 2.0], {"loss": [3.0, 2.0]}, "record")
    for nothing in ({}, {"results": {"training": [{"loss": 1}]}}, {"results": {"training": 5}}):
        assert training_curves(nothing) is None


def test_nested_settings_get_dotted_names() -> None:
    assert flatten({"a": {"b": {"c": 1}, "d": [2]}, "e": None}) == {"a.b.c": 1, "a.d": [2], "e": None}


def test_command_names_the_page(run_dir: Path) -> None:
    result = CliRunner().invoke(build_app(), ["report", str(run_dir), "--json"])
    assert result.exit_code == 0
    assert json.loads(result.stdout) == {"report": str(run_dir / "report.html")}
    assert "report.html" in CliRunner().invoke(build_app(), ["report", str(run_dir)]).stdout
    assert CliRunner().invoke(build_app(), ["report", str(run_dir / "none")]).exit_code == 3
