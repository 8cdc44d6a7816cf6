"""iALS: implicit-feedback factorisation of playlists by tracks and title words, artists added at its end."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from challenge.blocks import each_block
from challenge.data.archive import load_record, save_record
from challenge.data.faults import number_faults, shape_faults
from challenge.errors import ResourceError
from challenge.graph import BipartiteGraph
from challenge.lightgcn.memory import halvings
from challenge.machine import memory
from challenge.sources.base import FitContext, QueryBatch
from challenge.sources.embedding import EmbeddingScores, TrackVectors
from challenge.sources.factorise import FactorisationConfig, factorise, fold_in, gram_matrix
from challenge.sources.held_columns import HeldColumns
from challenge.sources.postings import PlaylistIndex
from challenge.sources.search.cpu import lengths_of
from challenge.types import CandidateCount, Float64Array, FloatArray, Int32Array, NonNegative

_CHUNK: Final = 1 << 15
"""Rows that one thread scales at once."""


@dataclass(frozen=True)
class Ials(FactorisationConfig):
    """Settings of the factorisation as a source; tracks score their inner product with the query.

    Artists are further columns, solved for once tracks and words are known: so a query with rare seeds is
    known by their artists too, in little of the time that artists in the whole alternation would take.

    Source: Hu, Koren and Volinsky 2008, Collaborative filtering for implicit feedback datasets.
    """

    num_candidates: CandidateCount = 1000
    weight: NonNegative = 0.7

    def require_memory(self, context: FitContext) -> None:
        """Refuse before anything is trained what would not fit; what is loaded needs no room to train.

        Raises:
            ResourceError: more memory would be needed than is free; the hint names a size that would fit.
        """
        if context.saved is None:
            require_memory(context.graph, self)

    def fit(self, context: FitContext) -> FittedIals:
        """Factorise the playlists and queries of the graph, all columns weighing the same."""
        graph, columns = context.graph, HeldByArtist.of(context.columns, context.index)

        def artists() -> sp.csr_matrix:
            return columns.artists(graph.matrix()[:, : graph.n_tracks])

        rows, factors = factorise(graph.matrix().astype(np.float32), self, late=artists, seed=context.seed)
        held = columns.with_artists(graph.matrix()[graph.n_playlists :])
        rows[graph.n_playlists :][~columns.known(held)] = 0  # factors of what only the query holds are chance
        queries = rows[graph.n_playlists :].copy()
        arrays = IalsArrays(queries, factors, to_directions(rows), gram_matrix(factors), lengths_of(factors))
        return FittedIals(self, arrays, columns, context.torch_device())

    def load(self, folder: Path, context: FitContext) -> FittedIals:
        """Read what :meth:`FittedIals.save` wrote."""
        assert context.saved is not None
        index, columns = context.index, HeldByArtist.of(context.columns, context.index)
        n_columns, n_rows = len(columns.in_training), len(index.row_lengths)
        lengths = {"queries": index.n_queries, "columns": n_columns, "directions": n_rows}
        arrays = load_record(IalsArrays, folder, of=context.saved.fingerprint, lengths=lengths)
        return FittedIals(self, arrays, columns, context.torch_device())


@dataclass(frozen=True, eq=False)
class HeldByArtist:
    """What a playlist holds, its artists included: tracks, words of titles, then A artists; C in all.

    Attributes:
        plain: tracks and words.
        track_artist: int32, shape (T,).
        in_training: which columns some training playlist holds, bool, shape (C,).
    """

    plain: HeldColumns
    track_artist: Int32Array
    in_training: NDArray[np.bool_]

    @classmethod
    def of(cls, plain: HeldColumns, index: PlaylistIndex) -> HeldByArtist:
        """Add the artists of ``index``."""
        artists = np.zeros(len(index.artist_popularity), bool)
        artists[index.track_artist[plain.in_training[: plain.n_tracks]]] = True
        return cls(plain, index.track_artist, np.concatenate([plain.in_training, artists]))

    def artists(self, tracks: sp.csr_matrix) -> sp.csr_matrix:
        """Mark the artists of what rows (n, T) mark as theirs; CSR of ones, float32, shape (n, A)."""
        n_artists = len(self.in_training) - len(self.plain.in_training)
        entries = (np.ones(len(self.track_artist), np.int32), self.track_artist)
        by_track = sp.csr_matrix(
            (*entries, np.arange(len(self.track_artist) + 1)), (len(self.track_artist), n_artists)
        )
        found = sp.csr_matrix(tracks @ by_track)
        return sp.csr_matrix((np.ones(found.nnz, np.float32), found.indices, found.indptr), found.shape)

    def with_artists(self, held: sp.csr_matrix) -> sp.csr_matrix:
        """Add the artists to what rows hold of tracks and words; CSR of ones, float32, shape (n, C)."""
        held = held.astype(np.float32)
        return sp.csr_matrix(sp.hstack([held, self.artists(held[:, : self.plain.n_tracks])], format="csr"))

    def known(self, held: sp.csr_matrix) -> NDArray[np.bool_]:
        """Tell which rows hold something that a training playlist holds too; bool, shape (n,)."""
        found: NDArray[np.bool_] = held @ self.in_training.astype(np.float32) > 0
        return found


@dataclass(frozen=True, eq=False)
class IalsArrays:
    """Factors of Q queries, C columns and all P + Q rows.

    Attributes:
        queries: factors of the queries in the dataset, float32, shape (Q, D).
        columns: factors of the columns, tracks first, then words and artists, float32, shape (C, D).
        directions: factors of all rows scaled to length 1, float32, shape (P + Q, D).
        gram: sum of the squares of the columns' factors, float64, shape (D, D).
        lengths: Euclidean lengths of the columns' factors, float32, shape (C,).
    """

    queries: FloatArray
    columns: FloatArray
    directions: FloatArray
    gram: Float64Array
    lengths: FloatArray

    def faults(self) -> Iterator[str]:
        """Say what is wrong with arrays that were read; see :mod:`challenge.data.faults`."""
        size = self.columns.shape[1]
        yield from number_faults(**vars(self))
        for name in ("queries", "columns", "directions"):
            yield from shape_faults((len(getattr(self, name)), size), **{name: getattr(self, name)})
        yield from shape_faults((size, size), gram=self.gram)
        yield from shape_faults((len(self.columns),), lengths=self.lengths)


@dataclass(frozen=True, eq=False)
class FittedIals:
    """The factorisation.

    Attributes:
        factors: what it found.
        columns: what the columns are.
        device: where the best are searched for.
    """

    config: Ials
    factors: IalsArrays
    columns: HeldByArtist
    device: str = "cpu"

    def save(self, folder: Path, fingerprint: str) -> None:
        """Write the factors; ``fingerprint`` stands for the rows and columns they are of."""
        save_record(self.factors, folder, of=fingerprint)

    @property
    def track_embeddings(self) -> FloatArray:
        """The factors of the tracks, float32, shape (T, D)."""
        return self.factors.columns[: self.columns.plain.n_tracks]

    @cached_property
    def tracks(self) -> TrackVectors:
        """The factors of the tracks, to be searched."""
        lengths = self.factors.lengths[: self.columns.plain.n_tracks]
        return TrackVectors(self.track_embeddings, device=self.device, lengths=lengths)

    def score(self, batch: QueryBatch) -> EmbeddingScores:
        """Score tracks by their inner product with each query's factors."""
        queries, known = self.encode(batch)
        return EmbeddingScores(queries, self.tracks, known)

    def encode(self, batch: QueryBatch) -> tuple[FloatArray, NDArray[np.bool_]]:
        """Return factors of the queries, float32, (B, D), and which of them mean anything, bool, (B,).

        Queries of the dataset have theirs from the factorisation, the others are folded in.
        """
        plain = self.columns.plain.held(batch.seed_indptr, batch.seed_track, batch.queries.titles)
        held = self.columns.with_artists(plain)
        known, fitted = self.columns.known(held), batch.index_row >= 0
        result = np.zeros((len(batch), self.factors.columns.shape[1]), np.float32)
        first = len(self.factors.directions) - len(self.factors.queries)
        result[fitted] = self.factors.queries[batch.index_row[fitted] - first]
        others = np.flatnonzero(~fitted & known)
        if len(others):
            result[others] = fold_in(held[others], self.factors.columns, self.factors.gram, self.config)
        return result, known

    def query_directions(self, batch: QueryBatch) -> FloatArray:
        """Return the factors of the queries scaled to length 1, float32, shape (B, D)."""
        return to_directions(self.encode(batch)[0])


