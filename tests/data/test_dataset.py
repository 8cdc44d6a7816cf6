"""A dataset as others take it: as a graph of torch-geometric, as columns, as frames."""

from __future__ import annotations

import sys
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from challenge.data.dataset import Dataset, Queries
from challenge.types import Category
from tests.toy_dataset import Question, catalog_of, playlists_of, queries_of


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    """Five tracks by three artists; three playlists, one without a title; two queries."""
    questions = [
        Question(Category.TITLE_RANDOM_25, "trip", [4, 1], [3, 9]),
        Question(Category.TITLE_ONLY, "new", []),
    ]
    return Dataset(
        catalog_of([0, 0, 1, 2, 2], [0, 1, 2, 2, 3], ["Ann", "Bob", "Zoë"]),
        playlists_of([[0, 1, 0], [2], []], ["Road trip", None, "road trip!"]),
        queries_of(questions),
    )


# -- torch-geometric --------------------------------------------------------------------------------


def test_the_graph_of_torch_geometric(dataset: Dataset) -> None:
    import torch

    data = dataset.to_pyg()
    assert data["playlist"].num_nodes == 5
    assert data["track"].num_nodes == 5
    assert data["word"].text == ["=road trip", "road", "trip", "=trip", "=new", "new"]
    assert data["word"].num_nodes == 6
    holds = data["playlist", "holds", "track"]
    assert holds.edge_index.tolist() == [[0, 0, 0, 1, 3, 3], [0, 1, 0, 2, 4, 1]]
    assert holds.position.tolist() == [0, 1, 2, 0, 3, 9]
    titled = data["playlist", "titled", "word"]
    assert titled.edge_index.tolist() == [[0, 0, 0, 2, 2, 2, 3, 3, 4, 4], [0, 1, 2, 0, 1, 2, 3, 2, 4, 5]]
    for tensor in (holds.edge_index, holds.position, titled.edge_index):
        assert tensor.dtype == torch.int64
        assert tensor.is_contiguous()
    assert data.validate()
    assert data.node_types == ["playlist", "track", "word"]


def test_a_graph_of_nothing(dataset: Dataset) -> None:
    empty = replace(dataset, playlists=playlists_of([], []), queries=Queries.none())
    data = empty.to_pyg()
    assert (data["playlist"].num_nodes, data["word"].num_nodes) == (0, 0)
    assert data["playlist", "holds", "track"].edge_index.shape == (2, 0)
    assert data["playlist", "titled", "word"].edge_index.shape == (2, 0)


# -- columns ----------------------------------------------------------------------------------------


def as_lists(columns: dict[str, Any]) -> dict[str, list[Any]]:
    return {name: list(np.asarray(values, object)) for name, values in columns.items()}


def test_columns_of_the_playlists(dataset: Dataset) -> None:
    day = 86_400
    assert as_lists(dataset.playlists.columns()) == {
        "pid": [0, 1, 2],
        "title": ["Road trip", None, "road trip!"],
        "num_followers": [1, 1, 1],
        "num_edits": [1, 1, 1],
        "modified_at": [1_500_000_000, 1_500_000_000 + day, 1_500_000_000 + 2 * day],
        "num_tracks": [3, 1, 0],
    }
    untitled = playlists_of([[0], [1]], [None, None])
    assert untitled.columns()["title"] == [None, None]
    assert [len(values) for values in playlists_of([], []).columns().values()] == [0] * 6


def test_columns_of_the_tracks(dataset: Dataset) -> None:
    assert dataset.tracks is dataset.catalog
    assert as_lists(dataset.tracks.columns()) == {
        "track_uri": [f"spotify:track:T{i:021d}" for i in range(5)],
        "track_name": [f"Song {i}" for i in range(5)],
        "artist_uri": [f"spotify:artist:A{i:021d}" for i in (0, 0, 1, 2, 2)],
        "artist_name": ["Ann", "Ann", "Bob", "Zoë", "Zoë"],
        "album_uri": [f"spotify:album:B{i:021d}" for i in (0, 1, 2, 2, 3)],
        "duration_ms": [200_000, 201_000, 202_000, 203_000, 204_000],
    }
    assert [len(values) for values in catalog_of([]).columns().values()] == [0] * 6


@pytest.mark.parametrize("part", ["playlists", "tracks"])
def test_frames_are_made_of_the_columns(dataset: Dataset, monkeypatch: pytest.MonkeyPatch, part: str) -> None:
    monkeypatch.setitem(sys.modules, "polars", SimpleNamespace(DataFrame=lambda data: ("polars", data)))
    monkeypatch.setitem(sys.modules, "pyarrow", SimpleNamespace(table=lambda data: ("pyarrow", data)))
    table = getattr(dataset, part)
    for kind, (made_by, columns) in (("polars", table.to_polars()), ("pyarrow", table.to_arrow())):
        assert made_by == kind
        assert as_lists(columns) == as_lists(table.columns())


def test_without_these_packages_python_says_so(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("polars", "pyarrow"):
        monkeypatch.setitem(sys.modules, name, None)
    for make in (dataset.playlists.to_polars, dataset.tracks.to_polars):
        with pytest.raises(ModuleNotFoundError, match="polars"):
            make()
    for make in (dataset.playlists.to_arrow, dataset.tracks.to_arrow):
        with pytest.raises(ModuleNotFoundError, match="pyarrow"):
            make()


# -- queries ----------------------------------------------------------------------------------------


def test_no_queries() -> None:
    none = Queries.none()
    assert len(none) == 0
    assert none.num_tracks.tolist() == []
    questions = queries_of([Question(Category.FIRST_5, None, [1, 2], num_holdouts=3)])
    both = Queries.concatenate([none, questions, none])
    assert both.num_tracks.tolist() == [5]
    assert both.take([]).pid.tolist() == []


def test_the_fingerprint_is_of_tracks_and_playlists_in_order(dataset: Dataset) -> None:
    same = replace(dataset, playlists=dataset.playlists.take([0, 1, 2]))
    assert same.fingerprint() == dataset.fingerprint()
    others = [
        replace(dataset, playlists=dataset.playlists.take([0, 2, 1])),
        replace(dataset, playlists=dataset.playlists.take([0, 1])),
        replace(dataset, queries=dataset.queries.take([1, 0])),
        replace(dataset, catalog=catalog_of([0, 0, 1, 2])),
    ]
    assert len({each.fingerprint() for each in (dataset, *others)}) == 5
