"""Every source alone, on the two-genre toy, and what all sources must keep to."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

from challenge.data.dataset import Dataset
from challenge.errors import ConfigError, InvariantError
from challenge.sources.artist_album import ArtistAlbum
from challenge.sources.base import FitContext, FittedSource, IndexedQueries
from challenge.sources.embedding import EmbeddingScores, TrackVectors
from challenge.sources.held_columns import HeldColumns
from challenge.sources.ials import FittedIals, HeldByArtist, Ials, IalsArrays, to_directions
from challenge.sources.ials_knn import FittedIalsKnn, IalsKnn
from challenge.sources.lightgcn import FittedLightGCN, LightGCN
from challenge.sources.merge import merge_candidates, without_seeds
from challenge.sources.playlist_knn import PlaylistKnn
from challenge.sources.popularity import Popularity
from challenge.sources.postings import PlaylistIndex, build_index
from challenge.sources.registry import SOURCES, FittedSources, SourcesConfig, fit_sources
from challenge.types import Category, FloatArray
from tests.fitted import SMALL, batch_in, batch_of, context_of, fit, small, table_of
from tests.toy_dataset import (
    GENRES,
    TRACKS_PER_GENRE,
    Question,
    ToyDataset,
    catalog_of,
    playlists_of,
    queries_of,
    random_dataset,
    tracks_of,
)

OTHERS = tuple(name for name in SOURCES if not name.startswith("lightgcn"))


@pytest.fixture(scope="module")
def fitted(toy: ToyDataset) -> FittedSources:
    return fit(toy.dataset)


def all_scores(sources: FittedSources, name: str) -> FloatArray:
    """Scores of every query, seeds set to 0."""
    queries = sources.queries()
    batch = queries.batch(0, len(queries))
    scores = table_of(sources.fitted[name], batch, sources.index.n_tracks)
    scores[batch.seed_query, batch.seed_track] = 0
    return scores


KNOWS = {
    "playlist_knn": {"seeds": True},
    "cooccurrence": {"seeds": True},
    "title_knn": {"title": True},
    "ials": {"seeds": True, "title": True},
    "ials_knn": {"seeds": True, "title": True},
    "lightgcn": {"seeds": True, "title": True},
    "artist_album": {"seeds": True},
}


@pytest.mark.parametrize("name", KNOWS)
def test_the_right_genre_comes_first(toy: ToyDataset, fitted: FittedSources, name: str) -> None:
    scores = all_scores(fitted, name)
    answered = toy.answered_by(**KNOWS[name])
    assert len(answered) >= 8
    for query in answered:
        row, genre = scores[query], str(toy.genre_of[query])
        best = np.argsort(-row, kind="stable")[:10]
        best = best[row[best] > 0]
        assert len(best) >= 5, query
        assert np.isin(best, tracks_of(genre)).all(), (query, genre, best)


@pytest.mark.parametrize("name", ["playlist_knn", "cooccurrence", "title_knn", "artist_album"])
def test_sources_that_count_say_nothing_of_the_other_genre(
    toy: ToyDataset, fitted: FittedSources, name: str
) -> None:
    scores = all_scores(fitted, name)
    for query in toy.answered_by(**KNOWS[name]):
        other = GENRES[1 - GENRES.index(str(toy.genre_of[query]))]
        assert not scores[query, tracks_of(other)].any()


@pytest.mark.parametrize("name", [*(name for name in KNOWS if name != "artist_album"), "artists_in_title"])
def test_no_opinion_where_nothing_is_known(toy: ToyDataset, fitted: FittedSources, name: str) -> None:
    """Unknown seeds, an empty title, a title of nobody else's."""
    scores = all_scores(fitted, name)
    assert [query for query, genre in enumerate(toy.genre_of) if genre is None] == [12, 13, 14]
    assert not scores[12:].any()
    best = fitted.fitted[name].score(fitted.queries().batch(12, 15)).best(9)
    assert (best == -1).all()


def test_an_unknown_seed_still_has_an_artist(fitted: FittedSources) -> None:
    """Tracks 120 to 124 are the seeds; 125 is by the same artist but in none of the playlists."""
    scores = all_scores(fitted, "artist_album")[12]
    assert np.flatnonzero(scores).tolist() == [125]


