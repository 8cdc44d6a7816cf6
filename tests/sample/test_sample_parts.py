"""The pieces a sample is made of: ids, names, titles and the catalogue."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest

from challenge.sample.catalogue import SyntheticCatalogue, build_catalogue
from challenge.sample.names import artist_name, durations_ms, spotify_ids, track_name, word
from challenge.sample.themes import all_themes
from challenge.sample.titles import make_title, misspell


@pytest.fixture(scope="module")
def catalogue() -> SyntheticCatalogue:
    return build_catalogue(3)


def test_ids_are_distinct_and_of_22_letters() -> None:
    ids = spotify_ids(np.arange(200_000, dtype=np.int32), 1)
    assert len(np.unique(ids)) == 200_000
    assert all(len(text) == 22 and text.isalnum() for text in ids[:100].tolist())
    assert not np.isin(spotify_ids(np.arange(100, dtype=np.int32), 2), ids).any()


def test_names_depend_on_number_and_seed_only() -> None:
    assert artist_name(5, 0) == artist_name(5, 0)
    assert len({artist_name(number, 0) for number in range(2000)}) > 1900
    assert [track_name(number, 0) for number in range(50)] != [track_name(number, 1) for number in range(50)]
    assert all(word(number)[0].isupper() for number in range(100))


def test_durations_are_those_of_songs() -> None:
    duration = durations_ms(np.arange(10_000, dtype=np.int32), 0)
    assert 220_000 < duration.mean() < 240_000
    assert duration.min() > 30_000


@pytest.mark.parametrize(("text", "lengths"), [("abc", {3}), ("country", {6, 7, 8})])
def test_misspelling_changes_at_most_one_letter(text: str, lengths: set[int]) -> None:
    found = {misspell(text, Random(seed)) for seed in range(60)}
    assert {len(word) for word in found} == lengths
    assert len(found) > 5 or text == "abc"


def test_themes_share_all_playlists_and_have_words() -> None:
    themes = all_themes()
    assert sum(theme.share for theme in themes) == pytest.approx(1)
    assert all(theme.words or theme.kind == "artist" for theme in themes)
    assert all(make_title(theme, "Some Body", Random(1)) for theme in themes)


def test_ranges_nest(catalogue: SyntheticCatalogue) -> None:
    assert (
        catalogue.album_start[-1]
        == catalogue.artist_start[-1]
        == catalogue.circle_start[-1]
        == catalogue.n_tracks
    )
    assert np.isin(catalogue.artist_start, catalogue.album_start).all()
    assert np.isin(catalogue.circle_start, catalogue.artist_start).all()
    circle = np.searchsorted(catalogue.circle_start, catalogue.artist_start[:-1], side="right") - 1
    assert (circle == catalogue.artist_circle).all()


def test_draws_stay_in_their_range_and_follow_popularity(catalogue: SyntheticCatalogue) -> None:
    size = np.diff(catalogue.artist_start)
    artist = int(np.argmax(np.diff(catalogue.popular[catalogue.artist_start]) * (size > 20)))
    low, high = (np.full(4000, bound) for bound in catalogue.artist_start[artist : artist + 2])
    uniform = (np.arange(4000) + 0.5) / 4000
    drawn = catalogue.draw(low, high, uniform, np.zeros(4000, np.bool_))
    assert low[0] <= drawn.min() <= drawn.max() < high[0]
    weight = np.diff(catalogue.popular[low[0] : high[0] + 1])
    count = np.bincount(drawn - low[0], minlength=len(weight))
    np.testing.assert_allclose(count / 4000, weight / weight.sum(), atol=2 / 4000)


def test_restricted_catalogue_draws_nothing_else(catalogue: SyntheticCatalogue) -> None:
    allowed = np.zeros(catalogue.n_tracks, np.bool_)
    allowed[[10, 5000, 70_000]] = True
    small = catalogue.restricted(allowed)
    low, high = np.array([0, 20, 4000]), np.array([20, 40, 6000])
    drawn = small.draw(low, high, np.array([0.2, 0.999, 0.7]), np.array([False, True, True]))
    assert drawn[[0, 2]].tolist() == [10, 5000]
    assert drawn[1] in {10, 5000, 70_000}, "an empty range stands for the whole catalogue"
