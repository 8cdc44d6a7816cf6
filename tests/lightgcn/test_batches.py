"""Micro-batches cover a batch; prefetching changes nothing."""

from __future__ import annotations

import threading

import numpy as np
import pytest
import torch

from challenge.lightgcn.batches import DeviceSampler, Prefetcher, PreparedBatch
from challenge.lightgcn.config import LightGCNConfig, paper_config
from challenge.lightgcn.model import LightGCN
from challenge.lightgcn.sampling import Sampler
from challenge.lightgcn.trainer import Trainer
from tests.lightgcn.graphs import random_graph

CPU = torch.device("cpu")


def test_micro_batches_cover_a_batch_with_their_columns() -> None:
    sampler = Sampler(
        random_graph(60, 40, tokens=5), LightGCNConfig(batch_size=50, negatives=7, mask_all_tracks=0.9)
    )
    batch = DeviceSampler(sampler, CPU).batch(0)
    prepared = PreparedBatch.of(batch, 8)
    assert len(prepared.micro_batches) > 3
    rows, positives = [], []
    for part, columns, index in prepared.micro_batches:
        assert len(part.rows) <= 8
        assert part.row_of_positive.max() < len(part.rows)
        rows.append(part.rows[part.row_of_positive])
        positives.append(columns[index][: len(part.positives)])
        assert columns[index][len(part.positives) :].equal(batch.negatives)
        assert (columns.diff() > 0).all()
    assert torch.cat(rows).equal(batch.rows[batch.row_of_positive])
    assert torch.cat(positives).equal(batch.positives)
    assert [part.batch for part in PreparedBatch.of(batch, None).micro_batches] == [batch]


def test_pairs_come_to_the_device_as_drawn() -> None:
    sampler = Sampler(random_graph(60, 40), paper_config(batch_size=50))
    rows, row_of_positive, positives, negatives = sampler.pairs(4)
    batch = DeviceSampler(sampler, CPU).batch(4)
    np.testing.assert_array_equal(batch.positives, positives)
    np.testing.assert_array_equal(batch.negatives, negatives)
    np.testing.assert_array_equal(batch.rows[batch.row_of_positive], rows[row_of_positive])
    assert len(batch.log_expected) == 0


def test_prefetching_makes_each_step_once_and_before_it_is_asked_for() -> None:
    made, ahead = [], threading.Event()

    def make(step: int) -> int:
        made.append(step)
        if step == 2:
            ahead.set()
        return step * step

    prefetcher = Prefetcher(make, ahead=2)
    assert prefetcher.get(0) == 0
    assert ahead.wait(timeout=30)
    assert [prefetcher.get(step) for step in (1, 2, 3)] == [1, 4, 9]
    assert prefetcher.get(40) == 1600  # as after resuming elsewhere
    prefetcher.close()
    assert sorted(made)[:4] == [0, 1, 2, 3]
    assert len(made) == len(set(made))


def test_prefetching_hands_errors_on() -> None:
    def make(step: int) -> None:
        raise ValueError(f"step {step}")

    for ahead in (0, 2):
        with pytest.raises(ValueError, match="step 1"):
            Prefetcher(make, ahead=ahead).get(1)


def test_draws_of_several_threads_are_those_of_one() -> None:
    sampler = Sampler(random_graph(60, 40, tokens=5), LightGCNConfig(batch_size=20, negatives=30))
    prefetcher = Prefetcher(DeviceSampler(sampler, CPU).batch, ahead=4, threads=4)
    alone = DeviceSampler(Sampler(sampler.graph, sampler.config), CPU)
    for step in range(12):
        found, wanted = prefetcher.get(step), alone.batch(step)
        np.testing.assert_array_equal(found.positives, wanted.positives)
        np.testing.assert_array_equal(found.masked, wanted.masked)
    prefetcher.close()


@pytest.mark.parametrize("name", ["whole", "in micro-batches"])
def test_a_step_the_way_of_a_gpu_is_that_of_a_cpu(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    graph = random_graph(80, 50, tokens=5)
    config = LightGCNConfig(embedding_size=8, batch_size=30, negatives=20, positives=4, smoothing=1.0)
    if name == "in micro-batches":
        monkeypatch.setattr("challenge.lightgcn.memory._CHUNK_ROWS", 7)
    plain = Trainer(LightGCN(graph, config, CPU))

    def drawn_ahead(
        sampler: Sampler, device: torch.device, chunk_rows: int | None
    ) -> Prefetcher[PreparedBatch]:
        on_device = DeviceSampler(sampler, device)
        return Prefetcher(lambda step: PreparedBatch.of(on_device.batch(step), chunk_rows), ahead=3)

    monkeypatch.setattr("challenge.lightgcn.trainer.prepared_batches", drawn_ahead)
    ahead = Trainer(LightGCN(graph, config, CPU))
    masking = ahead.model._propagation._masking
    assert masking is not None
    monkeypatch.setattr(masking, "scales", lambda edges, rows: (rows, masking._scales_on_device(edges, rows)))
    # Scales of rows differ in the last bit, and Adam carries that on.
    for step in range(5):
        found, wanted = (trainer.step(step, learning_rate=0.01) for trainer in (ahead, plain))
        torch.testing.assert_close(found, wanted, rtol=1e-6, atol=0.0)
        for key, parameter in plain.model.parameters.items():
            torch.testing.assert_close(ahead.model.parameters[key].grad, parameter.grad, atol=1e-5, rtol=1e-3)
    ahead.release()