def test_popularity_counts_rows_for_everybody(toy: ToyDataset, fitted: FittedSources) -> None:
    rows = [
        *(toy.dataset.playlists.interactions.row(i) for i in range(80)),
        *(toy.dataset.queries.seeds.row(i) for i in range(15)),
    ]
    expected = np.array([sum(track in row for row in rows) for track in range(fitted.index.n_tracks)])
    batch = fitted.queries().batch(0, 15)
    source = fitted.fitted["popularity"]
    assert (table_of(source, batch, len(expected)) == expected).all()
    order = sorted(np.flatnonzero(expected).tolist(), key=lambda track: (-expected[track], track))
    best = source.score(batch).best(500)
    assert best.shape == (15, 500)
    assert (best == order + [-1] * (500 - len(order))).all(), "what nobody holds is not popular"


@pytest.mark.parametrize("name", SOURCES)
@pytest.mark.parametrize("count", [1, 7, 1000])
def test_the_best_are_those_with_the_highest_scores(fitted: FittedSources, name: str, count: int) -> None:
    batch = fitted.queries().batch(0, 15)
    source, n_tracks = fitted.fitted[name], fitted.index.n_tracks
    scores = table_of(source, batch, n_tracks)
    best = source.score(batch).best(count)
    assert (scores > 0).any() or name == "artists_in_title"
    for row, found in zip(scores, best, strict=True):
        ranked = found[found >= 0]
        assert len(ranked) == min(count, (row > 0).sum())
        assert (found[len(ranked) :] == -1).all()
        assert len(set(ranked.tolist())) == len(ranked)
        np.testing.assert_allclose(row[ranked], np.sort(row)[::-1][: len(ranked)], rtol=1e-5)


# -- merging -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 3, 15])
def test_seeds_are_never_candidates(toy: ToyDataset, fitted: FittedSources, count: int) -> None:
    candidates = fitted.candidates(fitted.queries().batch(15 - count, 15))
    for query in range(count):
        found = candidates.track[candidates.indptr[query] : candidates.indptr[query + 1]]
        seeds = toy.dataset.queries.seeds.row(15 - count + query)
        assert len(found) > 50
        assert not np.isin(seeds, found).any()
        assert (np.diff(found) > 0).all()


@pytest.mark.parametrize("name", ["playlist_knn", "cooccurrence", "ials", "lightgcn", "popularity"])
def test_sources_themselves_may_name_seeds(fitted: FittedSources, name: str) -> None:
    """So that the test above does not pass for want of them."""
    batch = fitted.queries().batch(0, 15)
    best = fitted.fitted[name].score(batch).best(fitted.index.n_tracks)
    assert any(np.isin(batch.seeds(query), best[query]).any() for query in range(15))


def test_leaving_seeds_out_keeps_the_order() -> None:
    ranked = np.array([7, 3, 9, 1, -1, -1], np.int32)
    assert without_seeds(ranked, np.array([3, 8, 1], np.int32)).tolist() == [7, 9]
    assert without_seeds(ranked, np.array([], np.int32)).tolist() == [7, 3, 9, 1]


def test_a_candidate_carries_the_score_of_every_source(fitted: FittedSources) -> None:
    batch = fitted.queries().batch(3, 6)
    candidates = fitted.candidates(batch)
    assert candidates.score.shape == (len(candidates.track), len(SOURCES))
    for number, (name, source) in enumerate(fitted.fitted.items()):
        scores = table_of(source, batch, fitted.index.n_tracks)
        expected = scores[candidates.query, candidates.track]
        np.testing.assert_allclose(candidates.score[:, number], expected, rtol=1e-5, err_msg=name)


def test_num_candidates_limits_what_a_source_proposes(toy: ToyDataset) -> None:
    """Seeds left out do not count: each query gets its number all the same."""
    sources = fit(toy.dataset, "popularity", popularity=Popularity(num_candidates=7))
    candidates = sources.candidates(sources.queries().batch(0, 15))
    assert np.diff(candidates.indptr).tolist() == [7] * 15
    popularity = sources.index.popularity
    for query in range(15):
        found = candidates.track[candidates.indptr[query] : candidates.indptr[query + 1]]
        allowed = np.setdiff1d(
            np.arange(len(popularity)), sources.index.tracks_of(sources.index.n_playlists + query)
        )
        best = sorted(allowed.tolist(), key=lambda track: (-popularity[track], track))[:7]
        assert found.tolist() == sorted(best)


