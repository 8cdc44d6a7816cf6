"""Held-out tracks and the score on them, by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from challenge.data.interactions import Interactions
from challenge.lightgcn.validation import Validation, hold_out, mean_ndcg
from tests.lightgcn.graphs import random_graph


def test_ndcg_by_hand() -> None:
    graph = random_graph(4, 6, density=0.0)
    rows, columns = torch.eye(2), torch.tensor([[3.0, 1], [2, 2], [1, 3], [0, 4], [-1, 5], [-2, 6]])
    validation = Validation(np.array([0, 1]), Interactions.from_rows([[1, 5], [5]]), length=3)
    # Row 0 ranks 0, 1, 2: a hit at rank 2 of two; row 1 ranks 5 first.
    ideal = 1 + 1 / np.log2(3)
    expected = (1 / np.log2(3) / ideal + 1) / 2
    assert mean_ndcg(rows, columns, graph, validation) == pytest.approx(expected)


def test_hold_out_masks_edges_and_leaves_no_track_alone() -> None:
    graph = random_graph(40, 30, tokens=4)
    validation = hold_out(graph, n_rows=10, share=0.5)
    fewer = validation.remaining(graph)
    assert len(validation.rows) == 10
    masked = sum(len(validation.relevant.row(i)) for i in range(10))
    assert graph.n_edges - fewer.n_edges == masked > 0
    for index, row in enumerate(validation.rows):
        assert set(validation.relevant.row(index)) <= set(graph.matrix()[row].indices)
        assert not set(validation.relevant.row(index)) & set(fewer.matrix()[row].indices)
    seen = np.diff(graph.column_indptr) > 0
    assert (np.diff(fewer.column_indptr)[seen] > 0).all()
