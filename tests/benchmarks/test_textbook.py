"""The opponent of the benchmark is torch-geometric's LightGCN, only faster."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from torch_geometric.nn import LightGCN

from benchmarks.textbook import Look, _adjacency, table, textbook
from challenge.graph import BipartiteGraph
from challenge.lightgcn.validation import hold_out

pytestmark = pytest.mark.filterwarnings("ignore:Sparse CSR")


@pytest.fixture(scope="module")
def graph() -> BipartiteGraph:
    return BipartiteGraph.from_matrix(sp.random_array((40, 30), density=0.2, rng=0, format="csr"))


def test_its_matrix_gives_what_edges_give(graph: BipartiteGraph) -> None:
    rows = np.repeat(np.arange(graph.n_rows), np.diff(graph.row_indptr))
    edges = torch.from_numpy(np.stack([rows, graph.row_indices + graph.n_rows])).long()
    by_edges = LightGCN(graph.n_rows + graph.n_columns, 8, 3)
    by_matrix = LightGCN(graph.n_rows + graph.n_columns, 8, 3, normalize=False)
    by_matrix.load_state_dict(by_edges.state_dict())
    expected = by_edges.get_embedding(torch.cat([edges, edges.flip(0)], 1))
    torch.testing.assert_close(by_matrix.get_embedding(_adjacency(graph)), expected)


def test_it_learns(graph: BipartiteGraph) -> None:
    looks = list(textbook(graph, hold_out(graph, n_rows=20), seconds=1.0))
    assert looks[-1].seconds >= 1.0
    assert all(0 < look.ndcg < 1 for look in looks)
    assert int(looks[-1].amount.split()[0].replace(",", "")) >= len(looks)


@pytest.mark.parametrize(
    ("last", "expected"), [(0.4, "in 20 times less time"), (0.1, "did not reach the 0.3000")]
)
def test_the_ratio_is_that_of_the_best_and_the_first_as_good(
    last: float, expected: str, graph: BipartiteGraph
) -> None:
    book = [Look("b", 50.0, "", 0.2), Look("b", 100.0, "", 0.3), Look("b", 120.0, "", 0.25)]
    own = [Look("o", 2.0, "", 0.1), Look("o", 5.0, "", last), Look("o", 9.0, "", last)]
    assert expected in table(graph, book, own)
