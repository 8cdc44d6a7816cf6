"""How many of the held-out tracks are among the candidates: of all sources together and of each alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from benchmarks._described import DescribedQueries
from challenge.data.interactions import Interactions
from challenge.evaluation.metrics import Holdouts
from challenge.ranking.features import RANK_FUSION
from challenge.sources.merge import Candidates
from challenge.types import Int64Array

SIZES: Final = (250, 500, 1000, 2000)


@dataclass(frozen=True)
class Recall:
    """One row of the table.

    Attributes:
        name: whose candidates.
        candidates: how many a query, on average; NaN where that tells nothing.
        shares: found share of the held-out tracks of all queries, then of each group's.
        alone: share of the held-out tracks of all queries that nobody else proposes, NaN for the union.
    """

    name: str
    candidates: float
    shares: tuple[float, ...]
    alone: float = float("nan")


@dataclass(frozen=True, eq=False)
class Found:
    """Candidates that are held out; H of all queries.

    Attributes:
        query: whose they are, int64, shape (H,).
        place: place by fused ranks in the union, from 0, int64, shape (H,).
        proposed: by which sources, bool, shape (H, S).
    """

    query: Int64Array
    place: Int64Array
    proposed: np.ndarray


def fused_places(candidates: Candidates) -> Int64Array:
    """Place of each candidate in its query by fused ranks, from 0, ties by track; int64, shape (N,)."""
    fused = (1.0 / (RANK_FUSION + candidates.rank)).sum(axis=1)
    order = np.lexsort((candidates.track, -fused, candidates.query))
    places = np.empty(len(order), np.int64)
    places[order] = np.arange(len(order)) - candidates.indptr[candidates.query]
    return places


def find(queries: DescribedQueries) -> Found:
    """Collect the held-out tracks among the candidates of the first queries of a dataset."""
    query, place, proposed = [], [], []
    for batch in queries.batches:
        hit = batch.label > 0
        query.append(batch.first + batch.candidates.query[hit].astype(np.int64))
        place.append(fused_places(batch.candidates)[hit])
        proposed.append(batch.proposed[hit])
    return Found(np.concatenate(query), np.concatenate(place), np.concatenate(proposed))


def recalls(
    queries: DescribedQueries, holdout: Interactions, categories: Sequence[str], groups: Sequence[str]
) -> Iterator[Recall]:
    """Recall over all queries and by group of them: what can be found, the union, and each source.

    Args:
        queries: candidates of Q queries.
        holdout: held-out tracks of each.
        categories: the group of each query, Q entries.
        groups: the groups in their order.
    """
    labels, held_out, found = np.array(categories), Holdouts.of(holdout), find(queries)
    members = np.stack([np.ones(len(labels), bool), *(labels == group for group in groups)])
    sizes = members @ held_out.sizes
    counts = np.concatenate([np.diff(batch.candidates.indptr) for batch in queries.batches])
    proposals = sum(batch.proposed.sum(axis=0) for batch in queries.batches) / len(labels)

    def shares(query: Int64Array) -> tuple[float, ...]:
        hits = members @ np.bincount(query, minlength=len(labels))
        return tuple((hits / np.maximum(sizes, 1)).tolist())

    known = held_out.track_index >= 0
    known[known] = queries.sources.index.mean_playlist_length[held_out.track_index[known]] > 0
    yield Recall("in any training playlist", float("nan"), shares(held_out.row[known]))
    for size in (*SIZES, int(counts.max(initial=0))):
        name = f"union, best {size:,}" if size in SIZES else "union"
        yield Recall(name, np.minimum(counts, size).mean(), shares(found.query[found.place < size]))
    for number, name in enumerate(queries.names):
        own = found.proposed[:, number]
        only = own & (found.proposed.sum(axis=1) == 1)
        yield Recall(name, proposals[number], shares(found.query[own]), shares(found.query[only])[0])
