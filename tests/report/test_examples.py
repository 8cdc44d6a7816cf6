"""The playlists that a page shows: which, and that their names are nothing but text."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import msgspec
import numpy as np
import pytest

from challenge.errors import FormatError
from challenge.manifest import Manifest, SubmissionFacts
from challenge.report.examples import (
    COUNT,
    Example,
    Examples,
    NamedTrack,
    by_score,
    make_examples,
    of_all_categories,
    proposers_of,
    read_examples,
)
from challenge.report.page import render_report
from challenge.run_folder import RunFolder
from challenge.submission.submission import Submission
from challenge.submission.team import TeamInfo
from challenge.types import Category
from tests.toy_dataset import Question, catalog_of, queries_of

HOSTILE = "</bdi></li><script>alert(1)</script>{{ 1234 * 4321 }}&\"'<img src=x onerror=alert(1)>"


def example(pid: int, **changes: object) -> Example:
    tracks = tuple(NamedTrack(f"song {rank}", "band", "title_knn", rank % 3 == 0) for rank in range(10))
    seeds = (NamedTrack("seed", "singer"),)
    plain = Example(
        pid, "title", "title_first_5", "best", 5, 20, seeds, tracks, {"ndcg": 0.25, "clicks": 3.0}
    )
    return msgspec.structs.replace(plain, **changes)


def page_of(tmp_path: Path, *playlists: Example) -> str:
    folder = RunFolder(tmp_path / "run")
    Manifest(submission=SubmissionFacts("submission.csv.gz", "ab", {})).save(folder.manifest)
    folder.submission.write_text("lists")
    folder.write_of_submission(folder.examples, msgspec.to_builtins(Examples(playlists)))
    return render_report(folder.path).read_text()


def items(page: str) -> list[str]:
    """Items of the page's lists, as text."""
    return [re.sub(r"<[^>]*>", "", each).strip() for each in re.findall(r"<li>(.*?)</li>", page)]


# -- which -----------------------------------------------------------------------------------------


def test_the_best_the_median_and_the_worst() -> None:
    ndcg = np.array([5, 0, 1, 2, 3, 4, 11, 10, 9, 8, 7, 6]) / 20
    chosen = by_score(ndcg)
    assert [place for _, place in chosen] == ["best"] * 3 + ["median"] * 4 + ["worst"] * 3
    assert [round(20 * ndcg[row]) for row, _ in chosen] == [11, 10, 9, 7, 6, 5, 4, 2, 1, 0]


@pytest.mark.parametrize("count", range(12))
def test_few_playlists_are_all_shown_once(count: int) -> None:
    chosen = [row for row, _ in by_score(np.linspace(1, 0, count))]
    assert len(chosen) == len(set(chosen)) == min(count, COUNT)
    assert chosen == sorted(chosen), "best first"


def test_without_scores_they_are_of_all_categories() -> None:
    all_kinds = [category for category in reversed(Category) for _ in range(3)]
    chosen = of_all_categories(all_kinds)
    assert [all_kinds[row] for row in chosen] == list(Category)
    assert all(row % 3 == 0 for row in chosen), "the first of each"
    two = [Category.FIRST_5] * 20 + [Category.TITLE_ONLY] * 2
    assert Counter(two[row] for row in of_all_categories(two)) == {
        Category.FIRST_5: 8,
        Category.TITLE_ONLY: 2,
    }
    assert of_all_categories([Category.FIRST_5] * 3) == [0, 1, 2]


# -- the page --------------------------------------------------------------------------------------


def test_names_sources_and_hits_are_on_the_page(tmp_path: Path) -> None:
    page = page_of(tmp_path, example(7), example(8, title=None, num_seeds=0, seeds=()))
    assert "<h2>2 of the playlists</h2>" in page
    expected = [
        f"song {rank} by band (title knn)" + (" ✓ hit" if rank % 3 == 0 else "") for rank in range(10)
    ]
    assert items(page) == expected * 2
    text = re.sub(r"<[^>]*>", "", page)
    assert "best · title first 5 · pid 7 · 20 held out · NDCG 0.250 · Clicks 3" in text
    assert "Given: seed by singer; and 4 more." in text
    assert "No title" in text
    assert "Given: the title alone." in text


def test_titles_and_names_are_text(tmp_path: Path) -> None:
    tracks = (NamedTrack(HOSTILE, HOSTILE, HOSTILE),)
    page = page_of(tmp_path, example(1, title=HOSTILE, seeds=tracks, recommended=tracks))
    assert not re.search(r"<script|<img", page)
    assert "5332114" not in page
    assert page.count("&lt;script&gt;") == 6


def test_names_are_cut_and_act_on_nothing() -> None:
    """As long as a million characters, with marks that turn the text around them and move a cursor."""
    title = "\u202e\x1b[2J" + 1_000_000 * "x"
    catalog = catalog_of([0] * 501, names=[title])
    queries = queries_of([Question(Category.TITLE_FIRST_1, title, [0])])
    submission = Submission.for_challenge(
        TeamInfo("T", "t@example.org"), queries, np.arange(1, 501, dtype=np.int32)[None], catalog.tracks
    )
    kept = Examples(sources=("popularity",), proposers=proposers_of(np.zeros((1, 500), np.int8)))
    (found,) = make_examples([(0, "")], submission, queries, catalog, kept).playlists
    assert found.title is not None
    for text in (found.title, found.seeds[0].artist, found.recommended[9].artist):
        assert text.startswith(r"\u202e\x1b[2Jxx")
        assert text.endswith("x…")
        assert len(text) == 100


def test_a_page_may_be_made_without_them(tmp_path: Path) -> None:
    page_of(tmp_path, example(7))
    page = render_report(tmp_path / "run", playlists=False).read_text()
    assert "of the playlists" not in page
    assert "song 1" not in page


def test_those_of_another_submission_are_not_shown(tmp_path: Path) -> None:
    page_of(tmp_path, example(7))
    (tmp_path / "run" / "submission.csv.gz").write_text("other lists")
    page = render_report(tmp_path / "run").read_text()
    assert "song 1" not in page
    assert "Note: examples.json is not of the submission in this folder and is not shown." in page


def test_what_are_no_examples_is_refused(tmp_path: Path) -> None:
    page_of(tmp_path)
    folder = RunFolder(tmp_path / "run")
    folder.write_of_submission(folder.examples, {"playlists": [{"pid": "one"}]})
    with pytest.raises(FormatError, match=r"examples\.json: not examples of a run"):
        read_examples(folder)
