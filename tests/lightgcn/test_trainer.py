"""Training learns, resumes exactly, keeps the best state, and moves parameters as the formulas say."""

from __future__ import annotations

import itertools
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from challenge.graph import BipartiteGraph
from challenge.lightgcn import checkpoint
from challenge.lightgcn.batches import DeviceSampler
from challenge.lightgcn.config import LightGCNConfig, paper_config
from challenge.lightgcn.model import LightGCN
from challenge.lightgcn.trainer import Trainer, train
from challenge.lightgcn.validation import hold_out, mean_ndcg
from tests.lightgcn.graphs import PAPER, SMALL, gradient, random_graph, two_genres


def trainer_of(graph: BipartiteGraph, config: LightGCNConfig) -> Trainer:
    return Trainer(LightGCN(graph, config, torch.device("cpu")))


@pytest.mark.parametrize("config", [SMALL, PAPER, replace(SMALL, storage="bf16"), replace(SMALL, bias=False)])
def test_rows_prefer_the_tracks_of_their_genre(config: LightGCNConfig) -> None:
    graph = two_genres()
    result = train(graph, config, device="cpu")
    scores = result.embeddings.rows @ result.embeddings.columns.T
    same = (np.arange(60)[:, None] % 2) == (np.arange(40)[None] % 2)
    unseen = graph.matrix().toarray() == 0
    # A random pair of an unseen track of the row's genre and one of the other: how often the first wins.
    wins = [
        (scores[row, same[row] & unseen[row]][:, None] > scores[row, ~same[row]][None]).mean()
        for row in range(60)
    ]
    assert np.mean(wins) > 0.97
    losses = [entry.loss for entry in result.report.epochs if entry.loss is not None]
    assert losses[-1] < losses[0]


def test_first_step_moves_parameters_as_adam_on_the_dense_gradient() -> None:
    graph = random_graph(12, 10)
    config = paper_config(embedding_size=3, batch_size=20, layers=2, l2=0.1, learning_rate=0.01)
    trainer = trainer_of(graph, config)
    leaves = {
        name: value.double().clone().requires_grad_() for name, value in trainer.model.parameters.items()
    }
    before = {name: value.clone() for name, value in trainer.model.parameters.items()}
    batch = DeviceSampler(trainer.sampler, torch.device("cpu")).batch(0)
    normalised = torch.tensor(graph.normalised_matrix().toarray())
    rows, columns = leaves["rows"], leaves["columns"]
    final_rows, final_columns = rows / 3, columns / 3
    for _ in range(2):
        rows, columns = normalised @ columns, normalised.T @ rows
        final_rows, final_columns = final_rows + rows / 3, final_columns + columns / 3
    of, positive, negative = batch.rows[batch.row_of_positive], batch.positives, batch.negatives
    margin = (final_rows[of] * (final_columns[positive] - final_columns[negative])).sum(1)
    loss = -torch.log(torch.sigmoid(margin)).mean()
    squares = leaves["rows"][of].square() + leaves["columns"][positive].square()
    penalty = 0.1 / 2 * (squares + leaves["columns"][negative].square()).sum() / 20
    (loss + penalty).backward()  # type: ignore[no-untyped-call]
    assert trainer.step(0, learning_rate=0.01).item() == pytest.approx(loss.item(), rel=1e-5)
    for name, leaf in leaves.items():
        # Adam's first step is the learning rate times the sign of the gradient.
        moved = (trainer.model.parameters[name] - before[name]).numpy()
        np.testing.assert_allclose(moved, -0.01 * np.sign(gradient(leaf).numpy()), atol=1e-5)


def test_micro_batches_give_the_whole_batchs_step(monkeypatch: pytest.MonkeyPatch) -> None:
    graph = random_graph(40, 30, tokens=4)
    whole = trainer_of(graph, SMALL)
    loss = whole.step(0, learning_rate=0.01).item()
    monkeypatch.setattr("challenge.lightgcn.memory._CHUNK_ROWS", 3)
    parted = trainer_of(graph, SMALL)
    assert parted.step(0, learning_rate=0.01).item() == pytest.approx(loss, rel=1e-5)
    for name, parameter in whole.model.parameters.items():
        torch.testing.assert_close(parted.model.parameters[name].grad, parameter.grad, atol=1e-7, rtol=1e-4)


def test_gradients_do_not_add_up_over_steps() -> None:
    graph = random_graph(12, 10)
    config = paper_config(embedding_size=3, batch_size=20, l2=0.0)
    trainer = trainer_of(graph, config)
    trainer.step(0, learning_rate=0.0)
    first = gradient(trainer.model.parameters["columns"]).clone()
    trainer.step(0, learning_rate=0.0)
    torch.testing.assert_close(trainer.model.parameters["columns"].grad, first)