def test_each_source_has_its_own_number_of_candidates(toy: ToyDataset) -> None:
    names = ("playlist_knn", "popularity")
    config = small(
        *names, playlist_knn=PlaylistKnn(num_candidates=3), popularity=Popularity(num_candidates=5)
    )
    sources = fit_sources(FitContext(toy.dataset, config.settings), config)
    batch = sources.queries().batch(2, 3)
    alone = [
        merge_candidates(batch, [sources.fitted[name]], [count]).track
        for name, count in zip(names, (3, 5), strict=True)
    ]
    assert [len(tracks) for tracks in alone] == [3, 5]
    assert sources.candidates(batch).track.tolist() == np.union1d(*alone).tolist()


# -- a query's own row -----------------------------------------------------------------------------


def alone(seeds: list[int], title: str | None = None) -> Dataset:
    """Tracks 0 to 3 stand in playlists; 4, 5 and 6 only among the seeds of the only query."""
    return Dataset(
        catalog_of(range(7)),
        playlists_of([[0, 1], [1, 2], [2, 3]], ["x", "y", "z"]),
        queries_of([Question(Category.FIRST_5, title, seeds)]),
    )


def scores_by(name: str, dataset: Dataset) -> FloatArray:
    context = context_of(dataset)
    source = context.fitted(name)
    return table_of(source, batch_in(context.index, dataset), dataset.n_tracks)


@pytest.mark.parametrize("name", ["playlist_knn", "cooccurrence"])
def test_a_query_does_not_vouch_for_its_own_seeds(name: str) -> None:
    """Seeds that only the query holds would otherwise make each other the nearest neighbour's tracks."""
    assert not scores_by(name, alone([4, 5, 6])).any()
    scores = scores_by(name, alone([4, 0, 5]))[0]
    assert np.flatnonzero(scores).tolist() == [0, 1], "only the playlist that holds track 0 votes"


@pytest.mark.parametrize("name", ["playlist_knn", "cooccurrence"])
def test_other_queries_do_vouch(name: str) -> None:
    questions = [Question(Category.FIRST_5, None, [4, 5]), Question(Category.FIRST_5, None, [5, 6])]
    scores = scores_by(name, replace(alone([]), queries=queries_of(questions)))
    assert np.flatnonzero(scores[0]).tolist() == [5, 6]
    assert np.flatnonzero(scores[1]).tolist() == [4, 5]


def blind_to(source: Any, row: int) -> FittedSource:
    """The same source on an index whose postings lack one row; all weights stay."""
    index = source.index
    kept = index.track_row != row
    before = np.concatenate([[0], np.cumsum(kept)])
    cut = replace(
        index,
        track_row=index.track_row[kept],
        track_position=index.track_position[kept],
        track_indptr=before[index.track_indptr],
    )
    blind: FittedSource = replace(source, index=cut)
    return blind


COUNTING = ["playlist_knn", "cooccurrence", "title_knn", "artist_album"]


def random_source(name: str, seed: int) -> tuple[FittedSource, PlaylistIndex, Dataset]:
    dataset = random_dataset(seed)
    context = context_of(dataset)
    return context.fitted(name), context.index, dataset


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", COUNTING)
def test_scores_ignore_the_own_row_whatever_else_there_is(name: str, seed: int) -> None:
    """With all weights kept, cutting the query's row out of the postings changes nothing."""
    source, index, dataset = random_source(name, seed)
    for query in range(len(dataset.queries)):
        batch = batch_in(index, dataset, query, query + 1)
        expected = table_of(blind_to(source, index.n_playlists + query), batch, 30)
        assert (table_of(source, batch, 30) == expected).all()


# -- queries that are no rows of the index -------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", COUNTING)
def test_strangers_score_like_the_row_that_they_equal(name: str, seed: int) -> None:
    """Seeds and title of a query, asked as if it were none, with its row cut out of the postings."""
    source, index, dataset = random_source(name, seed)
    strangers = IndexedQueries.strangers(index, dataset.queries)
    assert strangers.index_row.tolist() == [-1] * len(dataset.queries)
    table = table_of(source, batch_in(index, dataset), 30)
    assert table.any()
    for query in range(len(dataset.queries)):
        blind = blind_to(source, index.n_playlists + query)
        scores = table_of(blind, strangers.batch(query, query + 1), 30)
        assert (scores == table[query : query + 1]).all()


