"""What a source of candidates is, before and after it is fitted, and the batches of queries it scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np

from challenge.blocks import each_part
from challenge.data.dataset import Dataset, Queries
from challenge.data.distinct import distinct
from challenge.data.interactions import Interactions
from challenge.data.titles import title_tokens
from challenge.graph import BipartiteGraph, build_graph
from challenge.profile import section
from challenge.sources.held_columns import HeldColumns
from challenge.sources.kernels import best_of_rows
from challenge.sources.postings import PlaylistIndex, build_index
from challenge.sources.title_groups import TitleGroups, group_titles
from challenge.types import FloatArray, Int32Array, Int64Array


class Source(Protocol):
    """Settings of a source of candidates: a frozen dataclass that can be fitted.

    A source is named by its key in :data:`challenge.sources.registry.SOURCES` and nowhere else.
    """

    @property
    def num_candidates(self) -> int:
        """How many of its best tracks for a query become candidates."""
        ...

    @property
    def weight(self) -> float:
        """What its scores weigh where sources are blended rather than ranked by what was learned."""
        ...

    def fit(self, context: FitContext) -> FittedSource:
        """Learn from the training playlists and the challenge's seeds."""
        ...


class FittedSource(Protocol):
    """A source that scores tracks for any query, whether it was in the dataset it was fitted to or not."""

    def score(self, batch: QueryBatch) -> Scores:
        """Score tracks for the queries of a batch; 0 or less is "no opinion"."""
        ...


class Scores(Protocol):
    """What a source says of the B queries of a batch; higher is better."""

    def best(self, count: int) -> Int32Array:
        """Its ``count`` best tracks of each query, best first, then -1; int32, shape (B, at most count).

        Seeds may be among them: :func:`challenge.sources.merge.merge_candidates` leaves them out.
        """
        ...

    def of(self, query: Int32Array, track: Int32Array) -> FloatArray:
        """Scores of N pairs of a query and a track; float32, shape (N,).

        Queries are counted inside the batch, and ascend.
        """
        ...


class FitContext:
    """A dataset and what the sources fitted to it share; each part is made when it is first asked for.

    Attributes:
        dataset: training playlists and queries; of queries only the seeds and the title are seen.
        sources: settings of all sources by name, so that one may build on another.
        seed: of all random draws.
        device: where to compute: auto, cpu, cuda or cuda:N.
        checkpoint_dir: where a long training keeps its state; None for nowhere.
        resume: go on from the state that is there.
        saved: folder from which sources that can be saved are loaded instead of fitted; None to fit all.
    """

    def __init__(
        self,
        dataset: Dataset,
        sources: Mapping[str, Source],
        *,
        seed: int = 0,
        device: str = "cpu",
        checkpoint_dir: Path | None = None,
        resume: bool = False,
        saved: SavedContext | None = None,
    ) -> None:
        self.dataset, self.sources, self.seed, self.device = dataset, sources, seed, device
        self.checkpoint_dir, self.resume, self.saved = checkpoint_dir, resume, saved
        self._fitted: dict[str, FittedSource] = {}

    @cached_property
    def index(self) -> PlaylistIndex:
        """Playlists by track and tracks by playlist."""
        return build_index(self.dataset) if self.saved is None else self.saved.index

    @cached_property
    def titles(self) -> TitleGroups:
        """Training playlists by the key of their title."""
        return group_titles(self.dataset.playlists)

    @cached_property
    def graph(self) -> BipartiteGraph:
        """Playlists and queries with their tracks and the words of their titles."""
        return build_graph(self.dataset, tokens_of=title_tokens)

    @cached_property
    def columns(self) -> HeldColumns:
        """What a playlist can hold: tracks and the words of titles."""
        return HeldColumns.of_graph(self.graph) if self.saved is None else self.saved.columns

    def fitted(self, name: str) -> FittedSource:
        """Return the source of that name; where it was not asked for before it is loaded or fitted now."""
        if name not in self._fitted:
            source = self.sources[name]
            with section(name.replace("_", " ")):
                if self.saved is not None and isinstance(source, SavedSource):
                    self._fitted[name] = source.load(self.saved.folder / name, self)
                else:
                    self._fitted[name] = source.fit(self)
        return self._fitted[name]

    def checkpoints_of(self, source: Source) -> Path | None:
        """Folder for the state of that source's training; None for nowhere."""
        if self.checkpoint_dir is None:
            return None
        return self.checkpoint_dir / next(name for name, each in self.sources.items() if each is source)

    def fitted_names(self) -> list[str]:
        """Names of the sources fitted so far."""
        return list(self._fitted)

    def torch_device(self) -> str:
        """Return the device by its name in torch.

        Raises:
            ConfigError: no such device here.
        """
        if self.device == "cpu":
            return "cpu"
        from challenge.lightgcn.device import choose_device

        return str(choose_device(self.device)[0])


