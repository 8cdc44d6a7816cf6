"""Filling is a total function: whatever is ranked, exactly 500 distinct tracks come out, and no seed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from challenge.data.dataset import Dataset
from challenge.errors import MissingInputError
from challenge.ranking.fill import FALLBACKS, FilledLists
from challenge.ranking.fill import fill as fill_lists
from challenge.ranking.rank import RankedLists
from challenge.sources.base import IndexedQueries
from challenge.sources.popularity import by_popularity
from challenge.sources.registry import FittedSources
from challenge.types import LIST_LENGTH, Category
from tests.fitted import fit
from tests.toy_dataset import Question, catalog_of, playlists_of, queries_of

TRACKS = 620
NAMES = ("playlist_knn", "popularity")


def sources_of(questions: list[Question], tracks: int = TRACKS) -> FittedSources:
    """Playlists "a" hold tracks 600, 601 and (one of them) 602; the others the first 40, by popularity."""
    rows = [[600, 601], [600, 601, 602], *(list(range(40 - i)) for i in range(40))]
    titles = ["a", "A", *(["long"] * 40)]
    dataset = Dataset(catalog_of([0] * tracks), playlists_of(rows, titles), queries_of(questions))
    return fit(dataset, *NAMES)


def fill(sources: FittedSources, ranked: RankedLists) -> FilledLists:
    """Fill the lists of the dataset's own queries."""
    return fill_lists(sources, ranked, sources.queries())


TITLES = (None, "a", "long", "")
BASE = sources_of([Question(Category.TITLE_FIRST_5, title, []) for title in TITLES])


@st.composite
def situations(draw: st.DrawFn) -> tuple[list[Question], list[list[int]]]:
    """Seeds of up to 100 of all tracks with repeats, and a list of other tracks, best first."""
    questions, lists = [], []
    for title in TITLES:
        rng = np.random.default_rng(draw(st.integers(0, 2**32)))
        seeds = rng.integers(0, TRACKS, draw(st.sampled_from([0, 1, 5, 100]))).tolist()
        others = rng.permutation(np.setdiff1d(np.arange(TRACKS), seeds))
        ranked = others[: draw(st.sampled_from([0, 1, 250, 499, 500]))].tolist()
        questions.append(Question(Category.TITLE_FIRST_5, title, seeds))
        lists.append(ranked)
    return questions, lists


def ranked_lists(lists: list[list[int]]) -> RankedLists:
    track = np.full((len(lists), LIST_LENGTH), -1, np.int32)
    source = np.full((len(lists), LIST_LENGTH), -1, np.int8)
    for row, ranked in enumerate(lists):
        track[row, : len(ranked)] = ranked
        source[row, : len(ranked)] = np.arange(len(ranked)) % 2
    return RankedLists(track, source, NAMES)


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(situations())
def test_fill_is_total(situation: tuple[list[Question], list[list[int]]]) -> None:
    questions, lists = situation
    sources = sources_of(questions)
    filled = fill(sources, ranked_lists(lists))
    assert filled.track.shape == filled.source.shape == (len(lists), LIST_LENGTH)
    for row, (question, ranked) in enumerate(zip(questions, lists, strict=True)):
        found = filled.track[row].tolist()
        assert len(set(found)) == LIST_LENGTH
        assert all(0 <= track < TRACKS for track in found)
        assert not set(found) & set(question.seeds)
        assert found[: len(ranked)] == ranked
        assert filled.source[row, : len(ranked)].tolist() == [i % 2 for i in range(len(ranked))]
        rest = filled.source[row, len(ranked) :]
        assert (np.diff(rest) >= 0).all(), "by title first, then by popularity"
        assert set(rest.tolist()) <= {2, 3}


def test_titles_fill_before_popularity() -> None:
    filled = fill(BASE, ranked_lists([[], [], [7], []]))
    popular = by_popularity(BASE.index.popularity).tolist()
    assert popular[:3] == [0, 1, 2]
    assert filled.names == (*NAMES, *FALLBACKS)
    assert filled.track[0].tolist() == popular[:LIST_LENGTH]
    assert filled.track[1, :5].tolist() == [600, 601, 602, 0, 1]
    assert filled.source[1, :5].tolist() == [2, 2, 2, 3, 3]
    assert filled.track[2, :4].tolist() == [7, 0, 1, 2]
    assert filled.source[2, :4].tolist() == [0, 2, 2, 2]
    assert filled.source[2, 39:42].tolist() == [2, 3, 3]
    assert filled.track[3].tolist() == popular[:LIST_LENGTH]


