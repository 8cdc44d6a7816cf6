"""The graph's edges, degrees and normalisation, against values worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp

from challenge.data.catalog import Catalog
from challenge.data.dataset import Dataset, Queries
from challenge.data.interactions import Interactions
from challenge.data.playlists import Playlists
from challenge.data.strings import StringTable
from challenge.data.vocabulary import Vocabulary
from challenge.graph import BipartiteGraph, build_graph, inverse_root, row_titles, token_columns
from challenge.types import Category


def csr(dense: list[list[int]]) -> sp.csr_matrix:
    return sp.csr_matrix(np.array(dense, np.int8))


def test_both_orientations_hold_the_same_edges() -> None:
    graph = BipartiteGraph.from_matrix(csr([[1, 1, 0], [0, 1, 0], [0, 0, 0]]))
    assert graph.row_indptr.tolist() == [0, 2, 3, 3]
    assert graph.row_indices.tolist() == [0, 1, 1]
    assert graph.column_indptr.tolist() == [0, 1, 3, 3]
    assert graph.column_indices.tolist() == [0, 0, 1]


def test_repeated_and_unsorted_entries_become_one_edge() -> None:
    matrix = sp.csr_matrix((np.ones(4, np.int8), [2, 0, 2, 1], [0, 3, 4]), shape=(2, 3))
    graph = BipartiteGraph.from_matrix(matrix)
    assert graph.row_indices.tolist() == [0, 2, 1]
    assert graph.n_edges == 3


def test_scales_are_inverse_roots_of_degrees_and_zero_without_edges() -> None:
    graph = BipartiteGraph.from_matrix(csr([[1, 1, 0], [0, 1, 0], [0, 0, 0]]))
    np.testing.assert_allclose(graph.row_scale, [1 / np.sqrt(2), 1, 0], rtol=1e-6)
    np.testing.assert_allclose(graph.column_scale, [1, 1 / np.sqrt(2), 0], rtol=1e-6)


def test_smoothing_is_added_to_degrees_but_isolated_nodes_stay_isolated() -> None:
    graph = BipartiteGraph.from_matrix(csr([[1, 1, 0], [0, 1, 0], [0, 0, 0]]), smoothing=2.0)
    np.testing.assert_allclose(graph.row_scale, [0.5, 1 / np.sqrt(3), 0], rtol=1e-6)
    np.testing.assert_allclose(graph.column_scale, [1 / np.sqrt(3), 0.5, 0], rtol=1e-6)
    assert graph.smoothing == 2.0


def test_weighted_columns_give_the_weighted_normalised_adjacency() -> None:
    weight = np.array([1.0, 4.0], np.float32)
    graph = BipartiteGraph.from_matrix(csr([[1, 1], [0, 1]]), column_weight=weight)
    # Row degrees 5 and 4, column degrees 1 and 8; an entry is its weight over the root of their product.
    expected = [[1 / np.sqrt(5 * 1), 4 / np.sqrt(5 * 8)], [0, 4 / np.sqrt(4 * 8)]]
    np.testing.assert_allclose(graph.normalised_matrix().toarray(), expected, rtol=1e-6)


def test_normalised_adjacency_has_largest_singular_value_one_and_no_zero_entry() -> None:
    rng = np.random.default_rng(0)
    matrix = sp.csr_matrix((rng.random((12, 9)) < 0.4).astype(np.int8))
    normalised = BipartiteGraph.from_matrix(matrix).normalised_matrix()
    assert np.linalg.svd(normalised.toarray(), compute_uv=False)[0] == pytest.approx(1.0, abs=1e-6)
    assert normalised.nnz == matrix.nnz
    assert (normalised.data > 0).all()


def test_without_edges_leaves_nodes_and_recounts_degrees() -> None:
    graph = BipartiteGraph.from_matrix(csr([[1, 1, 0], [0, 1, 1]]), n_playlists=1, n_tracks=2, tokens=["t"])
    fewer = graph.without_edges(np.array([False, True, False, False]))
    assert fewer.matrix().toarray().tolist() == [[1, 0, 0], [0, 1, 1]]
    np.testing.assert_allclose(fewer.row_scale, [1, 1 / np.sqrt(2)], rtol=1e-6)
    assert (fewer.n_playlists, fewer.n_tracks, fewer.tokens) == (1, 2, ("t",))


def test_with_columns_keeps_rows_and_renumbers_tracks_and_tokens() -> None:
    graph = BipartiteGraph.from_matrix(
        csr([[1, 1, 0, 1], [0, 1, 1, 1]]),
        n_tracks=2,
        tokens=["a", "b"],
        column_weight=np.array([1, 1, 2, 3.0]),
    )
    assert graph.columns_of_degree(2).tolist() == [1, 3]
    fewer = graph.with_columns(np.array([1, 3]))
    assert fewer.matrix().toarray().tolist() == [[1, 1], [1, 1]]
    assert (fewer.n_tracks, fewer.tokens, fewer.column_weight.tolist()) == (1, ("b",), [1, 3])


def test_inverse_root_of_zero_is_zero() -> None:
    assert inverse_root(np.array([0.0, 4.0])).tolist() == [0.0, 0.5]


def test_tokens_shared_by_too_few_rows_are_left_out() -> None:
    vocabulary, matrix = token_columns(["a b a", None, "b c", "a b a"], str.split, min_rows=2)
    assert vocabulary == ("a", "b")
    assert matrix.toarray().tolist() == [[1, 1], [0, 0], [0, 1], [1, 1]]


def dataset() -> Dataset:
    tracks = np.array([f"{i:022d}" for i in range(3)], "S22")
    nobody = Vocabulary(np.array([f"{9:022d}"], "S22"), "spotify:artist:")
    zeros = np.zeros(3, np.int32)
    names = StringTable.from_strings(["x", "y", "z"])
    catalog = Catalog(Vocabulary(tracks, "spotify:track:"), nobody, nobody, zeros, zeros, zeros, names, names)
    playlists = Playlists(
        pid=np.arange(3, dtype=np.int32),
        title_index=np.array([0, -1, 0], np.int32),
        titles=StringTable.from_strings(["sun sea"]),
        num_followers=zeros,
        num_edits=zeros,
        modified_at=np.zeros(3, np.int64),
        collaborative=np.zeros(3, bool),
        has_description=np.zeros(3, bool),
        interactions=Interactions.from_rows([[0, 1, 0], [2], []]),
    )
    queries = Queries(
        pid=np.array([7], np.int32),
        titles=("sea",),
        categories=(Category.TITLE_FIRST_1,),
        num_holdouts=np.array([5], np.int32),
        seeds=Interactions.from_rows([[1]]),
    )
    return Dataset(catalog, playlists, queries)


def test_graph_of_a_corpus_has_playlists_then_queries_and_tracks_then_tokens() -> None:
    graph = build_graph(dataset(), tokens_of=str.split, token_weight=0.5)
    assert graph.tokens == ("sea", "sun")
    assert graph.matrix().toarray().tolist() == [
        [1, 1, 0, 1, 1],
        [0, 0, 1, 0, 0],
        [0, 0, 0, 1, 1],
        [0, 1, 0, 1, 0],
    ]
    assert (graph.n_playlists, graph.n_tracks, graph.n_rows) == (3, 3, 4)
    np.testing.assert_allclose(graph.row_scale, [1 / np.sqrt(3), 1, 1, 1 / np.sqrt(1.5)], rtol=1e-6)


def test_graph_without_titles_has_tracks_only() -> None:
    graph = build_graph(dataset())
    assert (graph.n_columns, graph.tokens) == (3, ())
    assert row_titles(dataset()) == ["sun sea", None, "sun sea", "sea"]


def test_a_fingerprint_is_that_of_nodes_edges_and_weights() -> None:
    graph = BipartiteGraph.from_matrix(csr([[1, 1, 0], [0, 1, 0]]))
    assert len(graph.fingerprint) == 64
    assert graph.with_smoothing(3.0).fingerprint == graph.fingerprint
    weight = np.array([1, 1, 2], np.float32)
    others = [
        BipartiteGraph.from_matrix(csr([[1, 0, 1], [0, 1, 0]])),
        BipartiteGraph.from_matrix(csr([[1, 1, 0], [0, 1, 0]]), column_weight=weight),
        BipartiteGraph.from_matrix(csr([[1, 1, 0], [0, 1, 0]]), n_playlists=1),
        BipartiteGraph.from_matrix(csr([[1, 1, 0], [0, 1, 0]]), n_tracks=2, tokens=["chill"]),
        BipartiteGraph.from_matrix(csr([[1, 1, 0], [0, 1, 0]]), n_tracks=2, tokens=["party"]),
    ]
    assert len({graph.fingerprint, *(other.fingerprint for other in others)}) == 6
