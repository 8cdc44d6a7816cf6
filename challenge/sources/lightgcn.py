"""LightGCN as a source: trained on the graph of playlists, tracks and the words of titles."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from challenge.data.archive import load_record, save_record
from challenge.lightgcn.config import LightGCNConfig, paper_config
from challenge.manifest import TrainingFacts
from challenge.sources.base import FitContext, QueryBatch
from challenge.sources.embedding import EmbeddingScores, TrackVectors
from challenge.types import CandidateCount, FloatArray, NonNegative

if TYPE_CHECKING:
    from challenge.lightgcn.embeddings import Embeddings


@dataclass(frozen=True)
class LightGCN(LightGCNConfig):
    """Settings of LightGCN as a source."""

    num_candidates: CandidateCount = 1000
    weight: NonNegative = 0.7

    @classmethod
    def of_paper(cls) -> LightGCN:
        """LightGCN as in its paper: BPR, an embedding of its own for each row, no masking.

        It is trained for as many of the paper's 1,000 epochs as ``max_edges`` allows.
        """
        return cls(**(vars(paper_config()) | {"max_edges": 75_000_000_000, "patience": 10}), weight=0.0)

    def fit(self, context: FitContext) -> FittedLightGCN:
        """Train on the graph, and embed all its nodes.

        Raises:
            ConfigError: no such device.
            ResourceError: memory or disk would not do.
        """
        from challenge.lightgcn.trainer import train
        from challenge.lightgcn.validation import hold_out

        result = train(
            context.graph,
            self,
            seed=context.seed,
            validation=hold_out(context.graph, seed=context.seed),
            device=context.device,
            checkpoint_dir=context.checkpoints_of(self),
            resume=context.resume,
        )
        return FittedLightGCN(self, result.embeddings, context, result.report)

    def load(self, folder: Path, context: FitContext) -> FittedLightGCN:
        """Read what :meth:`FittedLightGCN.save` wrote."""
        from challenge.lightgcn.embeddings import Embeddings

        assert context.saved is not None
        lengths = {"rows": context.index.n_queries, "columns": len(context.columns.in_training)}
        embeddings = load_record(Embeddings, folder, of=context.saved.fingerprint, lengths=lengths)
        return FittedLightGCN(self, embeddings, context)


@dataclass(frozen=True, eq=False)
class FittedLightGCN:
    """Trained embeddings.

    Attributes:
        embeddings: of rows and columns of the graph; the last rows are the dataset's queries.
        context: what they were trained on.
        report: what the training did; None where the embeddings were loaded.
    """

    config: LightGCN
    embeddings: Embeddings
    context: FitContext
    report: TrainingFacts | None = None

    def save(self, folder: Path, fingerprint: str) -> None:
        """Write the embeddings but those of training playlists, which answer nothing."""
        first = len(self.embeddings.rows) - self.context.index.n_queries
        save_record(replace(self.embeddings, rows=self.embeddings.rows[first:]), folder, of=fingerprint)

    @property
    def track_embeddings(self) -> FloatArray:
        """The embeddings of the tracks without their biases, float32, shape (T, D)."""
        size = self.embeddings.messages.shape[1]
        return self.embeddings.columns[: self.context.columns.n_tracks, :size]

    @cached_property
    def tracks(self) -> TrackVectors:
        """The vectors of the tracks, to be searched."""
        vectors = self.embeddings.columns[: self.context.columns.n_tracks]
        return TrackVectors(vectors, self.config.objective == "softmax", self.context.torch_device())

    def score(self, batch: QueryBatch) -> EmbeddingScores:
        """Score tracks by their inner product with each query's vector, or the probability it stands for.

        Queries of the dataset have vectors from the training, the others are encoded by what they hold.
        """
        columns, index = self.context.columns, self.context.index
        held = columns.held(batch.seed_indptr, batch.seed_track, batch.queries.titles)
        vectors = np.empty((len(batch), self.embeddings.columns.shape[1]), np.float32)
        fitted = batch.index_row >= 0
        # Counted from the end: loaded embeddings lack the rows of training playlists.
        vectors[fitted] = self.embeddings.rows[batch.index_row[fitted] - index.n_playlists - index.n_queries]
        if not fitted.all():
            vectors[~fitted] = self.embeddings.encode(held[np.flatnonzero(~fitted)])
        return EmbeddingScores(vectors, self.tracks, columns.known(held))
