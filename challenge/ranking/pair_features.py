"""How a candidate relates to the seeds: co-occurrence, order, artist and album."""

from __future__ import annotations

from enum import IntEnum, auto
from typing import Final

import numpy as np

from challenge.blocks import each_part
from challenge.compiled import kernel
from challenge.sources.base import QueryBatch
from challenge.sources.kernels import sampling_step
from challenge.sources.merge import Candidates
from challenge.sources.postings import PlaylistIndex
from challenge.types import FloatArray, Int32Array, Int64Array

MAX_POSTINGS: Final = 2000
"""Of a more popular seed an even sample of at most this many playlists is read: see ``sampling_step``."""
NEXT_WINDOW: Final = 5
NEAR_WINDOW: Final = 10
RECENT_SEEDS: Final = 3


class Pair(IntEnum):
    """Columns of the pair features.

    P(c|s) stands for the share of the seed's playlists that hold the candidate.
    """

    CONFIDENCE_SUM = 0
    CONFIDENCE_MAX = auto()
    COSINE_SUM = auto()
    COSINE_MAX = auto()
    SEEDS_SHARING = auto()
    SHORT_LIST_SUM = auto()
    RECENCY_SUM = auto()
    LAST_SEEDS_SUM = auto()
    NEXT_SUM = auto()
    NEXT_LAST_SEEDS = auto()
    NEAR_SUM = auto()
    DAMPED_SUM = auto()
    FIRST_SEED = auto()
    SAME_ARTIST = auto()
    SAME_ALBUM = auto()
    SINCE_ARTIST = auto()
    SINCE_ALBUM = auto()
    FIRST_OF_ARTIST = auto()
    ARTIST_SHARE = auto()
    ALBUM_SHARE = auto()
    SHARE_OF_ARTIST = auto()
    SHARE_OF_ALBUM = auto()


def pair_features(index: PlaylistIndex, batch: QueryBatch, candidates: Candidates) -> FloatArray:
    """Relate each candidate to its query's seeds; float32, shape (N, len(Pair)). See :class:`Pair`."""
    features = np.zeros((len(candidates.track), len(Pair)), np.float32)
    each_part(
        _count_shared,
        len(batch),
        batch.seed_indptr,
        batch.seed_track,
        batch.index_row,
        candidates.indptr,
        candidates.track,
        index.row_indptr,
        index.row_track,
        index.track_indptr,
        index.track_row,
        index.track_position,
        index.popularity,
        features,
    )
    each_part(
        _match_artist_album,
        len(batch),
        batch.seed_indptr,
        batch.seed_track,
        candidates.indptr,
        candidates.track,
        index.track_artist,
        index.track_album,
        features,
        per_thread=4,
    )
    popularity = index.popularity[candidates.track]
    artist = index.artist_popularity[index.track_artist[candidates.track]]
    album = index.album_popularity[index.track_album[candidates.track]]
    features[:, Pair.SHARE_OF_ARTIST] = popularity / (artist + 1)
    features[:, Pair.SHARE_OF_ALBUM] = popularity / (album + 1)
    return features


_CONFIDENCE_SUM = int(Pair.CONFIDENCE_SUM)
_CONFIDENCE_MAX = int(Pair.CONFIDENCE_MAX)
_COSINE_SUM = int(Pair.COSINE_SUM)
_COSINE_MAX = int(Pair.COSINE_MAX)
_SEEDS_SHARING = int(Pair.SEEDS_SHARING)
_SHORT_LIST_SUM = int(Pair.SHORT_LIST_SUM)
_RECENCY_SUM = int(Pair.RECENCY_SUM)
_LAST_SEEDS_SUM = int(Pair.LAST_SEEDS_SUM)
_NEXT_SUM = int(Pair.NEXT_SUM)
_NEXT_LAST_SEEDS = int(Pair.NEXT_LAST_SEEDS)
_NEAR_SUM = int(Pair.NEAR_SUM)
_DAMPED_SUM = int(Pair.DAMPED_SUM)
_FIRST_SEED = int(Pair.FIRST_SEED)
_SAME_ARTIST = int(Pair.SAME_ARTIST)
_SAME_ALBUM = int(Pair.SAME_ALBUM)
_SINCE_ARTIST = int(Pair.SINCE_ARTIST)
_SINCE_ALBUM = int(Pair.SINCE_ALBUM)
_FIRST_OF_ARTIST = int(Pair.FIRST_OF_ARTIST)
_ARTIST_SHARE = int(Pair.ARTIST_SHARE)
_ALBUM_SHARE = int(Pair.ALBUM_SHARE)


@kernel()
def _read_postings(
    seed: int,
    step: int,
    own_row: int,
    candidate_of: Int32Array,
    row_indptr: Int64Array,
    row_track: Int32Array,
    track_indptr: Int64Array,
    track_row: Int32Array,
    track_position: Int32Array,
    shared: FloatArray,
    short: FloatArray,
    after: FloatArray,
    near: FloatArray,
) -> int:  # pragma: no cover - compiled
    """Count candidates in every ``step``-th playlist with a seed; return how many playlists were read."""
    shared[:] = 0
    short[:] = 0
    after[:] = 0
    near[:] = 0
    read = 0
    for j in range(track_indptr[seed], track_indptr[seed + 1], step):
        row = track_row[j]
        if row == own_row:
            continue
        read += 1
        begin = row_indptr[row]
        share = np.float32(1.0) / np.sqrt(np.float32(row_indptr[row + 1] - begin))
        for k in range(begin, row_indptr[row + 1]):
            c = candidate_of[row_track[k]]
            if c < 0:
                continue
            shared[c] += 1
            short[c] += share
            distance = (k - begin) - track_position[j]
            if 0 < distance <= NEXT_WINDOW:
                after[c] += 1
            if -NEAR_WINDOW <= distance <= NEAR_WINDOW:
                near[c] += 1
    return read