@pytest.mark.parametrize("name", ["title_knn", "artist_album", "popularity"])
def test_sources_without_postings_need_no_cut(name: str, toy: ToyDataset, fitted: FittedSources) -> None:
    strangers = IndexedQueries.strangers(fitted.index, toy.dataset.queries).batch(0, 15)
    scores = table_of(fitted.fitted[name], strangers, fitted.index.n_tracks)
    rows = table_of(fitted.fitted[name], fitted.queries().batch(0, 15), fitted.index.n_tracks)
    assert rows.any()
    assert (scores == rows).all()


def test_a_stranger_is_no_row_so_its_twin_vouches() -> None:
    """What the query alone holds is unknown to it, and known to a stranger who holds the same."""
    dataset = alone([4, 5, 6])
    context = context_of(dataset)
    strangers = IndexedQueries.strangers(context.index, dataset.queries).batch(0, 1)
    for name in ("playlist_knn", "cooccurrence"):
        scores = table_of(context.fitted(name), strangers, 7)[0]
        assert np.flatnonzero(scores).tolist() == [4, 5, 6]


def test_factors_of_strangers_solve_the_normal_equations(toy: ToyDataset, fitted: FittedSources) -> None:
    """(Σ_all y yᵀ + λ I + c Σ y yᵀ) x = (1 + c) Σ y, y the factors of what the query holds."""
    ials = fitted.fitted["ials"]
    assert isinstance(ials, FittedIals)
    batch = IndexedQueries.strangers(fitted.index, toy.dataset.queries).batch(0, 15)
    found, known = ials.encode(batch)
    plain = ials.columns.plain.held(batch.seed_indptr, batch.seed_track, batch.queries.titles)
    held = ials.columns.with_artists(plain).toarray()
    factors, config = ials.factors.columns.astype(np.float64), ials.config
    assert known.tolist() == [True] * 12 + [False] * 3
    for query in range(15):
        own = factors[held[query] > 0]
        system = factors.T @ factors + config.regularisation * np.eye(2) + config.confidence * own.T @ own
        expected = np.linalg.solve(system, (1 + config.confidence) * own.sum(axis=0)) * known[query]
        np.testing.assert_allclose(found[query], expected, rtol=1e-4, atol=1e-6)


def test_factors_of_strangers_are_near_those_of_the_rows(toy: ToyDataset) -> None:
    """Rows are solved by conjugate gradients; with enough steps both are the exact solution."""
    ials = Ials(embedding_size=4, iterations=4, cg_steps=6)
    sources = fit(toy.dataset, "ials", ials=ials)
    source = sources.fitted["ials"]
    assert isinstance(source, FittedIals)
    rows, _ = source.encode(sources.queries().batch(0, 15))
    others, _ = source.encode(IndexedQueries.strangers(sources.index, toy.dataset.queries).batch(0, 15))
    assert rows[:12].any(axis=1).all()
    np.testing.assert_allclose(others, rows, rtol=2e-3, atol=1e-4)


@pytest.mark.parametrize("similarity", ["cosine", "dot"])
@pytest.mark.parametrize(("storage", "tolerance"), [("fp32", 1e-5), ("bf16", 2**-6)])
def test_lightgcn_encodes_strangers_as_it_embeds_rows(
    toy: ToyDataset, similarity: str, storage: str, tolerance: float
) -> None:
    """Without embeddings of their own, rows are what their columns send them, trained or not."""
    config: Any = {"similarity": similarity, "storage": storage}
    settings = LightGCN(embedding_size=8, epochs=2, batch_size=32, negatives=64, **config)
    sources = fit(toy.dataset, "lightgcn", lightgcn=settings)
    source = sources.fitted["lightgcn"]
    assert isinstance(source, FittedLightGCN)
    batch = IndexedQueries.strangers(sources.index, toy.dataset.queries).batch(0, 15)
    columns = sources.context.columns
    held = columns.held(batch.seed_indptr, batch.seed_track, batch.queries.titles)
    trained, encoded = source.embeddings.rows[-15:], source.embeddings.encode(held)
    assert trained[:12, :-1].any(axis=1).all()
    size = np.abs(trained[:, :-1]).max()
    np.testing.assert_allclose(encoded, trained, rtol=0, atol=tolerance * size)
    scores = table_of(source, batch, sources.index.n_tracks)
    rows = table_of(source, sources.queries().batch(0, 15), sources.index.n_tracks)
    assert rows[:12].any(axis=1).all()
    np.testing.assert_allclose(scores, rows, rtol=0, atol=20 * tolerance * rows.max())


