"""Chooses the sources and fits them all to one dataset."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Final, TypeAlias

import numpy as np

from challenge.data.dataset import Dataset
from challenge.data.titles import title_tokens
from challenge.errors import ConfigError
from challenge.graph import BipartiteGraph, build_graph
from challenge.profile import section
from challenge.sources.artist_album import Continuation
from challenge.sources.artists_in_title import TitleNames
from challenge.sources.base import CandidateGenerator
from challenge.sources.cooccurrence import Cooccurrence
from challenge.sources.embedding import EmbeddingGenerator
from challenge.sources.ials import FactorsConfig, factorise, require_memory
from challenge.sources.ials_knn import LatentNeighbours, to_directions
from challenge.sources.playlist_knn import PlaylistNeighbours
from challenge.sources.popularity import Popularity
from challenge.sources.postings import PlaylistIndex, build_index
from challenge.sources.title_knn import TitleGenerator, TitleNeighbours, group_titles
from challenge.types import FloatArray

SOURCES: Final = (
    "neighbours",
    "close_neighbours",
    "cooccurrence",
    "title",
    "title_names",
    "factors",
    "latent_neighbours",
    "lightgcn",
    "continuation",
    "popularity",
)

NEED_FACTORS: Final = frozenset({"factors", "latent_neighbours"})
_NEED_GRAPH: Final = NEED_FACTORS | {"lightgcn"}

_FITTED_FIRST: Final = frozenset({"lightgcn"})
"""Its training takes the most memory, so it had better not lie beside what the others leave."""

Embedder: TypeAlias = Callable[[BipartiteGraph], EmbeddingGenerator]
"""Trains embeddings on the graph of a dataset, queries included."""


@dataclass(frozen=True)
class SourcesConfig:
    """Which sources to ask, and how each is configured.

    Attributes:
        names: sources in use, in the order of their features.
        neighbours: many similar playlists.
        close_neighbours: few, very similar playlists.
        cooccurrence: track co-occurrence.
        title: playlists of similar titles.
        title_names: artists that titles name.
        factors: factorisation of playlists by tracks and title words.
        ials_candidates: candidates from the factorisation.
        latent_neighbours: playlists of similar factors.
        lightgcn_candidates: candidates from LightGCN.
        continuation: artists and albums of the seeds.
        popularity: the commonest tracks.
    """

    names: tuple[str, ...] = SOURCES
    neighbours: PlaylistNeighbours = field(default_factory=PlaylistNeighbours)
    close_neighbours: PlaylistNeighbours = field(
        default_factory=lambda: PlaylistNeighbours(
            neighbours=60, length_damping=0.3, amplification=1.0, num_candidates=100, name="close_neighbours"
        )
    )
    cooccurrence: Cooccurrence = field(default_factory=Cooccurrence)
    title: TitleNeighbours = field(default_factory=TitleNeighbours)
    title_names: TitleNames = field(default_factory=TitleNames)
    factors: FactorsConfig = field(default_factory=FactorsConfig)
    ials_candidates: int = 500
    latent_neighbours: LatentNeighbours = field(default_factory=LatentNeighbours)
    lightgcn_candidates: int = 500
    continuation: Continuation = field(default_factory=Continuation)
    popularity: Popularity = field(default_factory=Popularity)

    def __post_init__(self) -> None:
        unknown = sorted(set(self.names).difference(SOURCES))
        if unknown or not self.names:
            raise ConfigError(
                f"sources: found {', '.join(unknown) or 'none'}; expected some of {', '.join(SOURCES)}"
            )
        twice = sorted({name for name in self.names if self.names.count(name) > 1})
        if twice:
            raise ConfigError(f"sources: found {', '.join(twice)} more than once; expected each once")


@dataclass(frozen=True, eq=False)
class SourceSet:
    """All sources fitted to one dataset.

    Attributes:
        dataset: what they were fitted to.
        index: its statistics.
        generators: the sources, in the order of the configuration.
        title: the title source, which also serves as fallback.
    """

    dataset: Dataset
    index: PlaylistIndex
    generators: tuple[CandidateGenerator, ...]
    title: TitleGenerator

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the sources in order."""
        return tuple(generator.name for generator in self.generators)


def fit_sources(
    dataset: Dataset, config: SourcesConfig, *, embedder: Embedder | None = None, device: str = "cpu"
) -> SourceSet:
    """Fit the configured sources; LightGCN by ``embedder``, and left out where there is none.

    ``device`` (cpu or a device of torch's) searches among factors.
    """
    with section("index and graph"):
        index = build_index(dataset)
        title = config.title.fit(index, dataset.queries, group_titles(dataset.playlists))
        graph = cache(lambda: build_graph(dataset, tokens_of=title_tokens))
        if _NEED_GRAPH.intersection(config.names):
            graph()
        if NEED_FACTORS.intersection(config.names):
            require_memory(graph(), config.factors)
    factors = cache(lambda: _fit_factors(graph(), config))
    fitted: dict[str, Callable[[], CandidateGenerator]] = {
        "neighbours": lambda: config.neighbours.fit(index, dataset.queries),
        "close_neighbours": lambda: config.close_neighbours.fit(index, dataset.queries),
        "cooccurrence": lambda: config.cooccurrence.fit(index, dataset.queries),
        "title": lambda: title,
        "title_names": lambda: config.title_names.fit(index, dataset.queries, dataset.catalog),
        "factors": lambda: factors().generator(config.ials_candidates, device),
        "latent_neighbours": lambda: config.latent_neighbours.fit(index, factors().directions, device=device),
        "continuation": lambda: config.continuation.fit(index, dataset.queries),
        "popularity": lambda: config.popularity.fit(index, dataset.queries),
    }
    if embedder is not None:
        fitted["lightgcn"] = lambda: embedder(graph())
    names = [name for name in config.names if name in fitted]
    generators: dict[str, CandidateGenerator] = {}
    for name in sorted(names, key=lambda name: name not in _FITTED_FIRST):
        with section(name.replace("_", " ")):
            generators[name] = fitted[name]()
    return SourceSet(dataset, index, tuple(generators[name] for name in names), title)


@dataclass(frozen=True, eq=False)
class _Factors:
    """Factors of queries (Q, D) and columns and directions of all rows (P + Q, D), float32, over a graph."""

    graph: BipartiteGraph
    queries: FloatArray
    columns: FloatArray
    directions: FloatArray

    def generator(self, num_candidates: int, device: str) -> EmbeddingGenerator:
        """Score tracks by their inner product with a query."""
        tracks, known = self.columns[: self.graph.n_tracks], answerable(self.graph)
        return EmbeddingGenerator("factors", num_candidates, self.queries, tracks, known, device=device)


def _fit_factors(graph: BipartiteGraph, config: SourcesConfig) -> _Factors:
    rows, columns = factorise(graph.matrix().astype(np.float32), config.factors)
    rows[graph.n_playlists :][~answerable(graph)] = 0  # factors of what only the query holds are chance
    queries = rows[graph.n_playlists :].copy()
    return _Factors(graph, queries, columns, to_directions(rows))


def answerable(graph: BipartiteGraph) -> np.ndarray:
    """Tell which queries have an edge to something that a training playlist has too; bool, shape (Q,)."""
    trained = np.bincount(graph.row_indices[: graph.row_indptr[graph.n_playlists]], minlength=graph.n_columns)
    known = np.concatenate([[0], np.cumsum(trained[graph.row_indices] > 0)])
    found: np.ndarray = np.diff(known[graph.row_indptr[graph.n_playlists :]]) > 0
    return found
