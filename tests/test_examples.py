"""The examples do what the documentation says of them."""

from __future__ import annotations

import tomllib
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from challenge.cli.app import build_app
from challenge.recommender import Recommender
from challenge.sources.base import IndexedQueries
from challenge.sources.embedding import FittedVectors
from tests.tiny_runs import TinySample

EXAMPLE = Path(__file__).parents[1] / "examples" / "textbook_lightgcn"


pytestmark = pytest.mark.usefixtures("single_thread")


def test_it_has_at_most_40_lines_and_the_name_of_its_entry_point() -> None:
    lines = (EXAMPLE / "textbook_lightgcn.py").read_text("utf-8").splitlines()
    assert 20 < len(lines) <= 40
    project = tomllib.loads((EXAMPLE / "pyproject.toml").read_text("utf-8"))
    assert project["project"]["entry-points"]["challenge.sources"] == {
        "lightgcn_textbook": "textbook_lightgcn:TextbookLightGCN"
    }
    assert project["tool"]["setuptools"]["py-modules"] == ["textbook_lightgcn"]


def test_the_textbook_lightgcn_trains_as_a_source_and_is_asked(
    sample: TinySample, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(EXAMPLE)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "small_textbook.py").write_text(
        "from functools import partial\nfrom textbook_lightgcn import TextbookLightGCN\n"
        "small = partial(TextbookLightGCN, embedding_size=4, epochs=1)\n"
    )
    (tmp_path / "config.toml").write_text("[ranker]\nnum_queries = 60\nnum_iterations = 10\n")
    paths = ["--mpd", sample.mpd, "--challenge", sample.challenge, "--cache", sample.cache]
    options = [
        "--config",
        tmp_path / "config.toml",
        "--output",
        tmp_path / "out",
        "--threads",
        "1",
        "--quiet",
    ]
    options += ["--sources", "title_knn", "--source", "lightgcn_textbook=small_textbook:small"]
    result = CliRunner().invoke(build_app(), ["train", *map(str, [*paths, *options])])
    assert result.exit_code == 0, result.output
    recommender = Recommender.load(tmp_path / "out" / "recommender")
    assert recommender.sources.names == ("title_knn", "lightgcn_textbook")
    source = recommender.sources.fitted["lightgcn_textbook"]
    assert isinstance(source, FittedVectors)
    context = recommender.sources.context
    assert source.rows.shape == (context.graph.n_rows, 4)
    assert source.tracks.vectors.shape == (context.dataset.n_tracks, 4)
    assert np.isfinite(source.rows).all()
    assert np.isfinite(source.tracks.vectors).all()
    assert recommender.ranker is not None
    assert "lightgcn_textbook_rank" in recommender.ranker.names
    filled = recommender.fill()
    assert (filled.source == 1).any(), "it proposes tracks"
    strangers = IndexedQueries.strangers(context.index, context.dataset.queries.take([40, 41]))
    scores = source.score(strangers.batch(0, 2))
    assert (scores.best(10) == -1).all(), "of playlists that are no rows of the index it knows nothing"
    assert scores.of(np.array([0, 1], np.int32), np.array([0, 1], np.int32)).tolist() == [0, 0]