@pytest.mark.parametrize("name", SOURCES)
def test_rows_and_strangers_may_share_a_batch(toy: ToyDataset, fitted: FittedSources, name: str) -> None:
    rows = fitted.queries().batch(0, 12)
    strangers = IndexedQueries.strangers(fitted.index, toy.dataset.queries).batch(0, 12)
    mixed = replace(rows, index_row=np.where(np.arange(12) % 2 == 0, rows.index_row, -1).astype(np.int32))
    source, n_tracks = fitted.fitted[name], fitted.index.n_tracks
    found = table_of(source, mixed, n_tracks)
    np.testing.assert_allclose(found[::2], table_of(source, rows, n_tracks)[::2], rtol=1e-5)
    np.testing.assert_allclose(found[1::2], table_of(source, strangers, n_tracks)[1::2], rtol=1e-5)


# -- details of single sources ---------------------------------------------------------------------


def test_artist_and_album_by_hand() -> None:
    """Tracks 0-3 by artist 0, albums 0, 0, 1, 1; popularities 3, 1, 2, 0."""
    dataset = Dataset(
        catalog_of([0, 0, 0, 0, 1], [0, 0, 1, 1, 2]),
        playlists_of([[0, 2], [0, 2], [4]], ["a", "b", "c"]),
        queries_of([Question(Category.FIRST_5, None, [0, 1, 4]), Question(Category.TITLE_ONLY, "a", [])]),
    )
    source = ArtistAlbum(album_weight=2.0).fit(context_of(dataset))
    scores = table_of(source, batch_of(dataset), dataset.n_tracks)
    # Two of three seeds are by artist 0, both from album 0. Popularity counts the query's own row.
    fame = np.array([4 / 4, 2 / 4, 3 / 4, 1 / 4])
    np.testing.assert_allclose(scores[0, :4], np.array([6, 6, 2, 2]) / 3 * fame, rtol=1e-6)
    np.testing.assert_allclose(scores[0, 4], (1 + 2 * 1) / 3)
    assert not scores[1].any()


def every_pair(scores: EmbeddingScores, queries: int, tracks: int) -> list[list[float]]:
    query = np.repeat(np.arange(queries, dtype=np.int32), tracks)
    track = np.tile(np.arange(tracks, dtype=np.int32), queries)
    table: list[list[float]] = scores.of(query, track).reshape(queries, tracks).tolist()
    return table


def test_embedding_scores_are_inner_products_or_probabilities() -> None:
    query, track = np.array([[1, 2], [3, 4]], np.float32), np.array([[1, 0], [0, 1], [-1, 1]], np.float32)
    known = np.array([True, False])
    products = EmbeddingScores(query, TrackVectors(track), known)
    assert every_pair(products, 2, 3) == [[1, 2, 1], [0, 0, 0]]
    assert products.best(2).tolist() == [[1, 0], [-1, -1]]
    assert EmbeddingScores(-query, TrackVectors(track), known).best(3).tolist() == [[-1] * 3] * 2
    likely = EmbeddingScores(query, TrackVectors(track, logits=True), known)
    weight = np.exp([1, 2, 1])
    np.testing.assert_allclose(every_pair(likely, 2, 3), [weight / weight.sum(), [0, 0, 0]], rtol=1e-6)
    assert likely.best(3).tolist() == [[1, 0, 2], [-1, -1, -1]]
    np.testing.assert_allclose(every_pair(likely, 2, 3)[0], weight / weight.sum(), rtol=1e-6)
    sure = EmbeddingScores(1000 * query, TrackVectors(track, logits=True), known)
    assert every_pair(sure, 2, 3)[0] == [0, 1, 0]
    with pytest.raises(InvariantError, match="queries have 2 dimensions, tracks 3"):
        EmbeddingScores(query, TrackVectors(np.zeros((3, 3), np.float32)), known)


