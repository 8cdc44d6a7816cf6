"""Batches hold what they should: real edges, real non-edges, and the same ones whenever drawn again."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from challenge.graph import BipartiteGraph
from challenge.lightgcn.batches import DeviceSampler
from challenge.lightgcn.config import LightGCNConfig, paper_config
from challenge.lightgcn.sampling import Sampler, track_edge_counts
from tests.lightgcn.graphs import random_graph


def draw(sampler: Sampler, step: int = 0) -> SimpleNamespace:
    """The batch of a step, as arrays."""
    batch = DeviceSampler(sampler, torch.device("cpu")).batch(step)
    return SimpleNamespace(**{name: tensor.numpy() for name, tensor in vars(batch).items()})


def edges(graph: BipartiteGraph) -> set[tuple[int, int]]:
    return set(zip(*graph.matrix().nonzero(), strict=True))


@pytest.fixture
def graph() -> BipartiteGraph:
    return random_graph(40, 30, tokens=4)


def test_track_edges_are_counted_without_tokens(graph: BipartiteGraph) -> None:
    np.testing.assert_array_equal(track_edge_counts(graph), graph.matrix().toarray()[:, :26].sum(1))


def test_pairs_are_edges_with_tracks_that_are_none(graph: BipartiteGraph) -> None:
    sampler = Sampler(graph, paper_config(batch_size=500))
    batch = draw(sampler, 3)
    rows = batch.rows[batch.row_of_positive]
    is_edge = graph.matrix().toarray() == 1
    assert is_edge[rows, batch.positives].all()
    assert not is_edge[rows, batch.negatives].any()
    assert batch.positives.max() < 26
    assert batch.negatives.max() < 26
    assert len(batch.masked) == 0


def test_an_epoch_visits_each_row_once(graph: BipartiteGraph) -> None:
    sampler = Sampler(graph, LightGCNConfig(batch_size=7))
    rows = np.concatenate([draw(sampler, step).rows for step in range(sampler.steps_per_epoch)])
    assert sorted(rows) == np.flatnonzero(track_edge_counts(graph) >= 2).tolist()
    following = np.concatenate(
        [draw(sampler, sampler.steps_per_epoch + step).rows for step in range(sampler.steps_per_epoch)]
    )
    assert sorted(following) == sorted(rows)
    assert following.tolist() != rows.tolist()


def test_masked_batches_predict_only_what_they_hide(graph: BipartiteGraph) -> None:
    batch = draw(Sampler(graph, LightGCNConfig(batch_size=40, mask_title=0.5)))
    row_of = np.searchsorted(graph.row_indptr, batch.masked, side="right") - 1
    masked = set(zip(row_of, graph.row_indices[batch.masked], strict=True))
    predicted = set(zip(batch.rows[batch.row_of_positive], batch.positives, strict=True))
    assert predicted
    assert predicted <= masked
    assert masked <= edges(graph)
    assert any(column >= 26 for _, column in masked)
    assert (np.diff(batch.masked) > 0).all()


def test_masks_leave_few_or_many_tracks_titles_only_and_titles_none() -> None:
    graph = random_graph(400, 300, density=0.5, tokens=4)

    def kept(**changes: Any) -> tuple[np.ndarray, int]:
        config = LightGCNConfig(
            **{"batch_size": 400, "log_uniform_share": 0.0, "mask_all_tracks": 0.0, "mask_title": 0.0}
            | changes
        )
        batch = draw(Sampler(graph, config))
        removed = np.zeros(graph.n_edges, bool)
        removed[batch.masked] = True
        left = graph.without_edges(removed).matrix().toarray()
        return left[:-1, :296].sum(1), left[:-1, 296:].sum()

    counts, token_edges = kept()
    assert token_edges == graph.matrix().toarray()[:, 296:].sum()
    assert np.median(counts) == pytest.approx(148 / 2, rel=0.15)
    assert np.median(kept(log_uniform_share=1.0)[0]) == pytest.approx(148**0.5, rel=0.3)
    assert (kept(mask_all_tracks=1.0)[0] == 0).all()
    assert kept(mask_title=1.0)[1] == 0


def test_positives_of_a_row_are_thinned_out() -> None:
    graph = random_graph(30, 400, density=0.9)
    few = draw(Sampler(graph, LightGCNConfig(batch_size=30, masking=False, positives=10)))
    assert len(few.positives) / len(few.rows) == pytest.approx(10, rel=0.3)
    whole = draw(Sampler(graph, LightGCNConfig(batch_size=30, masking=False, positives=1000)))
    assert len(whole.positives) == graph.n_edges


def test_negatives_follow_the_power_of_the_degree(graph: BipartiteGraph) -> None:
    sampler = Sampler(graph, LightGCNConfig(negatives=65_536, negative_power=1.0))
    negatives = draw(sampler).negatives
    degrees = graph.matrix().toarray()[:, :26].sum(0)
    found = np.bincount(negatives, minlength=26) / len(negatives)
    np.testing.assert_allclose(found, degrees / degrees.sum(), atol=0.005)
    expected = np.log(len(negatives) * degrees[negatives[:5]] / degrees.sum())
    np.testing.assert_allclose(sampler.log_expected[negatives[:5]], expected, rtol=1e-6)


def test_a_step_can_be_drawn_again(graph: BipartiteGraph) -> None:
    config = LightGCNConfig(batch_size=7)
    one, other, another = (Sampler(graph, config, seed) for seed in (0, 0, 1))
    draw(one)
    for name in ("rows", "positives", "negatives", "masked"):
        np.testing.assert_array_equal(getattr(draw(one, 9), name), getattr(draw(other, 9), name))
    assert not np.array_equal(draw(another, 9).negatives, draw(one, 9).negatives)


def test_batches_grow_with_the_rows() -> None:
    automatic = LightGCNConfig()
    sizes = [automatic.rows_per_batch(rows) for rows in (100, 16_000, 1_000_000)]
    assert sizes == [256, 2000, 65_536]
    assert LightGCNConfig(batch_size=7).rows_per_batch(1_000_000) == 7
