"""Playlist continuation on the Spotify Million Playlist Dataset, from its files to a checked submission."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from challenge.config import RunConfig
    from challenge.data.dataset import Dataset
    from challenge.playlist import Playlist, Reason, Recommendation
    from challenge.recommender import Recommender
    from challenge.sources.base import FitContext, QueryBatch
    from challenge.sources.embedding import EmbeddingScores, FittedVectors, TrackVectors
    from challenge.workflows.inputs import load_dataset
    from challenge.workflows.score import score
    from challenge.workflows.validate import validate

__version__ = "0.1.0"

_HOME: Final = {
    "Dataset": "challenge.data.dataset",
    "EmbeddingScores": "challenge.sources.embedding",
    "FitContext": "challenge.sources.base",
    "FittedVectors": "challenge.sources.embedding",
    "Playlist": "challenge.playlist",
    "QueryBatch": "challenge.sources.base",
    "Reason": "challenge.playlist",
    "Recommendation": "challenge.playlist",
    "Recommender": "challenge.recommender",
    "RunConfig": "challenge.config",
    "TrackVectors": "challenge.sources.embedding",
    "load_dataset": "challenge.workflows.inputs",
    "score": "challenge.workflows.score",
    "validate": "challenge.workflows.validate",
}
"""Where each public name lives; it is imported when first asked for, so that this module costs nothing."""

__all__ = [
    "Dataset",
    "EmbeddingScores",
    "FitContext",
    "FittedVectors",
    "Playlist",
    "QueryBatch",
    "Reason",
    "Recommendation",
    "Recommender",
    "RunConfig",
    "TrackVectors",
    "__version__",
    "load_dataset",
    "score",
    "validate",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module 'challenge' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
