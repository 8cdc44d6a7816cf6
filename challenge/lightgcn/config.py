"""Settings of LightGCN and its training; knows no torch."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Literal

from msgspec import Meta

from challenge.errors import ConfigError
from challenge.settings import Settings
from challenge.types import EmbeddingSize, Exponent, NonNegative, NonNegativeInt, PositiveInt, Share


@dataclass(frozen=True)
class LightGCNConfig(Settings):
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
        learning_rate: of Adam at the start; 0 is .002 for batches of up to 2,048 rows and goes up with larger
            ones, by the power .75 to at most .008.
        schedule: ``constant``, or ``cosine`` down to 0 over all epochs.
        l2: weight of the squared layer-0 embeddings of the batch, as in the paper.
        epochs: passes over the rows (softmax) or edges (bpr) at most.
        patience: validations without gain before stopping; 0 never stops early.
        validate_every: epochs between validations.
        initialisation: ``spectral`` (randomised SVD) or ``normal`` (mean 0, deviation ``initial_scale``).
        initial_scale: root mean square of the columns' initial embeddings.
        storage: number format of what is propagated; sums, parameters and Adam's moments are fp32 always.
        checkpoint_minutes: at least this long between checkpoints inside an epoch.
        max_edges: on a CPU, stop after the epoch in which propagation has read so many edges in all; 0 for no
            limit. The whole MPD reaches the default after 5 epochs.
        max_seconds: stop after the epoch in which this is passed, counted over interruptions; 0 for no limit.
            With a limit the clock decides, so that another run of the same seed may end elsewhere.
    """

    embedding_size: EmbeddingSize = 64
    layers: Annotated[int, Meta(ge=0, le=100)] = 2
    include_layer_0: bool = False
    layer_weights: tuple[Annotated[float, Meta(ge=-1000, le=1000)], ...] | None = None
    row_embeddings: bool = False
    smoothing: NonNegative = 30.0
    min_degree: NonNegativeInt = 2
    objective: Literal["softmax", "bpr"] = "softmax"
    similarity: Literal["cosine", "dot"] = "cosine"
    temperature: Annotated[float, Meta(ge=0.02, le=100)] = 0.1
    bias: bool = True
    bias_start: Annotated[float, Meta(ge=0, le=10)] = 1.0
    masking: bool = True
    min_kept: Share = 0.1
    max_kept: Share = 0.9
    log_uniform_share: Share = 0.5
    mask_all_tracks: Share = 0.05
    mask_title: Share = 0.3
    batch_size: Annotated[int, Meta(ge=0, le=1_000_000)] = 0
    positives: Annotated[int, Meta(ge=1, le=10_000)] = 32
    negatives: Annotated[int, Meta(ge=1, le=65_536)] = 4096
    negative_power: Exponent = 0.5
    learning_rate: Annotated[float, Meta(ge=0, le=100)] = 0.0
    schedule: Literal["constant", "cosine"] = "constant"
    l2: Annotated[float, Meta(ge=0, le=1000)] = 0.0
    epochs: NonNegativeInt = 40
    patience: NonNegativeInt = 8
    validate_every: PositiveInt = 1
    initialisation: Literal["spectral", "normal"] = "spectral"
    initial_scale: Annotated[float, Meta(ge=1e-6, le=1000)] = 0.01
    storage: Literal["fp32", "bf16"] = "bf16"
    checkpoint_minutes: NonNegative = 10.0
    max_edges: Annotated[int, Meta(ge=0, le=2**62)] = 21_000_000_000
    max_seconds: NonNegative = 0.0

    def __post_init__(self) -> None:
        """Refuse settings that cannot work.

        Raises:
            ConfigError: naming the setting, its value and what it must be.
        """
        super().__post_init__()
        weighs_each = self.layer_weights is None or len(self.layer_weights) == self.layers + 1
        weights = f"{self.layers + 1} weights, from layer 0 to layer {self.layers}"
        plain = not (self.masking or self.bias)
        for valid, name, expected in (
            (self.min_kept <= self.max_kept, "min_kept", "at most max_kept"),
            (self.row_embeddings or self.layers > 0, "layers", "above 0 without row embeddings"),
            (weighs_each, "layer_weights", weights),
            (self.objective != "bpr" or plain, "objective", "softmax where masking or bias is on"),
        ):
            if not valid:
                raise ConfigError(f"{name} is {getattr(self, name)!r}; expected {expected}")

    def rows_per_batch(self, n_rows: int) -> int:
        """Size of a batch for a graph with this many rows to train on."""
        return self.batch_size or min(65_536, max(256, -(-n_rows // 8)))

    def epochs_at_most(self, edges_per_epoch: int, device: str) -> int:
        """Epochs to train for on a device, cpu or cuda, where an epoch reads so many edges."""
        if self.max_edges == 0 or device != "cpu":
            return self.epochs
        return min(self.epochs, -(-self.max_edges // max(1, edges_per_epoch)))

    def learning_rate_at(self, step: int, total: int, batch_size: int) -> float:
        """Learning rate after ``step`` of ``total`` steps with batches of so many rows (or edges, bpr)."""
        # A gradient of more rows is less noisy and bears a longer step: measured in docs/experiments.md.
        start = self.learning_rate or min(0.008, 0.002 * max(1.0, batch_size / 2048) ** 0.75)
        if self.schedule == "constant":
            return start
        return start * 0.5 * (1.0 + math.cos(math.pi * step / total))

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
        "max_edges": 0,
        "storage": "fp32",
    }
    return LightGCNConfig(**(settings | changes))  # type: ignore[arg-type]
