"""Scores of few tracks: what no vote reaches has none, and takes neither memory nor time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from challenge.blocks import each_part
from challenge.compiled import kernel
from challenge.sources.postings import PlaylistIndex
from challenge.sources.selection import greatest_first, nth_greatest
from challenge.types import FloatArray, Int32Array, Int64Array


class Entries(NamedTuple):
    """Values of numbered things, rows or tracks, for B queries; between two queries there may be room.

    Attributes:
        begin: where the entries of each query begin, int64, shape (B,).
        size: how many there are, int64, shape (B,).
        item: rows, or tracks of which each comes once in a query, int32.
        value: of each, float32.
    """

    begin: Int64Array
    size: Int64Array
    item: Int32Array
    value: FloatArray

    @classmethod
    def with_room(cls, room: Int64Array) -> Entries:
        """Make no entries, with room for so many of each query, int64, shape (B,)."""
        ends = np.cumsum(room, dtype=np.int64)
        total = int(ends[-1]) if len(ends) else 0
        sizes = np.zeros(len(room), np.int64)
        return cls(ends - room, sizes, np.empty(total, np.int32), np.empty(total, np.float32))

    @classmethod
    def of_rows(cls, item: Sequence[Int32Array], value: Sequence[FloatArray]) -> Entries:
        """Put the entries of queries one behind the other."""
        size = np.array([len(row) for row in item], np.int64)
        return cls(np.cumsum(size) - size, size, np.concatenate(item), np.concatenate(value))


@dataclass(frozen=True, eq=False)
class SparseScores:
    """The scores of a source that speaks for few of T tracks; see :class:`challenge.sources.base.Scores`.

    ``entries`` are tracks with their scores.
    """

    entries: Entries
    n_tracks: int

    def best(self, count: int) -> Int32Array:
        """The best tracks of each query; ties go to the lower index."""
        best = np.full((len(self.entries.size), min(count, self.n_tracks)), -1, np.int32)
        each_part(_best, len(best), *self.entries, best, per_thread=4)
        return best

    def of(self, query: Int32Array, track: Int32Array) -> FloatArray:
        """The scores of N pairs, ``query`` ascending; 0 where there is none."""
        scores = np.empty(len(query), np.float32)
        indptr = np.searchsorted(query, np.arange(len(self.entries.size) + 1))
        each_part(_look_up, len(self.entries.size), *self.entries, self.n_tracks, indptr, track, scores)
        return scores


def sum_of_rows(rows: Entries, index: PlaylistIndex) -> SparseScores:
    """Let rows of the index vote with their values, 0 or more, for the tracks they hold."""
    room = np.empty(len(rows.size), np.int64)
    _count_tracks(rows.begin, rows.size, rows.item, index.row_indptr, room)
    sums = Entries.with_room(np.minimum(room, index.n_tracks))
    each_part(_sum_rows, len(rows.size), *rows, index.row_indptr, index.row_track, index.n_tracks, *sums)
    return SparseScores(sums, index.n_tracks)


@kernel()
def _count_tracks(
    begin: Int64Array, size: Int64Array, row: Int32Array, row_indptr: Int64Array, count: Int64Array
) -> None:  # pragma: no cover - compiled
    """Tracks of all rows of each query, one in several rows several times."""
    for query in range(len(size)):
        count[query] = 0
        for i in range(begin[query], begin[query] + size[query]):
            count[query] += row_indptr[row[i] + 1] - row_indptr[row[i]]


@kernel()
def _sum_rows(
    part: int,
    n_parts: int,
    begin: Int64Array,
    size: Int64Array,
    row: Int32Array,
    vote: FloatArray,
    row_indptr: Int64Array,
    row_track: Int32Array,
    n_tracks: int,
    sum_begin: Int64Array,
    sum_size: Int64Array,
    track: Int32Array,
    total: FloatArray,
) -> None:  # pragma: no cover - compiled
    table = np.zeros(n_tracks, np.float32)
    for query in range(part, len(size), n_parts):
        first = sum_begin[query]
        end = first
        for i in range(begin[query], begin[query] + size[query]):
            if not vote[i] > 0:  # a track is new while its sum is 0
                continue
            for k in range(row_indptr[row[i]], row_indptr[row[i] + 1]):
                if table[row_track[k]] == 0:
                    track[end] = row_track[k]
                    end += 1
                table[row_track[k]] += vote[i]
        for i in range(first, end):
            total[i] = table[track[i]]
            table[track[i]] = 0
        sum_size[query] = end - first


@kernel()
def _best(
    part: int,
    n_parts: int,
    begin: Int64Array,
    size: Int64Array,
    track: Int32Array,
    score: FloatArray,
    best: Int32Array,
) -> None:  # pragma: no cover - compiled
    limit = best.shape[1]
    for query in range(part, len(best), n_parts):
        first, end = begin[query], begin[query] + size[query]
        bound = np.float32(0)
        if size[query] > limit:
            bound = nth_greatest(score[first:end].copy(), limit)
        kept = np.empty(size[query], np.int64)
        count = 0
        for i in range(first, end):
            if score[i] >= bound and score[i] > 0:
                kept[count] = i
                count += 1
        # As float32 two tracks' numbers could be the same.
        key = np.empty(count, np.float64)
        for k in range(count):
            key[k] = -track[kept[k]]
        by_track = greatest_first(key)
        for k in range(count):
            key[k] = score[kept[by_track[k]]]
        order = greatest_first(key)
        for k in range(min(limit, count)):
            best[query, k] = track[kept[by_track[order[k]]]]


@kernel()
def _look_up(
    part: int,
    n_parts: int,
    begin: Int64Array,
    size: Int64Array,
    track: Int32Array,
    score: FloatArray,
    n_tracks: int,
    indptr: Int64Array,
    asked: Int32Array,
    found: FloatArray,
) -> None:  # pragma: no cover - compiled
    table = np.zeros(n_tracks, np.float32)
    for query in range(part, len(size), n_parts):
        for i in range(begin[query], begin[query] + size[query]):
            table[track[i]] = score[i]
        for pair in range(indptr[query], indptr[query + 1]):
            found[pair] = table[asked[pair]]
        for i in range(begin[query], begin[query] + size[query]):
            table[track[i]] = 0
