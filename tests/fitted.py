"""Sources fitted to small datasets in a moment, and all that they say as one table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from challenge.data.dataset import Dataset
from challenge.ranking.ranker import Ranker
from challenge.sources.base import FitContext, FittedSource, IndexedQueries, QueryBatch, Source
from challenge.sources.ials import Ials
from challenge.sources.lightgcn import LightGCN
from challenge.sources.postings import PlaylistIndex, build_index
from challenge.sources.registry import SOURCES, FittedSources, SourcesConfig, fit_sources
from challenge.types import FloatArray

SMALL: Final[dict[str, Source]] = {
    **SOURCES,
    "ials": Ials(embedding_size=2, iterations=4),
    "lightgcn": LightGCN(embedding_size=8, epochs=8, batch_size=32, negatives=64, patience=0),
    "lightgcn_paper": replace(LightGCN.of_paper(), embedding_size=8, epochs=30, batch_size=64, patience=0),
}
"""Settings of all sources, those that train made small."""


def small(*names: str, **settings: Source) -> SourcesConfig:
    """These sources only (all where none is named), with small settings and the given ones over them."""
    return SourcesConfig(names or tuple(SOURCES), settings=SMALL | settings)


def fit(dataset: Dataset, *names: str, seed: int = 0, **settings: Source) -> FittedSources:
    """Fit these sources only, with small settings and the given ones over them."""
    config = small(*names, **settings)
    return fit_sources(FitContext(dataset, config.settings, seed=seed), config)


def context_of(dataset: Dataset) -> FitContext:
    """Make a context with small settings."""
    return FitContext(dataset, SMALL)


def batch_of(dataset: Dataset, start: int = 0, stop: int | None = None) -> QueryBatch:
    """Cut a batch out of the queries of a dataset, as rows of its index."""
    return batch_in(build_index(dataset), dataset, start, stop)


def batch_in(index: PlaylistIndex, dataset: Dataset, start: int = 0, stop: int | None = None) -> QueryBatch:
    """Cut a batch out of the queries of a dataset, as rows of ``index``."""
    queries = IndexedQueries.of_index(index, dataset.queries)
    return queries.batch(start, len(queries) if stop is None else stop)


def lone_leaf(names: Sequence[str]) -> Ranker:
    """A ranker of these features to which all candidates are the same."""
    head = f"max_feature_idx={len(names) - 1}\nobjective=binary sigmoid:1\nfeature_names={' '.join(names)}"
    leaf = "Tree=0\nnum_leaves=1\nnum_cat=0\nleaf_value=0\nis_linear=0\nshrinkage=1"
    one = "num_class=1\nnum_tree_per_iteration=1"
    return Ranker(f"tree\nversion=v4\n{one}\n{head}\n\n{leaf}\n\n\nend of trees\n")


def table_of(source: FittedSource, batch: QueryBatch, n_tracks: int) -> FloatArray:
    """Scores of all tracks for each query of a batch; float32, shape (B, T)."""
    query = np.repeat(np.arange(len(batch), dtype=np.int32), n_tracks)
    track = np.tile(np.arange(n_tracks, dtype=np.int32), len(batch))
    return source.score(batch).of(query, track).reshape(len(batch), n_tracks)
