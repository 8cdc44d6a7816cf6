"""How near a candidate's embedding is to those of the seeds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol, runtime_checkable

import numpy as np

from challenge.blocks import each_block
from challenge.ranking.pair_features import RECENT_SEEDS
from challenge.sources.base import QueryBatch
from challenge.sources.merge import Candidates
from challenge.sources.registry import FittedSources
from challenge.types import FloatArray, Int32Array

WITH_EMBEDDINGS: Final = ("ials", "lightgcn", "lightgcn_paper")
"""Sources that are :class:`WithEmbeddings`."""
KINDS: Final = ("min", "median", "upper_quartile", "upper_decile", "max", "mean", "last", "last_seeds")
"""Of the cosines of a candidate and each seed: five percentiles and the mean, then the last seed's, and the
mean of the last three."""


@runtime_checkable
class WithEmbeddings(Protocol):
    """A fitted source that has embeddings of tracks."""

    @property
    def track_embeddings(self) -> FloatArray:
        """Embeddings of all T tracks, without biases; float32, shape (T, D)."""
        ...


def cosine_names(sources: Sequence[str]) -> list[str]:
    """Names of the columns of :func:`cosine_features`, in order."""
    return [f"{source}_cosine_{kind}" for source in sources if source in WITH_EMBEDDINGS for kind in KINDS]


def cosine_features(sources: FittedSources, batch: QueryBatch, candidates: Candidates) -> FloatArray:
    """Compare each candidate with the seeds, by each source that has embeddings; float32, shape (N, columns).

    A query without seeds has zeros.
    """
    found = [sources.fitted[name] for name in sources.names if name in WITH_EMBEDDINGS]
    features = np.zeros((len(candidates.track), len(KINDS) * len(found)), np.float32)
    for number, source in enumerate(found):
        assert isinstance(source, WithEmbeddings)
        own = features[:, number * len(KINDS) : (number + 1) * len(KINDS)]
        _compare(source.track_embeddings, batch, candidates, own)
    return features


def _compare(embeddings: FloatArray, batch: QueryBatch, candidates: Candidates, features: FloatArray) -> None:
    def compare_query(query: int, _: int) -> None:
        seeds, rows = batch.seeds(query), slice(candidates.indptr[query], candidates.indptr[query + 1])
        if len(seeds):
            cosines = _unit(embeddings, candidates.track[rows]) @ _unit(embeddings, seeds).T
            features[rows] = describe_cosines(cosines)

    each_block(compare_query, len(batch), 1)


def describe_cosines(cosines: FloatArray) -> FloatArray:
    """Describe rows of cosines with S seeds in the playlist's order, (n, S), by :data:`KINDS`; float32.

    A percentile is a cosine that occurs: of S in ascending order the one at the whole part of its share of S.
    """
    n_seeds = cosines.shape[1]
    ordered = np.sort(cosines, axis=1)
    columns = [ordered[:, min(int(share * n_seeds), n_seeds - 1)] for share in (0, 0.5, 0.75, 0.9, 1)]
    columns += [cosines.mean(axis=1), cosines[:, -1], cosines[:, -RECENT_SEEDS:].mean(axis=1)]
    return np.stack(columns, axis=1)


def _unit(embeddings: FloatArray, tracks: Int32Array) -> FloatArray:
    """Embeddings of some tracks scaled to length 1; zero ones stay zero."""
    vectors = embeddings[tracks]
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, 1e-12), np.float32)