def test_two_lightgcns_resume_each_its_own_training(toy: ToyDataset, tmp_path: Path) -> None:
    config = small("lightgcn", "lightgcn_paper", "title_knn")

    def fitted(*, resume: bool) -> list[FloatArray]:
        context = FitContext(toy.dataset, config.settings, checkpoint_dir=tmp_path, resume=resume)
        sources = fit_sources(context, config).fitted.values()
        return [each.embeddings.columns for each in sources if isinstance(each, FittedLightGCN)]

    first = fitted(resume=False)
    assert len(first) == 2
    assert first[0].shape != first[1].shape
    for again, once in zip(fitted(resume=True), first, strict=True):
        np.testing.assert_array_equal(again, once)


def test_lightgcn_reports_its_training(toy: ToyDataset) -> None:
    settings = LightGCN(embedding_size=4, epochs=1, batch_size=64, negatives=16)
    sources = fit(toy.dataset, "lightgcn", lightgcn=settings)
    source = sources.fitted["lightgcn"]
    assert isinstance(source, FittedLightGCN)
    assert source.report is not None
    assert source.report.device == "cpu"
    assert [entry.epoch for entry in source.report.epochs] == [0, 1]
    assert source.tracks.logits
    assert source.tracks.vectors.shape == (2 * TRACKS_PER_GENRE + 6, 5)


def test_nearest_playlists_among_factors_by_hand() -> None:
    """Cosines of the query with the playlists are 1, .6, 0 and -1; the two best vote, by the square."""
    dataset = replace(alone([0]), playlists=playlists_of([[0, 1], [1, 2], [3], [4]], ["x", "y", "z", "w"]))
    context = context_of(dataset)
    rows = np.array([[0, 3], [0.8, 0.6], [1, 0], [0, -2], [0, 5]], np.float32)

    def knn(config: IalsKnn, rows: FloatArray) -> FloatArray:
        arrays = IalsArrays(
            rows[4:].copy(),
            np.ones((7, 2), np.float32),
            to_directions(rows.copy()),
            np.full((2, 2), 7.0),
            np.full(7, 2**0.5, np.float32),
        )
        ials = FittedIals(Ials(), arrays, HeldByArtist.of(context.columns, context.index))
        return table_of(FittedIalsKnn(config, context.index, ials), batch_of(dataset), dataset.n_tracks)

    scores = knn(IalsKnn(num_neighbours=2, amplification=2.0), rows)
    np.testing.assert_allclose(scores, [[1, 1.36, 0.36, 0, 0, 0, 0]], rtol=1e-5)
    everybody = knn(IalsKnn(num_neighbours=100), rows)
    assert np.flatnonzero(everybody).tolist() == [0, 1, 2]
    unknown = knn(IalsKnn(), np.vstack([rows[:4], [[0, 0]]]).astype(np.float32))
    assert not unknown.any()


# -- the columns that a query holds ---------------------------------------------------------------------


def test_columns_that_queries_hold_by_hand() -> None:
    """Tracks 0 to 2, then the words "=x y", "x" and "y"; no training playlist holds track 1 or "y"."""
    columns = HeldColumns(3, ("=x y", "x", "y"), np.array([True, False, True, True, True, False]))
    held = columns.held(
        np.array([0, 2, 2, 3, 3, 3]), np.array([2, 0, 1], np.int32), ["X  y!", "x", None, "Y", "zzz"]
    )
    assert held.toarray().tolist() == [
        [1, 0, 1, 1, 1, 1],
        [0, 0, 0, 0, 1, 0],
        [0, 1, 0, 0, 0, 0],
        [0, 0, 0, 0, 0, 1],
        [0, 0, 0, 0, 0, 0],
    ]
    assert held.dtype == np.float32
    assert columns.known(held).tolist() == [True, True, False, False, False]


