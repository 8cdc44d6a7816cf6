"""Training learns, resumes exactly, keeps the best state, and moves parameters as the formulas say."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from challenge.data.interactions import Interactions
from challenge.errors import ConfigError, FormatError, InputError, ResourceError
from challenge.lightgcn.checkpoint import load_checkpoint
from challenge.lightgcn.config import LightGCNConfig, paper_config
from challenge.lightgcn.device import choose_device
from challenge.lightgcn.embeddings import Embeddings
from challenge.lightgcn.initialise import randomised_svd
from challenge.lightgcn.memory import GraphSize, estimate_memory, require_memory, rows_per_chunk
from challenge.lightgcn.model import Trainer
from challenge.lightgcn.propagation import Propagation
from challenge.lightgcn.trainer import train
from challenge.lightgcn.validation import Validation, hold_out, mean_ndcg
from tests.lightgcn.graphs import random_graph, two_genres

SMALL = LightGCNConfig(
    embedding_size=8,
    batch_size=16,
    negatives=16,
    positives=4,
    epochs=6,
    smoothing=1.0,
    learning_rate=0.01,
    storage="fp32",
)
PAPER = paper_config(embedding_size=8, batch_size=64, epochs=20, learning_rate=0.01)


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    from challenge.threads import use_threads

    use_threads(1)
    yield
    use_threads(None)


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
    losses = [entry["loss"] for entry in result.report.epochs]
    assert losses[-1] < losses[0]


def test_first_step_moves_parameters_as_adam_on_the_dense_gradient() -> None:
    graph = random_graph(12, 10)
    config = paper_config(embedding_size=3, batch_size=20, layers=2, l2=0.1, learning_rate=0.01)
    trainer = Trainer(graph, config, torch.device("cpu"))
    leaves = {name: value.double().clone().requires_grad_() for name, value in trainer.parameters.items()}
    before = {name: value.clone() for name, value in trainer.parameters.items()}
    batch = trainer.sampler.batch(0)
    normalised = torch.tensor(graph.normalised_matrix().toarray())
    rows, columns = leaves["rows"], leaves["columns"]
    final_rows, final_columns = rows / 3, columns / 3
    for _ in range(2):
        rows, columns = normalised @ columns, normalised.T @ rows
        final_rows, final_columns = final_rows + rows / 3, final_columns + columns / 3
    of = torch.tensor(batch.rows[batch.row_of_positive])
    positive, negative = torch.tensor(batch.positives), torch.tensor(batch.negatives)
    margin = (final_rows[of] * (final_columns[positive] - final_columns[negative])).sum(1)
    loss = -torch.log(torch.sigmoid(margin)).mean()
    squares = leaves["rows"][of].square() + leaves["columns"][positive].square()
    penalty = 0.1 / 2 * (squares + leaves["columns"][negative].square()).sum() / 20
    (loss + penalty).backward()  # type: ignore[no-untyped-call]
    assert trainer.step(0, learning_rate=0.01).item() == pytest.approx(loss.item(), rel=1e-5)
    for name, leaf in leaves.items():
        # Adam's first step is the learning rate times the sign of the gradient.
        assert leaf.grad is not None
        moved = (trainer.parameters[name] - before[name]).numpy()
        np.testing.assert_allclose(moved, -0.01 * np.sign(leaf.grad.numpy()), atol=1e-5)


def test_parts_of_a_batch_give_the_whole_batchs_step(monkeypatch: pytest.MonkeyPatch) -> None:
    graph = random_graph(40, 30, tokens=4)
    whole = Trainer(graph, SMALL, torch.device("cpu"))
    loss = whole.step(0, learning_rate=0.01).item()
    monkeypatch.setattr("challenge.lightgcn.memory._CHUNK_ROWS", 3)
    parted = Trainer(graph, SMALL, torch.device("cpu"))
    assert parted.step(0, learning_rate=0.01).item() == pytest.approx(loss, rel=1e-5)
    for name, parameter in whole.parameters.items():
        torch.testing.assert_close(parted.parameters[name].grad, parameter.grad, atol=1e-7, rtol=1e-4)


def test_gradients_do_not_add_up_over_steps() -> None:
    graph = random_graph(12, 10)
    config = paper_config(embedding_size=3, batch_size=20, l2=0.0)
    trainer = Trainer(graph, config, torch.device("cpu"))
    trainer.step(0, learning_rate=0.0)
    gradient = trainer.parameters["columns"].grad
    assert gradient is not None
    first = gradient.clone()
    trainer.step(0, learning_rate=0.0)
    torch.testing.assert_close(trainer.parameters["columns"].grad, first)


@pytest.mark.parametrize("config", [SMALL, PAPER])
def test_resumed_equals_uninterrupted(config: LightGCNConfig, tmp_path: Path) -> None:
    graph = two_genres()
    validation = hold_out(graph, n_rows=20)
    whole = train(graph, config, validation=validation, device="cpu")
    steps = Trainer(validation.remaining(graph), config, torch.device("cpu")).sampler.steps_per_epoch
    cut = replace(config, max_seconds=1e-9)
    folder = tmp_path / "checkpoints"
    train(graph, cut, validation=validation, device="cpu", checkpoint_dir=folder)
    again = train(graph, cut, validation=validation, device="cpu", checkpoint_dir=folder, resume=True)
    assert again.report.steps == 0
    assert again.report.stopped.startswith("max_seconds")
    resumed = train(graph, config, validation=validation, device="cpu", checkpoint_dir=folder, resume=True)
    np.testing.assert_array_equal(resumed.embeddings.rows, whole.embeddings.rows)
    np.testing.assert_array_equal(resumed.embeddings.columns, whole.embeddings.columns)
    assert [e["loss"] for e in resumed.report.epochs[1:]] == [e["loss"] for e in whole.report.epochs[1:]]
    assert resumed.report.steps == whole.report.steps - steps


def test_checkpoints_of_other_settings_or_damaged_ones_are_refused(tmp_path: Path) -> None:
    graph = two_genres()
    train(graph, replace(SMALL, epochs=1), device="cpu", checkpoint_dir=tmp_path)
    with pytest.raises(InputError, match="other settings"):
        train(graph, replace(SMALL, seed=4), device="cpu", checkpoint_dir=tmp_path, resume=True)
    path = tmp_path / "checkpoint.safetensors"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(FormatError, match="not a checkpoint"):
        load_checkpoint(tmp_path, fingerprint="")


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
    ndcg = {entry["epoch"]: entry["ndcg"] for entry in report.epochs}
    assert report.best_epoch == max(ndcg, key=lambda epoch: (ndcg[epoch], -epoch))
    rows = torch.from_numpy(result.embeddings.rows[validation.rows])
    score = mean_ndcg(rows, torch.from_numpy(result.embeddings.columns), graph, validation)
    assert score == pytest.approx(ndcg[report.best_epoch], abs=1e-6)


def test_encoding_what_a_row_holds_gives_the_row() -> None:
    graph = random_graph(40, 30, tokens=4)
    for config in (SMALL, replace(SMALL, similarity="dot", bias=False), replace(SMALL, layers=3)):
        embeddings = train(graph, replace(config, epochs=2), device="cpu").embeddings
        found = embeddings.encode(graph.matrix())
        np.testing.assert_allclose(found, embeddings.rows, atol=2e-5)


def test_embeddings_survive_the_disk(tmp_path: Path) -> None:
    embeddings = train(two_genres(), replace(SMALL, epochs=1), device="cpu").embeddings
    embeddings.save(tmp_path / "embeddings")
    loaded = Embeddings.load(tmp_path / "embeddings")
    for name in ("rows", "columns", "messages", "column_weight"):
        np.testing.assert_array_equal(getattr(loaded, name), getattr(embeddings, name))
    assert (loaded.smoothing, loaded.temperature) == (1.0, SMALL.temperature)


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


def test_randomised_svd_finds_the_leading_triplets() -> None:
    graph = random_graph(30, 25, smoothing=2.0)
    propagation = Propagation(graph, embedding_size=4, layer_weights=(0.5, 0.5))
    generator = torch.Generator().manual_seed(0)
    left, values, right = randomised_svd(propagation, 4, graph.n_columns, generator)
    exact = np.linalg.svd(graph.normalised_matrix().toarray(), compute_uv=False)
    np.testing.assert_allclose(values.numpy(), exact[:4], rtol=1e-3)
    np.testing.assert_allclose((left.T @ left).numpy(), np.eye(4), atol=1e-3)
    product = left.T.double().numpy() @ graph.normalised_matrix().toarray() @ right.double().numpy()
    np.testing.assert_allclose(product, np.diag(exact[:4]), atol=2e-3)


def test_ndcg_by_hand() -> None:
    graph = random_graph(4, 6, density=0.0)
    rows, columns = torch.eye(2), torch.tensor([[3.0, 1], [2, 2], [1, 3], [0, 4], [-1, 5], [-2, 6]])
    validation = Validation(np.array([0, 1]), Interactions.from_rows([[1, 5], [5]]), length=3)
    # Row 0 ranks 0, 1, 2: a hit at place 2 of two; row 1 ranks 5 first.
    ideal = 1 + 1 / np.log2(3)
    expected = (1 / np.log2(3) / ideal + 1) / 2
    assert mean_ndcg(rows, columns, graph, validation) == pytest.approx(expected)


def test_hold_out_hides_edges_and_leaves_no_track_alone() -> None:
    graph = random_graph(40, 30, tokens=4)
    validation = hold_out(graph, n_rows=10, share=0.5)
    fewer = validation.remaining(graph)
    assert len(validation.rows) == 10
    masked = sum(len(validation.relevant.row(i)) for i in range(10))
    assert graph.n_edges - fewer.n_edges == masked > 0
    for place, row in enumerate(validation.rows):
        assert set(validation.relevant.row(place)) <= set(graph.matrix()[row].indices)
        assert not set(validation.relevant.row(place)) & set(fewer.matrix()[row].indices)
    seen = np.diff(graph.column_indptr) > 0
    assert (np.diff(fewer.column_indptr)[seen] > 0).all()


def test_memory_is_refused_beforehand_with_what_would_fit() -> None:
    size = GraphSize(1_010_000, 2_260_000, 66_000_000)
    config = LightGCNConfig(embedding_size=128)
    needed = estimate_memory(size, config)
    with pytest.raises(ResourceError, match=r"needs \d+\.\d GB, 8\.0 GB are free") as caught:
        require_memory(size, config, 8_000_000_000)
    assert "embedding_size = " in (caught.value.hint or "")
    assert require_memory(size, config, needed) == needed


def test_the_largest_embeddings_that_would_fit_are_named() -> None:
    size = GraphSize(1_010_000, 2_260_000, 66_000_000)

    def hint(config: LightGCNConfig, available: int) -> str | None:
        with pytest.raises(ResourceError) as caught:
            require_memory(size, config, available)
        return caught.value.hint

    wide = LightGCNConfig(embedding_size=100)
    assert hint(wide, estimate_memory(size, replace(wide, embedding_size=64))) == "use embedding_size = 64"
    exact = LightGCNConfig(embedding_size=100, storage="fp32")
    assert hint(exact, estimate_memory(size, wide)) == "use storage = bf16"
    fits = estimate_memory(size, LightGCNConfig(embedding_size=16))
    assert hint(exact, fits) == "use embedding_size = 16 and storage = bf16"
    assert "more memory" in (hint(wide, 1_000_000) or "")


def test_devices() -> None:
    device, reason = choose_device("cpu")
    assert (device.type, reason) == ("cpu", "cpu: as asked")
    with pytest.raises(ConfigError, match="expected auto, cpu"):
        choose_device("abacus")
    if not torch.cuda.is_available():
        assert choose_device("auto")[0].type == "cpu"
        with pytest.raises(ConfigError, match="0 CUDA devices"):
            choose_device("cuda")


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"layers": 0}, "layers"),
        ({"layers": 3, "layer_weights": (1.0, 1.0)}, "layer_weights"),
        ({"temperature": 0.0}, "temperature"),
        ({"layer_weights": (1.0,)}, "layer_weights"),
        ({"objective": "bpr"}, "objective"),
        ({"min_kept": 0.9, "max_kept": 0.1}, "min_kept"),
    ],
)
def test_impossible_settings_are_refused(changes: dict[str, Any], name: str) -> None:
    with pytest.raises(ConfigError, match=f"^{name} is"):
        LightGCNConfig(**changes)


def test_readout_is_the_mean_of_the_layers() -> None:
    assert LightGCNConfig(layers=2).readout == (0.0, 0.5, 0.5)
    assert paper_config().readout == (0.25,) * 4
    assert LightGCNConfig(layers=1, layer_weights=(0.3, 0.7)).readout == (0.3, 0.7)


def test_learning_rate_falls_by_half_a_cosine() -> None:
    constant = LightGCNConfig(learning_rate=0.1)
    assert [constant.learning_rate_at(step, 6) for step in (0, 3, 6)] == [0.1, 0.1, 0.1]
    falling = LightGCNConfig(learning_rate=0.1, schedule="cosine")
    rates = [falling.learning_rate_at(step, 6) for step in (0, 2, 3, 6)]
    np.testing.assert_allclose(rates, [0.1, 0.075, 0.05, 0.0], atol=1e-12)


def test_a_roomy_gpu_scores_more_rows_at_once_and_the_estimate_knows() -> None:
    assert rows_per_chunk("cuda", 80_000_000_000) == 4 * rows_per_chunk("cuda", 8_000_000_000)
    assert rows_per_chunk("cpu", 80_000_000_000) == rows_per_chunk("cuda", 8_000_000_000)
    size, config = GraphSize(1_000_000, 1_200_000, 66_000_000), LightGCNConfig()
    few, many = (estimate_memory(size, config, chunk_rows=rows) for rows in (4096, 16_384))
    vectors = config.positives * config.embedding_size * 4 * 6
    assert many - few == (16_384 - 4096) * (config.negatives * 16 + vectors)
