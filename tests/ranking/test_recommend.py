"""Recommendations for any playlist: the lists, their reasons, and tracks like one track."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from challenge.data.dataset import Dataset
from challenge.errors import ConfigError, InputError, MissingInputError
from challenge.playlist import Playlist, Recommendation
from challenge.ranking.recommend import recommend
from challenge.recommender import Recommender, TrainingSummary
from challenge.sources.base import IndexedQueries
from challenge.sources.ials import FittedIals
from challenge.sources.popularity import Popularity
from challenge.types import Category
from tests.fitted import fit
from tests.tiny_runs import with_settings, with_sources
from tests.toy_dataset import Question, catalog_of, playlists_of, queries_of

COUNTING = ("playlist_knn", "cooccurrence", "title_knn", "popularity")


pytestmark = pytest.mark.usefixtures("single_thread")


@pytest.fixture(scope="module")
def learned(dataset: Dataset) -> Recommender:
    return Recommender.fit(dataset, replace(with_sources(*COUNTING, "ials"), device="cpu"))


@pytest.fixture(scope="module")
def blended(dataset: Dataset) -> Recommender:
    return Recommender.fit(dataset, with_sources(*COUNTING, ranking="blend"))


@pytest.fixture(params=["learned", "blended"])
def recommender(request: pytest.FixtureRequest) -> Recommender:
    found: Recommender = request.getfixturevalue(request.param)
    return found


def playlists_in(dataset: Dataset) -> list[Playlist]:
    """The queries of the dataset as their owners have them."""
    queries = dataset.queries
    return [
        Playlist(
            queries.titles[row],
            dataset.catalog.tracks.uris(queries.seeds.row(row)),
            ordered=not queries.categories[row].is_random,
            num_missing=int(queries.num_holdouts[row]),
        )
        for row in range(len(queries))
    ]


def uris(found: list[Recommendation]) -> list[str]:
    return [each.uri for each in found]


# -- lists ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [1, 20, 500])
def test_n_tracks_with_ranks_and_names_and_none_of_those_given(
    recommender: Recommender, dataset: Dataset, n: int
) -> None:
    catalog = dataset.catalog
    number = {uri: i for i, uri in enumerate(catalog.columns()["track_uri"])}
    playlists = playlists_in(dataset)[::6]
    for playlist, found in zip(playlists, recommender.recommend(playlists, n), strict=True):
        assert [each.rank for each in found] == list(range(1, n + 1))
        assert len(set(uris(found))) == n
        assert not set(uris(found)) & set(playlist.tracks)
        scores = [each.score for each in found if not math.isnan(each.score)]
        rises = np.flatnonzero(np.diff(scores) > 0)
        assert len(rises) <= (recommender.ranker is not None), (
            "the first places, chosen together, and the rest"
        )
        assert all(math.isnan(each.score) for each in found[len(scores) :]), "what fills up comes last"
        for each in found:
            track = number[each.uri]
            assert each.track == catalog.track_names[track]
            assert each.artist == catalog.artist_names[int(catalog.track_artist[track])]
            assert each.reason is None


@pytest.mark.parametrize("n", [-1, 0, 501])
def test_other_lengths_are_refused(blended: Recommender, n: int) -> None:
    with pytest.raises(ConfigError, match=f"n is {n}; expected 1 to 500"):
        blended.recommend([Playlist("a")], n)


def test_shorter_lists_are_the_beginnings_of_longer_ones(recommender: Recommender, dataset: Dataset) -> None:
    playlists = playlists_in(dataset)[::10]
    short, long = recommender.recommend(playlists, 30), recommender.recommend(playlists, 500)
    for one, other in zip(short, long, strict=True):
        assert uris(one) == uris(other)[:30]


def test_several_at_once_are_answered_like_one_by_one(recommender: Recommender, dataset: Dataset) -> None:
    playlists = playlists_in(dataset)[::4]
    together = recommender.recommend(playlists, 50, explain=True)
    for playlist, found in zip(playlists, together, strict=True):
        (alone,) = recommender.recommend([playlist], 50, explain=True)
        assert uris(alone) == uris(found)
        assert [each.score for each in alone] == pytest.approx([each.score for each in found], nan_ok=True)
        assert [each.reason and each.reason.sources for each in alone] == [
            each.reason and each.reason.sources for each in found
        ]


def test_no_playlists_get_no_lists(recommender: Recommender) -> None:
    assert recommender.recommend([]) == []


def test_the_dataset_s_own_queries_are_continued_as_in_its_submission(
    recommender: Recommender, dataset: Dataset
) -> None:
    """This is what ``challenge show`` prints."""
    queries = recommender.queries()
    filled = recommender.fill()
    lists = recommend(
        recommender.sources, recommender.ranker, recommender.weights, queries, 500, explain=False
    )
    for row, found in enumerate(lists):
        assert uris(found) == dataset.catalog.tracks.uris(filled.track[row])


def test_a_stranger_is_continued_like_its_twin(recommender: Recommender, dataset: Dataset) -> None:
    """The twin's seeds vouch for the stranger, so that not everything is the same."""
    filled = recommender.fill()
    lists = recommender.recommend(playlists_in(dataset), 100)
    shared = [
        len(set(uris(found)) & set(dataset.catalog.tracks.uris(own[:100])))
        for found, own in zip(lists, filled.track, strict=True)
    ]
    assert np.mean(shared) > 60
    without_seeds = [row for row in range(len(lists)) if len(dataset.queries.seeds.row(row)) == 0]
    assert len(without_seeds) == 5
    for row in without_seeds:
        assert uris(lists[row]) == dataset.catalog.tracks.uris(filled.track[row, :100]), "nobody vouches"