@dataclass(frozen=True, eq=False)
class SavedContext:
    """What was kept of an earlier fit.

    Attributes:
        folder: where each source that was saved has a folder of its name.
        index: playlists by track and tracks by playlist.
        columns: what a playlist can hold.
        fingerprint: stands for the tracks and playlists that all of it is of.
    """

    folder: Path
    index: PlaylistIndex
    columns: HeldColumns
    fingerprint: str


@runtime_checkable
class SavedSource(Protocol):
    """A source whose fit takes long, so that it is saved; the others are fitted again when loaded."""

    def load(self, folder: Path, context: FitContext) -> FittedSource:
        """Read what the fitted source's ``save(folder, fingerprint)`` wrote."""
        ...


@dataclass(frozen=True, eq=False)
class QueryBatch:
    """A few queries, scored together; letters B queries, S seeds in all.

    Attributes:
        queries: their titles, categories and numbers of held-out tracks, B entries.
        seed_indptr: where the seeds of each query begin, int64, shape (B + 1,).
        seed_track: distinct seeds in playlist order, int32, shape (S,).
        index_row: the row of the index that each query is, which must not vouch for it, or -1 for a query
            that is none; int32, shape (B,).
    """

    queries: Queries
    seed_indptr: Int64Array
    seed_track: Int32Array
    index_row: Int32Array

    def __len__(self) -> int:
        return len(self.index_row)

    @property
    def seed_query(self) -> Int32Array:
        """The query, counted inside the batch, of each seed; int32, shape (S,)."""
        return np.repeat(np.arange(len(self), dtype=np.int32), np.diff(self.seed_indptr))

    def seeds(self, query: int) -> Int32Array:
        """Distinct seeds of one query, in playlist order."""
        return self.seed_track[self.seed_indptr[query] : self.seed_indptr[query + 1]]


@dataclass(frozen=True, eq=False)
class IndexedQueries:
    """Queries ready to be scored in batches.

    Attributes:
        queries: Q queries.
        seeds: their distinct seeds in playlist order, Q rows.
        index_row: the row of the index that each is, -1 for a query that is none; int32, shape (Q,).
    """

    queries: Queries
    seeds: Interactions
    index_row: Int32Array

    @classmethod
    def of_index(cls, index: PlaylistIndex, queries: Queries) -> IndexedQueries:
        """Take the queries that are the last rows of ``index``."""
        rows = np.arange(index.n_playlists, index.n_playlists + len(queries), dtype=np.int32)
        return cls(queries, distinct(queries.seeds, index.n_tracks), rows)

    @classmethod
    def strangers(cls, index: PlaylistIndex, queries: Queries) -> IndexedQueries:
        """Take queries over the same tracks that are no rows of the index."""
        rows = np.full(len(queries), -1, np.int32)
        return cls(queries, distinct(queries.seeds, index.n_tracks), rows)

    def __len__(self) -> int:
        return len(self.queries)

    def take(self, rows: Sequence[int]) -> IndexedQueries:
        """Return the given queries, in the given order."""
        return IndexedQueries(self.queries.take(rows), self.seeds.take(rows), self.index_row[list(rows)])

    def batch(self, start: int, stop: int) -> QueryBatch:
        """Cut out the queries from ``start`` to before ``stop``."""
        bounds = self.seeds.indptr[start : stop + 1]
        return QueryBatch(
            queries=self.queries.take(range(start, stop)),
            seed_indptr=bounds - bounds[0],
            seed_track=self.seeds.track_index[bounds[0] : bounds[-1]],
            index_row=self.index_row[start:stop],
        )


@dataclass(frozen=True, eq=False)
class DenseScores:
    """The scores of a source that has scored all T tracks, float32, shape (B, T)."""

    table: FloatArray

    def best(self, count: int) -> Int32Array:
        """See :class:`Scores`; ties go to the lower index."""
        best = np.empty((len(self.table), min(count, self.table.shape[1])), np.int32)
        each_part(best_of_rows, len(best), self.table, best.shape[1], best, per_thread=4)
        return best

    def of(self, query: Int32Array, track: Int32Array) -> FloatArray:
        """See :class:`Scores`."""
        found: FloatArray = self.table[query, track]
        return found
