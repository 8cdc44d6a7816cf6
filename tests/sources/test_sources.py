"""Every source alone, on the two-genre toy, and what all sources must keep to."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from challenge.data.dataset import Dataset
from challenge.data.interactions import Interactions
from challenge.data.titles import title_tokens
from challenge.errors import ConfigError, InvariantError
from challenge.graph import build_graph
from challenge.lightgcn.config import LightGCNConfig
from challenge.sources.artist_album import Continuation
from challenge.sources.base import CandidateGenerator, query_batch
from challenge.sources.embedding import EmbeddingGenerator
from challenge.sources.ials import FactorsConfig
from challenge.sources.ials_knn import LatentNeighbours, to_directions
from challenge.sources.lightgcn import LightGCNEmbedder
from challenge.sources.merge import merge_candidates
from challenge.sources.postings import build_index
from challenge.sources.registry import SOURCES, SourcesConfig, SourceSet, answerable, fit_sources
from challenge.types import Category, FloatArray
from tests.toy_dataset import (
    GENRES,
    TRACKS_PER_GENRE,
    Question,
    ToyDataset,
    catalog_of,
    playlists_of,
    queries_of,
    random_dataset,
    toy_dataset,
    tracks_of,
)

SMALL = SourcesConfig(factors=FactorsConfig(embedding_size=2, iterations=4))


@pytest.fixture(scope="module")
def toy() -> ToyDataset:
    return toy_dataset()


@pytest.fixture(scope="module")
def fitted(toy: ToyDataset) -> SourceSet:
    embedder = LightGCNEmbedder(
        LightGCNConfig(embedding_size=8, epochs=8, batch_size=32, negatives=64, patience=0),
        num_candidates=500,
        device="cpu",
    )
    return fit_sources(toy.dataset, SMALL, embedder=embedder)


def source(sources: SourceSet, name: str) -> CandidateGenerator:
    return sources.generators[sources.names.index(name)]


def all_scores(sources: SourceSet, name: str) -> FloatArray:
    """Scores of every query, seeds set to 0."""
    batch = query_batch(sources.index, 0, len(sources.dataset.queries))
    scores = source(sources, name).scores(batch)
    scores[batch.seed_query, batch.seed_track] = 0
    return scores


KNOWS = {
    "neighbours": {"seeds": True},
    "close_neighbours": {"seeds": True},
    "cooccurrence": {"seeds": True},
    "title": {"title": True},
    "factors": {"seeds": True, "title": True},
    "latent_neighbours": {"seeds": True, "title": True},
    "lightgcn": {"seeds": True, "title": True},
    "continuation": {"seeds": True},
}


@pytest.mark.parametrize("name", KNOWS)
def test_the_right_genre_comes_first(toy: ToyDataset, fitted: SourceSet, name: str) -> None:
    scores = all_scores(fitted, name)
    answered = toy.answered_by(**KNOWS[name])
    assert len(answered) >= 8
    for query in answered:
        row, genre = scores[query], str(toy.genre_of[query])
        best = np.argsort(-row, kind="stable")[:10]
        best = best[row[best] > 0]
        assert len(best) >= 5, query
        assert np.isin(best, tracks_of(genre)).all(), (query, genre, best)


@pytest.mark.parametrize("name", ["neighbours", "close_neighbours", "cooccurrence", "title", "continuation"])
def test_sources_that_count_say_nothing_of_the_other_genre(
    toy: ToyDataset, fitted: SourceSet, name: str
) -> None:
    scores = all_scores(fitted, name)
    for query in toy.answered_by(**KNOWS[name]):
        other = GENRES[1 - GENRES.index(str(toy.genre_of[query]))]
        assert not scores[query, tracks_of(other)].any()


@pytest.mark.parametrize("name", [*(name for name in KNOWS if name != "continuation"), "title_names"])
def test_no_opinion_where_nothing_is_known(toy: ToyDataset, fitted: SourceSet, name: str) -> None:
    """Unknown seeds, an empty title, a title of nobody else's."""
    scores = all_scores(fitted, name)
    assert [query for query, genre in enumerate(toy.genre_of) if genre is None] == [12, 13, 14]
    assert not scores[12:].any()


