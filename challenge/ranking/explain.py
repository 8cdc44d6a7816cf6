"""Why a candidate has its score: contributions of groups of features, seeds and words that speak for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from challenge.data.titles import tokens
from challenge.errors import InvariantError
from challenge.ranking.features import QUERY_FEATURES
from challenge.ranking.ranker import Ranker
from challenge.sources.postings import PlaylistIndex
from challenge.sources.title_groups import TitleGroups
from challenge.types import FloatArray, Int32Array

_TOLERANCE: Final = 1e-3
_GROUPS: Final[dict[str, tuple[str, ...]]] = {
    "agreement of the sources": (
        "fused_rank",
        "best_rank",
        "artist_candidates",
        "artist_fused_rank",
        "album_fused_rank",
    ),
    "order of tracks": (
        "pair_recency_sum",
        "pair_last_seeds_sum",
        "pair_next_sum",
        "pair_next_last_seeds",
        "pair_near_sum",
        "pair_first_seed",
        "next_mean",
        "near_mean",
    ),
    "artist and album": (
        "pair_same_artist",
        "pair_same_album",
        "pair_since_artist",
        "pair_since_album",
        "pair_first_of_artist",
        "pair_artist_share",
        "pair_album_share",
        "pair_share_of_artist",
        "pair_share_of_album",
    ),
    "title": ("title_share",),
    "the playlist itself": QUERY_FEATURES,
}
_PAIRS: Final = ("pair_", "confidence_mean", "cosine_mean", "sharing_share")
_REST: Final = "popularity, age and length"


def feature_group(feature: str, sources: Sequence[str]) -> str:
    """Name the group that a feature belongs to: a source, or what it tells of."""
    for source in sources:
        own = (f"{source}_score", f"{source}_rank", f"{source}_relative")
        if feature in own or feature.startswith(f"{source}_cosine_"):
            return source.replace("_", " ")
    for group, features in _GROUPS.items():
        if feature in features:
            return group
    return "tracks in the same playlists" if feature.startswith(_PAIRS) else _REST


def grouped_contributions(
    ranker: Ranker, features: FloatArray, scores: FloatArray, sources: Sequence[str]
) -> list[dict[str, float]]:
    """Share the score of each of N candidates out among groups of features, greatest first.

    Source: Lundberg et al. 2018, consistent individualized feature attribution (exact for trees). "start" is
    what any candidate has. ``features`` are (N, F), ``scores`` (N,).

    Raises:
        InvariantError: the contributions do not sum up to the score.
    """
    by_feature = ranker.contributions(features)
    if not np.allclose(by_feature.sum(axis=1), scores, atol=_TOLERANCE):
        raise InvariantError("contributions of the features do not sum up to the score")
    names = [*(feature_group(name, sources) for name in ranker.names), "start"]
    found = []
    for row in by_feature:
        total: dict[str, float] = {}
        for name, value in zip(names, row.tolist(), strict=True):
            total[name] = total.get(name, 0.0) + value
        found.append(dict(sorted(total.items(), key=lambda item: -abs(item[1]))))
    return found


def speaking_seeds(
    index: PlaylistIndex, seeds: Int32Array, track: int, *, count: int = 3
) -> list[tuple[int, float]]:
    """Return the seeds whose playlists hold ``track`` most often, and in which share; strongest first."""
    with_track = index.rows_of(track)
    shares = [
        (seed, len(np.intersect1d(index.rows_of(seed), with_track, assume_unique=True)), index.rows_of(seed))
        for seed in seeds.tolist()
    ]
    found = [(seed, shared / len(rows)) for seed, shared, rows in shares if shared]
    return sorted(found, key=lambda pair: -pair[1])[:count]


def speaking_words(
    index: PlaylistIndex, groups: TitleGroups, title: str | None, track: int
) -> list[tuple[str, float]]:
    """Return the words of a title, each with the share of playlists so titled that hold ``track``.

    Words that no such playlist has are left out; strongest first.
    """
    with_track = index.rows_of(track)
    found = []
    for word in dict.fromkeys(tokens(title or "")):
        rows = groups.rows_with_word(word)
        shared = int(np.isin(rows, with_track, assume_unique=True).sum()) if len(rows) else 0
        if shared:
            found.append((word, shared / len(rows)))
    return sorted(found, key=lambda pair: -pair[1])
