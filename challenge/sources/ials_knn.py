"""Latent neighbours: playlists whose factors are most similar to a query's vote for their tracks."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

from challenge.blocks import each_block
from challenge.sources.base import DenseAnswer, QueryBatch, dense_answer
from challenge.sources.kernels import weighted_row_scores
from challenge.sources.postings import PlaylistIndex
from challenge.sources.search import ItemSearch, item_search
from challenge.types import FloatArray

_CHUNK: Final = 1 << 15
"""Rows that one thread scales at once."""


@dataclass(frozen=True)
class LatentNeighbours:
    """Configuration of the source.

    Unlike plain neighbours these need share no track with the query, so a playlist known by its title alone
    has neighbours too.

    Attributes:
        neighbours: how many playlists vote.
        amplification: a vote is the cosine similarity, divided by the best one, to this power.
        num_candidates: candidates for each query.
        name: what features call it.
    """

    neighbours: int = 150
    amplification: float = 4.0
    num_candidates: int = 200
    name: str = "latent_neighbours"

    def fit(
        self, index: PlaylistIndex, direction: FloatArray, *, device: str = "cpu"
    ) -> LatentNeighbourGenerator:
        """Take over the directions of all rows' factors, see :func:`to_directions`."""
        return LatentNeighbourGenerator(self.name, self.num_candidates, self, index, direction, device)


def to_directions(rows: FloatArray) -> FloatArray:
    """Scale the factors of rows, float32, shape (P + Q, D), to length 1 in place; zero rows stay zero."""

    def scale_rows(start: int, stop: int) -> None:
        some = rows[start:stop]
        some /= np.maximum(np.linalg.norm(some, axis=1, keepdims=True), 1e-12)

    each_block(scale_rows, len(rows), _CHUNK)
    return rows


@dataclass(frozen=True, eq=False)
class LatentNeighbourGenerator:
    """Votes of the playlists nearest in the space of factors.

    Attributes:
        direction: factors of all rows scaled to length 1, float32, shape (P + Q, D).
        device: where the nearest are searched for: cpu or a device of torch's.
    """

    name: str
    num_candidates: int
    config: LatentNeighbours
    index: PlaylistIndex
    direction: FloatArray
    device: str = "cpu"

    @cached_property
    def _playlists(self) -> ItemSearch:
        return item_search(self.direction[: self.index.n_playlists], self.device)

    def scores(self, batch: QueryBatch) -> FloatArray:
        """Sum of votes for each track, float32, shape (B, T)."""
        scores = np.zeros((len(batch), self.index.n_tracks), np.float32)
        found = self._playlists.best(self.direction[batch.own_row], self.config.neighbours)
        near = np.maximum(found.score, 0)
        best = np.maximum(near.max(axis=1, keepdims=True, initial=0), 1e-12)
        weighted_row_scores(
            np.arange(len(batch) + 1, dtype=np.int64) * found.item.shape[1],
            found.item.ravel(),
            ((near / best) ** self.config.amplification).ravel().astype(np.float32),
            self.index.row_start,
            self.index.row_track,
            scores,
        )
        return scores

    def answer(self, batch: QueryBatch) -> DenseAnswer:
        """See :class:`challenge.sources.base.CandidateGenerator`."""
        return dense_answer(self.scores(batch), batch, self.num_candidates)
