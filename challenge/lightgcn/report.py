"""How fast a training was."""

from __future__ import annotations

from challenge import progress
from challenge.lightgcn.device import copy_bandwidth
from challenge.lightgcn.model import LightGCN
from challenge.manifest import TrainingFacts


def measure_throughput(report: TrainingFacts, model: LightGCN) -> None:
    """Fill in what follows from the seconds of a step, against a copy on the model's device."""
    if report.steps == 0 or report.seconds_per_step == 0:
        return
    config = model.config
    width = config.embedding_size * (4 if config.storage == "fp32" else 2) + 4
    report.edges_per_second = model.passes_per_step * model.graph.n_edges / report.seconds_per_step
    report.bandwidth_share = report.edges_per_second * width / copy_bandwidth(model.device)
    progress.message(
        f"{report.steps} steps, {report.seconds_per_step:.3f} s each, "
        f"{report.edges_per_second / 1e6:,.0f} M edges/s, "
        f"{report.bandwidth_share:.0%} of the memory bandwidth"
    )