def test_full_lists_stay_as_they_are() -> None:
    ranked = ranked_lists([list(range(i, i + LIST_LENGTH)) for i in range(4)])
    filled = fill(BASE, ranked)
    np.testing.assert_array_equal(filled.track, ranked.track)
    assert filled.track is not ranked.track


def test_popularity_ties_go_by_index() -> None:
    popular = by_popularity(BASE.index.popularity)
    assert popular[38:44].tolist() == [38, 600, 601, 39, 602, 40]
    assert sorted(popular.tolist()) == list(range(TRACKS))


def test_counts_by_category_and_source() -> None:
    filled = fill(BASE, ranked_lists([list(range(500)), [5, 6, 8], [], []]))
    first, second = Category.TITLE_ONLY, Category.FIRST_5
    counts = filled.counts((second, first, second, first))
    assert list(counts) == [first.value, second.value]
    assert counts[first.value] == {
        "playlist_knn": 2,
        "popularity": 1,
        "title fallback": 3,
        "popularity fallback": 994,
    }
    assert counts[second.value] == {
        "playlist_knn": 250,
        "popularity": 250,
        "title fallback": 40,
        "popularity fallback": 460,
    }


def test_categories_need_not_use_every_source() -> None:
    filled = fill(BASE, ranked_lists([list(range(500))] * 4))
    first = Category.TITLE_ONLY
    assert filled.counts((first,) * 4) == {first.value: {"playlist_knn": 1000, "popularity": 1000}}


def test_lists_of_several_parts_are_joined_in_order() -> None:
    lists = ranked_lists([list(range(500)), list(range(100, 600)), [7], [8]])
    filled = fill(BASE, lists)
    parts = [
        FilledLists(filled.track[rows], filled.source[rows], filled.names) for rows in (slice(1), slice(1, 4))
    ]
    joined = FilledLists.concatenate(parts)
    np.testing.assert_array_equal(joined.track, filled.track)
    np.testing.assert_array_equal(joined.source, filled.source)
    assert joined.names == filled.names


def test_seeds_take_nothing_from_what_fills() -> None:
    """However many are among the tracks of the title and the most popular ones, 500 others come."""
    rows, titles = [list(range(900)), list(range(900)), list(range(300))], ["a", "a", "b"]
    questions = [
        Question(Category.TITLE_FIRST_100, "a", list(range(300))),
        Question(Category.TITLE_FIRST_100, "b", list(range(300))),
    ]
    dataset = Dataset(catalog_of([0] * 900), playlists_of(rows, titles), queries_of(questions))
    filled = fill(fit(dataset, *NAMES), ranked_lists([[], []]))
    assert filled.track.tolist() == [list(range(300, 800))] * 2
    assert np.unique(filled.source[0]).tolist() == [2]
    assert np.unique(filled.source[1]).tolist() == [3]


@pytest.mark.parametrize(("tracks", "enough"), [(605, True), (604, False)])
def test_too_small_a_catalog_is_an_error(tracks: int, enough: bool) -> None:
    """Of 605 tracks 105 are seeds, repeats not counted."""
    seeds = [*range(100), 0, 1, *range(100, 105)]
    questions = [Question(Category.TITLE_ONLY, "a", []), Question(Category.TITLE_FIRST_100, None, seeds)]
    sources = sources_of(questions, tracks)
    lists = ranked_lists([[], []])
    if enough:
        assert sorted(fill(sources, lists).track[1].tolist()) == list(range(105, 605))
        return
    with pytest.raises(MissingInputError) as caught:
        fill(sources, lists)
    assert caught.value.message == (
        "playlist 1000001: 499 tracks to choose from in all; expected at least 500"
    )
    assert caught.value.hint == "take more slices of the MPD"


def test_no_queries_need_no_tracks() -> None:
    base = BASE.context.dataset
    dataset = replace(base, queries=queries_of([]), catalog=catalog_of([0] * 603))
    filled = fill(fit(dataset, *NAMES), ranked_lists([]))
    assert filled.track.shape == (0, LIST_LENGTH)
    assert filled.counts(()) == {}


def test_strangers_are_filled_by_their_own_titles_and_seeds() -> None:
    questions = [Question(Category.TITLE_ONLY, "a", [600]), Question(Category.TITLE_ONLY, "long", [1, 2])]
    queries = IndexedQueries.strangers(BASE.index, queries_of(questions))
    filled = fill_lists(BASE, ranked_lists([[], [7]]), queries)
    assert filled.track[0, :4].tolist() == [601, 602, 0, 1]
    assert filled.track[1, :4].tolist() == [7, 0, 3, 4]
    assert not np.isin(filled.track[1], [1, 2]).any()
