"""Embeddings of all nodes, and of playlists that are not in the graph."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from challenge.lightgcn.trainer import train
from tests.lightgcn.graphs import SMALL, random_graph, two_genres


def test_encoding_what_a_row_holds_gives_the_row() -> None:
    graph = random_graph(40, 30, tokens=4)
    for config in (SMALL, replace(SMALL, similarity="dot", bias=False), replace(SMALL, layers=3)):
        embeddings = train(graph, replace(config, epochs=2), device="cpu").embeddings
        found = embeddings.encode(graph.matrix())
        np.testing.assert_allclose(found, embeddings.rows, atol=2e-5)


def test_embeddings_say_of_which_graph_they_are() -> None:
    graph, other = two_genres(), two_genres(seed=1)
    assert (other.n_rows, other.n_columns, other.n_edges) == (graph.n_rows, graph.n_columns, graph.n_edges)
    embeddings = train(graph, replace(SMALL, epochs=0), device="cpu").embeddings
    assert embeddings.graph_fingerprint == graph.fingerprint != other.fingerprint


def test_rare_columns_are_embedded_by_propagation_alone() -> None:
    graph = random_graph(40, 60, density=0.06, tokens=2, smoothing=SMALL.smoothing)
    config = replace(SMALL, min_degree=3, epochs=2)
    columns = graph.columns_of_degree(3)
    core = train(graph.with_columns(columns), replace(config, min_degree=0), device="cpu").embeddings
    full = train(graph, config, device="cpu").embeddings
    rare = np.setdiff1d(np.arange(60), columns)
    assert 0 < len(rare) < 60
    assert full.columns.shape == (60, 9)
    # Trained biases are kept; those of rare columns lie as far from their start as the rarest trained.
    np.testing.assert_array_equal(full.columns[columns, -1], core.columns[:, -1])
    degree = np.diff(graph.column_indptr)
    start = np.log(np.maximum(degree, 0.5))
    rarest = columns[degree[columns] <= 3]
    moved = np.mean(full.columns[rarest, -1] - start[rarest])
    np.testing.assert_allclose(full.columns[rare, -1], start[rare] + moved, atol=1e-5)
    # A rare column's message is its second layer's, for it has no layer 0 and rows have none either.
    held = rare[degree[rare] > 0]
    assert (np.abs(full.columns[held, :-1]).sum(1) > 0).all()
    assert (full.columns[degree == 0, :-1] == 0).all()
