"""Nearest playlists in the space of iALS: those whose factors are most similar vote for their tracks."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Annotated

import numpy as np
from msgspec import Meta

from challenge.settings import Settings
from challenge.sources.base import FitContext, QueryBatch
from challenge.sources.ials import FittedIals
from challenge.sources.postings import PlaylistIndex
from challenge.sources.search.base import ItemSearch
from challenge.sources.search.choose import item_search
from challenge.sources.sparse import Entries, SparseScores, sum_of_rows
from challenge.types import CandidateCount, Exponent, NonNegative


@dataclass(frozen=True)
class IalsKnn(Settings):
    """Settings of the source; the factors are those of the source ``ials``.

    Unlike :class:`challenge.sources.playlist_knn.PlaylistKnn` these neighbours need share no track with the
    query, so a playlist known by its title alone has some too.

    Attributes:
        num_neighbours: how many playlists vote.
        amplification: a vote is the cosine similarity, divided by the best one, to this power.
    """

    num_neighbours: Annotated[int, Meta(ge=1, le=100_000)] = 150
    amplification: Exponent = 4.0
    num_candidates: CandidateCount = 200
    weight: NonNegative = 0.0

    def require_memory(self, context: FitContext) -> None:
        """See :meth:`challenge.sources.ials.Ials.require_memory`."""
        context.sources["ials"].require_memory(context)  # type: ignore[attr-defined]

    def fit(self, context: FitContext) -> FittedIalsKnn:
        """Take over the factors of all rows."""
        ials = context.fitted("ials")
        assert isinstance(ials, FittedIals)
        return FittedIalsKnn(self, context.index, ials)


@dataclass(frozen=True, eq=False)
class FittedIalsKnn:
    """Votes of the playlists nearest in the space of factors."""

    config: IalsKnn
    index: PlaylistIndex
    ials: FittedIals

    @cached_property
    def _playlists(self) -> ItemSearch:
        return item_search(self.ials.factors.directions[: self.index.n_playlists], self.ials.tracks.device)

    def score(self, batch: QueryBatch) -> SparseScores:
        """Sum the votes for each track."""
        found = self._playlists.best(self.ials.query_directions(batch), self.config.num_neighbours)
        near = np.maximum(found.score, 0)
        best = np.maximum(near.max(axis=1, keepdims=True, initial=0), 1e-12)
        vote = np.where(near > 0, (near / best) ** self.config.amplification, 0).astype(np.float32)
        known = found.item >= 0  # fewer may be found than asked for, the others stand behind
        size = known.sum(axis=1)
        votes = Entries(np.cumsum(size) - size, size, found.item[known], vote[known])
        return sum_of_rows(votes, self.index)
