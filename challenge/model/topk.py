"""The best tracks of many queries by exact inner products, tile by tile, on any device."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from challenge.types import FloatArray, Int32Array, Int64Array

TILE_BYTES = {"cpu": 128 << 20, "cuda": 2 << 30}
"""Scores held at once; choosing the best of them takes about as much again."""

_SPARE = 64
"""Scores looked at beyond those wanted, so that ties at the end are nearly always seen whole."""


@dataclass(frozen=True, eq=False)
class BestTracks:
    """The best tracks of Q queries, best first, ties to the lower index; L is the most tracks of one.

    Attributes:
        track: dense track index, -1 where no more counted, int32, shape (Q, L).
        score: inner products, -inf where no more counted, float32, shape (Q, L).
    """

    track: Int32Array
    score: FloatArray


def best_by_product(
    queries: FloatArray,
    tracks: FloatArray,
    limit: int,
    *,
    seed_start: Int64Array | None = None,
    seed_track: Int32Array | None = None,
    above: float = -np.inf,
    device: torch.device | None = None,
    tile_bytes: int | None = None,
) -> BestTracks:
    """Return the ``limit`` tracks with the greatest inner products of each query.

    Products are computed in float32; no more than ``tile_bytes`` of them are held at a time, nor do the lists
    depend on how many. What a query's seeds score does not count, nor what scores ``above`` or less.

    Args:
        queries: float32, shape (Q, D).
        tracks: float32, shape (T, D).
        limit: most tracks of a query.
        seed_start: where the seeds of each query begin, int64, shape (Q + 1,); None for no seeds.
        seed_track: tracks that must not be in the list of their query, int32.
        above: a score must be greater.
        device: where to compute; the CPU by default.
        tile_bytes: see :data:`TILE_BYTES`.
    """
    device = device or torch.device("cpu")
    columns = torch.from_numpy(np.ascontiguousarray(tracks)).to(device)
    rows = torch.from_numpy(np.ascontiguousarray(queries)).to(device)
    length = min(limit, len(tracks))
    found = BestTracks(
        np.full((len(queries), length), -1, np.int32), np.full((len(queries), length), -np.inf, np.float32)
    )
    tile = max(1, (tile_bytes or TILE_BYTES.get(device.type, 128 << 20)) // (4 * max(1, len(tracks))))
    for start in range(0, len(queries) if length else 0, tile):
        here = slice(start, min(start + tile, len(queries)))
        scores = rows[here] @ columns.T
        if seed_start is not None and seed_track is not None:
            _leave_out(scores, seed_start[here.start : here.stop + 1], seed_track)
        value, index = _best(scores, length)
        counts = value > above
        found.track[here] = torch.where(counts, index, -1).cpu().numpy()
        found.score[here] = torch.where(counts, value, -torch.inf).cpu().numpy()
    return found


def _leave_out(scores: Tensor, seed_start: Int64Array, seed_track: Int32Array) -> None:
    query = np.repeat(np.arange(len(seed_start) - 1), np.diff(seed_start))
    track = seed_track[seed_start[0] : seed_start[-1]].astype(np.int64)
    place = torch.from_numpy(query * scores.shape[1] + track).to(scores.device)
    scores.view(-1)[place] = -torch.inf


def _best(scores: Tensor, length: int) -> tuple[Tensor, Tensor]:
    """Return the greatest values of each row, descending, and where they are; equal ones by their place.

    ``torch.topk`` takes any of equal values, so more are taken than wanted and sorted by place first. Rows
    whose ties go on beyond those are sorted whole.
    """
    value, index = torch.topk(scores, min(length + _SPARE, scores.shape[1]), dim=1)
    index, by_place = index.sort(dim=1)
    value, order = value.gather(1, by_place).sort(dim=1, descending=True, stable=True)
    index = index.gather(1, order)
    if value.shape[1] < scores.shape[1]:
        # Of the last value there may be more, at lower places than those taken.
        unsure = (value[:, length - 1] == value[:, -1]).nonzero()[:, 0]
        for row in unsure.tolist():
            whole = scores[row].sort(descending=True, stable=True)
            value[row, :length], index[row, :length] = whole.values[:length], whole.indices[:length]
    return value[:, :length], index[:, :length]