def to_directions(rows: FloatArray) -> FloatArray:
    """Scale rows of factors, float32, shape (n, D), to length 1 in place; zero rows stay zero."""

    def scale_rows(start: int, stop: int) -> None:
        some = rows[start:stop]
        some /= np.maximum(np.linalg.norm(some, axis=1, keepdims=True), 1e-12)

    each_block(scale_rows, len(rows), _CHUNK)
    return rows


def estimate_memory(graph: BipartiteGraph, size: int) -> int:
    """Bytes that ``size`` factors of all rows and columns take, and the matrix both ways beside them.

    A row has at most as many artists as tracks, so the matrix at most twice as many entries as edges.
    """
    return 4 * size * (graph.n_rows + graph.n_columns) + 32 * graph.n_edges


def require_memory(graph: BipartiteGraph, config: FactorisationConfig) -> None:
    """Refuse before anything is trained what would not fit.

    Raises:
        ResourceError: more memory would be needed than is free; the hint names a size that would fit.
    """
    available, needed = memory().available, estimate_memory(graph, config.embedding_size)
    if needed <= available:
        return
    smaller = halvings(config.embedding_size)
    fits = next((size for size in smaller if estimate_memory(graph, size) <= available), None)
    raise ResourceError(
        f"factorising {graph.n_rows:,} playlists × {graph.n_columns:,} tracks and title words with "
        f"embedding_size {config.embedding_size} needs {needed / 1e9:.1f} GB, "
        f"{available / 1e9:.1f} GB are free",
        hint="use a machine with more memory, or fewer playlists"
        if fits is None
        else f"set embedding_size = {fits} under [sources.ials] in a file for --config",
    )
