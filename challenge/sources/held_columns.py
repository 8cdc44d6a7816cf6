"""What a playlist can hold: tracks, and the words of its title; the columns of the graph."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from challenge.data.faults import shape_faults
from challenge.data.interactions import Interactions
from challenge.data.titles import title_tokens
from challenge.graph import BipartiteGraph
from challenge.types import Int32Array, Int64Array


@dataclass(frozen=True, eq=False)
class HeldColumns:
    """The columns of a graph: T tracks, then the words of titles; C in all.

    Attributes:
        n_tracks: T.
        tokens: words of titles in column order, C - T strings.
        in_training: which columns some training playlist holds, bool, shape (C,).
    """

    n_tracks: int
    tokens: Sequence[str]
    in_training: NDArray[np.bool_]

    @classmethod
    def of_graph(cls, graph: BipartiteGraph) -> HeldColumns:
        """Take the columns of ``graph``."""
        edges = graph.row_indptr[graph.n_playlists]
        trained = np.bincount(graph.row_indices[:edges], minlength=graph.n_columns)
        return cls(graph.n_tracks, graph.tokens, trained > 0)

    def faults(self) -> Iterator[str]:
        """Say what is wrong with arrays that were read; see :mod:`challenge.data.faults`."""
        yield from shape_faults((self.n_tracks + len(self.tokens),), in_training=self.in_training)

    @cached_property
    def _number(self) -> dict[str, int]:
        return {token: self.n_tracks + number for number, token in enumerate(self.tokens)}

    def held(
        self, seed_indptr: Int64Array, seed_track: Int32Array, titles: Sequence[str | None]
    ) -> sp.csr_matrix:
        """Mark what each of B queries holds; CSR of ones, float32, shape (B, C)."""
        number = self._number
        rows = [
            [number[token] for token in (() if title is None else title_tokens(title)) if token in number]
            for title in titles
        ]
        shape = (len(titles), self.n_tracks)
        tracks = sp.csr_matrix((np.ones(len(seed_track), np.float32), seed_track, seed_indptr), shape=shape)
        tokens = Interactions.from_rows(rows)
        words = sp.csr_matrix(
            (np.ones(len(tokens.track_index), np.float32), tokens.track_index - self.n_tracks, tokens.indptr),
            shape=(len(titles), len(self.tokens)),
        )
        return sp.csr_matrix(sp.hstack([tracks, words], format="csr"))

    def known(self, held: sp.csr_matrix) -> NDArray[np.bool_]:
        """Tell which queries hold something that a training playlist holds too; bool, shape (B,)."""
        found: NDArray[np.bool_] = held @ self.in_training.astype(np.float32) > 0
        return found
