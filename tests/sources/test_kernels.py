"""Compiled loops against plain Python, on random datasets."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from challenge.data.dataset import Dataset
from challenge.data.distinct import distinct
from challenge.data.interactions import Interactions
from challenge.errors import ResourceError
from challenge.graph import BipartiteGraph
from challenge.machine import Memory
from challenge.sources import factorise as factorise_module
from challenge.sources import ials, least_squares
from challenge.sources.base import DenseScores
from challenge.sources.cooccurrence import Cooccurrence
from challenge.sources.factorise import (
    FactorisationConfig,
    FactorMatrix,
    factorise,
    fold_in,
    gram_matrix,
    solve_side,
)
from challenge.sources.ials import estimate_memory, require_memory
from challenge.sources.playlist_knn import PlaylistKnn
from challenge.sources.postings import build_index
from challenge.sources.sparse import Entries, SparseScores, sum_of_rows
from challenge.threads import use_threads
from challenge.types import Category, FloatArray
from tests.fitted import batch_of, context_of, table_of
from tests.toy_dataset import Question, catalog_of, playlists_of, queries_of, random_dataset

SEEDS = range(5)


def rows_of(dataset: Dataset) -> list[list[int]]:
    """Distinct tracks in order of every training playlist, then of every query."""
    parts = (dataset.playlists.interactions, dataset.queries.seeds)
    return [list(dict.fromkeys(part.row(i).tolist())) for part in parts for i in range(len(part))]


def scores_of(config: PlaylistKnn | Cooccurrence, dataset: Dataset) -> FloatArray:
    """Scores of all tracks for all queries."""
    return table_of(config.fit(context_of(dataset)), batch_of(dataset), dataset.n_tracks)


# -- the index -------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", SEEDS)
def test_index_lists_every_entry_once_and_both_ways(seed: int) -> None:
    dataset = random_dataset(seed)
    index, rows = build_index(dataset), rows_of(dataset)
    bounds = index.row_indptr.tolist()
    assert [index.row_track[a:b].tolist() for a, b in pairwise(bounds)] == rows
    for track in range(dataset.n_tracks):
        postings = slice(int(index.track_indptr[track]), int(index.track_indptr[track + 1]))
        expected = [(i, row.index(track)) for i, row in enumerate(rows) if track in row]
        found = zip(index.track_row[postings].tolist(), index.track_position[postings].tolist(), strict=True)
        assert list(found) == expected
        assert index.popularity[track] == len(expected)
    for artist in range(len(dataset.catalog.artists)):
        own = [sum(dataset.catalog.track_artist[track] == artist for track in row) for row in rows]
        assert index.artist_popularity[artist] == sum(own)
    for album in range(len(dataset.catalog.albums)):
        own = [sum(dataset.catalog.track_album[track] == album for track in row) for row in rows]
        assert index.album_popularity[album] == sum(own)
    assert (index.n_playlists, index.n_queries, index.n_tracks) == (25, 8, 30)
    assert index.row_lengths.tolist() == [len(row) for row in rows]
    for query in range(8):
        assert index.tracks_of(index.n_playlists + query).tolist() == rows[25 + query]


@pytest.mark.parametrize("seed", SEEDS)
def test_age_and_company_of_tracks(seed: int) -> None:
    """Means over the training playlists only; playlist i was modified on day i."""
    dataset = random_dataset(seed)
    index, rows = build_index(dataset), rows_of(dataset)[:25]
    for track in range(dataset.n_tracks):
        postings = [i for i, row in enumerate(rows) if track in row]
        age = np.mean([(24 - i) / 365.25 for i in postings]) if postings else 0
        company = np.mean([len(rows[i]) for i in postings]) if postings else 0
        assert index.mean_playlist_age[track] == pytest.approx(age, rel=1e-5)
        assert index.mean_playlist_length[track] == pytest.approx(company, rel=1e-5)


@settings(deadline=None)
@given(st.lists(st.lists(st.integers(0, 5), max_size=8), max_size=6))
def test_distinct_keeps_first_occurrences(rows: list[list[int]]) -> None:
    found = distinct(Interactions.from_rows(rows), 9)
    assert len(found) == len(rows)
    for i, row in enumerate(rows):
        assert found.row(i).tolist() == list(dict.fromkeys(row))
        assert found.row_positions(i).tolist() == [row.index(track) for track in dict.fromkeys(row)]


# -- playlist neighbours ---------------------------------------------------------------------------


def plain_neighbours(dataset: Dataset, config: PlaylistKnn) -> np.ndarray:
    rows, index = rows_of(dataset), build_index(dataset)
    n_playlists = len(dataset.playlists)
    weight = 1 / (np.maximum(index.popularity.astype(float) - 1, 0) ** config.popularity_damping + 1)
    scores = np.zeros((len(dataset.queries), dataset.n_tracks))
    for query in range(len(scores)):
        own = n_playlists + query
        similarity = np.array(
            [
                0
                if row == own
                else sum(weight[s] for s in rows[own] if s in tracks)
                / max(len(tracks), 1) ** config.length_damping
                for row, tracks in enumerate(rows)
            ]
        )
        positive = np.sort(similarity[similarity > 0])[::-1]
        if len(positive) == 0:
            continue
        least = positive[min(config.num_neighbours, len(positive)) - 1]
        for row, value in enumerate(similarity):
            if value > 0 and value >= least * (1 - 1e-6):
                for track in rows[row]:
                    scores[query, track] += (value / positive[0]) ** config.amplification
    return scores


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("neighbours", [1, 3, 1000])
def test_neighbour_scores(seed: int, neighbours: int) -> None:
    """Rows as similar as the last neighbour vote too, so the order of rows never decides."""
    dataset = random_dataset(seed)
    config = PlaylistKnn(num_neighbours=neighbours)
    scores = scores_of(config, dataset)
    assert scores.any()
    np.testing.assert_allclose(scores, plain_neighbours(dataset, config), rtol=2e-4, atol=1e-5)


def test_neighbour_scores_by_hand() -> None:
    """Seeds 0 and 1, popularities 3 and 2 with the query's own row: weights 1/(2^.4 + 1) and 1/2."""
    dataset = Dataset(
        catalog_of(range(4)),
        playlists_of([[0, 1, 2, 3], [0]], ["a", "b"]),
        queries_of([Question(Category.FIRST_5, None, [0, 1])]),
    )
    scores = scores_of(PlaylistKnn(length_damping=0.5, amplification=2.0), dataset)
    first, second = (1 / (2**0.4 + 1) + 0.5) / 2, 1 / (2**0.4 + 1)
    vote = (second / first) ** 2
    np.testing.assert_allclose(scores[0], [1 + vote, 1, 1, 1], rtol=1e-6)


