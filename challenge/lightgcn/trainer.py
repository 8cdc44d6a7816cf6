"""Train LightGCN: steps, epochs, validation, early stopping, checkpoints, and a report of what it cost."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from challenge import progress
from challenge.errors import FormatError
from challenge.graph import BipartiteGraph
from challenge.lightgcn import checkpoint
from challenge.lightgcn.adam import Adam
from challenge.lightgcn.batches import prepared_batches
from challenge.lightgcn.config import LightGCNConfig
from challenge.lightgcn.device import choose_device, prepare_device, wait_for
from challenge.lightgcn.embeddings import Embeddings
from challenge.lightgcn.export import embed
from challenge.lightgcn.loss import BatchLoss
from challenge.lightgcn.memory import GraphSize, device_memory, require_memory, rows_per_chunk
from challenge.lightgcn.model import LightGCN
from challenge.lightgcn.parallel import join_group
from challenge.lightgcn.report import measure_throughput
from challenge.lightgcn.sampling import Sampler
from challenge.lightgcn.validation import Validation, mean_ndcg
from challenge.manifest import Epoch, TrainingFacts

_STEPS_BETWEEN_NOTES = 8
"""Steps on a GPU between two looks at the loss."""


@dataclass(frozen=True, eq=False)
class TrainingResult:
    """Embeddings with the report of how they came about."""

    embeddings: Embeddings
    report: TrainingFacts


def train(
    graph: BipartiteGraph,
    config: LightGCNConfig,
    *,
    seed: int = 0,
    validation: Validation | None = None,
    device: str = "auto",
    checkpoint_dir: Path | None = None,
    resume: bool = False,
) -> TrainingResult:
    """Train on ``graph`` and embed all its nodes.

    What a validation masks plays no part in the training, but in the embeddings. With a validation the
    parameters of the best epoch are kept and training stops after ``patience`` validations without gain. With
    a folder for checkpoints, ``resume`` goes on from the last one; on the same device the result is the same
    as without interruption. No clock has a say in it, unless ``max_seconds`` is set. Under ``torchrun`` the
    processes train together, and all return the same.

    Raises:
        ConfigError: an unknown device.
        ResourceError: memory or disk would not do.
        InputError: a checkpoint of other settings or other data.
    """
    chosen, reason = choose_device(device)
    progress.message(f"LightGCN on {chosen} ({reason})")
    if config.max_seconds > 0:
        progress.message("max_seconds is set, so the clock decides: the same seed may give another result")
    prepare_device(chosen)
    open_graph = graph if validation is None else validation.remaining(graph)
    columns = open_graph.columns_of_degree(config.min_degree)
    core = open_graph.with_columns(columns)
    memory = device_memory(chosen.type)
    estimate = require_memory(
        GraphSize.of(core),
        config,
        memory.available,
        chunk_rows=rows_per_chunk(chosen.type, memory.total),
    )
    model = LightGCN(core, config, chosen, group=join_group(chosen), seed=seed)
    progress.message(f"Propagation by {model.kernel}")
    watched = validation and validation.within(columns)
    trainer = Trainer(model, seed=seed, validation=watched, checkpoint_dir=checkpoint_dir)
    trainer.report.device_reason, trainer.report.memory_estimate = reason, estimate
    if resume and checkpoint_dir is not None and checkpoint.has_checkpoint(checkpoint_dir):
        trainer.resume()
    trainer.run()
    trainer.release()
    parameters = {name: model.group.all_gather(shard) for name, shard in model.parameters.items()}
    return TrainingResult(embed(graph, config, parameters, columns, device=chosen), trainer.report)


class Trainer:
    """Trains a model: what one step does to it, and the epochs until the training ends."""

    def __init__(
        self,
        model: LightGCN,
        *,
        seed: int = 0,
        validation: Validation | None = None,
        checkpoint_dir: Path | None = None,
    ) -> None:
        self.model, self._config = model, model.config
        self.sampler = Sampler(model.graph, model.config, seed)
        chunk_rows = rows_per_chunk(model.device.type, device_memory(model.device.type).total)
        self._batches = prepared_batches(self.sampler, model.device, chunk_rows)
        self._loss = BatchLoss(model)
        self._adam = Adam(model.parameters)
        self._validation, self._folder = validation, checkpoint_dir
        self._state = checkpoint.TrainingState(checkpoint.fingerprint(model.graph, model.config, seed))
        self._best: dict[str, Tensor] = {}
        edges_per_epoch = self.sampler.steps_per_epoch * model.passes_per_step * model.graph.n_edges
        self._epochs = model.config.epochs_at_most(edges_per_epoch, model.device.type)
        if not self.sampler.has_rows:
            progress.message(
                f"No playlist has tracks to learn from where min_degree is {model.config.min_degree}"
            )
            self._epochs = 0
        self._shown = ""
        self._last_checkpoint = time.monotonic()
        self.report = TrainingFacts(str(model.device), kernel=model.kernel)

    def step(self, step: int, *, learning_rate: float) -> Tensor:
        """Draw batch ``step``, move the parameters once, and return the loss, float64, on the device.

        On a GPU nothing waits for the work to end.
        """
        model, prepared = self.model, self._batches.get(step)
        model.forward(prepared.batch)
        loss, bias_gradient = self._loss.differentiate(prepared)
        model.backward()
        self._loss.add_l2_gradient(prepared.batch)
        gradients = {"columns": model.columns, "rows": model.rows, "bias": bias_gradient}
        for name, parameter in model.parameters.items():
            parameter.grad = gradients[name]
        self._adam.step(learning_rate)
        return loss

    def evaluate(self, validation: Validation) -> float:
        """Mean NDCG on held-out tracks."""
        rows, tracks = self.model.vectors(torch.from_numpy(validation.rows).to(self.model.device))
        return mean_ndcg(rows, tracks, self.model.graph, validation)

    def run(self) -> None:
        """Train until an epoch too many, too long or without gain; leave the best parameters in place."""
        start, first_step = time.monotonic(), self._state.step
        total = self._epochs * self.sampler.steps_per_epoch
        if self._validation is not None and self._state.step == 0:
            self._validate({"epoch": 0})
        with progress.task("train LightGCN", total - self._state.step, unit="steps") as advance:
            while (ended := self._ended()) is None:
                self._epoch(advance)
        report, state = self.report, self._state
        report.stopped = ended
        report.epochs = tuple(Epoch(**entry) for entry in state.history)
        report.best_epoch = state.best_epoch
        report.steps, report.seconds = state.step - first_step, time.monotonic() - start
        report.seconds_per_step = state.seconds / max(1, state.step)
        measure_throughput(report, self.model)
        for name, tensor in self._best.items():
            self.model.parameters[name].copy_(tensor)
        self._best = {}

    def _ended(self) -> str | None:
        """Why training is over, None where it is not; epochs before an interruption count."""
        config, state = self._config, self._state
        if state.step >= self._epochs * self.sampler.steps_per_epoch:
            if self._epochs == config.epochs:
                return "all epochs done"
            return f"max_edges ({config.max_edges:,}) read" if self._epochs else "nothing to learn from"
        validated = [entry["epoch"] for entry in state.history if "ndcg" in entry]
        since = sum(epoch > state.best_epoch for epoch in validated)
        if 0 < config.patience <= since:
            return f"no gain in {since} validations"
        if self.model.group.any(0 < config.max_seconds <= state.seconds):
            return f"max_seconds ({config.max_seconds:g}) passed"
        return None

    def _epoch(self, advance: progress.Advance) -> None:
        steps, batch_size = self.sampler.steps_per_epoch, self.sampler.batch_size
        begin = time.monotonic()
        epoch = self._state.step // steps + 1
        losses: list[Tensor] = []
        while self._state.step < epoch * steps:
            rate = self._config.learning_rate_at(self._state.step, self._config.epochs * steps, batch_size)
            losses.append(self.step(self._state.step, learning_rate=rate))
            self._state.step += 1
            advance(1, note=self._note(losses))
            if self._state.step < epoch * steps:  # the state after the last step has its validation in it
                self._checkpoint_if_due()
        loss = float(np.mean(torch.stack(losses).cpu().numpy()))
        wait_for(self.model.device)
        entry = {"epoch": epoch, "loss": loss, "seconds": time.monotonic() - begin}
        if self._validation is not None and epoch % self._config.validate_every == 0:
            self._validate(entry)
        else:
            self._state.history.append(entry)
        score = f", NDCG {entry['ndcg']:.4f}" if "ndcg" in entry else ""
        progress.message(
            f"epoch {epoch}: loss {entry['loss']:.4f}{score}, {entry['seconds'] / len(losses):.2f} s a step"
        )
        self._checkpoint()

    def _note(self, losses: list[Tensor]) -> str:
        # To read a loss is to wait for all that is queued, and a GPU then stands still until more is.
        if self.model.device.type == "cpu" or len(losses) % _STEPS_BETWEEN_NOTES == 0:
            self._shown = f"loss {losses[-1].item():.4f}"
        return self._shown

    def _validate(self, entry: dict[str, Any]) -> None:
        """Validate, keep the parameters if they are the best so far, and write the entry down."""
        assert self._validation is not None
        entry["ndcg"] = self.evaluate(self._validation)
        self._state.history.append(entry)
        if entry["ndcg"] > self._state.best_score:
            self._state.best_score, self._state.best_epoch = entry["ndcg"], entry["epoch"]
            for name, tensor in self.model.parameters.items():
                if name in self._best:
                    self._best[name].copy_(tensor)
                else:
                    self._best[name] = tensor.detach().clone()

    def _checkpoint_if_due(self) -> None:
        late = time.monotonic() - self._last_checkpoint >= 60 * self._config.checkpoint_minutes
        if self._folder is not None and self.model.group.any(late):
            self._checkpoint()

    def _checkpoint(self) -> None:
        if self._folder is not None:
            tensors = checkpoint.gathered_tensors(self.model, self._adam, self._best)
            if self.model.group.rank == 0:
                checkpoint.save_checkpoint(self._folder, tensors, self._state)
        self._last_checkpoint = time.monotonic()

    def resume(self) -> None:
        """Go on from the checkpoint in the folder, or train from the beginning where it is damaged.

        Raises:
            InputError: it is of other settings or other data.
        """
        assert self._folder is not None
        try:
            tensors, state = checkpoint.load_checkpoint(self._folder, fingerprint=self._state.fingerprint)
            self._best = checkpoint.restore_tensors(tensors, self.model, self._adam)
        except FormatError as error:
            progress.message(f"{error.message}: the training begins anew")
            return
        self._state = state
        progress.message(f"Resumed after step {self._state.step}")

    def release(self) -> None:
        """Give back all memory but the parameters; no step can follow."""
        self._batches.close()
        self._adam.state.clear()
        for parameter in self.model.parameters.values():
            parameter.grad = None
        del self._batches
        self.model.release()
