from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from challenge.cli.app import build_app
from challenge.errors import FormatError, MissingInputError
from challenge.evaluation.metrics import MetricValues
from challenge.evaluation.scorecard import PlaylistScores, Scorecard, make_scorecard
from challenge.manifest import (
    Command,
    DatasetFacts,
    Epoch,
    Input,
    Inputs,
    Manifest,
    MeanScore,
    RankerFacts,
    SubmissionFacts,
    TrainingFacts,
    ValidationScores,
)
from challenge.profile import Profile, StageCost
from challenge.report.page import flatten, render_report, source_counts, training_curves
from challenge.run_folder import RunFolder
from challenge.workflows.record import coverage_of


def card() -> Scorecard:
    rng = np.random.default_rng(0)
    values = MetricValues(rng.random(40), rng.random(40), rng.integers(0, 52, 40).astype(float))
    categories = ("title_only", "first_5", "title_random_25", "of my own") * 10
    return make_scorecard(
        PlaylistScores(np.arange(40, dtype=np.int32), categories, values), "r:x|seed:0", notes=("a note",)
    )


def manifest() -> Manifest:
    epochs = (Epoch(0, ndcg=0.1), Epoch(1, 0.7, 0.2), Epoch(2, 0.5))
    counts = {"title_only": {"title": 300, "popularity": 100}, "first_5": {"popularity": 50}}
    return Manifest(
        commands=[Command("challenge run --mpd mpd.zip", "2026-02-03T04:05:06+00:00", 11.8)],
        config={"model": {"embedding_size": 64}},
        seed=7,
        inputs=Inputs(Input("mpd.zip", "zip", "sha256:0123abcd"), Input("c.json", "json", "md5:1")),
        profile=Profile(
            {"prepare": StageCost(1.5, 2_000_000_000), "train": StageCost(10.25, 3_500_000_000)},
            {"train": {"factors": StageCost(9, 1_000_000_000)}},
        ),
        lightgcn=(TrainingFacts(epochs=epochs),),
        submission=SubmissionFacts("submission.csv.gz", "ab", counts),
    )


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    folder = RunFolder(tmp_path / "my <run>")
    manifest().save(folder.manifest)
    folder.submission.write_text("lists")
    return folder.path


def keep_scorecard(run_dir: Path) -> None:
    folder = RunFolder(run_dir)
    folder.write_of_submission(folder.scorecard, card().to_dict())


def keep_validation(run_dir: Path, **content: object) -> None:
    folder = RunFolder(run_dir)
    folder.write_of_submission(folder.validation, content)


def test_page_of_a_scored_run(run_dir: Path) -> None:
    keep_scorecard(run_dir)
    keep_validation(run_dir, valid=True, playlists=1000, counts={})
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
    assert page.count("<svg") == 6
    assert "model.embedding_size" in page
    assert "<code>challenge run --mpd mpd.zip</code>" in page
    assert "<code>sha256:0123abcd</code>" in page
    assert "Note: " not in page.replace("Note: a note.", "")
    assert "2026-02-03 04:05 UTC" in page
    assert re.search(
        r"<th scope=\"row\">all</th><td class=\"number\">11\.8</td><td class=\"number\">3\.50</td>", page
    )


def test_what_is_listed_is_written_for_people_and_tells_of_nothing_unused(run_dir: Path) -> None:
    facts = manifest()
    facts.dataset = DatasetFacts(1, 0, 0, 0, 16_019, 1_000_000, 73_927, False)
    facts.lightgcn = (TrainingFacts(seconds_per_step=0.30469983602488354, stopped="plateau"),)
    facts.config = {"sources": {"names": ["ials"], "ials": {"weight": 0.7}, "title_knn": {"weight": 0.5}}}
    facts.save(run_dir / "manifest.json")
    listed = dict(
        re.findall(
            r'<th scope="row">([^<]*)</th><td><code>([^<]*)</code></td>', render_report(run_dir).read_text()
        )
    )
    assert listed["playlists"] == "16,019"
    assert listed["official challenge set"] == "no"
    assert listed["seconds per step"] == "0.3047"
    assert listed["sources.names"] == "ials"
    assert listed["sources.ials.weight"] == "0.7"
    assert "sources.title_knn.weight" not in listed


def test_importance_and_shares_by_number_of_seeds_are_shown(run_dir: Path) -> None:
    facts = manifest()
    facts.ranker = RankerFacts(5, 100, {f"feature_{number}": 0.05 - number / 1000 for number in range(30)})
    facts.save(run_dir / "manifest.json")
    page = render_report(run_dir).read_text()
    assert "feature 0: 5.0%" in page
    assert "feature 20" not in page  # the first twenty
    assert (
        '<th scope="row">popularity</th><td class="number">25.0 %</td><td class="number">100.0 %</td>' in page
    )
    assert "Not scored" in page


def test_recall_of_candidates_is_shown_in_the_order_of_the_challenge(run_dir: Path) -> None:
    facts = manifest()
    facts.ranker = RankerFacts(5, 100, {}, {"title_random_100": 0.625, "title_only": 0.25})
    facts.save(run_dir / "manifest.json")
    page = render_report(run_dir).read_text()
    assert page.index("title only: 25.0%") < page.index("title random 100: 62.5%")


