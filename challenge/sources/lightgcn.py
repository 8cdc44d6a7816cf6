"""LightGCN as a source: trains on the graph of a dataset, titles included, and embeds its queries."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from challenge.graph import BipartiteGraph
from challenge.lightgcn.config import LightGCNConfig
from challenge.sources.embedding import EmbeddingGenerator
from challenge.sources.registry import answerable

if TYPE_CHECKING:
    from challenge.lightgcn.embeddings import Embeddings
    from challenge.lightgcn.report import TrainingReport


class LightGCNEmbedder:
    """Trains LightGCN on each graph it is given, and keeps what it learned last.

    Attributes:
        reports: what each training did, in order.
        embeddings: those of the last training, None before the first.
    """

    def __init__(
        self,
        config: LightGCNConfig,
        *,
        num_candidates: int,
        seed: int = 0,
        device: str = "auto",
        checkpoint_dir: Path | None = None,
        resume: bool = False,
    ) -> None:
        self._config, self._depth, self._seed, self._device = config, num_candidates, seed, device
        self._checkpoint_dir, self._resume = checkpoint_dir, resume
        self.reports: list[TrainingReport] = []
        self.embeddings: Embeddings | None = None

    def __call__(self, graph: BipartiteGraph) -> EmbeddingGenerator:
        """Train on the graph and embed its queries."""
        from challenge.lightgcn.trainer import train
        from challenge.lightgcn.validation import hold_out

        validation = hold_out(graph, seed=self._seed)
        folder = None if self._checkpoint_dir is None else self._checkpoint_dir / f"part-{len(self.reports)}"
        result = train(
            graph,
            self._config,
            seed=self._seed,
            validation=validation,
            device=self._device,
            checkpoint_dir=folder,
            resume=self._resume,
        )
        self.reports.append(result.report)
        self.embeddings = result.embeddings
        return self.generator(graph, result.embeddings)

    def generator(self, graph: BipartiteGraph, embeddings: Embeddings) -> EmbeddingGenerator:
        """Make a source of trained embeddings for the queries of ``graph``."""
        from challenge.lightgcn.device import choose_device

        return EmbeddingGenerator(
            name="lightgcn",
            num_candidates=self._depth,
            query_embedding=embeddings.rows[graph.n_playlists :],
            track_embedding=embeddings.columns[: graph.n_tracks],
            answers=answerable(graph),
            logits=self._config.objective == "softmax",
            device=str(choose_device(self._device)[0]),
        )
