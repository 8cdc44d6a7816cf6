"""Settings of LightGCN and its training; knows no torch."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from challenge.errors import ConfigError


@dataclass(frozen=True)
class LightGCNConfig:
    """How LightGCN is built and trained.

    Attributes:
        embedding_size: dimensions of an embedding, D.
        layers: propagation layers; 0 is plain matrix factorisation.
        include_layer_0: count layer 0, a node's own embedding, in the mean of the layers, as in the paper.
            Without it a track is only what its playlists say of it, which keeps it from overfitting.
        layer_weights: weight of each layer from 0 to ``layers`` instead of a mean.
        row_embeddings: learn an embedding for each row too, as in the paper; otherwise a row is what its
            columns send it, so that a playlist never seen has the same kind of embedding as a trained one.
        smoothing: added to degrees in the normalisation; 0 in the paper.
        min_degree: columns with fewer edges are left out of training and get their embeddings by propagation.
        objective: ``softmax`` (sampled) or ``bpr``.
        similarity: ``cosine`` divided by ``temperature``, or ``dot``.
        temperature: see ``similarity``; smaller is sharper.
        bias: learn a bias for each column, started at the logarithm of its degree times ``bias_start``.
        bias_start: see ``bias``.
        masking: mask a random part of each batch row's edges from the propagation and predict just those.
        min_kept: smallest share of a row's tracks that stay when masking; the share is drawn uniformly.
        max_kept: largest share.
        log_uniform_share: share of the rows of which the number that stays is drawn log-uniformly instead.
        mask_all_tracks: probability that all of a row's tracks are masked, so that its title alone is left.
        mask_title: probability that a row's title is masked.
        batch_size: rows of a batch (softmax) or edges of a batch (bpr); 0 is an eighth of the rows, between
            256 and 65,536.
        positives: positive edges of a row in a batch, on average at most (softmax).
        negatives: columns drawn as negatives and shared by the batch (softmax).
        negative_power: negatives are drawn in proportion to degree to this power; 0 is uniform.
        learning_rate: of Adam at the start.
        schedule: ``constant``, or ``cosine`` down to 0 over all epochs.
        l2: weight of the squared layer-0 embeddings of the batch, as in the paper.
        epochs: passes over the rows (softmax) or edges (bpr) at most.
        patience: validations without gain before stopping; 0 never stops early.
        validate_every: epochs between validations.
        initialisation: ``spectral`` (randomised SVD) or ``normal`` (mean 0, deviation ``initial_scale``).
        initial_scale: root mean square of the columns' initial embeddings.
        storage: number format of what is propagated; sums, parameters and Adam's moments are fp32 always.
        checkpoint_minutes: at least this long between checkpoints inside an epoch.
        max_seconds: stop after the epoch in which this is passed, counted over interruptions; 0 for no limit.
    """

    embedding_size: int = 64
    layers: int = 2
    include_layer_0: bool = False
    layer_weights: tuple[float, ...] | None = None
    row_embeddings: bool = False
    smoothing: float = 30.0
    min_degree: int = 2
    objective: Literal["softmax", "bpr"] = "softmax"
    similarity: Literal["cosine", "dot"] = "cosine"
    temperature: float = 0.1
    bias: bool = True
    bias_start: float = 1.0
    masking: bool = True
    min_kept: float = 0.1
    max_kept: float = 0.9
    log_uniform_share: float = 0.5
    mask_all_tracks: float = 0.05
    mask_title: float = 0.3
    batch_size: int = 0
    positives: int = 32
    negatives: int = 4096
    negative_power: float = 0.5
    learning_rate: float = 0.002
    schedule: Literal["constant", "cosine"] = "constant"
    l2: float = 0.0
    epochs: int = 40
    patience: int = 3
    validate_every: int = 1
    initialisation: Literal["spectral", "normal"] = "spectral"
    initial_scale: float = 0.01
    storage: Literal["fp32", "bf16"] = "bf16"
    checkpoint_minutes: float = 10.0
    max_seconds: float = 1200.0

    def __post_init__(self) -> None:
        """Refuse settings that cannot work.

        Raises:
            ConfigError: naming the setting, its value and what it must be.
        """
        shares = 0 <= self.min_kept <= self.max_kept <= 1
        weighs_each = self.layer_weights is None or len(self.layer_weights) == self.layers + 1
        weights = f"{self.layers + 1} weights, from layer 0 to layer {self.layers}"
        plain = not (self.masking or self.bias)
        for valid, name, expected in (
            (self.embedding_size >= 1, "embedding_size", "at least 1"),
            (self.layers >= 0, "layers", "0 or more"),
            (self.temperature > 0, "temperature", "above 0"),
            (self.batch_size >= 0, "batch_size", "at least 1, or 0 to have it chosen"),
            (self.negatives >= 1, "negatives", "at least 1"),
            (self.positives >= 1, "positives", "at least 1"),
            (self.epochs >= 0, "epochs", "0 or more"),
            (shares, "min_kept", "between 0 and max_kept"),
            (self.row_embeddings or self.layers > 0, "layers", "above 0 without row embeddings"),
            (weighs_each, "layer_weights", weights),
            (self.objective != "bpr" or plain, "objective", "softmax where masking or bias is on"),
        ):
            if not valid:
                raise ConfigError(f"{name} is {getattr(self, name)!r}; it must be {expected}")

    def rows_per_batch(self, n_rows: int) -> int:
        """Size of a batch for a graph with this many rows to train on."""
        return self.batch_size or min(65_536, max(256, -(-n_rows // 8)))

    def learning_rate_at(self, step: int, total: int) -> float:
        """Learning rate after ``step`` of ``total`` steps."""
        if self.schedule == "constant":
            return self.learning_rate
        return self.learning_rate * 0.5 * (1.0 + math.cos(math.pi * step / total))

    @property
    def readout(self) -> tuple[float, ...]:
        """Weight of each layer, from 0 to ``layers``."""
        if self.layer_weights is not None:
            return tuple(self.layer_weights)
        if self.include_layer_0 or self.layers == 0:
            return (1.0 / (self.layers + 1),) * (self.layers + 1)
        return (0.0, *(1.0 / self.layers,) * self.layers)


def paper_config(**changes: object) -> LightGCNConfig:
    """Settings of the LightGCN paper: BPR, row embeddings, no smoothing; ``changes`` override them."""
    settings: dict[str, object] = {
        "layers": 3,
        "include_layer_0": True,
        "row_embeddings": True,
        "smoothing": 0.0,
        "min_degree": 0,
        "objective": "bpr",
        "similarity": "dot",
        "bias": False,
        "masking": False,
        "initialisation": "normal",
        "l2": 1e-4,
        "initial_scale": 0.1,
        "learning_rate": 1e-3,
        "batch_size": 2048,
        "epochs": 1000,
        "max_seconds": 0.0,
        "storage": "fp32",
    }
    return LightGCNConfig(**(settings | changes))  # type: ignore[arg-type]
