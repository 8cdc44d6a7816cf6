"""Compiled loops over postings: playlists that hold a track, tracks that a playlist holds.

Every query is handled by one thread from beginning to end, so results do not depend on the number of threads.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from challenge.compiled import kernel
from challenge.sources.selection import greatest_first, nth_greatest
from challenge.types import FloatArray, Int32Array, Int64Array


@kernel()
def _similar_rows(
    seeds: Int32Array,
    weights: FloatArray,
    own_row: int,
    track_indptr: Int64Array,
    track_row: Int32Array,
    similarity: FloatArray,
    found: Int32Array,
) -> int:  # pragma: no cover - compiled
    """Add up in ``similarity`` (P + Q, zeros before) the weights of the seeds that each row holds.

    Writes into ``found`` which rows hold any, and returns how many.
    """
    count = 0
    for i in range(len(seeds)):
        # Each weight must be above 0: a row is new while its similarity is 0.
        if not weights[i] > 0.0:
            continue
        for j in range(track_indptr[seeds[i]], track_indptr[seeds[i] + 1]):
            row = track_row[j]
            if row == own_row:
                continue
            if similarity[row] == 0.0:
                found[count] = row
                count += 1
            similarity[row] += weights[i]
    return count


@kernel()
def find_neighbours(
    part: int,
    n_parts: int,
    seed_indptr: Int64Array,
    seed_track: Int32Array,
    seed_weight: FloatArray,
    index_row: Int32Array,
    track_indptr: Int64Array,
    track_row: Int32Array,
    row_scale: FloatArray,
    neighbours: int,
    power: float,
    begin: Int64Array,
    size: Int64Array,
    voter: Int32Array,
    vote: FloatArray,
) -> None:  # pragma: no cover - compiled
    """Find the rows most similar to each query's seeds, and what their votes weigh.

    Similarity of a row is the sum of the weights of the seeds it holds times its scale; the votes of the best
    ``neighbours`` rows are their similarity divided by the best one's and raised to ``power``. Writes
    :class:`challenge.sources.sparse.Entries` with room for all rows that hold any of the seeds.
    """
    similarity = np.zeros(len(row_scale), np.float32)
    for query in range(part, len(index_row), n_parts):
        seeds = slice(seed_indptr[query], seed_indptr[query + 1])
        rows = voter[begin[query] :]
        count = _similar_rows(
            seed_track[seeds],
            seed_weight[seeds],
            index_row[query],
            track_indptr,
            track_row,
            similarity,
            rows,
        )
        value = np.empty(count, np.float32)
        best = np.float32(0)
        for j in range(count):
            value[j] = similarity[rows[j]] * row_scale[rows[j]]
            similarity[rows[j]] = 0
            best = max(best, value[j])
        if not best > 0.0:
            continue
        threshold = np.float32(0.0)
        if 0 < neighbours < count:
            threshold = nth_greatest(value.copy(), neighbours)
        kept = 0
        for j in range(count):
            if value[j] >= threshold:
                rows[kept] = rows[j]
                vote[begin[query] + kept] = np.float32((value[j] / best) ** power)
                kept += 1
        size[query] = kept


MAX_READ: Final = 30_000
"""Playlists that are read for one query at most, whatever the number and popularity of its seeds."""


@kernel()
def sampling_step(postings: int, most: int, n_seeds: int) -> int:  # pragma: no cover - compiled
    """Every how-many-th playlist of a seed to read: at most ``most``, and an equal share of ``MAX_READ``."""
    share = max(1, min(most, MAX_READ // n_seeds))
    return max(1, (postings + share - 1) // share)


@kernel()
def cooccurrence_scores(
    part: int,
    n_parts: int,
    seed_indptr: Int64Array,
    seed_track: Int32Array,
    seed_weight: FloatArray,
    index_row: Int32Array,
    row_indptr: Int64Array,
    row_track: Int32Array,
    track_indptr: Int64Array,
    track_row: Int32Array,
    row_scale: FloatArray,
    max_postings: int,
    scores: FloatArray,
) -> None:  # pragma: no cover - compiled
    """Add up weighted co-occurrence counts of every track with each query's seeds.

    Of a seed in many rows an even sample of them is read and weighs accordingly more, which bounds the work
    (see :func:`sampling_step`). Adds into ``scores``, float32, shape (B, T).
    """
    for query in range(part, len(seed_indptr) - 1, n_parts):
        n_seeds = seed_indptr[query + 1] - seed_indptr[query]
        for i in range(seed_indptr[query], seed_indptr[query + 1]):
            track = seed_track[i]
            postings = track_indptr[track + 1] - track_indptr[track]
            step = sampling_step(postings, max_postings, n_seeds)
            weight = seed_weight[i] * np.float32(step)
            for j in range(track_indptr[track], track_indptr[track + 1], step):
                row = track_row[j]
                if row == index_row[query]:
                    continue
                vote = weight * row_scale[row]
                for k in range(row_indptr[row], row_indptr[row + 1]):
                    scores[query, row_track[k]] += vote


@kernel()
def artist_album_scores(
    part: int,
    n_parts: int,
    seed_indptr: Int64Array,
    seed_track: Int32Array,
    track_artist: Int32Array,
    track_album: Int32Array,
    popularity: FloatArray,
    artist_indptr: Int64Array,
    artist_track: Int32Array,
    album_weight: float,
    begin: Int64Array,
    size: Int64Array,
    scored: Int32Array,
    score: FloatArray,
) -> None:  # pragma: no cover - compiled
    """Score the tracks by each query's artists; see :class:`challenge.sources.artist_album.ArtistAlbum`.

    Writes :class:`challenge.sources.sparse.Entries` with room for all tracks by them.
    """
    for query in range(part, len(seed_indptr) - 1, n_parts):
        seeds = seed_track[seed_indptr[query] : seed_indptr[query + 1]]
        n_seeds = len(seeds)
        end = begin[query]
        for i in range(n_seeds):
            artist = track_artist[seeds[i]]
            count = 0
            seen = False
            for j in range(n_seeds):
                if track_artist[seeds[j]] == artist:
                    count += 1
                    seen = seen or j < i
            if seen:
                continue
            tracks = artist_track[artist_indptr[artist] : artist_indptr[artist + 1]]
            most = np.float32(0)
            for track in tracks:
                most = max(most, popularity[track])
            for track in tracks:
                shared = 0
                for j in range(n_seeds):
                    if track_album[seeds[j]] == track_album[track]:
                        shared += 1
                share = (popularity[track] + np.float32(1)) / (most + np.float32(1))
                scored[end] = track
                score[end] = (count + album_weight * shared) / n_seeds * share
                end += 1
        size[query] = end - begin[query]


_BLOCK = 64


@kernel()
def best_of_rows(
    part: int, n_parts: int, scores: FloatArray, limit: int, best: Int32Array
) -> None:  # pragma: no cover - compiled
    """Indices of the ``limit`` greatest positive scores of each row, best first, ties by lower index.

    Writes ``best``, int32, shape (B, limit); unused places hold -1. Of the greatest values of blocks, the
    ``limit``-th greatest is a bound that the best scores reach, so that few scores are left to be sorted.
    """
    n_columns = scores.shape[1]
    n_blocks = (n_columns + _BLOCK - 1) // _BLOCK
    for query in range(part, scores.shape[0], n_parts):
        row = scores[query]
        highest = np.zeros(n_blocks, np.float32)
        for block in range(n_blocks):
            top = np.float32(0.0)
            for i in range(block * _BLOCK, min((block + 1) * _BLOCK, n_columns)):
                top = row[i] if row[i] > top else top  # NaN is above nothing
            highest[block] = top
        bound = np.float32(0.0)
        if n_blocks > limit:
            bound = nth_greatest(highest.copy(), limit)
        found = np.empty(n_columns, np.int32)
        count = 0
        for block in range(n_blocks):
            if highest[block] < bound or highest[block] <= 0.0:
                continue
            for i in range(block * _BLOCK, min((block + 1) * _BLOCK, n_columns)):
                if row[i] >= bound and row[i] > 0.0:
                    found[count] = i
                    count += 1
        order = greatest_first(row[found[:count]])
        best[query, :] = -1
        for i in range(min(limit, count)):
            best[query, i] = found[order[i]]