def test_artists_that_queries_hold_by_hand() -> None:
    """Tracks 0 to 3 by artists 1, 0, 1 and 2, one word; a training playlist holds track 2 and the word."""
    plain = HeldColumns(4, ("x",), np.array([False, False, True, False, True]))
    index = build_index(alone([0]))
    index = replace(
        index, track_artist=np.array([1, 0, 1, 2], np.int32), artist_popularity=np.zeros(3, np.float32)
    )
    columns = HeldByArtist.of(plain, index)
    assert columns.in_training.tolist() == [False, False, True, False, True, False, True, False]
    held = columns.with_artists(
        plain.held(np.array([0, 2, 3, 3]), np.array([0, 2, 3], np.int32), [None, None, "x"])
    )
    assert held.toarray().tolist() == [
        [1, 0, 1, 0, 0, 0, 1, 0],
        [0, 0, 0, 1, 0, 0, 0, 1],
        [0, 0, 0, 0, 1, 0, 0, 0],
    ]
    assert columns.known(held).tolist() == [True, False, True]


def test_an_artist_of_hundreds_of_tracks_counts_once() -> None:
    plain = HeldColumns(512, (), np.ones(512, bool))
    columns = HeldByArtist(plain, np.zeros(512, np.int32), np.ones(513, bool))
    assert columns.artists(sp.csr_matrix(np.ones((1, 512), np.int8))).toarray().tolist() == [[1.0]]


def test_no_queries_hold_nothing() -> None:
    columns = HeldColumns(3, ("=x",), np.ones(4, bool))
    held = columns.held(np.zeros(1, np.int64), np.zeros(0, np.int32), [])
    assert held.shape == (0, 4)
    assert columns.known(held).tolist() == []
    wordless = HeldColumns(3, (), np.ones(3, bool))
    assert wordless.held(np.array([0, 1]), np.array([2], np.int32), ["x"]).toarray().tolist() == [[0, 0, 1]]


def test_queries_are_known_by_what_they_share_with_training() -> None:
    questions = [
        Question(Category.TITLE_ONLY, "x", []),
        Question(Category.TITLE_ONLY, "unheard", []),
        Question(Category.FIRST_5, None, [4, 5]),
        Question(Category.FIRST_5, None, [4, 0]),
        Question(Category.TITLE_FIRST_5, "Y!", [5]),
        Question(Category.TITLE_ONLY, "", []),
        Question(Category.TITLE_ONLY, "unheard", []),
    ]
    dataset = replace(alone([]), queries=queries_of(questions))
    context = context_of(dataset)
    batch = batch_of(dataset)
    held = context.columns.held(batch.seed_indptr, batch.seed_track, batch.queries.titles)
    assert "unheard" in context.columns.tokens, "two queries share it, so it is a column"
    assert (held != context.graph.matrix()[3:]).nnz == 0
    assert context.columns.known(held).tolist() == [True, False, False, True, True, False, False]


# -- the choice of sources -------------------------------------------------------------------------


def test_sources_come_in_the_order_asked_for(toy: ToyDataset) -> None:
    names = ("popularity", "title_knn", "playlist_knn")
    sources = fit(toy.dataset, *names)
    assert sources.names == names
    assert sources.title is sources.fitted["title_knn"]
    assert fit(toy.dataset, "popularity").title.index is not None, "titles describe and fill without it too"


def test_a_source_that_builds_on_another_brings_it_along(toy: ToyDataset) -> None:
    sources = fit(toy.dataset, "ials_knn")
    assert sources.names == ("ials_knn",)
    assert {"ials", "ials_knn"} <= set(sources.context.fitted_names())
    knn = sources.fitted["ials_knn"]
    assert isinstance(knn, FittedIalsKnn)
    assert knn.ials is sources.context.fitted("ials"), "fitted once"


@pytest.mark.parametrize(
    ("names", "found", "hint"),
    [
        (("playlist_kn",), "playlist_kn", "did you mean playlist_knn?"),
        (("title_knn", "coocurrence", "popular"), "coocurrence, popular", "did you mean cooccurrence?"),
        (("zzz",), "zzz", None),
        ((), "none", None),
    ],
)
def test_unknown_sources_are_refused(names: tuple[str, ...], found: str, hint: str | None) -> None:
    with pytest.raises(ConfigError) as caught:
        SourcesConfig(names=names)
    assert caught.value.message == f"sources: found {found}; expected some of {', '.join(SOURCES)}"
    assert caught.value.hint == hint


