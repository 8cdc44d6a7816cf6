"""Tracks, artists and titles found by name."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import replace

import pytest

from challenge.data.dataset import Dataset, Queries
from challenge.data.strings import StringTable
from challenge.errors import InputError
from challenge.search import NameSearch, folded
from challenge.sources.postings import build_index
from tests.toy_dataset import catalog_of, playlists_of

ARTISTS = ("The Walkers", "Beyoncé", "MOTÖRHEAD", "Walk")
TRACKS = (
    ("Long Road", 0),
    ("road to Walk", 1),
    ("Roadhouse", 2),
    ("Halo", 1),
    ("HALO", 3),
    ("Ace of Spades", 2),
    ("Long Road (live)", 0),
    ("in nobody's list", 3),
)
ROWS: Sequence[Sequence[int]] = [[0, 1, 3], [0, 1, 3, 5], [0, 3, 4], [1, 2, 3, 6]]
TITLES = ("Road Trip", "road trip", "Road Trip", None)


def search_in(
    tracks: Sequence[tuple[str, int]],
    artists: Sequence[str],
    rows: Sequence[Sequence[int]],
    titles: Sequence[str | None],
) -> NameSearch:
    catalog = replace(
        catalog_of([artist for _, artist in tracks], names=artists),
        track_names=StringTable.from_strings(name for name, _ in tracks),
    )
    dataset = Dataset(catalog, playlists_of(rows, titles), Queries.none())
    return NameSearch(dataset, build_index(dataset))


def named(*tracks: str) -> NameSearch:
    """Search tracks of these names by artists without a letter in common with them."""
    return search_in([(name, 0) for name in tracks], ["–"], [range(len(tracks))], ["a"])


@pytest.fixture(scope="module")
def search() -> NameSearch:
    return search_in(TRACKS, ARTISTS, ROWS, TITLES)


def names(search: NameSearch, text: str, n: int = 20) -> list[str]:
    return [each.name for each in search.tracks(text, n)]


# -- words ------------------------------------------------------------------------------------------


def test_words_stand_in_any_order_in_name_and_artist(search: NameSearch) -> None:
    for text in ("long road", "Road LONG", "  road\tlong ", "walkers road", "road the long walkers"):
        assert names(search, text) == ["Long Road", "Long Road (live)"], text
    assert names(search, "road walk") == ["Long Road", "road to Walk", "Long Road (live)"]


def test_the_more_popular_come_first_and_n_cuts(search: NameSearch) -> None:
    assert names(search, "road") == ["Long Road", "road to Walk", "Roadhouse", "Long Road (live)"]
    assert names(search, "road", 2) == ["Long Road", "road to Walk"]
    assert [each.playlists for each in search.tracks("road")] == [3, 3, 1, 1]


def test_what_is_told_of_a_track(search: NameSearch) -> None:
    found = search.tracks("spades")
    assert [(each.kind, each.name, each.artist, each.uri) for each in found] == [
        ("track", "Ace of Spades", "MOTÖRHEAD", f"spotify:track:T{5:021d}")
    ]
    assert (found[0].playlists, found[0].exact) == (1, True)
    assert search.tracks("nobody's list")[0].playlists == 0


def test_case_counts_for_nothing_in_any_script(search: NameSearch) -> None:
    assert names(search, "hAlO") == ["Halo", "HALO"]
    assert [each.name for each in search.artists("motörhead")] == ["MOTÖRHEAD"]
    assert [each.name for each in search.artists("BEYONCÉ")] == ["Beyoncé"]


def test_accents_count_for_nothing(search: NameSearch) -> None:
    for text, name in (("beyonce", "Beyoncé"), ("Motorhead", "MOTÖRHEAD"), ("mótorhead", "MOTÖRHEAD")):
        found = search.artists(text)
        assert (found[0].name, found[0].exact) == (name, True)
    assert names(search, "ace motorhead") == ["Ace of Spades"]
    assert names(search, "halo beyonce\u0301") == ["Halo"], "an accent may be a character of its own"
    assert names(named("Røyksopp’s", "Łódź", "한국", "ﬁn"), "royksopp's") == ["Røyksopp’s"]
    assert names(named("Røyksopp", "Łódź", "한국"), "lodz") == ["Łódź"]
    assert names(named("Røyksopp", "Łódź", "한국"), "한국") == ["한국"]


@pytest.mark.parametrize("text", ["abc", "ÀÉ İẞﬁ½ Ⅳ", "e\u0301", "\U0001f3b5 ŁØ"])
def test_folding_keeps_the_number_of_characters(text: str) -> None:
    assert len(folded(text)) == len(unicodedata.normalize("NFC", text))
    assert folded(folded(text)) == folded(text)


def test_a_misspelt_name_is_found_by_its_likeness(search: NameSearch) -> None:
    found = search.tracks("ace of spaeds motörhead")
    assert (found[0].name, found[0].exact) == ("Ace of Spades", False)
    assert search.titles("raod trip")[0].name.lower() == "road trip"
    assert not search.titles("raod trip")[0].exact


def test_nothing_like_it(search: NameSearch) -> None:
    assert search.tracks("qqqqvvvv") == []
    assert search.artists("qqqqvvvv") == []
    assert search.titles("qqqqvvvv") == []


@pytest.mark.parametrize("text", ["", " \n"])
def test_an_empty_text_is_refused(search: NameSearch, text: str) -> None:
    for find in (search.tracks, search.artists, search.titles):
        with pytest.raises(InputError, match="the text is empty"):
            find(text)


def test_artists_and_titles_count_their_playlists(search: NameSearch) -> None:
    artists = search.artists("walk")
    # The Walkers' tracks stand in 3 + 1 places, Walk's in 1.
    assert [(each.kind, each.name, each.playlists) for each in artists] == [
        ("artist", "The Walkers", 4),
        ("artist", "Walk", 1),
    ]
    assert artists[0].uri == f"spotify:artist:A{0:021d}"
    assert artists[0].artist == ""
    titles = search.titles("trip ROAD")
    assert [(each.kind, each.name, each.playlists) for each in titles] == [
        ("title", "Road Trip", 2),
        ("title", "road trip", 1),
    ]


# -- words at the bounds of names -------------------------------------------------------------------


def test_no_word_reaches_from_one_name_into_the_next() -> None:
    search = named("xa", "ab", "ba")
    assert names(search, "ab") == ["ab"]
    assert all(not each.exact for each in search.tracks("aab"))


def test_what_reaches_over_a_bound_hides_nothing() -> None:
    assert names(named("xa", "aay", "z"), "aa") == ["aay"]
    assert names(named("xabab", "abay", "z"), "aba") == ["xabab", "abay"]


def test_letters_whose_lower_case_takes_other_bytes_shift_no_bound() -> None:
    """İ grows by a byte and ẞ shrinks by one, so that all names together stay as long as they were."""
    assert len("İ".lower().encode()) - len("İ".encode()) == 1
    assert len("ẞ".lower().encode()) - len("ẞ".encode()) == -1
    search = named("İ", "xy", "ẞ", "end")
    assert names(search, "xy") == ["xy"]
    assert names(search, "ß") == ["ẞ"]
    assert [(each.name, each.exact) for each in search.tracks("end")] == [("end", True)]
    assert names(named("\u212a", "two"), "k") == ["\u212a"], "the sign of Kelvin takes three bytes"


# -- one track --------------------------------------------------------------------------------------


def test_a_track_is_taken_as_it_is(search: NameSearch) -> None:
    for text in ("0" * 22, f"spotify:track:{'z' * 22}", f"https://open.spotify.com/track/{'0' * 22}?si=1"):
        assert search.one_track(text) == text


def test_a_name_that_one_track_has(search: NameSearch) -> None:
    uri = "spotify:track:T{:021d}".format
    assert search.one_track("spades") == uri(5)
    assert search.one_track("halo walk") == uri(4)
    assert search.one_track(" long road ") == uri(0), "the very name, though another track has its words"


def test_several_so_named_are_listed(search: NameSearch) -> None:
    with pytest.raises(InputError) as caught:
        search.one_track("halo")
    assert caught.value.message == "track 'halo': several are named so"
    assert "choose one by its URI" in str(caught.value.hint)
    assert caught.value.choices == (
        f"Halo by Beyoncé (spotify:track:T{3:021d})",
        f"HALO by Walk (spotify:track:T{4:021d})",
    )
    with pytest.raises(InputError, match="several are named so"):
        search.one_track("road")


def test_no_more_than_eight_are_listed_and_none_is_missed() -> None:
    """The last track has the very name that is looked for, and so has the first, by somebody else."""
    tracks = [("one", 0), *((f"one {i}", 0) for i in range(20)), ("ONE", 1)]
    search = search_in(tracks, ["–", "…"], [range(len(tracks))], ["a"])
    with pytest.raises(InputError, match="several are named so") as caught:
        search.one_track("one")
    assert len(caught.value.choices) == 2
    with pytest.raises(InputError, match="several are named so") as caught:
        named(*(f"one {i}" for i in range(20))).one_track("one")
    assert len(caught.value.choices) == 8


def test_the_clear_favourite_is_taken_and_told(told: list[str]) -> None:
    tracks = [("Love Story", 0), ("Love Story", 1), ("Love Story (live)", 0), ("Love Story - Remastered", 0)]

    def search(*counts: int) -> NameSearch:
        rows = [[track] for track, count in enumerate(counts) for _ in range(count)]
        return search_in(tracks, ["Swift", "Cover"], rows, ["a"] * len(rows))

    assert search(5, 1, 4, 4).one_track("love story").endswith(f"{0:021d}"), "releases are no rivals"
    assert search(1, 0, 7, 0).one_track("swift love story").endswith(f"{2:021d}")
    assert told == [
        f"track 'love story': Love Story by Swift (spotify:track:T{0:021d}), the one in most playlists",
        "track 'swift love story': "
        f"Love Story (live) by Swift (spotify:track:T{2:021d}), the one in most playlists",
    ]
    for counts in ((4, 1, 9, 9), (0, 0, 0, 0), (1, 4, 0, 0)):
        with pytest.raises(InputError, match="several are named so"):
            search(*counts).one_track("love story")


def test_nothing_so_named(search: NameSearch) -> None:
    with pytest.raises(InputError, match="track 'qqqqvvvv': nothing is named so") as caught:
        search.one_track("qqqqvvvv")
    assert caught.value.hint == "name it by its URI"
    with pytest.raises(InputError, match="nothing is named so") as caught:
        search.one_track("ace of spaeds motörhead")
    assert caught.value.hint == "did you mean one of these?"
    assert caught.value.choices[0].startswith("Ace of Spades by MOTÖRHEAD (spotify:track:")
