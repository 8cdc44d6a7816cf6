"""Playlists as their owners have them, and the queries made of them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from challenge.data.dataset import Dataset, Queries
from challenge.errors import InputError
from challenge.playlist import Playlist, as_queries, nearest_category, track_indices
from challenge.types import Category
from tests.toy_dataset import Question, catalog_of, playlists_of, queries_of

IDS = [f"T{i:021d}" for i in range(30)]
URIS = [f"spotify:track:{each}" for each in IDS]


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    """30 tracks; queries of two kinds that lack 4, 8 and 30, and 7 tracks."""
    kinds = [(Category.FIRST_5, 4), (Category.FIRST_5, 8), (Category.FIRST_5, 30), (Category.TITLE_ONLY, 7)]
    questions = [Question(kind, None, [], num_holdouts=number) for kind, number in kinds]
    return Dataset(catalog_of([0] * 30), playlists_of([range(30)], ["all"]), queries_of(questions))


# -- the nearest kind -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("title", "count", "ordered", "expected"),
    [
        ("rock", 0, True, Category.TITLE_ONLY),
        ("rock", 0, False, Category.TITLE_ONLY),
        ("rock", 1, True, Category.TITLE_FIRST_1),
        (None, 1, True, Category.TITLE_FIRST_1),
        ("rock", 2, True, Category.TITLE_FIRST_1),  # 2 / 1 < 5 / 2
        ("rock", 3, True, Category.TITLE_FIRST_5),  # 5 / 3 < 3 / 1
        (None, 3, True, Category.FIRST_5),
        ("rock", 5, True, Category.TITLE_FIRST_5),
        (None, 5, True, Category.FIRST_5),
        (" ", 5, True, Category.FIRST_5),
        ("rock", 7, True, Category.TITLE_FIRST_5),  # 7 / 5 < 10 / 7
        ("rock", 8, True, Category.TITLE_FIRST_10),
        (None, 10, True, Category.FIRST_10),
        (None, 15, True, Category.FIRST_10),  # 15 / 10 < 25 / 15
        (None, 16, True, Category.TITLE_FIRST_25),
        ("rock", 25, True, Category.TITLE_FIRST_25),
        ("rock", 49, True, Category.TITLE_FIRST_25),
        ("rock", 51, True, Category.TITLE_FIRST_100),
        (None, 500, True, Category.TITLE_FIRST_100),
        ("rock", 5, False, Category.TITLE_FIRST_5),
        ("rock", 12, False, Category.TITLE_FIRST_10),
        ("rock", 13, False, Category.TITLE_RANDOM_25),
        (None, 25, False, Category.TITLE_RANDOM_25),
        ("rock", 51, False, Category.TITLE_RANDOM_100),
        (None, 500, False, Category.TITLE_RANDOM_100),
    ],
)
def test_nearest_category(title: str | None, count: int, ordered: bool, expected: Category) -> None:
    assert nearest_category(Playlist(title, ["x"] * count, ordered=ordered)) == expected


@pytest.mark.parametrize("category", list(Category))
def test_each_kind_is_nearest_to_itself(category: Category) -> None:
    title = "rock" if category.has_title else None
    playlist = Playlist(title, ["x"] * category.seed_count, ordered=not category.is_random)
    assert nearest_category(playlist) == category


# -- tracks -----------------------------------------------------------------------------------------


def test_uris_links_and_ids_name_the_same_track(dataset: Dataset) -> None:
    texts = [
        URIS[7],
        IDS[7],
        f" {URIS[7]}\n",
        f"https://open.spotify.com/track/{IDS[7]}",
        f"http://open.spotify.com/track/{IDS[7]}?si=0123",
        f"https://open.spotify.com/intl-de/track/{IDS[7]}?si=0123",
    ]
    assert track_indices(texts, dataset.catalog).tolist() == [7] * len(texts)
    assert track_indices([], dataset.catalog).shape == (0,)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Hello",
        IDS[0][:-1],
        IDS[0] + "0",
        IDS[0][:-1] + "-",
        f"spotify:album:{IDS[0]}",
        f"https://open.spotify.com/album/{IDS[0]}",
        f"https://openxspotify.com/track/{IDS[0]}",
        f"{URIS[0]} {URIS[1]}",
    ],
)
def test_text_that_is_no_track_is_told_with_its_place(dataset: Dataset, text: str) -> None:
    with pytest.raises(InputError) as caught:
        track_indices([URIS[0], text], dataset.catalog, where="here")
    assert caught.value.message.startswith(f"here[1] is {text!r}; expected a track such as spotify:track:")
    assert "challenge search" in str(caught.value.hint)


def test_an_unknown_track_is_told_with_its_place(dataset: Dataset) -> None:
    stranger, other = "spotify:track:" + "z" * 22, "y" * 22
    with pytest.raises(InputError) as caught:
        as_queries([Playlist("rock"), Playlist("jazz", [URIS[0], stranger])], dataset)
    assert caught.value.message == (
        f"playlist 2 ('jazz'): tracks[1] is {stranger!r}, which is in no playlist of the dataset"
    )
    with pytest.raises(InputError, match=r"tracks\[1\].*\(2 such tracks\)"):
        as_queries([Playlist(None, [URIS[0], other, URIS[1], stranger])], dataset)


# -- queries ----------------------------------------------------------------------------------------


def test_queries_say_what_the_playlists_say(dataset: Dataset) -> None:
    playlists = [
        Playlist(" road trip\n"),
        Playlist(None, [URIS[3], IDS[1], URIS[3]]),
        Playlist("", URIS[:14], ordered=False, num_missing=0),
    ]
    queries = as_queries(playlists, dataset)
    assert queries.pid.tolist() == [0, 1, 2]
    assert queries.titles == ("road trip", None, None)
    assert queries.categories == (Category.TITLE_ONLY, Category.FIRST_5, Category.TITLE_RANDOM_25)
    assert [queries.seeds.row(i).tolist() for i in range(3)] == [[], [3, 1, 3], list(range(14))]
    assert queries.seeds.row_positions(1).tolist() == [0, 1, 2]
    # 7; the median of 4, 8 and 30; as told.
    assert queries.num_holdouts.tolist() == [7, 8, 0]


def test_what_is_missing_is_taken_for_granted_where_no_query_is_alike(dataset: Dataset) -> None:
    assert as_queries([Playlist("a", URIS[:25])], dataset).num_holdouts.tolist() == [50]
    none = replace(dataset, queries=Queries.none())
    assert as_queries([Playlist("a"), Playlist(None, URIS[:5])], none).num_holdouts.tolist() == [50, 50]


def test_no_playlists_make_no_queries(dataset: Dataset) -> None:
    assert len(as_queries([], dataset)) == 0


@pytest.mark.parametrize("title", [None, "", " \t\n"])
def test_neither_title_nor_track_is_refused(dataset: Dataset, title: str | None) -> None:
    with pytest.raises(InputError, match=r"^playlist 2.*: no title and no track; expected at least one"):
        as_queries([Playlist("a"), Playlist(title)], dataset)


def test_500_tracks_are_the_most(dataset: Dataset) -> None:
    assert as_queries([Playlist(None, URIS[:1] * 500)], dataset).seeds.lengths.tolist() == [500]
    with pytest.raises(InputError, match=r"^playlist 1 \('a'\): 501 tracks; expected at most 500$"):
        as_queries([Playlist("a", URIS[:1] * 501)], dataset)
    with pytest.raises(InputError, match="10,000 tracks"):
        as_queries([Playlist("a", ["no track at all"] * 10_000)], dataset)


@pytest.mark.parametrize("missing", [-1, 1_000_001, 10**12])
def test_an_impossible_length_is_refused(dataset: Dataset, missing: int) -> None:
    with pytest.raises(InputError, match=f"num_missing is {missing}; expected 0 to 1,000,000"):
        as_queries([Playlist("a", num_missing=missing)], dataset)
