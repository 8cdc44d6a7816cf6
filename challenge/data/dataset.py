"""What a recommender is fitted on and asked about: training playlists, queries and the tracks of both."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from challenge.data.catalog import Catalog
from challenge.data.faults import shape_faults
from challenge.data.interactions import Interactions
from challenge.data.playlists import Playlists
from challenge.data.titles import title_tokens
from challenge.types import Category, Int32Array, Int64Array


@dataclass(frozen=True, eq=False)
class Queries:
    """Q playlists to continue: the challenge's, or training queries drawn from the training playlists.

    Attributes:
        pid: official playlist id, int32, shape (Q,).
        titles: title as written, None where it is not given; Q entries.
        categories: Q entries.
        num_holdouts: how many tracks are held out, int32, shape (Q,).
        seeds: given tracks with their positions in the full playlist, in file order, Q rows.
    """

    pid: Int32Array
    titles: tuple[str | None, ...]
    categories: tuple[Category, ...]
    num_holdouts: Int32Array
    seeds: Interactions

    def __len__(self) -> int:
        return len(self.pid)

    @property
    def num_tracks(self) -> Int32Array:
        """Length of each playlist, seeds and held-out tracks together, int32, shape (Q,)."""
        return (self.seeds.lengths + self.num_holdouts).astype(np.int32)

    def take(self, rows: Sequence[int] | Int64Array | Int32Array) -> Queries:
        """Return the given queries, in the given order."""
        rows = np.asarray(rows, np.int64)
        return Queries(
            self.pid[rows],
            tuple(self.titles[row] for row in rows),
            tuple(self.categories[row] for row in rows),
            self.num_holdouts[rows],
            self.seeds.take(rows),
        )

    @classmethod
    def none(cls) -> Queries:
        """No queries at all."""
        nothing = np.empty(0, np.int32)
        return cls(nothing, (), (), nothing, Interactions.from_rows([]))

    @classmethod
    def concatenate(cls, parts: Sequence[Queries]) -> Queries:
        """Put the queries of several parts behind each other."""
        return cls(
            np.concatenate([part.pid for part in parts]),
            tuple(title for part in parts for title in part.titles),
            tuple(category for part in parts for category in part.categories),
            np.concatenate([part.num_holdouts for part in parts]),
            Interactions.concatenate([part.seeds for part in parts]),
        )

    def faults(self) -> Iterator[str]:
        """Say what is wrong with columns that were read; see :mod:`challenge.data.faults`."""
        yield from shape_faults((self.pid.size,), pid=self.pid, num_holdouts=self.num_holdouts)
        if not len(self.titles) == len(self.categories) == len(self.pid):
            yield f"{len(self.titles)} titles, {len(self.categories)} categories; expected {len(self.pid)}"
        if None in self.categories:
            yield "categories lack one"


@dataclass(frozen=True, eq=False)
class Dataset:
    """Training playlists and the queries to continue, over one catalog.

    Tracks that only occur as seeds are in the catalog too (with the artist and album that the challenge set
    names), so nothing downstream needs a special case for them: they merely occur in no training playlist.

    Attributes:
        catalog: all tracks with their artists and albums.
        playlists: the training playlists.
        queries: the playlists to continue.
    """

    catalog: Catalog
    playlists: Playlists
    queries: Queries

    @property
    def n_tracks(self) -> int:
        """Number of tracks, T."""
        return self.catalog.n_tracks

    @property
    def tracks(self) -> Catalog:
        """The tracks: ids, names, artists, albums and durations, as columns."""
        return self.catalog

    def faults(self) -> Iterator[str]:
        """Say where parts that were read do not fit each other; see :mod:`challenge.data.faults`."""
        yield from self.playlists.interactions.faults(len(self.playlists), self.n_tracks)
        yield from self.queries.seeds.faults(len(self.queries), self.n_tracks)

    def to_pyg(self) -> Any:
        """Return the bipartite graph as ``torch_geometric.data.HeteroData``.

        Nodes are ``playlist`` (training playlists, then queries), ``track`` and ``word`` (of titles); edges
        are (playlist, holds, track) with ``position``, counted from 0, and (playlist, titled, word); int64.
        """
        import torch
        from torch_geometric.data import HeteroData

        rows = Interactions.concatenate([self.playlists.interactions, self.queries.seeds])
        titles = [*self.playlists.columns()["title"], *self.queries.titles]
        number: dict[str, int] = {}
        titled = [
            (row, number.setdefault(word, len(number)))
            for row, title in enumerate(titles)
            for word in dict.fromkeys(title_tokens(title or ""))
        ]
        data = HeteroData()
        data["playlist"].num_nodes, data["track"].num_nodes = len(rows), self.n_tracks
        data["word"].num_nodes, data["word"].text = len(number), list(number)
        holds = np.stack([rows.row_ids(), rows.track_index]).astype(np.int64)
        data["playlist", "holds", "track"].edge_index = torch.from_numpy(holds)
        data["playlist", "holds", "track"].position = torch.from_numpy(rows.position.astype(np.int64))
        words = np.ascontiguousarray(np.array(titled, np.int64).reshape(-1, 2).T)
        data["playlist", "titled", "word"].edge_index = torch.from_numpy(words)
        return data

    def fingerprint(self) -> str:
        """Stands for which tracks and playlists these are, in their order; SHA-256 in hexadecimal."""
        digest = hashlib.sha256()
        for ids in (self.catalog.tracks.ids, self.playlists.pid, self.queries.pid):
            digest.update(np.ascontiguousarray(ids).data)
        return digest.hexdigest()