def test_the_same_tracks_as_links_and_ids(blended: Recommender, dataset: Dataset) -> None:
    playlist = playlists_in(dataset)[-1]
    ids = [uri.rsplit(":", 1)[1] for uri in playlist.tracks]
    links = [f"https://open.spotify.com/track/{each}" for each in ids]
    expected = blended.recommend([playlist])
    assert blended.recommend([replace(playlist, tracks=ids)]) == expected
    assert blended.recommend([replace(playlist, tracks=links)]) == expected


def test_a_saved_recommender_says_the_same(learned: Recommender, dataset: Dataset, tmp_path: Path) -> None:
    learned.save(tmp_path / "recommender")
    playlists = playlists_in(dataset)[::10]
    loaded = Recommender.load(tmp_path / "recommender")
    assert loaded.recommend(playlists, explain=True) == learned.recommend(playlists, explain=True)


# -- reasons ----------------------------------------------------------------------------------------


def test_contributions_sum_to_the_score(recommender: Recommender, dataset: Dataset) -> None:
    seen = 0
    for found in recommender.recommend(playlists_in(dataset)[::3], 100, explain=True):
        for each in found:
            if each.reason is None:
                assert math.isnan(each.score)
                continue
            values = list(each.reason.contributions.values())
            assert sum(values) == pytest.approx(each.score, abs=1e-4)
            assert [abs(value) for value in values] == sorted(map(abs, values), reverse=True)
            seen += 1
    assert seen > 1000


def test_a_blend_is_explained_by_its_weights(blended: Recommender, dataset: Dataset) -> None:
    """Each source adds its weight times its score, divided by its best for the playlist."""
    playlist = playlists_in(dataset)[-1]
    queries = IndexedQueries.strangers(
        blended.sources.index, dataset.queries.take([len(dataset.queries) - 1])
    )
    candidates = blended.sources.candidates(queries.batch(0, 1))
    relative = np.maximum(candidates.score, 0) / candidates.score.max(axis=0)
    row_of = {uri: i for i, uri in enumerate(dataset.catalog.tracks.uris(candidates.track))}
    for each in blended.recommend([playlist], 50, explain=True)[0]:
        assert each.reason is not None
        expected = {
            name.replace("_", " "): weight * relative[row_of[each.uri], place]
            for place, (name, weight) in enumerate(blended.weights.items())
        }
        assert each.reason.contributions == pytest.approx(expected, rel=1e-5, abs=1e-7)