def test_without_answers_the_scores_on_training_queries_are_shown(run_dir: Path) -> None:
    assert "is the only figure of this run" in render_report(run_dir).read_text()
    facts = manifest()
    scores = ValidationScores(300, MeanScore(0.21256, 0.01), MeanScore(0.4, 0.0123), MeanScore(1.5, 0.25))
    facts.ranker = RankerFacts(5, 100, validation=scores)
    facts.save(run_dir / "manifest.json")
    page = render_report(run_dir).read_text()
    assert "Not scored" in page
    assert "is the only figure of this run" not in page
    table = page[page.index("Estimated on 300 training playlists") :]
    table = table[: table.index("</table>")]
    assert re.findall(r"<td[^>]*>([^<]*)</td>", table) == [
        "0.2126",
        "0.0100",
        "0.4000",
        "0.0123",
        "1.500",
        "0.250",
    ]


def test_quartiles_count_each_place() -> None:
    lists = np.array([[0, 1], [0, 2]], np.int32)
    coverage = coverage_of(lists, np.array([4, 1, 2, 9], np.float32))
    assert (coverage.tracks, coverage.catalogue) == (3, 4)
    assert coverage.recommended == (1.0, 2.0, 4.0)  # of 1, 2, 4, 4
    assert coverage.training == (4.0, 9.0, 9.0)  # of 1, 2 2, four of 4, nine of 9


def test_page_needs_no_other_file(run_dir: Path) -> None:
    keep_scorecard(run_dir)
    page = render_report(run_dir).read_text()
    assert not re.search(r"<script|<link|<img|@import|url\((?!#)", page)
    assert not re.search(r'(src|href)="(?!#)', page)


def test_page_is_the_same_for_the_same_run(run_dir: Path) -> None:
    keep_scorecard(run_dir)
    assert render_report(run_dir).read_bytes() == render_report(run_dir).read_bytes()


def test_page_of_a_run_without_scores_and_with_violations(run_dir: Path) -> None:
    Manifest().save(run_dir / "manifest.json")
    keep_validation(run_dir, valid=False, counts={"repeated-track": 1200})
    page = render_report(run_dir).read_text()
    assert "repeated-track (1,200)" in page
    assert "<svg" not in page
    assert "Signature" not in page


def test_2018_is_shown_only_beside_the_official_challenge_set(run_dir: Path) -> None:
    folder = RunFolder(run_dir)
    folder.write_of_submission(folder.scorecard, card().to_dict())
    sample = render_report(run_dir).read_text()
    assert "Not the official challenge set" in sample
    assert not re.search(r"winner|113 teams|class=\"best\"|best of 2018", sample)
    official = manifest()
    official.dataset = DatasetFacts(1, 0, 0, 0, 1, 1, 1, True)
    official.save(folder.manifest)
    page = render_report(run_dir).read_text()
    assert page.count("2018's winner: ") == 3
    assert "113 teams" in page
    assert "Not the official challenge set" not in page
    assert page.count('class="best"') == 3 * 3  # none for the category of one's own


def test_folder_that_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match=r"manifest\.json is missing"):
        render_report(tmp_path)
    (tmp_path / "manifest.json").write_text("[]")
    with pytest.raises(FormatError, match="expected a JSON object, found list"):
        render_report(tmp_path)


def test_scores_and_checks_of_another_submission_are_not_shown(run_dir: Path) -> None:
    keep_scorecard(run_dir)
    keep_validation(run_dir, valid=True, playlists=1000, counts={})
    (run_dir / "submission.csv.gz").write_text("other lists")
    page = render_report(run_dir).read_text()
    assert "Signature" not in page
    assert "The submission is valid" not in page
    for name in ("scorecard.json", "validation.json"):
        assert f"Note: {name} is not of the submission in this folder and is not shown." in page


def test_a_validation_that_is_none_is_refused(run_dir: Path) -> None:
    keep_validation(run_dir, valid="yes")
    with pytest.raises(FormatError, match=r"validation\.json: not a validation .*valid"):
        render_report(run_dir)


def test_counts_of_sources_are_summed_over_categories() -> None:
    assert source_counts(manifest()) == {"title": 300, "popularity": 150}
    assert source_counts(Manifest()) == {}


def test_training_curves_are_loss_and_ndcg_where_an_epoch_has_them() -> None:
    assert training_curves(manifest()) == {"loss": [(1, 0.7), (2, 0.5)], "ndcg": [(0, 0.1), (1, 0.2)]}
    once = Manifest(lightgcn=(TrainingFacts(epochs=(Epoch(0, ndcg=0.1), Epoch(1, 0.7))),))
    assert training_curves(once) == {}, "a point is no curve"
    assert training_curves(Manifest()) == {}


def test_nested_settings_get_dotted_names() -> None:
    assert flatten({"a": {"b": {"c": 1}, "d": [2]}, "e": None}) == {"a.b.c": 1, "a.d": [2], "e": None}


def test_command_names_the_page(run_dir: Path) -> None:
    result = CliRunner().invoke(build_app(), ["report", str(run_dir), "--json"])
    assert result.exit_code == 0
    assert json.loads(result.stdout) == {"report": str(run_dir / "report.html")}
    assert "report.html" in CliRunner().invoke(build_app(), ["report", str(run_dir)]).stdout
    assert CliRunner().invoke(build_app(), ["report", str(run_dir / "none")]).exit_code == 3
