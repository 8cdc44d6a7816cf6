"""Why a candidate has its score: groups of features, seeds and words."""

from __future__ import annotations

from typing import cast

import numpy as np
import pytest

from challenge.data.dataset import Dataset, Queries
from challenge.errors import InvariantError
from challenge.ranking.explain import (
    _GROUPS,
    feature_group,
    grouped_contributions,
    speaking_seeds,
    speaking_words,
)
from challenge.ranking.features import feature_names
from challenge.ranking.ranker import Ranker
from challenge.sources.postings import PlaylistIndex, build_index
from challenge.sources.registry import SOURCES
from challenge.sources.title_groups import TitleGroups, group_titles
from tests.toy_dataset import catalog_of, playlists_of

ROWS = [[0, 1], [0, 1, 2], [0, 3, 3], [2, 3], [4], [4, 1]]
TITLES = ["Road Trip", "road!", "Road trip 🎸", "trip", None, "Zoë"]


@pytest.fixture(scope="module")
def known() -> tuple[PlaylistIndex, TitleGroups]:
    dataset = Dataset(catalog_of([0] * 6), playlists_of(ROWS, TITLES), Queries.none())
    return build_index(dataset), group_titles(dataset.playlists)


def seeds_for(index: PlaylistIndex, seeds: list[int], track: int, **changes: int) -> list[tuple[int, float]]:
    return speaking_seeds(index, np.array(seeds, np.int32), track, **changes)


def test_seeds_speak_by_the_share_of_their_playlists(known: tuple[PlaylistIndex, TitleGroups]) -> None:
    index, _ = known
    # Track 1 stands in rows 0, 1 and 5; seed 0 in 0, 1, 2; seed 2 in 1, 3; seed 3 in 2, 3; seed 4 in 4, 5.
    assert seeds_for(index, [3, 2, 0, 4], 1) == [(0, 2 / 3), (2, 1 / 2), (4, 1 / 2)]
    assert seeds_for(index, [3, 2, 0, 4], 1, count=1) == [(0, 2 / 3)]
    assert seeds_for(index, [4, 2], 1) == [(4, 1 / 2), (2, 1 / 2)], "equal ones in the order of the playlist"
    assert seeds_for(index, [3], 1) == []
    assert seeds_for(index, [5], 1) == [], "a seed that no playlist holds"
    assert seeds_for(index, [0], 5) == [], "a track that no playlist holds"
    assert seeds_for(index, [], 1) == []


def test_words_speak_by_the_share_of_the_playlists_so_titled(
    known: tuple[PlaylistIndex, TitleGroups],
) -> None:
    index, groups = known
    # "road" stands over rows 0, 1, 2, "trip" over 0, 2, 3, "🎸" over 2, "zoe" over 5.
    assert speaking_words(index, groups, "ROAD, trip: 🎸", 3) == [
        ("🎸", 1.0),
        ("trip", 2 / 3),
        ("road", 1 / 3),
    ]
    assert speaking_words(index, groups, "road trip 🎸", 1) == [("road", 2 / 3), ("trip", 1 / 3)]
    assert speaking_words(index, groups, "zoe road road", 1) == [("zoe", 1.0), ("road", 2 / 3)]
    assert speaking_words(index, groups, "nowhere", 1) == []
    for title in (None, "", "!!"):
        assert speaking_words(index, groups, title, 1) == []


def test_every_feature_has_its_group() -> None:
    names = feature_names(tuple(SOURCES))
    groups = {name: feature_group(name, tuple(SOURCES)) for name in names}
    assert {name for features in _GROUPS.values() for name in features} <= set(names), "none that is no more"
    for source in SOURCES:
        own = [name for name, group in groups.items() if group == source.replace("_", " ")]
        of_all = [f"{source}_{kind}" for kind in ("score", "rank", "relative")]
        assert own == of_all + [name for name in names if name.startswith(f"{source}_cosine_")]
    expected = {
        "title_share": "title",
        "query_seeds": "the playlist itself",
        "pair_same_album": "artist and album",
        "next_mean": "order of tracks",
        "best_rank": "agreement of the sources",
        "cosine_mean": "tracks in the same playlists",
        "pair_confidence_sum": "tracks in the same playlists",
        "popularity": "popularity, age and length",
        "duration_gap": "popularity, age and length",
    }
    assert {name: groups[name] for name in expected} == expected


class FakeRanker:
    """Says that features add what is given, and that all start from the last column."""

    names = ("knn_score", "knn_rank", "title_share", "popularity")

    def __init__(self, contributions: list[list[float]]) -> None:
        self._found = np.array(contributions)

    def contributions(self, features: np.ndarray) -> np.ndarray:
        return self._found


def grouped(contributions: list[list[float]], scores: list[float]) -> list[dict[str, float]]:
    features = np.zeros((len(scores), 4), np.float32)
    ranker = cast(Ranker, FakeRanker(contributions))
    return grouped_contributions(ranker, features, np.array(scores, np.float32), ["knn"])


def test_contributions_are_summed_by_group_greatest_first() -> None:
    found = grouped([[0.5, 0.25, -3.0, 0.125, -1.0], [0.0, 0.0, 0.0, 2.0, -1.0]], [-3.125, 1.0])
    assert [list(each.items()) for each in found] == [
        [("title", -3.0), ("start", -1.0), ("knn", 0.75), ("popularity, age and length", 0.125)],
        [("popularity, age and length", 2.0), ("start", -1.0), ("knn", 0.0), ("title", 0.0)],
    ]


def test_contributions_that_do_not_sum_to_the_score_are_a_mistake_of_ours() -> None:
    grouped([[0.5, 0, 0, 0, 0]], [0.5005])
    with pytest.raises(InvariantError, match="do not sum up to the score"):
        grouped([[0.5, 0, 0, 0, 0]], [0.51])
