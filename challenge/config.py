"""All settings of a run."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from challenge.errors import ConfigError
from challenge.lightgcn.config import LightGCNConfig
from challenge.ranking.ranker import RankerConfig
from challenge.sources.registry import SourcesConfig
from challenge.submission.team import TeamInfo


@dataclass(frozen=True)
class BlendConfig:
    """Weights of the sources where they are blended without learning.

    A source's scores are divided by its best score for the query before they are weighed and added.
    """

    neighbours: float = 1.0
    close_neighbours: float = 0.0
    cooccurrence: float = 0.5
    title: float = 0.15
    title_names: float = 0.0
    factors: float = 0.7
    latent_neighbours: float = 0.0
    lightgcn: float = 0.7
    continuation: float = 0.0
    popularity: float = 0.001

    def weights(self, names: tuple[str, ...]) -> dict[str, float]:
        """Weight of each source in use; a source asked alone counts whatever its weight."""
        if len(names) == 1:
            return {names[0]: 1.0}
        return {name: float(getattr(self, name)) for name in names}


@dataclass(frozen=True)
class RunConfig:
    """Settings of a run, saved with its results.

    Attributes:
        team: team name in the submission.
        email: address in the submission.
        seed: of all randomness.
        device: where LightGCN is trained, ``auto``, ``cpu`` or ``cuda``.
        ranking: ``learned`` from training queries, or ``blend`` of the sources by fixed weights.
        sources: where candidates come from.
        lightgcn: the graph model.
        ranker: the learned ranking.
        blend: weights of the sources where ranking is ``blend``.
    """

    team: str = "my team"
    email: str = "team@example.org"
    seed: int = 0
    device: str = "auto"
    ranking: Literal["learned", "blend"] = "learned"
    sources: SourcesConfig = field(default_factory=SourcesConfig)
    lightgcn: LightGCNConfig = field(default_factory=LightGCNConfig)
    ranker: RankerConfig = field(default_factory=RankerConfig)
    blend: BlendConfig = field(default_factory=BlendConfig)

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise ConfigError(f"seed is {self.seed}; expected 0 or more")
        TeamInfo(self.team, self.email)  # refuses what no submission may say, long before one is written