def test_sources_are_those_that_proposed_the_track(recommender: Recommender, dataset: Dataset) -> None:
    rows = range(0, len(dataset.queries), 9)
    queries = IndexedQueries.strangers(recommender.sources.index, dataset.queries.take(rows))
    batch = queries.batch(0, len(queries))
    lists = recommender.recommend([playlists_in(dataset)[row] for row in rows], 60, explain=True)
    best = {name: source.score(batch).best(1500) for name, source in recommender.sources.fitted.items()}
    named = 0
    for query, found in enumerate(lists):
        proposed = {}
        for name, tracks in best.items():
            own = tracks[query][(tracks[query] >= 0) & ~np.isin(tracks[query], batch.seeds(query))]
            own = own[: recommender.sources.num_candidates[name]]
            proposed[name] = {uri: i for i, uri in enumerate(dataset.catalog.tracks.uris(own), start=1)}
        for each in found:
            if each.reason is not None:
                ranks = list(each.reason.sources.values())
                assert ranks == sorted(ranks)
                assert each.reason.sources.keys() == {
                    name for name, ranked in proposed.items() if each.uri in ranked
                }
                assert each.reason.sources
                assert each.reason.sources == {name: proposed[name][each.uri] for name in each.reason.sources}
                named += len(ranks)
    assert named > 300


def test_seeds_and_words_are_counted_over_the_training_playlists(
    blended: Recommender, dataset: Dataset
) -> None:
    catalog, index = dataset.catalog, blended.sources.index
    uri_of = catalog.columns()["track_uri"]
    rows = [{uri_of[track] for track in index.tracks_of(row)} for row in range(index.n_playlists + 50)]
    playlist = next(each for each in playlists_in(dataset) if each.title and len(each.tracks) == 25)
    seen = 0
    for each in blended.recommend([playlist], 40, explain=True)[0]:
        assert each.reason is not None
        shares = {}
        for seed in playlist.tracks:
            own = [row for row in rows if seed in row]
            if own and any(each.uri in row for row in own):
                shares[seed] = sum(each.uri in row for row in own) / len(own)
        found = {uri: share for uri, _, share in each.reason.seeds}
        assert list(found.values()) == sorted(shares.values(), reverse=True)[:3]
        assert found == {uri: shares[uri] for uri in found}
        for uri, name, _ in each.reason.seeds:
            assert name == catalog.track_names[uri_of.index(uri)]
        seen += len(found)
    assert seen > 40


# -- lists that run short ---------------------------------------------------------------------------

FEW = [[5, 6], [5, 6, 7], *([list(range(5 - i)) for i in range(5)])]
"""Titled "a", "A" and five times "long": 0 to 4 from common to rare, 5 and 6 twice, 7 once."""


def short(
    num_candidates: int = 3, *, with_title: str | None = "a", seeds: tuple[int, ...] = ()
) -> Recommender:
    """Popularity alone, with few candidates, over ten tracks."""
    questions = [Question(Category.TITLE_FIRST_5, with_title, seeds)]
    dataset = Dataset(
        catalog_of([0] * 10), playlists_of(FEW, ["a", "A", *(["long"] * 5)]), queries_of(questions)
    )
    sources = fit(dataset, "popularity", popularity=Popularity(num_candidates=num_candidates, weight=1.0))
    config = with_settings(
        with_sources("popularity", ranking="blend"), popularity=Popularity(num_candidates=num_candidates)
    )
    return Recommender(config, sources, None, 1, TrainingSummary())


def tracks(found: list[Recommendation]) -> list[int]:
    return [int(each.uri[-3:]) for each in found]


def test_a_list_is_filled_by_similar_titles_and_then_by_popularity() -> None:
    """Candidates are 0, 1 and 2; playlists titled "a" hold 5, 6 (twice) and 7; then 3 and 4 are left."""
    (found,) = short().recommend([Playlist("a")], 9, explain=True)
    assert tracks(found) == [0, 1, 2, 5, 6, 7, 3, 4, 8]
    assert [each.rank for each in found] == list(range(1, 10))
    # Popularity is 5, 4 and 3, divided by the best.
    assert [each.score for each in found[:3]] == pytest.approx([1, 0.8, 0.6])
    assert all(math.isnan(each.score) and each.reason is None for each in found[3:])
    assert all(each.reason is not None for each in found[:3])
    assert tracks(short().recommend([Playlist("a")], 5)[0]) == [0, 1, 2, 5, 6]


def test_tracks_given_are_neither_candidates_nor_filled_in() -> None:
    given = [f"T{i:021d}" for i in (0, 5)]
    (found,) = short().recommend([Playlist("a", given)], 8)
    assert tracks(found) == [1, 2, 3, 6, 7, 4, 8, 9]