def test_an_unknown_seed_still_has_an_artist(fitted: SourceSet) -> None:
    """Tracks 120 to 124 are the seeds; 125 is by the same artist but in none of the playlists."""
    scores = all_scores(fitted, "continuation")[12]
    assert np.flatnonzero(scores).tolist() == [125]


def test_popularity_counts_rows_for_everybody(toy: ToyDataset, fitted: SourceSet) -> None:
    generator = source(fitted, "popularity")
    scores = generator.scores(query_batch(fitted.index, 0, 15))
    rows = [
        *(toy.dataset.playlists.interactions.row(i) for i in range(80)),
        *(toy.dataset.queries.seeds.row(i) for i in range(15)),
    ]
    expected = np.array([sum(track in row for row in rows) for track in range(fitted.index.n_tracks)])
    assert (scores == expected).all()
    scores[:] = -1
    assert (generator.scores(query_batch(fitted.index, 0, 1)) == expected).all(), "a copy for every batch"


@pytest.mark.parametrize("count", [1, 3, 15])
def test_seeds_are_never_candidates(toy: ToyDataset, fitted: SourceSet, count: int) -> None:
    batch = query_batch(fitted.index, 15 - count, 15)
    candidates = merge_candidates(batch, fitted.generators)
    for query in range(count):
        found = candidates.track[candidates.start[query] : candidates.start[query + 1]]
        seeds = toy.dataset.queries.seeds.row(15 - count + query)
        assert len(found) > 50
        assert not np.isin(seeds, found).any()
        assert (np.diff(found) > 0).all()


def test_a_candidate_carries_the_score_of_every_source(fitted: SourceSet) -> None:
    batch = query_batch(fitted.index, 3, 6)
    candidates = merge_candidates(batch, fitted.generators)
    for number, generator in enumerate(fitted.generators):
        expected = generator.scores(batch)[candidates.query, candidates.track]
        np.testing.assert_allclose(candidates.score[:, number], expected, rtol=1e-5)


def test_depth_limits_what_a_source_proposes(toy: ToyDataset) -> None:
    config = replace(SMALL, names=("popularity",), popularity=replace(SMALL.popularity, num_candidates=7))
    sources = fit_sources(toy.dataset, config)
    candidates = merge_candidates(query_batch(sources.index, 0, 15), sources.generators)
    assert np.diff(candidates.start).tolist() == [7] * 15


# -- a query's own row -----------------------------------------------------------------------------


def alone(seeds: list[int], title: str | None = None) -> Dataset:
    """Tracks 0 to 3 stand in playlists; 4, 5 and 6 only among the seeds of the only query."""
    return Dataset(
        catalog_of(range(7)),
        playlists_of([[0, 1], [1, 2], [2, 3]], ["x", "y", "z"]),
        queries_of([Question(Category.FIRST_5, title, seeds)]),
    )


@pytest.mark.parametrize("name", ["neighbours", "close_neighbours", "cooccurrence"])
def test_a_query_does_not_vouch_for_its_own_seeds(name: str) -> None:
    """Seeds that only the query holds would otherwise make each other the nearest neighbour's tracks."""
    sources = fit_sources(alone([4, 5, 6]), replace(SMALL, names=(name,)))
    assert not sources.generators[0].scores(query_batch(sources.index, 0, 1)).any()
    mixed = fit_sources(alone([4, 0, 5]), replace(SMALL, names=(name,)))
    scores = mixed.generators[0].scores(query_batch(mixed.index, 0, 1))[0]
    assert np.flatnonzero(scores).tolist() == [0, 1], "only the playlist that holds track 0 votes"


@pytest.mark.parametrize("name", ["neighbours", "cooccurrence"])
def test_other_queries_do_vouch(name: str) -> None:
    dataset = replace(
        alone([]),
        queries=queries_of(
            [Question(Category.FIRST_5, None, [4, 5]), Question(Category.FIRST_5, None, [5, 6])]
        ),
    )
    sources = fit_sources(dataset, replace(SMALL, names=(name,)))
    scores = sources.generators[0].scores(query_batch(sources.index, 0, 2))
    assert np.flatnonzero(scores[0]).tolist() == [5, 6]
    assert np.flatnonzero(scores[1]).tolist() == [4, 5]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", ["neighbours", "close_neighbours", "cooccurrence", "title"])
