"""Train LightGCN: epochs, validation, early stopping, checkpoints, and a report of what it cost."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from challenge import progress
from challenge.graph import BipartiteGraph
from challenge.lightgcn import checkpoint as checkpoints
from challenge.lightgcn.config import LightGCNConfig
from challenge.lightgcn.device import choose_device, copy_bandwidth, prepare_device, wait_for
from challenge.lightgcn.embeddings import Embeddings
from challenge.lightgcn.export import embed
from challenge.lightgcn.memory import GraphSize, device_memory, require_memory, rows_per_chunk
from challenge.lightgcn.model import Trainer
from challenge.lightgcn.parallel import Group, join_group
from challenge.lightgcn.validation import Validation
from challenge.types import Int64Array

_STEPS_BETWEEN_NOTES = 8
"""Steps on a GPU between two looks at the loss."""


@dataclass
class TrainingReport:
    """What a training did and what it cost, for the manifest.

    Attributes:
        device: where it ran.
        device_reason: why there.
        kernel: which gathers and sums, and why.
        epochs: one entry an epoch: ``epoch``, ``loss``, ``seconds``, and ``ndcg`` where validated.
        best_epoch: whose parameters were kept; 0 for the initial ones.
        stopped: why it ended.
        steps: steps of this process.
        seconds: of this process.
        seconds_per_step: mean.
        edges_per_second: edges summed in all passes of a step, forward and backward.
        bandwidth_share: bytes that propagation must read, uncached, over what a copy moves in the same time;
            above 1 where caches serve.
        memory_estimate: bytes reckoned before the start.
    """

    device: str
    device_reason: str
    kernel: str = ""
    epochs: list[dict[str, Any]] = field(default_factory=list)
    best_epoch: int = 0
    stopped: str = "all epochs done"
    steps: int = 0
    seconds: float = 0.0
    seconds_per_step: float = 0.0
    edges_per_second: float = 0.0
    bandwidth_share: float = 0.0
    memory_estimate: int = 0


@dataclass(frozen=True, eq=False)
class TrainingResult:
    """Embeddings with the report of how they came about."""

    embeddings: Embeddings
    report: TrainingReport


def train(
    graph: BipartiteGraph,
    config: LightGCNConfig,
    *,
    validation: Validation | None = None,
    device: str = "auto",
    checkpoint_dir: Path | None = None,
    resume: bool = False,
) -> TrainingResult:
    """Train on ``graph`` and embed all its nodes.

    What a validation masks plays no part in the training, but in the embeddings. With a validation the
    parameters of the best epoch are kept and training stops after ``patience`` validations without gain. With
    a folder for checkpoints, ``resume`` goes on from the last one; on the same device the result is the same
    as without interruption. Under ``torchrun`` the processes train together, and all return the same.

    Raises:
        ConfigError: an unknown device.
        ResourceError: memory or disk would not do.
        FormatError, InputError: a checkpoint that cannot be resumed.
    """
    chosen, reason = choose_device(device)
    progress.message(f"LightGCN on {chosen} ({reason})")
    prepare_device(chosen)
    columns, core = _trainable(graph, config, validation)
    report = TrainingReport(str(chosen), reason)
    memory = device_memory(chosen.type)
    report.memory_estimate = require_memory(
        GraphSize.of(core),
        config,
        memory.available,
        keep_best=validation is not None,
        chunk_rows=rows_per_chunk(chosen.type, memory.total),
    )
    watched = validation and validation.within(columns)
    run = _Run(core, config, watched, chosen, checkpoint_dir, report, join_group(chosen))
    report.kernel = run.trainer.kernel
    progress.message(f"Propagation by {report.kernel}")
    if resume and checkpoint_dir is not None and checkpoints.has_checkpoint(checkpoint_dir):
        run.resume()
    run.all_epochs()
    run.trainer.release()
    parameters = {name: run.trainer.whole(tensor) for name, tensor in run.trainer.parameters.items()}
    return TrainingResult(embed(graph, config, parameters, columns, device=chosen), report)


def _trainable(
    graph: BipartiteGraph, config: LightGCNConfig, validation: Validation | None
) -> tuple[Int64Array, BipartiteGraph]:
    """Columns that take part in training, ascending, and the graph of them without what is masked."""
    open_graph = graph if validation is None else validation.remaining(graph)
    columns = open_graph.columns_of_degree(config.min_degree)
    return columns, open_graph.with_columns(columns)


class _Run:
    """Epochs of one training."""

    def __init__(
        self,
        graph: BipartiteGraph,
        config: LightGCNConfig,
        validation: Validation | None,
        device: torch.device,
        checkpoint_dir: Path | None,
        report: TrainingReport,
        group: Group,
    ) -> None:
        self.trainer = Trainer(graph, config, device, group)
        self._group = group
        self._config = config
        self._validation = validation
        self._folder = checkpoint_dir
        self._report = report
        self._state = checkpoints.TrainingState(checkpoints.fingerprint(graph, config))
        self._best: dict[str, Tensor] = {}
        self._shown = ""
        self._last_checkpoint = time.monotonic()

    def resume(self) -> None:
        """Go on from the checkpoint in the folder."""
        assert self._folder is not None
        tensors, self._state = checkpoints.load_checkpoint(self._folder, fingerprint=self._state.fingerprint)
        device = self.trainer.device
        best = {k[5:]: t.to(device) for k, t in tensors.items() if k.startswith("best.")}
        self._best = {name: self.trainer.own(tensor) for name, tensor in best.items()}
        self.trainer.restore({k: t for k, t in tensors.items() if not k.startswith("best.")})
        progress.message(f"Resumed after step {self._state.step}")

    def all_epochs(self) -> None:
        """Train until an epoch too many, too long or without gain; leave the best parameters in place."""
        start, first_step = time.monotonic(), self._state.step
        total = self._config.epochs * self.trainer.sampler.steps_per_epoch
        if self._validation is not None and self._state.step == 0:
            self._validate({"epoch": 0})
        with progress.task("Training LightGCN", total - self._state.step, unit="step") as advance:
            while self._state.step < total and not self._stalled() and not self._late():
                self._epoch(advance)
        self._summarise(self._state.step - first_step, time.monotonic() - start)
        for name, tensor in self._best.items():
            self.trainer.parameters[name].copy_(tensor)
        self._best = {}

    def _stalled(self) -> bool:
        validated = [entry["epoch"] for entry in self._state.history if "ndcg" in entry]
        since: int = sum(epoch > self._state.best_epoch for epoch in validated)
        stalled: bool = 0 < self._config.patience <= since
        if stalled:
            self._report.stopped = f"no gain in {since} validations"
        return stalled

    def _late(self) -> bool:
        """Whether the epochs done, those before an interruption included, took as long as they may."""
        spent = sum(entry.get("seconds", 0.0) for entry in self._state.history)
        late: bool = self._group.any(0 < self._config.max_seconds <= spent)
        if late:
            self._report.stopped = f"max_seconds ({self._config.max_seconds:g}) passed"
        return late

    def _epoch(self, advance: progress.Advance) -> None:
        steps = self.trainer.sampler.steps_per_epoch
        begin = time.monotonic()
        epoch = self._state.step // steps + 1
        losses: list[Tensor] = []
        while self._state.step < epoch * steps:
            losses.append(self.trainer.step(self._state.step, learning_rate=self._learning_rate()))
            self._state.step += 1
            advance(1, note=self._note(losses))
            self._checkpoint_if_due()
        loss = float(np.mean(torch.stack(losses).cpu().numpy()))
        wait_for(self.trainer.device)
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
        if self.trainer.device.type == "cpu" or len(losses) % _STEPS_BETWEEN_NOTES == 0:
            self._shown = f"loss {losses[-1].item():.4f}"
        return self._shown

    def _validate(self, entry: dict[str, Any]) -> None:
        """Validate, keep the parameters if they are the best so far, and write the entry down."""
        assert self._validation is not None
        entry["ndcg"] = self.trainer.evaluate(self._validation)
        self._state.history.append(entry)
        if entry["ndcg"] > self._state.best_score:
            self._state.best_score, self._state.best_epoch = entry["ndcg"], entry["epoch"]
            for name, tensor in self.trainer.parameters.items():
                if name in self._best:
                    self._best[name].copy_(tensor)
                else:
                    self._best[name] = tensor.detach().clone()

    def _learning_rate(self) -> float:
        total = max(1, self._config.epochs * self.trainer.sampler.steps_per_epoch)
        return self._config.learning_rate_at(self._state.step, total)

    def _checkpoint_if_due(self) -> None:
        late = time.monotonic() - self._last_checkpoint >= 60 * self._config.checkpoint_minutes
        if self._folder is not None and self._group.any(late):
            self._checkpoint()

    def _checkpoint(self) -> None:
        if self._folder is not None:
            best = {f"best.{name}": self.trainer.whole(tensor) for name, tensor in self._best.items()}
            tensors = self.trainer.tensors() | best
            if self._group.rank == 0:
                checkpoints.save_checkpoint(self._folder, tensors, self._state)
        self._last_checkpoint = time.monotonic()

    def _summarise(self, steps: int, seconds: float) -> None:
        report, config, graph = self._report, self._config, self.trainer.graph
        report.epochs, report.best_epoch = self._state.history, self._state.best_epoch
        report.steps, report.seconds = steps, seconds
        training = sum(entry.get("seconds", 0.0) for entry in self._state.history)
        report.seconds_per_step = training / max(1, self._state.step)
        edges = float(self.trainer.passes_per_step * graph.n_edges)
        width = config.embedding_size * (4 if config.storage == "fp32" else 2) + 4
        if steps and report.seconds_per_step > 0:
            report.edges_per_second = edges / report.seconds_per_step
            report.bandwidth_share = report.edges_per_second * width / copy_bandwidth(self.trainer.device)
            progress.message(
                f"{steps} steps, {report.seconds_per_step:.3f} s each, "
                f"{report.edges_per_second / 1e6:,.0f} M edges/s, "
                f"{report.bandwidth_share:.0%} of the memory bandwidth"
            )
