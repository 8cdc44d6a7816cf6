"""Sources that go by the title: similar titles, and artists that titles name."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from challenge.data.dataset import Dataset
from challenge.sources.artists_in_title import ArtistsInTitle
from challenge.sources.base import IndexedQueries
from challenge.sources.postings import build_index
from challenge.sources.title_groups import group_titles
from challenge.sources.title_knn import FittedTitleKnn, TitleKnn
from challenge.sources.title_similarity import TitleSimilarity
from challenge.types import Category, FloatArray
from tests.fitted import batch_of, context_of, table_of
from tests.toy_dataset import Question, catalog_of, playlists_of, queries_of

PLAYLISTS = [
    ("Summer Vibes", [0, 1]),
    ("summer vibes!!", [0, 2]),
    ("summr vibes", [3]),
    ("Workout", [4, 4, 5]),
    ("🔥", [6]),
    ("🔥🔥", [6, 7]),
    (None, [8]),
    ("???", [8]),
]


def dataset_of(*titles: str | None) -> Dataset:
    return Dataset(
        catalog_of(range(9)),
        playlists_of([tracks for _, tracks in PLAYLISTS], [title for title, _ in PLAYLISTS]),
        queries_of([Question(Category.TITLE_ONLY, title, []) for title in titles]),
    )


def fit(dataset: Dataset, config: TitleKnn | None = None) -> FittedTitleKnn:
    return (config or TitleKnn()).fit(context_of(dataset))


def scores_of(source: FittedTitleKnn, dataset: Dataset) -> FloatArray:
    return table_of(source, batch_of(dataset), dataset.n_tracks)


def test_playlists_are_grouped_by_normalised_title() -> None:
    groups = group_titles(dataset_of().playlists)
    assert groups.keys == ("summer vibes", "summr vibes", "workout", "🔥", "🔥 🔥")
    assert groups.sizes.tolist() == [2, 1, 1, 1, 1]
    assert groups.group_row.tolist() == [0, 1, 2, 3, 4, 5]
    assert groups.group_indptr.tolist() == [0, 2, 3, 4, 5, 6]


def test_only_titles_in_use_count() -> None:
    playlists = dataset_of().playlists.take([3, 0])
    assert len(playlists.titles) == 7
    assert group_titles(playlists).keys == ("summer vibes", "workout")
    assert group_titles(playlists).group_row.tolist() == [1, 0]


def test_equal_titles_have_similarity_1_and_others_less() -> None:
    similarity = TitleSimilarity(["summer vibes", "summr vibes", "workout"], 4)
    found = similarity.to(["summer vibes"]).toarray()
    assert found.shape == (1, 3)
    np.testing.assert_allclose(found[0, 0], 1, rtol=1e-5)
    assert 0.1 < found[0, 1] < 0.9
    assert found[0, 2] < 0.1, "single letters and the bounds of words are all they share"
    assert not similarity.to([""]).nnz
    assert similarity.to(["qqq"]).max() < TitleKnn().min_similarity
    np.testing.assert_allclose(similarity.to(["workout"]).toarray()[0, 2], 1, rtol=1e-5)
    assert (similarity.to(["summer vibes"]).toarray() == found).all()
    assert TitleSimilarity([], 4).to(["workout"]).shape == (1, 0)


def vote_of(config: TitleKnn, title: str = "summer vibes") -> float:
    """Weight of the vote of the playlist "summr vibes" (row 2), 0 where it has none."""
    votes = fit(dataset_of(), config).votes((title,))
    return float(dict(zip(votes.item.tolist(), votes.value.tolist(), strict=True)).get(2, 0.0))


def test_amplification_and_threshold() -> None:
    plain = TitleKnn(amplification=1.0, min_similarity=0.0)
    similarity = vote_of(plain)
    assert 0.1 < similarity < 0.9
    np.testing.assert_allclose(vote_of(replace(plain, amplification=3.0)), similarity**3, rtol=1e-5)
    assert vote_of(replace(plain, min_similarity=similarity + 0.01)) == 0
    assert vote_of(replace(plain, min_similarity=similarity - 0.01)) == similarity


def test_only_the_most_similar_titles_vote() -> None:
    keys = ["chill", "chilly", "chilling", "chillax"]
    dataset = replace(dataset_of(), playlists=playlists_of([[0], [1], [2], [3]], keys))
    everything = fit(dataset, TitleKnn(min_similarity=0.0)).votes(("chill",))
    assert sorted(everything.item.tolist()) == [0, 1, 2, 3]
    found = fit(dataset, TitleKnn(num_titles=2, min_similarity=0.0)).votes(("chill",))
    assert sorted(found.item) == sorted(everything.item[np.argsort(-everything.value)[:2]])


def test_votes_by_hand() -> None:
    """Every playlist with the same title has one vote for each of its distinct tracks."""
    dataset = dataset_of("WORKOUT", "Summer Vibes", "nobody's")
    source = fit(dataset, TitleKnn(min_similarity=0.99))
    np.testing.assert_allclose(scores_of(source, dataset)[0], [0, 0, 0, 0, 1, 1, 0, 0, 0], rtol=1e-5)
    np.testing.assert_allclose(scores_of(source, dataset)[1], [2, 1, 1, 0, 0, 0, 0, 0, 0], rtol=1e-5)
    titles = dataset.queries.titles
    assert source.same_title_count(titles).tolist() == [1, 2, 0]
    np.testing.assert_allclose(source.support(titles), [1, 2, 0], rtol=1e-5)
    votes = source.votes(titles)
    assert votes.size.tolist() == [1, 2, 0]
    assert votes.item.tolist() == [3, 0, 1]


def test_long_playlists_can_be_damped() -> None:
    dataset = dataset_of("workout")
    source = fit(dataset, TitleKnn(min_similarity=0.99, length_damping=1.0))
    np.testing.assert_allclose(scores_of(source, dataset)[0, 4:6], [0.5, 0.5], rtol=1e-5)


def test_misspelt_titles_vote_less() -> None:
    dataset = dataset_of("summer vibes")
    scores = scores_of(fit(dataset), dataset)[0]
    assert scores[0] > scores[1] > scores[3] > 0
    assert not scores[4:].any()


def test_emoji_titles_match_emoji() -> None:
    dataset = dataset_of("🔥", "workout")
    scores = scores_of(fit(dataset), dataset)
    assert scores[0, 6] > scores[0, 7] > 0
    assert not scores[0, :6].any()
    assert not scores[1, 6:].any()


@pytest.mark.parametrize("title", [None, "", "   ", "?!", "\u200d", "\x00"])
def test_titles_of_nothing_have_no_votes(title: str | None) -> None:
    dataset = dataset_of(title, "Workout")
    source = fit(dataset)
    assert not scores_of(source, dataset)[0].any()
    assert scores_of(source, dataset)[1].any()
    assert source.support((title,))[0] == source.same_title_count((title,))[0] == 0


def test_nothing_is_titled() -> None:
    dataset = dataset_of("Workout")
    bare = replace(dataset, playlists=playlists_of([[0], [1]], [None, "!"]))
    source = fit(bare)
    assert not scores_of(source, bare).any()
    assert source.support(bare.queries.titles).tolist() == [0]
    untitled = dataset_of(None, "")
    assert not scores_of(fit(untitled), untitled).any()


def test_batches_give_what_the_whole_gives() -> None:
    dataset = dataset_of("workout", "", "summer vibes", "🔥", None, "vibes")
    source = fit(dataset)
    whole = scores_of(source, dataset)
    for size in (1, 2, 4):
        parts = [batch_of(dataset, i, min(i + size, 6)) for i in range(0, 6, size)]
        assert (np.concatenate([table_of(source, batch, dataset.n_tracks) for batch in parts]) == whole).all()


def test_votes_of_other_titles_are_not_those_of_the_latest() -> None:
    """Votes are kept for what features ask after the scores."""
    source = fit(dataset_of())
    first = source.votes(("workout",))
    assert source.votes(("workout",)) is first
    assert source.support(("summer vibes",)) > 2
    np.testing.assert_allclose(source.support(("workout",)), [1], rtol=1e-5)


# -- names in titles -------------------------------------------------------------------------------


def named(*titles: str | None, least: int = 1, strangers: bool = False) -> FloatArray:
    """Tracks 0, 1 by "The Blue Cats" (popularity 2, 1), 2 by "Blue", 3 by "Étoile", 4 by "!!!"."""
    dataset = Dataset(
        catalog_of([0, 0, 1, 2, 3], names=["The Blue Cats", "Blue", "Étoile", "!!!"]),
        playlists_of([[0, 1], [0, 2], [2, 3, 4]], ["a", "b", "c"]),
        queries_of([Question(Category.TITLE_ONLY, title, []) for title in titles]),
    )
    source = ArtistsInTitle(min_artist_popularity=least).fit(context_of(dataset))
    asked = IndexedQueries.strangers if strangers else IndexedQueries.of_index
    batch = asked(build_index(dataset), dataset.queries).batch(0, len(titles))
    return table_of(source, batch, dataset.n_tracks)


@pytest.mark.parametrize("strangers", [False, True])
def test_titles_that_name_an_artist(strangers: bool) -> None:
    scores = named("the blue cats", "Best of ETOILE", "cats", None, "!!!", "", strangers=strangers)
    np.testing.assert_allclose(scores[0], [1, 0.5, 1 / 3, 0, 0], rtol=1e-6)
    np.testing.assert_allclose(scores[1], [0, 0, 0, 1 / 3, 0], rtol=1e-6)
    assert not scores[2:].any()


def test_words_of_a_name_must_stand_in_a_row() -> None:
    np.testing.assert_allclose(named("the cats blue")[0], [0, 0, 1 / 3, 0, 0], rtol=1e-6)


def test_rare_artists_are_not_looked_for() -> None:
    assert not named("Étoile", least=2).any()
    assert named("blue", least=2)[0].tolist() == [0, 0, 1, 0, 0]
    assert not named("blue", least=100).any()


def test_a_name_counts_by_how_often_it_is_meant() -> None:
    titles = ["Sad Songs", "sad", "so sad", "Étoile", "étoile mix", "sad etoile"]
    dataset = Dataset(
        catalog_of([0, 1, 2], names=["Sad", "Étoile", "Unsung"]),
        playlists_of([[2], [0, 2], [2], [1], [1, 2], [1]], titles),
        queries_of([Question(Category.TITLE_ONLY, each, []) for each in ("sad", "etoile", "unsung")]),
    )
    for smoothing in (0.01, 3.0, 1e6):
        source = ArtistsInTitle(min_artist_popularity=1, smoothing=smoothing).fit(context_of(dataset))
        # "Sad" is in four titles, of which one playlist holds its track; "Étoile" in three, which all do.
        mean = (1 + 3) / (4 + 3)
        meant = [(1 + smoothing * mean) / (4 + smoothing), (3 + smoothing * mean) / (3 + smoothing), mean]
        np.testing.assert_allclose(table_of(source, batch_of(dataset), 3), np.diag(meant), rtol=1e-5)


def test_whom_a_title_names_twice_or_two_titles_name_is_counted_by_playlists() -> None:
    dataset = Dataset(
        catalog_of([0, 1], names=["Boom", "Other"]),
        playlists_of([[0, 0], [1], [1]], ["boom boom", "boom boom", None]),
        queries_of([Question(Category.TITLE_ONLY, "boom", [])]),
    )
    source = ArtistsInTitle(min_artist_popularity=1, smoothing=0.01).fit(context_of(dataset))
    np.testing.assert_allclose(table_of(source, batch_of(dataset), 2), [[0.5, 0]], rtol=1e-5)
