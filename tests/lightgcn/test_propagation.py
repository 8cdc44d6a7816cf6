"""Propagation against the dense formula and against torch-geometric."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from challenge.graph import BipartiteGraph
from challenge.lightgcn.kernels.base import KernelName
from challenge.lightgcn.propagation import EdgeMasking, Propagation, mirror_edges, needed_passes
from tests.lightgcn.graphs import dense_propagation, random_graph

WEIGHTS = [(0.0, 1.0), (0.5, 0.5), (0.0, 0.5, 0.5), (0.2, 0.0, 0.3, 0.1), (0.1, 0.9, 0.0)]


def start(graph: BipartiteGraph, size: int = 6, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(graph.n_rows, size)), rng.normal(size=(graph.n_columns, size))


def apply(
    graph: BipartiteGraph, rows: np.ndarray, columns: np.ndarray, weights: tuple[float, ...], **options: Any
) -> list[np.ndarray]:
    propagation = Propagation(graph, embedding_size=rows.shape[1], layer_weights=weights, **options)
    out = torch.tensor(rows, dtype=torch.float32), torch.tensor(columns, dtype=torch.float32)
    propagation.apply_(*out)
    return [tensor.numpy() for tensor in out]


@pytest.mark.parametrize("weights", [(1.0,), (0.5, 0.5), (0.25, 0.25, 0.25, 0.25), (0.0, 0.2, 0.5)])
@pytest.mark.parametrize("options", [{}, {"tokens": 3}, {"tokens": 3, "smoothing": 5.0}])
@pytest.mark.parametrize("kernel", ["embedding_bag", "compiled"])
def test_equals_the_dense_formula(
    weights: tuple[float, ...], options: dict[str, Any], kernel: KernelName
) -> None:
    graph = random_graph(**options)
    rows, columns = start(graph)
    expected = dense_propagation(graph, rows, columns, weights)
    for found, wanted in zip(apply(graph, rows, columns, weights, kernel=kernel), expected, strict=True):
        np.testing.assert_allclose(found, wanted, atol=2e-6)


@pytest.mark.parametrize("kernel", ["embedding_bag", "compiled"])
def test_bf16_storage_is_close_to_the_dense_formula(kernel: KernelName) -> None:
    graph, weights = random_graph(), (0.25, 0.25, 0.25, 0.25)
    rows, columns = start(graph)
    expected = dense_propagation(graph, rows, columns, weights)
    found = apply(graph, rows, columns, weights, storage="bf16", kernel=kernel)
    for mine, wanted in zip(found, expected, strict=True):
        # bf16 keeps 8 bits; three layers round three times.
        np.testing.assert_allclose(mine, wanted, atol=3 * 2**-8 * np.abs(wanted).max())


def test_isolated_nodes_keep_only_their_own_layer() -> None:
    graph = random_graph()
    rows, columns = start(graph)
    found_rows, found_columns = apply(graph, rows, columns, (0.25,) * 4)
    np.testing.assert_allclose(found_rows[-1], rows[-1] / 4, rtol=1e-6)
    np.testing.assert_allclose(found_columns[0], columns[0] / 4, rtol=1e-6)


@pytest.mark.parametrize("kernel", ["embedding_bag", "compiled"])
def test_masked_edges_take_no_part_and_come_back(kernel: KernelName) -> None:
    graph, weights = random_graph(tokens=2, smoothing=3.0), (0.25,) * 4
    rows, columns = start(graph)
    masked = np.array([0, 1, 5, 9, graph.n_edges - 1])
    removed = np.zeros(graph.n_edges, bool)
    removed[masked] = True
    fewer = graph.without_edges(removed)
    # The columns' degrees are counted with the masked edges.
    fewer = replace(fewer, column_scale=graph.column_scale)
    expected = dense_propagation(fewer, rows, columns, weights)
    propagation = Propagation(graph, embedding_size=6, layer_weights=weights, maskable=True, kernel=kernel)
    rows_of = np.unique(np.searchsorted(graph.row_indptr, masked, side="right") - 1)
    propagation.mask(torch.from_numpy(masked), torch.from_numpy(rows_of))
    out = torch.tensor(rows, dtype=torch.float32), torch.tensor(columns, dtype=torch.float32)
    propagation.apply_(*out)
    for found, wanted in zip(out, expected, strict=True):
        np.testing.assert_allclose(found.numpy(), wanted, atol=2e-6)
    propagation.unmask_all()
    again = torch.tensor(rows, dtype=torch.float32), torch.tensor(columns, dtype=torch.float32)
    propagation.apply_(*again)
    for found, wanted in zip(again, apply(graph, rows, columns, weights, kernel=kernel), strict=True):
        np.testing.assert_array_equal(found.numpy(), wanted)


def test_backward_is_the_same_call() -> None:
    graph, weights = random_graph(smoothing=1.0), (0.25,) * 4
    rows, columns = start(graph)
    normalised = torch.tensor(graph.normalised_matrix().toarray())
    leaves = [torch.tensor(x, requires_grad=True) for x in (rows, columns)]
    z_rows, z_columns = leaves
    total_rows, total_columns = z_rows / 4, z_columns / 4
    for _ in range(3):
        z_rows, z_columns = normalised @ z_columns, normalised.T @ z_rows
        total_rows, total_columns = total_rows + z_rows / 4, total_columns + z_columns / 4
    (total_rows.sin().sum() + total_columns.square().sum()).backward()  # type: ignore[no-untyped-call]
    gradients = total_rows.detach().cos().numpy(), 2 * total_columns.detach().numpy()
    for found, leaf in zip(apply(graph, *gradients, weights), leaves, strict=True):
        assert leaf.grad is not None
        np.testing.assert_allclose(found, leaf.grad.numpy(), atol=5e-6)


def test_mirror_leads_to_the_same_edge() -> None:
    graph = random_graph()
    mirror = mirror_edges(graph)
    row_of = np.repeat(np.arange(graph.n_rows), np.diff(graph.row_indptr))
    column_of = np.repeat(np.arange(graph.n_columns), np.diff(graph.column_indptr))
    np.testing.assert_array_equal(graph.column_indices[mirror], row_of)
    np.testing.assert_array_equal(column_of[mirror], graph.row_indices)


def test_products_with_the_adjacency() -> None:
    graph = random_graph(smoothing=2.0)
    rows, columns = start(graph, size=9)
    propagation = Propagation(graph, embedding_size=4, layer_weights=(0.5, 0.5))
    normalised = graph.normalised_matrix().toarray()
    found = propagation.rows_from(torch.tensor(columns, dtype=torch.float32))
    np.testing.assert_allclose(found.numpy(), normalised @ columns, atol=2e-6)
    found = propagation.columns_from(torch.tensor(rows, dtype=torch.float32))
    np.testing.assert_allclose(found.numpy(), normalised.T @ rows, atol=2e-6)


@pytest.mark.parametrize("layers", [0, 1, 3])
def test_agrees_with_torch_geometric(layers: int) -> None:
    from torch_geometric.nn import LightGCN

    graph = random_graph()
    rows, columns = start(graph)
    reference = LightGCN(graph.n_rows + graph.n_columns, rows.shape[1], layers)
    with torch.no_grad():
        reference.embedding.weight.copy_(torch.tensor(np.vstack([rows, columns])))
    row_of = np.repeat(np.arange(graph.n_rows), np.diff(graph.row_indptr))
    edges = torch.tensor(np.stack([row_of, graph.row_indices + graph.n_rows]))
    wanted = reference.get_embedding(torch.cat([edges, edges.flip(0)], 1)).detach().numpy()
    found = np.vstack(apply(graph, rows, columns, (1 / (layers + 1),) * (layers + 1)))
    np.testing.assert_allclose(found, wanted, atol=2e-6)


@pytest.mark.parametrize("weights", WEIGHTS)
def test_passes_left_out_change_nothing(weights: tuple[float, ...]) -> None:
    graph = random_graph(tokens=3, smoothing=2.0)
    rows, columns = start(graph)
    propagation = Propagation(graph, embedding_size=6, layer_weights=weights)

    def run(rows: np.ndarray, columns: np.ndarray, **options: Any) -> list[np.ndarray]:
        out = torch.tensor(rows, dtype=torch.float32), torch.tensor(columns, dtype=torch.float32)
        propagation.apply_(*out, **options)
        return [tensor.numpy() for tensor in out]

    nothing = np.zeros_like(rows)
    for found, wanted in zip(run(nothing, columns, rows_are_zero=True), run(nothing, columns), strict=True):
        np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("weights", [(1.0,), *WEIGHTS])
@pytest.mark.parametrize("kernel", ["embedding_bag", "compiled"])
def test_columns_alone_are_those_of_the_whole(weights: tuple[float, ...], kernel: KernelName) -> None:
    graph = random_graph(tokens=3, smoothing=2.0)
    rows, columns = start(graph)
    expected = dense_propagation(graph, rows, columns, weights)[1]
    for storage, tolerance in (("fp32", 2e-6), ("bf16", len(weights) * 2**-8 * np.abs(expected).max())):
        propagation = Propagation(
            graph, embedding_size=6, layer_weights=weights, kernel=kernel, storage=storage
        )
        out = torch.tensor(rows, dtype=torch.float32), torch.tensor(columns, dtype=torch.float32)
        propagation.apply_to_columns_(*out)
        np.testing.assert_allclose(out[1].numpy(), expected, atol=tolerance)
        np.testing.assert_array_equal(out[0].numpy(), rows.astype(np.float32))


def test_two_layers_without_row_embeddings_take_half_the_passes() -> None:
    weights = (0.0, 0.5, 0.5)
    assert needed_passes(weights, rows_are_zero=True) == [(True, False), (False, True)]
    assert needed_passes(weights) == [(True, True), (True, True)]
    # A last layer that does not count is not computed.
    assert needed_passes((0.5, 0.5, 0.0)) == [(True, True)]
    assert needed_passes((1.0,)) == []


def test_scales_without_masked_edges_are_the_same_as_a_gpu_computes_them() -> None:
    graph = random_graph(40, 30, tokens=4, smoothing=3.0)
    masking = EdgeMasking(graph, torch.device("cpu"))
    rng = np.random.default_rng(5)
    removed = rng.random(graph.n_edges) < 0.4
    removed[graph.row_indptr[7] : graph.row_indptr[8]] = True  # a row that loses all
    removed[graph.row_indptr[9] : graph.row_indptr[10]] = False  # and one that loses none
    edges, rows = torch.from_numpy(np.flatnonzero(removed)), torch.arange(graph.n_rows)
    wanted = graph.without_edges(removed).row_scale
    found_rows, found = masking.scales(edges, rows)
    np.testing.assert_allclose(found, wanted[found_rows], rtol=1e-6)
    assert set(np.setdiff1d(rows, found_rows)) >= {9, graph.n_rows - 1}
    np.testing.assert_allclose(masking._scales_on_device(edges, rows), wanted, rtol=1e-6)
    assert masking._scales_on_device(edges, rows)[7] == 0
    assert masking._scales_on_device(edges[:0], rows).equal(masking.row_scale)
    rows_of = np.searchsorted(graph.row_indptr, edges.numpy(), side="right") - 1
    np.testing.assert_array_equal(np.unique(rows_of), found_rows)