# -- co-occurrence ---------------------------------------------------------------------------------


def plain_cooccurrence(dataset: Dataset, config: Cooccurrence) -> np.ndarray:
    rows, index = rows_of(dataset), build_index(dataset)
    popularity = index.popularity.astype(float)
    scores = np.zeros((len(dataset.queries), dataset.n_tracks))
    for query in range(len(scores)):
        own = len(dataset.playlists) + query
        for seed in rows[own]:
            postings = [row for row, tracks in enumerate(rows) if seed in tracks]
            step = -(-len(postings) // config.max_postings)
            for row in postings[::step]:
                if row != own:
                    vote = step / (popularity[seed] + config.shrinkage) ** config.seed_damping
                    scores[query, rows[row]] += vote / len(rows[row]) ** config.length_damping
    return scores / (popularity + 1) ** config.track_damping


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("max_postings", [1, 3, 4, 2000])
def test_cooccurrence_scores(seed: int, max_postings: int) -> None:
    dataset = random_dataset(seed)
    config, index = Cooccurrence(max_postings=max_postings), build_index(dataset)
    assert index.popularity.max() > 8, "so that sampling has something to do"
    scores = scores_of(config, dataset)
    assert scores.any()
    np.testing.assert_allclose(scores, plain_cooccurrence(dataset, config), rtol=1e-4)


# -- rows with weights and the best of them --------------------------------------------------------


@settings(deadline=None)
@given(
    st.lists(st.lists(st.tuples(st.integers(0, 3), st.floats(0, 2, width=32)), max_size=5), max_size=4),
    st.lists(st.lists(st.integers(0, 6), max_size=4), min_size=4, max_size=4),
)
def test_sums_of_rows(entries: list[list[tuple[int, float]]], rows: list[list[int]]) -> None:
    lists = Interactions.from_rows(rows)
    index = replace(
        build_index(random_dataset(0)),
        row_indptr=lists.indptr,
        row_track=lists.track_index,
        popularity=np.zeros(7, np.float32),
    )
    sizes = np.array([len(row) for row in entries], np.int64)
    votes = Entries.with_room(sizes + 2)
    for begin, chosen in zip(votes.begin, entries, strict=True):
        votes.item[begin : begin + len(chosen)] = [row for row, _ in chosen]
        votes.value[begin : begin + len(chosen)] = [weight for _, weight in chosen]
    votes.size[:] = sizes
    found = sum_of_rows(votes, index)
    pairs = np.divmod(np.arange(7 * len(entries), dtype=np.int32), np.int32(7))
    scores = found.of(*pairs).reshape(len(entries), 7)
    expected = np.zeros((len(entries), 7))
    for query, chosen in enumerate(entries):
        for row, weight in chosen:
            for track in rows[row]:
                expected[query, track] += weight
    np.testing.assert_allclose(scores, expected, rtol=1e-4, atol=1e-6)


@settings(deadline=None)
@given(
    st.lists(
        st.lists(st.sampled_from([-1.0, 0.0, 0.5, 1.0, 2.0, 3.5]), min_size=9, max_size=9),
        min_size=1,
        max_size=4,
    ),
    st.integers(1, 12),
)
def test_best_tracks_come_in_order_and_ties_by_index(rows: list[list[float]], limit: int) -> None:
    order = np.random.default_rng(0).permutation(9).astype(np.int32)  # entries stand in any order
    entries = Entries.of_rows([order] * len(rows), [np.array(row, np.float32)[order] for row in rows])
    for scores in (DenseScores(np.array(rows, np.float32)), SparseScores(entries, 9)):
        best = scores.best(limit)
        assert best.shape == (len(rows), min(limit, 9))
        for row, found in zip(rows, best.tolist(), strict=True):
            ranked = sorted((i for i in range(9) if row[i] > 0), key=lambda i: (-row[i], i))[:limit]
            assert found == ranked + [-1] * (best.shape[1] - len(ranked))


def test_what_is_no_number_is_not_among_the_best() -> None:
    table = np.full((1, 200), np.nan, np.float32)
    table[0, [150, 3, 70]] = 1, 2, np.inf
    assert DenseScores(table).best(2).tolist() == [[70, 3]]
    assert DenseScores(table).best(4).tolist() == [[70, 3, 150, -1]]


def test_scores_of_tracks_without_an_entry_are_0() -> None:
    tracks = [np.array(row, np.int32) for row in ([4, 1], [], [4, 1])]
    entries = Entries.of_rows(tracks, [np.array(row, np.float32) for row in ([2, 0.5], [], [12, 3])])
    query, track = np.array([0, 0, 1, 2, 2, 2]), np.array([1, 2, 1, 4, 4, 0])
    assert SparseScores(entries, 6).of(query, track).tolist() == [0.5, 0, 0, 12, 12, 0]


# -- factors ---------------------------------------------------------------------------------------


def random_matrix(seed: int, rows: int = 20, columns: int = 15) -> sp.csr_matrix:
    dense = np.random.default_rng(seed).random((rows, columns)) < 0.25
    dense[3] = False
    return sp.csr_matrix(dense.astype(np.float32))


@pytest.mark.parametrize("seed", range(3))
def test_solve_side_reaches_the_normal_equations(seed: int) -> None:
    matrix, rng = random_matrix(seed), np.random.default_rng(seed)
    fixed = rng.standard_normal((15, 5)).astype(np.float32)
    config = FactorisationConfig(embedding_size=5, confidence=4, regularisation=2)
    solved = solve_side(matrix, FactorMatrix(fixed.copy()), config, 40).factors()
    gram = fixed.T @ fixed + 2 * np.eye(5, dtype=np.float32)
    for row in range(20):
        held = fixed[matrix[row].indices].astype(float)
        expected = np.linalg.solve(gram + 4 * held.T @ held, 5 * held.sum(axis=0))
        np.testing.assert_allclose(solved[row], expected, rtol=2e-3, atol=1e-4)
    assert not solved[3].any(), "a row without entries is zero"


@pytest.mark.parametrize("entries", [1, 2, 3])
def test_as_many_steps_as_entries_are_exact(entries: int) -> None:
    fixed = np.random.default_rng(entries).standard_normal((entries + 4, 8)).astype(np.float32)
    matrix = sp.csr_matrix(
        ([1.0] * entries, (np.zeros(entries, int), np.arange(entries))), shape=(1, len(fixed))
    )
    config = FactorisationConfig(embedding_size=8, confidence=20, regularisation=0.1)
    few, many = (
        solve_side(matrix, FactorMatrix(fixed.copy()), config, steps).factors() for steps in (entries, 30)
    )
    np.testing.assert_allclose(few, many, rtol=1e-3, atol=1e-5)


def test_rows_longer_than_the_copy_are_solved_alike() -> None:
    rng, size = np.random.default_rng(0), least_squares.KEPT + 300
    fixed = rng.standard_normal((size, 4)).astype(np.float32)
    matrix = sp.csr_matrix(np.ones((1, size), np.float32))
    solved = solve_side(
        matrix, FactorMatrix(fixed.copy()), FactorisationConfig(embedding_size=4), 12
    ).factors()[0]
    gram = (fixed.T @ fixed).astype(float)
    expected = np.linalg.solve(21 * gram + 10 * np.eye(4), 21 * fixed.sum(axis=0, dtype=float))
    np.testing.assert_allclose(solved, expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("seed", range(3))
def test_folding_in_reaches_the_normal_equations(seed: int) -> None:
    """In float64: only the factors themselves and the result are float32."""
    matrix, rng = random_matrix(seed), np.random.default_rng(seed)
    fixed = rng.standard_normal((15, 5)).astype(np.float32)
    config = FactorisationConfig(embedding_size=5, confidence=4, regularisation=2)
    found = fold_in(matrix, fixed, gram_matrix(fixed), config)
    assert found.dtype == np.float32
    factors = fixed.astype(float)
    for row in range(20):
        held = factors[matrix[row].indices]
        system = factors.T @ factors + 2 * np.eye(5) + 4 * held.T @ held
        expected = np.linalg.solve(system, 5 * held.sum(axis=0))
        np.testing.assert_allclose(found[row], expected, rtol=1e-4, atol=1e-6)
    assert not found[3].any(), "a row without entries is zero"


def test_the_gram_matrix_sums_over_all_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    factors = np.random.default_rng(0).standard_normal((100, 3)).astype(np.float32)
    expected = factors.astype(float).T @ factors
    np.testing.assert_allclose(gram_matrix(factors), expected, rtol=1e-5)
    monkeypatch.setattr(factorise_module, "_CHUNK", 7)
    np.testing.assert_allclose(gram_matrix(factors), expected, rtol=1e-5)


def loss(matrix: sp.csr_matrix, rows: FloatArray, columns: FloatArray, config: FactorisationConfig) -> float:
    """Hu, Koren and Volinsky's weighted squared error with its penalty."""
    held = matrix.toarray()
    error = (held - rows.astype(float) @ columns.T) ** 2 * (1 + config.confidence * held)
    return float(error.sum() + config.regularisation * ((rows**2).sum() + (columns**2).sum()))


def test_factorise_descends_and_ends_on_exact_rows() -> None:
    matrix = random_matrix(5)
    config = FactorisationConfig(embedding_size=4, regularisation=0.5, iterations=1, cg_steps=4)
    losses = []
    for iterations in (1, 2, 4, 8):
        rows, columns = factorise(matrix, replace(config, iterations=iterations))
        losses.append(loss(matrix, rows, columns, config))
    assert losses == sorted(losses, reverse=True)
    gram = columns.T @ columns + 0.5 * np.eye(4)
    for row in range(20):
        held = columns[matrix[row].indices].astype(float)
        expected = np.linalg.solve(gram + 20 * held.T @ held, 21 * held.sum(axis=0))
        np.testing.assert_allclose(rows[row], expected, rtol=1e-2, atol=1e-3)


def test_late_columns_are_solved_for_at_the_end_and_rows_with_them() -> None:
    matrix, late = random_matrix(5), random_matrix(6)
    config = FactorisationConfig(embedding_size=4, regularisation=0.5, iterations=3, cg_steps=4)
    rows, columns = factorise(matrix, config, late=lambda: late)
    assert len(columns) == matrix.shape[1] + late.shape[1]
    np.testing.assert_allclose(columns[: matrix.shape[1]], factorise(matrix, config)[1], atol=1e-5)
    both = sp.csr_matrix(sp.hstack([matrix, late]))
    gram = columns.T @ columns + 0.5 * np.eye(4)
    for row in range(20):
        held = columns[both[row].indices].astype(float)
        expected = np.linalg.solve(gram + 20 * held.T @ held, 21 * held.sum(axis=0))
        np.testing.assert_allclose(rows[row], expected, rtol=1e-2, atol=1e-3)


def test_a_sample_of_the_rows_finds_where_all_begin() -> None:
    rng = np.random.default_rng(0)
    topics = np.kron(
        np.eye(4), np.ones((100, 10))
    )  # 400 rows of four kinds, each with ten columns of its own
    matrix = sp.csr_matrix((rng.random((400, 40)) < 0.05 + 0.5 * topics).astype(np.float32))
    config = FactorisationConfig(embedding_size=4, iterations=8, cg_steps=4)

    def loss_of(**changed: int) -> float:
        chosen = replace(config, **changed)
        rows, columns = factorise(matrix, chosen)
        assert (rows.shape, columns.shape) == ((400, 4), (40, 4))
        return loss(matrix, rows, columns, chosen)

    whole = loss_of(early_rows=0)
    assert loss_of(early_rows=400) == whole == loss_of(early_rows=500)
    assert loss_of(early_rows=100) < 1.01 * whole
    assert loss_of(iterations=2, early_rows=0) > 1.2 * whole
    # Of one row only its columns begin with anything; the others' factors come from all rows afterwards.
    columns = factorise(matrix, replace(config, early_rows=1))[1]
    assert (np.abs(columns).max(axis=1) > 0).all()


def test_factors_that_would_not_fit_are_refused_with_what_would(monkeypatch: pytest.MonkeyPatch) -> None:
    graph = BipartiteGraph.from_matrix(sp.csr_matrix(np.ones((300, 200), np.int8)))
    config = FactorisationConfig(embedding_size=128)
    room = estimate_memory(graph, 128)
    assert room == 4 * 128 * 500 + 32 * 60_000
    monkeypatch.setattr(ials, "memory", lambda: Memory(room, room))
    require_memory(graph, config)
    monkeypatch.setattr(ials, "memory", lambda: Memory(room, room - 1))
    with pytest.raises(ResourceError, match=r"300 playlists × 200 tracks .* 128 needs 0\.0 GB") as caught:
        require_memory(graph, config)
    assert "embedding_size = 64 under" in (caught.value.hint or "")
    monkeypatch.setattr(ials, "memory", lambda: Memory(room, 1))
    with pytest.raises(ResourceError) as caught:
        require_memory(graph, config)
    assert "more memory" in (caught.value.hint or "")


def test_factorise_depends_on_the_seed_alone() -> None:
    matrix, config = random_matrix(1), FactorisationConfig(embedding_size=4, iterations=2)
    first, second = factorise(matrix, config), factorise(matrix, config)
    other = factorise(matrix, config, seed=1)
    assert (first[0] == second[0]).all()
    assert (first[1] == second[1]).all()
    assert (first[0] != other[0]).any()
    assert factorise(sp.csr_matrix((0, 3), dtype=np.float32), config)[0].shape == (0, 4)


# -- threads ---------------------------------------------------------------------------------------


def test_scores_do_not_depend_on_the_number_of_threads() -> None:
    dataset = random_dataset(3, playlists=60, queries=20)
    matrix, config = random_matrix(3), FactorisationConfig(8, iterations=2)

    def answers() -> list[np.ndarray]:
        counted = [scores_of(config, dataset) for config in (PlaylistKnn(), Cooccurrence())]
        return [*counted, DenseScores(counted[0]).best(7), *factorise(matrix, config)]

    use_threads(1)
    alone = answers()
    use_threads(3)
    for one, two in zip(alone, answers(), strict=True):
        np.testing.assert_array_equal(one, two)