def test_a_source_named_twice_is_refused() -> None:
    with pytest.raises(ConfigError, match="sources: found title_knn more than once"):
        SourcesConfig(names=("title_knn", "popularity", "title_knn"))


def test_a_plugged_in_source_is_asked_like_the_others(toy: ToyDataset) -> None:
    """Settings under a name of its own, of a class that any other source may have too."""
    settings = SMALL | {"few": Popularity(num_candidates=4)}
    config = SourcesConfig(("few", "popularity"), settings=settings)
    sources = fit_sources(FitContext(toy.dataset, settings), config)
    assert sources.num_candidates == {"few": 4, "popularity": 200}
    assert sources.candidates(sources.queries().batch(0, 1)).score.shape[1] == 2


# -- seeds of random draws and edge cases ----------------------------------------------------------------


def test_fitting_twice_gives_the_same(toy: ToyDataset, fitted: FittedSources) -> None:
    again = fit(toy.dataset)
    assert again.names == tuple(SOURCES)
    for name in SOURCES:
        np.testing.assert_array_equal(all_scores(again, name), all_scores(fitted, name), err_msg=name)


def test_threads_do_not_change_the_order_of_sums(toy: ToyDataset) -> None:
    """In batches so large that torch shares the gradients of BPR among threads."""

    def learned() -> FloatArray:
        settings = replace(LightGCN.of_paper(), epochs=10)
        source = fit(toy.dataset, "lightgcn_paper", lightgcn_paper=settings).fitted["lightgcn_paper"]
        assert isinstance(source, FittedLightGCN)
        return source.embeddings.columns

    first = learned()
    for _ in range(3):
        np.testing.assert_array_equal(learned(), first)


def test_the_seed_reaches_what_is_trained(toy: ToyDataset) -> None:
    def learned(seed: int) -> tuple[FloatArray, FloatArray]:
        settings = LightGCN(embedding_size=4, epochs=1, batch_size=32, negatives=16)
        sources = fit(toy.dataset, "ials", "lightgcn", seed=seed, lightgcn=settings)
        ials, lightgcn = sources.fitted["ials"], sources.fitted["lightgcn"]
        assert isinstance(ials, FittedIals)
        assert isinstance(lightgcn, FittedLightGCN)
        return ials.factors.columns, lightgcn.embeddings.columns

    first, again, other = learned(1), learned(1), learned(2)
    for one, same, different in zip(first, again, other, strict=True):
        np.testing.assert_array_equal(one, same)
        assert (one != different).mean() > 0.5


def test_a_dataset_without_playlists_or_queries_breaks_no_source() -> None:
    empty = Dataset(
        catalog_of(range(7)), playlists_of([], []), queries_of([Question(Category.FIRST_5, None, [1])])
    )
    sources = fit(empty, *OTHERS)
    assert sources.candidates(sources.queries().batch(0, 1)).track.tolist() == []
    nobody = replace(alone([1]), queries=queries_of([]))
    sources = fit(nobody, *OTHERS)
    assert sources.index.n_queries == 0
    strangers = IndexedQueries.strangers(sources.index, alone([1]).queries)
    candidates = sources.candidates(strangers.batch(0, 1))
    assert {0, 2} <= set(candidates.track.tolist()), "a stranger is answered where there was no query"


def test_queries_count_inside_their_batch() -> None:
    dataset = random_dataset(1)
    index = build_index(dataset)
    batch = batch_in(index, dataset, 3, 6)
    assert len(batch) == 3
    assert batch.index_row.tolist() == [28, 29, 30]
    assert batch.queries.pid.tolist() == [1_000_003, 1_000_004, 1_000_005]
    seeds = [index.tracks_of(index.n_playlists + query).tolist() for query in (3, 4, 5)]
    assert [batch.seeds(query).tolist() for query in range(3)] == seeds
    assert batch.seed_track.tolist() == [*seeds[0], *seeds[1], *seeds[2]]
    assert batch.seed_query.tolist() == [0] * len(seeds[0]) + [1] * len(seeds[1]) + [2] * len(seeds[2])
    assert len(batch_in(index, dataset, 4, 4)) == 0
    first = IndexedQueries.of_index(index, dataset.queries).take(range(5))
    assert len(first) == 5
    assert first.batch(3, 5).seed_track.tolist() == [*seeds[0], *seeds[1]]
