"""Tables of scores fit a terminal of 80 columns, and a file, with every cell on one line."""

from __future__ import annotations

import numpy as np
import pytest

from challenge.cli.compare import _show
from challenge.cli.console import make_table, show
from challenge.cli.score import show_card
from challenge.evaluation.metrics import MetricValues
from challenge.evaluation.scorecard import PlaylistScores, Scorecard, compare_paired, make_scorecard
from challenge.profile import StageCost
from challenge.types import Category
from challenge.workflows.compare import Comparison
from challenge.workflows.systems import USUAL

PER_CATEGORY = 40
LABELS = tuple(category.value for category in Category for _ in range(PER_CATEGORY))
NAMES = [category.value.replace("_", " ") for category in Category]


def scores(level: float) -> PlaylistScores:
    """Scores round a level, their clicks in two digits; at level 1 R-precision and NDCG are all 1."""
    rng = np.random.default_rng(round(level * 100))
    shares = np.clip(level + 0.2 * rng.standard_normal((2, len(LABELS))), 0, 1) if level < 1 else 1.0
    r_precision, ndcg = np.broadcast_to(shares, (2, len(LABELS)))
    values = MetricValues(r_precision, ndcg, 51 - 10 * rng.random(len(LABELS)))
    return PlaylistScores(np.arange(len(LABELS), dtype=np.int32), LABELS, values)


@pytest.fixture(params=["a terminal's width", "no width named"], autouse=True)
def width(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "no width named":
        monkeypatch.delenv("COLUMNS", raising=False)
    else:
        monkeypatch.setenv("COLUMNS", "80")


def table_lines(printed: str) -> list[str]:
    lines = [line for line in printed.splitlines() if not line.startswith("signature ")]
    assert max(map(len, lines)) <= 80
    return [line.strip() for line in lines if line.strip() and "─" not in line]


def card(level: float) -> Scorecard:
    return make_scorecard(scores(level), "signature")


@pytest.mark.parametrize("level", [0.2, 1.0])
def test_a_scorecard(level: float, capsys: pytest.CaptureFixture[str]) -> None:
    made = card(level)
    show_card(made)
    heading, *rows, note, _ = [*table_lines(capsys.readouterr().out), "signature"]
    assert heading.split("  ")[0] == "category"
    assert len(rows) == 11, "no row takes two lines"
    for line, name in zip(rows, [*NAMES, "all"], strict=True):
        score = made.overall if name == "all" else made.by_category[name.replace(" ", "_")]
        half = (score.clicks.high - score.clicks.low) / 2
        assert line.removeprefix(name).split() == [
            str(score.n_playlists),
            f"{score.r_precision.mean:.4f}",
            f"±{(score.r_precision.high - score.r_precision.low) / 2:.4f}",
            f"{score.ndcg.mean:.4f}",
            f"±{(score.ndcg.high - score.ndcg.low) / 2:.4f}",
            f"{score.clicks.mean:.3f}",
            f"±{half:.3f}",
        ]
    assert note == "± half the width of the 95 % bootstrap interval; --json tells its ends"


def test_the_counts_of_the_whole_challenge_fit(capsys: pytest.CaptureFixture[str]) -> None:
    made = card(0.2)
    whole = Scorecard(made.signature, made.overall.__class__(10_000, *list(vars(made.overall).values())[1:]),
                      made.by_category)  # fmt: skip
    show_card(whole)
    assert any(line.startswith("all") and "10,000" in line for line in table_lines(capsys.readouterr().out))


def test_a_comparison_of_the_usual_systems(capsys: pytest.CaptureFixture[str]) -> None:
    levels = dict(zip(USUAL, (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 1.0), strict=True))
    found = {name: scores(level) for name, level in levels.items()}
    cards = {name: make_scorecard(each, "signature") for name, each in found.items()}
    differences = {
        name: compare_paired(each, found["full"]) for name, each in found.items() if name != "full"
    }
    _show(Comparison(cards, "full", differences), by_category=True)
    lines = table_lines(capsys.readouterr().out)
    overall, by_category = lines[: 1 + len(USUAL)], lines[1 + len(USUAL) :]
    assert [line.split()[0] for line in overall] == ["system", *USUAL]
    for line, name in zip(overall[1:], USUAL, strict=True):
        mark = "" if name == "full" else "*"
        assert line.split()[1] == f"{cards[name].overall.r_precision.mean:.4f}{mark}"
    assert [by_category[i] for i in (0, 12, 24)] == ["R-precision", "NDCG", "clicks"]
    for start in (0, 12, 24):
        assert by_category[start + 1].split() == ["category", *USUAL]
        for line, name in zip(by_category[start + 2 : start + 12], NAMES, strict=True):
            assert line.startswith(name), "no row takes two lines"
            assert len(line.removeprefix(name).split()) == len(USUAL)
    assert by_category[36:] == [
        "± half the width of the 95 % bootstrap interval; --json tells its ends",
        "* differs from full with p < 0.05, paired sign-flip test",
    ]


def test_what_fitting_costs_stands_below(capsys: pytest.CaptureFixture[str]) -> None:
    found = {"ials": scores(0.2), "lightgcn": scores(0.3)}
    cards = {name: make_scorecard(each, "signature") for name, each in found.items()}
    differences = {"ials": compare_paired(found["ials"], found["lightgcn"])}
    costs = {"ials": StageCost(4.0, 2_000_000_000), "lightgcn": StageCost(75.0, 3_000_000_000)}
    _show(Comparison(cards, "lightgcn", differences, costs, {"lightgcn": 1.5}), by_category=False)
    lines = table_lines(capsys.readouterr().out)
    start = lines.index("fitting")
    assert [line.split() for line in lines[start + 1 : start + 4]] == [
        ["time", "peak", "memory", "an", "epoch"],
        ["ials", "4.0", "s", "2.0", "GB"],
        ["lightgcn", "1", "min", "15", "s", "3.0", "GB", "1.5", "s"],
    ]


def test_titles_and_lines_are_shown_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    show(make_table("[red]road[/red] :guitar:", ("a", "b"), [("x" * 40, 2)]), "[bold] :car:")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].strip() == "[red]road[/red] :guitar:"
    assert lines[-1] == "[bold] :car:"
