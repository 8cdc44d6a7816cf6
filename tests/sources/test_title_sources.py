"""Sources that go by the title: similar titles, and artists that titles name."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from challenge.data.dataset import Dataset
from challenge.sources.artists_in_title import TitleNames
from challenge.sources.base import query_batch
from challenge.sources.postings import build_index
from challenge.sources.title_knn import TitleGenerator, TitleNeighbours, group_titles, similar_keys
from challenge.types import Category, FloatArray
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


def fit(dataset: Dataset, config: TitleNeighbours | None = None) -> TitleGenerator:
    config = config or TitleNeighbours()
    return config.fit(build_index(dataset), dataset.queries, group_titles(dataset.playlists))


def scores_of(generator: TitleGenerator) -> FloatArray:
    return generator.scores(query_batch(generator.index, 0, generator.index.n_queries))


def test_playlists_are_grouped_by_normalised_title() -> None:
    groups = group_titles(dataset_of().playlists)
    assert groups.keys == ("summer vibes", "summr vibes", "workout", "🔥", "🔥 🔥")
    assert groups.sizes.tolist() == [2, 1, 1, 1, 1]
    assert groups.group_row.tolist() == [0, 1, 2, 3, 4, 5]
    assert groups.group_start.tolist() == [0, 2, 3, 4, 5, 6]


def test_only_titles_in_use_count() -> None:
    playlists = dataset_of().playlists.take([3, 0])
    assert len(playlists.titles) == 7
    assert group_titles(playlists).keys == ("summer vibes", "workout")
    assert group_titles(playlists).group_row.tolist() == [1, 0]


def test_equal_titles_have_similarity_1_and_others_less() -> None:
    keys = ["summer vibes", "summr vibes", "workout"]
    found = similar_keys(["summer vibes", "", "qqq", "workout", "summer vibes"], keys, TitleNeighbours())
    dense = found.toarray()
    assert dense.shape == (5, 3)
    np.testing.assert_allclose(dense[0, 0], 1, rtol=1e-5)
    assert 0.1 < dense[0, 1] < 0.9
    assert dense[0, 2] == 0
    assert not dense[1:3].any()
    np.testing.assert_allclose(dense[3], [0, 0, 1], rtol=1e-5)
    assert (dense[4] == dense[0]).all()


def test_sharpness_and_threshold() -> None:
    keys = ["summer vibes", "summr vibes"]
    plain = TitleNeighbours(amplification=1.0, min_similarity=0.0)
    similarity = similar_keys(["summer vibes"], keys, plain).toarray()[0, 1]
    cubed = similar_keys(["summer vibes"], keys, replace(plain, amplification=3.0)).toarray()[0, 1]
    np.testing.assert_allclose(cubed, similarity**3, rtol=1e-5)
    strict = replace(plain, min_similarity=float(similarity) + 0.01)
    assert similar_keys(["summer vibes"], keys, strict).nnz == 1


def test_only_the_most_similar_titles_vote() -> None:
    keys = ["chill", "chilly", "chilling", "chillax"]
    found = similar_keys(["chill"], keys, TitleNeighbours(similar_titles=2, min_similarity=0.0))
    everything = similar_keys(["chill"], keys, TitleNeighbours(min_similarity=0.0)).toarray()[0]
    assert everything.all()
    assert sorted(found.indices) == sorted(np.argsort(-everything)[:2])


def test_votes_by_hand() -> None:
    """Every playlist with the same title has one vote for each of its distinct tracks."""
    generator = fit(dataset_of("WORKOUT", "Summer Vibes"), TitleNeighbours(min_similarity=0.99))
    np.testing.assert_allclose(scores_of(generator)[0], [0, 0, 0, 0, 1, 1, 0, 0, 0], rtol=1e-5)
    np.testing.assert_allclose(scores_of(generator)[1], [2, 1, 1, 0, 0, 0, 0, 0, 0], rtol=1e-5)
    assert generator.namesakes.tolist() == [1, 2]
    np.testing.assert_allclose(generator.support, [1, 2], rtol=1e-5)


def test_long_playlists_can_be_damped() -> None:
    config = TitleNeighbours(min_similarity=0.99, length_damping=1.0)
    generator = fit(dataset_of("workout"), config)
    np.testing.assert_allclose(scores_of(generator)[0, 4:6], [0.5, 0.5], rtol=1e-5)


def test_misspelt_titles_vote_less() -> None:
    scores = scores_of(fit(dataset_of("summer vibes")))[0]
    assert scores[0] > scores[1] > scores[3] > 0
    assert not scores[4:].any()


def test_emoji_titles_match_emoji() -> None:
    scores = scores_of(fit(dataset_of("🔥", "workout")))
    assert scores[0, 6] > scores[0, 7] > 0
    assert not scores[0, :6].any()
    assert not scores[1, 6:].any()


@pytest.mark.parametrize("title", [None, "", "   ", "?!", "\u200d", "\x00"])
def test_titles_of_nothing_have_no_votes(title: str | None) -> None:
    generator = fit(dataset_of(title, "Workout"))
    assert not scores_of(generator)[0].any()
    assert scores_of(generator)[1].any()
    assert generator.support[0] == generator.namesakes[0] == 0


def test_nothing_is_titled() -> None:
    dataset = dataset_of("Workout")
    bare = replace(dataset, playlists=playlists_of([[0], [1]], [None, "!"]))
    generator = fit(bare)
    assert not scores_of(generator).any()
    assert generator.support.tolist() == [0]
    untitled = dataset_of(None, "")
    assert not scores_of(fit(untitled)).any()


def test_tiles_give_what_the_whole_gives() -> None:
    generator = fit(dataset_of("workout", "", "summer vibes", "🔥", None, "vibes"))
    whole = scores_of(generator)
    for size in (1, 2, 4):
        batches = [query_batch(generator.index, i, min(i + size, 6)) for i in range(0, 6, size)]
        assert (np.concatenate([generator.scores(batch) for batch in batches]) == whole).all()


# -- names in titles -------------------------------------------------------------------------------


def named(*titles: str | None, least: int = 1) -> FloatArray:
    """Tracks 0, 1 by "The Blue Cats" (popularity 2, 1), 2 by "Blue", 3 by "Étoile", 4 by "!!!"."""
    dataset = Dataset(
        catalog_of([0, 0, 1, 2, 3], names=["The Blue Cats", "Blue", "Étoile", "!!!"]),
        playlists_of([[0, 1], [0, 2], [2, 3, 4]], ["a", "b", "c"]),
        queries_of([Question(Category.TITLE_ONLY, title, []) for title in titles]),
    )
    index = build_index(dataset)
    generator = TitleNames(min_artist_popularity=least).fit(index, dataset.queries, dataset.catalog)
    return generator.scores(query_batch(index, 0, len(titles)))


def test_titles_that_name_an_artist() -> None:
    scores = named("the blue cats", "Best of ETOILE", "cats", None, "!!!", "")
    np.testing.assert_allclose(scores[0], [1, 0.5, 1 / 3, 0, 0], rtol=1e-6)
    np.testing.assert_allclose(scores[1], [0, 0, 0, 1 / 3, 0], rtol=1e-6)
    assert not scores[2:].any()


def test_words_of_a_name_must_stand_in_a_row() -> None:
    np.testing.assert_allclose(named("the cats blue")[0], [0, 0, 1 / 3, 0, 0], rtol=1e-6)


def test_rare_artists_are_not_looked_for() -> None:
    assert not named("Étoile", least=2).any()
    assert named("blue", least=2)[0].tolist() == [0, 0, 1, 0, 0]
    assert not named("blue", least=100).any()