def test_reasons_of_the_hand_made_lists() -> None:
    given = ["T" + "0" * 21, f"T{6:021d}"]
    first = short().recommend([Playlist("Long!", given)], 1, explain=True)[0][0]
    assert first.reason is not None
    assert tracks([first]) == [1]
    assert first.reason.sources == {"popularity": 1}
    assert first.reason.contributions == pytest.approx({"popularity": 1.0})
    # Of the five playlists with track 0, four hold track 1; of the two with track 6, none.
    assert first.reason.seeds == ((f"spotify:track:T{0:021d}", "Song 0", 0.8),)
    assert first.reason.words == (("long", 0.8),)


def test_more_than_there_is_cannot_be_asked_for() -> None:
    assert len(short().recommend([Playlist("a")], 10)[0]) == 10
    with pytest.raises(MissingInputError, match="playlist 1: 10 tracks to choose from in all; expected 11"):
        short().recommend([Playlist("a")], 11)
    with pytest.raises(MissingInputError, match="playlist 2: 9 tracks to choose from in all; expected 10"):
        short().recommend([Playlist("a"), Playlist(None, ["T" + "0" * 21])], 10)


def test_a_playlist_without_a_candidate_is_filled_all_the_same(dataset: Dataset) -> None:
    """Nobody has such a title; nothing is learned of no candidate, and nothing is to be explained."""
    recommender = Recommender.fit(dataset, with_sources("playlist_knn", "title_knn"))
    assert recommender.ranker is not None
    (found,) = recommender.recommend([Playlist("qqqqvvvv")], 7, explain=True)
    popular = np.argsort(-recommender.sources.index.popularity, kind="stable")[:7]
    assert uris(found) == dataset.catalog.tracks.uris(popular.astype(np.int32))
    assert all(math.isnan(each.score) and each.reason is None for each in found)


# -- tracks like one track --------------------------------------------------------------------------


def test_similar_tracks_by_the_cosine_of_their_factors(learned: Recommender, dataset: Dataset) -> None:
    ials = learned.sources.fitted["ials"]
    assert isinstance(ials, FittedIals)
    vectors = ials.factors.columns[: dataset.n_tracks].astype(np.float64)
    chosen = int(learned.sources.index.popularity.argmax())
    (uri,) = dataset.catalog.tracks.uris(np.array([chosen], np.int32))
    np.testing.assert_array_equal(learned.embedding(uri), ials.factors.columns[chosen])
    found = learned.similar(uri, 10)
    assert [each.rank for each in found] == list(range(1, 11))
    assert uri not in uris(found)
    cosine = {}
    for track, (name, own) in enumerate(zip(dataset.catalog.columns()["track_uri"], vectors, strict=True)):
        length = math.sqrt(own @ own) * math.sqrt(vectors[chosen] @ vectors[chosen])
        if track != chosen and length > 0:
            cosine[name] = own @ vectors[chosen] / length
    assert [each.score for each in found] == pytest.approx(
        sorted(cosine.values(), reverse=True)[:10], abs=1e-5
    )
    assert all(each.score == pytest.approx(cosine[each.uri], abs=1e-5) for each in found)


def test_never_more_than_the_other_tracks(learned: Recommender, dataset: Dataset) -> None:
    (uri,) = dataset.catalog.tracks.uris(np.array([3], np.int32))
    found = learned.similar(uri.rsplit(":", 1)[1], dataset.n_tracks + 5)
    assert len(found) == dataset.n_tracks - 1
    assert uri not in uris(found)
    assert all(-1.001 <= each.score <= 1.001 for each in found)


def test_what_has_no_similar_tracks(learned: Recommender, blended: Recommender, dataset: Dataset) -> None:
    with pytest.raises(InputError, match=r"track\[0\] is 'zzz.*in no playlist of the dataset"):
        learned.similar("z" * 22)
    with pytest.raises(InputError, match="expected a track such as"):
        learned.embedding("Hello")
    (uri,) = dataset.catalog.tracks.uris(np.array([0], np.int32))
    for n in (0, -1):
        with pytest.raises(ConfigError, match=f"n is {n}; expected 1 or more"):
            learned.similar(uri, n)
    with pytest.raises(ConfigError, match="no embeddings: neither lightgcn nor ials"):
        blended.similar(uri)