def test_scores_ignore_the_own_row_whatever_else_there_is(name: str, seed: int) -> None:
    """With all weights kept, cutting the query's row out of the postings changes nothing."""
    dataset = random_dataset(seed)
    sources = fit_sources(dataset, replace(SMALL, names=(name,)))
    generator: Any = sources.generators[0]
    for query in range(len(dataset.queries)):
        index, row = sources.index, sources.index.n_playlists + query
        kept = index.track_row != row
        before = np.concatenate([[0], np.cumsum(kept)])
        without = replace(
            index,
            track_row=index.track_row[kept],
            track_place=index.track_place[kept],
            track_start=before[index.track_start],
        )
        batch = query_batch(index, query, query + 1)
        expected = replace(generator, index=without).scores(batch)
        assert (generator.scores(batch) == expected).all()


# -- details of single sources ---------------------------------------------------------------------


def test_continuation_by_hand() -> None:
    """Tracks 0-3 by artist 0, albums 0, 0, 1, 1; popularities 3, 1, 2, 0."""
    dataset = Dataset(
        catalog_of([0, 0, 0, 0, 1], [0, 0, 1, 1, 2]),
        playlists_of([[0, 2], [0, 2], [4]], ["a", "b", "c"]),
        queries_of([Question(Category.FIRST_5, None, [0, 1, 4]), Question(Category.TITLE_ONLY, "a", [])]),
    )
    index = build_index(dataset)
    generator = Continuation(album_weight=2.0).fit(index, dataset.queries)
    scores = generator.scores(query_batch(index, 0, 2))
    # Two of three seeds are by artist 0, both from album 0. Popularity counts the query's own row.
    fame = np.array([4 / 4, 2 / 4, 3 / 4, 1 / 4])
    np.testing.assert_allclose(scores[0, :4], np.array([6, 6, 2, 2]) / 3 * fame, rtol=1e-6)
    np.testing.assert_allclose(scores[0, 4], (1 + 2 * 1) / 3)
    assert not scores[1].any()


def test_embedding_scores_are_inner_products_or_probabilities() -> None:
    dataset = alone([0])
    index = build_index(replace(dataset, queries=dataset.queries.take([0, 0])))
    query, track = np.array([[1, 2], [3, 4]], np.float32), np.array([[1, 0], [0, 1], [-1, 1]], np.float32)
    generator = EmbeddingGenerator("e", 3, query, track, np.array([True, False]))
    batch = query_batch(index, 0, 2)
    assert generator.scores(batch).tolist() == [[1, 2, 1], [0, 0, 0]]
    weight = np.exp([1, 2, 1])
    likely = replace(generator, logits=True).scores(batch)
    np.testing.assert_allclose(likely, [weight / weight.sum(), [0, 0, 0]], rtol=1e-6)
    assert replace(generator, query_embedding=1000 * query, logits=True).scores(batch)[0].tolist() == [
        0,
        1,
        0,
    ]
    assert generator.scores(query_batch(index, 1, 2)).tolist() == [[0, 0, 0]]
    with pytest.raises(InvariantError, match="queries have 2 dimensions, tracks 3"):
        replace(generator, track_embedding=np.zeros((3, 3), np.float32))


def test_answerable_queries_share_something_with_training() -> None:
    dataset = replace(
        alone([]),
        queries=queries_of(
            [
                Question(Category.TITLE_ONLY, "x", []),
                Question(Category.TITLE_ONLY, "unheard", []),
                Question(Category.FIRST_5, None, [4, 5]),
                Question(Category.FIRST_5, None, [4, 0]),
                Question(Category.TITLE_FIRST_5, "Y!", [5]),
                Question(Category.TITLE_ONLY, "", []),
            ]
        ),
    )
    graph = build_graph(dataset, tokens_of=title_tokens)
    assert answerable(graph).tolist() == [True, False, False, True, True, False]


