"""What a training did and what it cost."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from challenge import progress
from challenge.lightgcn.device import copy_bandwidth
from challenge.lightgcn.model import LightGCN


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
    device_reason: str = ""
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

    def measure_throughput(self, model: LightGCN) -> None:
        """Fill in what follows from the seconds of a step, against a copy on the model's device."""
        if self.steps == 0 or self.seconds_per_step == 0:
            return
        config = model.config
        width = config.embedding_size * (4 if config.storage == "fp32" else 2) + 4
        self.edges_per_second = model.passes_per_step * model.graph.n_edges / self.seconds_per_step
        self.bandwidth_share = self.edges_per_second * width / copy_bandwidth(model.device)
        progress.message(
            f"{self.steps} steps, {self.seconds_per_step:.3f} s each, "
            f"{self.edges_per_second / 1e6:,.0f} M edges/s, "
            f"{self.bandwidth_share:.0%} of the memory bandwidth"
        )