@pytest.mark.parametrize("config", [SMALL, PAPER])
def test_resumed_equals_uninterrupted(config: LightGCNConfig, tmp_path: Path) -> None:
    graph = two_genres()
    validation = hold_out(graph, n_rows=20)
    whole = train(graph, config, validation=validation, device="cpu")
    steps = trainer_of(validation.remaining(graph), config).sampler.steps_per_epoch
    cut = replace(config, max_edges=1)
    folder = tmp_path / "checkpoints"
    train(graph, cut, validation=validation, device="cpu", checkpoint_dir=folder)
    again = train(graph, cut, validation=validation, device="cpu", checkpoint_dir=folder, resume=True)
    assert again.report.steps == 0
    assert again.report.stopped == "max_edges (1) read"
    resumed = train(graph, config, validation=validation, device="cpu", checkpoint_dir=folder, resume=True)
    np.testing.assert_array_equal(resumed.embeddings.rows, whole.embeddings.rows)
    np.testing.assert_array_equal(resumed.embeddings.columns, whole.embeddings.columns)
    assert [e.loss for e in resumed.report.epochs[1:]] == [e.loss for e in whole.report.epochs[1:]]
    assert resumed.report.steps == whole.report.steps - steps


def test_from_every_checkpoint_training_ends_alike(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also from one written just before or after the last step of an epoch, or of all."""
    graph = two_genres()
    validation = hold_out(graph, n_rows=20)
    config = replace(SMALL, epochs=2, checkpoint_minutes=0, learning_rate=0.05)
    whole = train(graph, config, validation=validation, device="cpu")
    save, kept = checkpoint.save_checkpoint, itertools.count()

    def save_all(folder: Path, tensors: dict[str, torch.Tensor], state: checkpoint.TrainingState) -> None:
        save(folder / str(next(kept)), tensors, state)

    monkeypatch.setattr(checkpoint, "save_checkpoint", save_all)
    train(graph, config, validation=validation, device="cpu", checkpoint_dir=tmp_path)
    monkeypatch.undo()
    for number in range(next(kept)):
        folder = tmp_path / str(number)
        resumed = train(
            graph, config, validation=validation, device="cpu", checkpoint_dir=folder, resume=True
        )
        assert [e.ndcg for e in resumed.report.epochs] == [e.ndcg for e in whole.report.epochs]
        np.testing.assert_array_equal(resumed.embeddings.rows, whole.embeddings.rows)


def test_no_clock_decides(monkeypatch: pytest.MonkeyPatch, told: list[str]) -> None:
    """Neither a clock that stands still nor one that leaps by days changes anything."""
    graph = two_genres()
    validation = hold_out(graph, n_rows=20)
    trained = train(graph, SMALL, validation=validation, device="cpu")
    days = itertools.count(step=86_400.0)
    monkeypatch.setattr(time, "monotonic", lambda: next(days))
    slow = train(graph, SMALL, validation=validation, device="cpu")
    assert slow.report.seconds > 86_400 > trained.report.seconds
    np.testing.assert_array_equal(slow.embeddings.columns, trained.embeddings.columns)
    assert (slow.report.steps, slow.report.stopped) == (trained.report.steps, trained.report.stopped)
    assert not [text for text in told if "max_seconds" in text]


def test_a_limit_in_seconds_is_told_to_be_the_clock_s(told: list[str]) -> None:
    result = train(two_genres(), replace(SMALL, max_seconds=1e-9), device="cpu")
    assert result.report.stopped == "max_seconds (1e-09) passed"
    assert [entry.epoch for entry in result.report.epochs] == [1]
    assert "max_seconds is set, so the clock decides: the same seed may give another result" in told


def test_training_ends_after_the_epoch_in_which_enough_edges_were_read() -> None:
    graph = two_genres()
    trainer = trainer_of(graph, SMALL)
    epoch = trainer.sampler.steps_per_epoch * trainer.model.passes_per_step * graph.n_edges
    for limit, epochs in ((1, 1), (epoch, 1), (epoch + 1, 2), (6 * epoch, 6), (0, 6)):
        result = train(graph, replace(SMALL, max_edges=limit), device="cpu")
        assert [entry.epoch for entry in result.report.epochs] == list(range(1, epochs + 1))
        assert result.report.stopped == ("all epochs done" if epochs == 6 else f"max_edges ({limit:,}) read")


def test_best_parameters_are_kept_and_training_stops() -> None:
    whole = two_genres()
    masked = hold_out(whole, n_rows=20)
    # Embeddings come of all edges that a graph has, so this one must never have had those masked.
    graph, validation = masked.remaining(whole), replace(masked, masked=masked.masked[:0])
    # A learning rate this high ruins the spectral start.
    config = replace(SMALL, learning_rate=50.0, patience=2, epochs=30, initialisation="spectral")
    result = train(graph, config, validation=validation, device="cpu")
    report = result.report
    assert report.stopped.startswith("no gain")
    ndcg = {entry.epoch: entry.ndcg for entry in report.epochs}
    assert report.best_epoch == max(ndcg, key=lambda epoch: (ndcg[epoch], -epoch))
    rows = torch.from_numpy(result.embeddings.rows[validation.rows])
    score = mean_ndcg(rows, torch.from_numpy(result.embeddings.columns), graph, validation)
    assert score == pytest.approx(ndcg[report.best_epoch], abs=1e-6)