def test_lightgcn_reports_each_training(toy: ToyDataset) -> None:
    config = LightGCNConfig(embedding_size=4, epochs=1, batch_size=64, negatives=16)
    embedder = LightGCNEmbedder(config, num_candidates=33, device="cpu")
    generator = embedder(build_graph(toy.dataset, tokens_of=title_tokens))
    assert (generator.name, generator.num_candidates, generator.logits) == ("lightgcn", 33, True)
    assert len(embedder.reports) == 1
    assert embedder.reports[0].device == "cpu"
    assert embedder.embeddings is not None
    graph = build_graph(toy.dataset, tokens_of=title_tokens)
    again = embedder.generator(graph, embedder.embeddings)
    batch = query_batch(build_index(toy.dataset), 0, 15)
    assert (again.scores(batch) == generator.scores(batch)).all()
    assert again.track_embedding.shape[0] == 2 * TRACKS_PER_GENRE + 6


# -- the choice of sources -------------------------------------------------------------------------


def test_sources_come_in_the_order_asked_for(toy: ToyDataset) -> None:
    names = ("popularity", "title", "neighbours")
    sources = fit_sources(toy.dataset, replace(SMALL, names=names))
    assert sources.names == names
    assert sources.title is sources.generators[1]


def test_without_an_embedder_lightgcn_is_left_out(toy: ToyDataset) -> None:
    sources = fit_sources(toy.dataset, replace(SMALL, names=("lightgcn", "popularity")))
    assert sources.names == ("popularity",)


@pytest.mark.parametrize(
    ("names", "found"), [(("knn",), "knn"), ((), "none"), (("title", "b", "a"), "a, b"), (("",), "none")]
)
def test_unknown_sources_are_refused(names: tuple[str, ...], found: str) -> None:
    with pytest.raises(ConfigError, match=f"sources: found {found}; expected some of neighbours, close_n"):
        SourcesConfig(names=names)


def test_a_source_named_twice_is_refused() -> None:
    with pytest.raises(ConfigError, match="sources: found title more than once"):
        SourcesConfig(names=("title", "popularity", "title"))


def test_fitting_twice_gives_the_same(toy: ToyDataset, fitted: SourceSet) -> None:
    again = fit_sources(toy.dataset, replace(SMALL, names=("factors", "title", "neighbours")))
    for name in again.names:
        np.testing.assert_array_equal(all_scores(again, name), all_scores(fitted, name), err_msg=name)


def test_a_corpus_without_playlists_or_queries_breaks_no_source() -> None:
    names = tuple(name for name in SOURCES if name != "lightgcn")
    empty = Dataset(
        catalog_of(range(7)), playlists_of([], []), queries_of([Question(Category.FIRST_5, None, [1])])
    )
    sources = fit_sources(empty, replace(SMALL, names=names))
    candidates = merge_candidates(query_batch(sources.index, 0, 1), sources.generators)
    assert candidates.track.tolist() == []
    nobody = replace(alone([1]), queries=queries_of([]))
    sources = fit_sources(nobody, replace(SMALL, names=names))
    assert sources.index.n_queries == 0
    assert isinstance(nobody.queries.seeds, Interactions)


def test_latent_neighbours_by_hand() -> None:
    """Cosines of the query with the playlists are 1, .6, 0 and -1; the two best vote, by the square."""
    dataset = replace(alone([0]), playlists=playlists_of([[0, 1], [1, 2], [3], [4]], ["x", "y", "z", "w"]))
    index = build_index(dataset)
    rows = np.array([[0, 3], [0.8, 0.6], [1, 0], [0, -2], [0, 5]], np.float32)
    generator = LatentNeighbours(neighbours=2, amplification=2.0).fit(index, to_directions(rows.copy()))
    scores = generator.scores(query_batch(index, 0, 1))
    np.testing.assert_allclose(scores, [[1, 1.36, 0.36, 0, 0, 0, 0]], rtol=1e-5)
    everybody = LatentNeighbours(neighbours=100).fit(index, to_directions(rows.copy()))
    assert np.flatnonzero(everybody.scores(query_batch(index, 0, 1))).tolist() == [0, 1, 2]
    unknown = LatentNeighbours().fit(index, to_directions(np.vstack([rows[:4], [[0, 0]]]).astype(np.float32)))
    assert not unknown.scores(query_batch(index, 0, 1)).any()