@kernel()
def _add_seed(
    seed: int,
    n_seeds: int,
    postings: int,
    step: int,
    read: int,
    shared: FloatArray,
    short: FloatArray,
    after: FloatArray,
    near: FloatArray,
    popularity: FloatArray,
    damping: FloatArray,
    out: FloatArray,
) -> None:  # pragma: no cover - compiled
    """Add to the features of each candidate what it shares with the seed at that position."""
    recency = np.float32((seed + 1) / n_seeds)
    norm = np.float32(1.0 / (read + 2))
    weight = np.float32(step / np.float32(postings) ** 0.6)
    for c in range(len(shared)):
        if shared[c] == 0:
            continue
        confidence = shared[c] * norm
        cosine = shared[c] * step / np.sqrt(np.float32((postings + 2) * (popularity[c] + 2)))
        out[c, _CONFIDENCE_SUM] += confidence
        out[c, _CONFIDENCE_MAX] = max(out[c, _CONFIDENCE_MAX], confidence)
        out[c, _COSINE_SUM] += cosine
        out[c, _COSINE_MAX] = max(out[c, _COSINE_MAX], cosine)
        out[c, _SEEDS_SHARING] += 1
        out[c, _SHORT_LIST_SUM] += short[c] * norm
        out[c, _RECENCY_SUM] += confidence * recency
        out[c, _NEXT_SUM] += after[c] * norm
        out[c, _NEAR_SUM] += near[c] * norm
        out[c, _DAMPED_SUM] += shared[c] * weight / damping[c]
        if seed >= n_seeds - RECENT_SEEDS:
            out[c, _LAST_SEEDS_SUM] += confidence
            out[c, _NEXT_LAST_SEEDS] += after[c] * norm
        if seed == 0:
            out[c, _FIRST_SEED] = confidence


@kernel()
def _count_shared(
    part: int,
    n_parts: int,
    seed_indptr: Int64Array,
    seed_track: Int32Array,
    index_row: Int32Array,
    candidate_indptr: Int64Array,
    candidate_track: Int32Array,
    row_indptr: Int64Array,
    row_track: Int32Array,
    track_indptr: Int64Array,
    track_row: Int32Array,
    track_position: Int32Array,
    popularity: FloatArray,
    features: FloatArray,
) -> None:  # pragma: no cover - compiled
    candidate_of = np.full(len(popularity), -1, np.int32)
    for query in range(part, len(index_row), n_parts):
        candidates = slice(candidate_indptr[query], candidate_indptr[query + 1])
        tracks, out = candidate_track[candidates], features[candidates]
        own_popularity, damping = np.empty(len(tracks), np.float32), np.empty(len(tracks), np.float32)
        for c in range(len(tracks)):
            candidate_of[tracks[c]] = c
            own_popularity[c] = popularity[tracks[c]]
            damping[c] = np.float32(own_popularity[c] + 1) ** np.float32(0.2)
        counts = np.empty((4, len(tracks)), np.float32)
        shared, short, after, near = counts[0], counts[1], counts[2], counts[3]
        n_seeds = seed_indptr[query + 1] - seed_indptr[query]
        for i in range(n_seeds):
            track = seed_track[seed_indptr[query] + i]
            postings = track_indptr[track + 1] - track_indptr[track]
            step = sampling_step(postings, MAX_POSTINGS, n_seeds)
            read = _read_postings(
                track, step, index_row[query], candidate_of, row_indptr, row_track, track_indptr,
                track_row, track_position, shared, short, after, near,
            )  # fmt: skip
            if read > 0:
                _add_seed(
                    i, n_seeds, postings, step, read, shared, short, after, near, own_popularity,
                    damping, out,
                )  # fmt: skip
        for c in range(len(tracks)):
            candidate_of[tracks[c]] = -1


@kernel()
def _match_artist_album(
    part: int,
    n_parts: int,
    seed_indptr: Int64Array,
    seed_track: Int32Array,
    candidate_indptr: Int64Array,
    candidate_track: Int32Array,
    track_artist: Int32Array,
    track_album: Int32Array,
    features: FloatArray,
) -> None:  # pragma: no cover - compiled
    """Count seeds of the candidate's artist and album, and how many seeds ago the last of them was."""
    for query in range(part, len(seed_indptr) - 1, n_parts):
        begin = seed_indptr[query]
        n_seeds = seed_indptr[query + 1] - begin
        for n in range(candidate_indptr[query], candidate_indptr[query + 1]):
            artist = track_artist[candidate_track[n]]
            album = track_album[candidate_track[n]]
            same_artist = 0
            same_album = 0
            first_of_artist = n_seeds + 1
            since_artist = n_seeds + 1
            since_album = n_seeds + 1
            for i in range(n_seeds):
                seed = seed_track[begin + i]
                if track_artist[seed] == artist:
                    same_artist += 1
                    since_artist = n_seeds - i
                    first_of_artist = min(first_of_artist, i)
                if track_album[seed] == album:
                    same_album += 1
                    since_album = n_seeds - i
            features[n, _SAME_ARTIST] = same_artist
            features[n, _SAME_ALBUM] = same_album
            features[n, _SINCE_ARTIST] = since_artist
            features[n, _SINCE_ALBUM] = since_album
            features[n, _FIRST_OF_ARTIST] = first_of_artist
            features[n, _ARTIST_SHARE] = same_artist / max(n_seeds, 1)
            features[n, _ALBUM_SHARE] = same_album / max(n_seeds, 1)
