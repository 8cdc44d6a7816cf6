"""Playlists to continue, and what is recommended for them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from challenge.data.catalog import Catalog
from challenge.data.dataset import Dataset, Queries
from challenge.data.interactions import Interactions
from challenge.errors import InputError
from challenge.quoting import quoted
from challenge.types import ID_PATTERN, TRACK_PREFIX, Category, Int32Array

MAX_TRACKS: Final = 500
_LINK: Final = r"https?://open\.spotify\.com/(?:intl-[a-z-]+/)?track/"
TRACK_FORM: Final = re.compile(f"(?:{TRACK_PREFIX}|{_LINK})?({ID_PATTERN})(?:\\?.*)?")
_HOLDOUTS_UNKNOWN: Final = 50
"""Held-out tracks taken for granted where no query of the dataset is of the same kind."""
_NAMED_GROUPS: Final = 5
"""Groups of features named in a reason; the others are summed up."""
_IN_WORDS: Final = {
    "artist album": "same artists and albums",
    "artists in title": "artists in the title",
    "cooccurrence": "tracks often together",
    "ials": "iALS",
    "ials knn": "similar playlists by iALS",
    "lightgcn": "LightGCN",
    "playlist knn": "playlists with the same tracks",
    "title knn": "similar titles",
}
"""What sources are called where people read; one from outside has its own name."""

_MAX_MISSING: Final = 1_000_000


@dataclass(frozen=True)
class Playlist:
    """A playlist to continue.

    Attributes:
        title: as its owner writes it; None where there is none.
        tracks: its tracks so far, in order: Spotify URIs, links or bare ids of tracks.
        ordered: whether they are its first tracks in order; otherwise some of it in any order.
        num_missing: how many tracks it still lacks; None where nobody knows.
    """

    title: str | None = None
    tracks: Sequence[str] = ()
    ordered: bool = True
    num_missing: int | None = None


@dataclass(frozen=True)
class Reason:
    """Why a track is recommended.

    Attributes:
        sources: rank (from 1) by each source that proposed the track.
        seeds: the tracks given that speak for it most: URI, name and share of their playlists that hold it.
        words: words of the title, and the share of the playlists with that word that hold it.
        contributions: what each group of features adds to the score; their sum is the score.
    """

    sources: dict[str, int] = field(default_factory=dict)
    seeds: tuple[tuple[str, str, float], ...] = ()
    words: tuple[tuple[str, float], ...] = ()
    contributions: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Recommendation:
    """A recommended track.

    Attributes:
        rank: from 1.
        uri: its Spotify URI.
        track, artist: names.
        score: higher is better, comparable within one list only. The order is by it, but that a learned
            ranking first chooses as many places together as tracks are missing. NaN for a track that fills
            a list up.
        reason: why, where that was asked for.
    """

    rank: int
    uri: str
    track: str
    artist: str
    score: float
    reason: Reason | None = None


def reason_lines(recommendation: Recommendation) -> list[str]:
    """Say why in a few lines."""
    reason = recommendation.reason
    if reason is None:
        return []
    lines = [f"{_share(share)} of the playlists with {name} hold it" for _, name, share in reason.seeds]
    lines += [
        f"{_share(share)} of the playlists with “{word}” in the title hold it" for word, share in reason.words
    ]
    if reason.sources:
        named = (f"{_words(name)} (rank {rank})" for name, rank in reason.sources.items())
        lines.append("proposed by " + ", ".join(named))
    if reason.contributions:
        largest = dict(list(reason.contributions.items())[:_NAMED_GROUPS])
        rest = sum(reason.contributions.values()) - sum(largest.values())
        parts = ", ".join(f"{_words(name)} {value:+.2f}" for name, value in largest.items())
        lines.append(f"score {recommendation.score:.2f} = {parts}, others {rest:+.2f}")
    return lines


def _words(name: str) -> str:
    """A source or group of features as people read it."""
    spaced = name.replace("_", " ")
    return _IN_WORDS.get(spaced, spaced)


def _share(share: float) -> str:
    return f"{share:.0%}" if share >= 0.005 else "under 1%"


def track_indices(tracks: Sequence[str], catalog: Catalog, *, where: str = "tracks") -> Int32Array:
    """Dense indices of tracks given as URIs, links or ids; int32, shape (n,).

    Raises:
        InputError: one is no track, or in no playlist of the dataset; names its place.
    """
    ids = []
    for position, text in enumerate(tracks):
        match = TRACK_FORM.fullmatch(text.strip())
        if match is None:
            expected = f"expected a track such as {TRACK_PREFIX}…22 characters"
            raise InputError(
                f"{where}[{position}] is {quoted(text, 100)}; {expected}",
                hint="search for it by name: challenge search RUN TEXT",
            )
        ids.append(match.group(1))
    found = catalog.tracks.index_of(np.array(ids, "S22")) if ids else np.empty(0, np.int32)
    unknown = np.flatnonzero(found < 0)
    if len(unknown):
        more = f" ({len(unknown):,} such tracks)" if len(unknown) > 1 else ""
        which = f"{where}[{unknown[0]}] is {quoted(tracks[unknown[0]])}"
        raise InputError(
            f"{which}, which is in no playlist of the dataset{more}",
            hint="leave it out, or search for another release of it: challenge search RUN TEXT",
        )
    return found


def require_askable(playlists: Sequence[Playlist]) -> None:
    """Refuse playlists that nothing can be recommended for, whatever the dataset.

    Raises:
        InputError: a playlist has neither title nor track, too many tracks, or an impossible length.
    """
    for number, playlist in enumerate(playlists):
        where = _place(number, playlist)
        if not (playlist.title or "").strip() and len(playlist.tracks) == 0:
            raise InputError(f"{where}: no title and no track; expected at least one of them")
        if len(playlist.tracks) > MAX_TRACKS:
            raise InputError(
                f"{where}: {len(playlist.tracks):,} tracks; expected at most {MAX_TRACKS}",
                hint="give those that matter most, such as the latest",
            )
        missing = playlist.num_missing
        if missing is not None and not 0 <= missing <= _MAX_MISSING:
            raise InputError(f"{where}: num_missing is {missing}; expected 0 to {_MAX_MISSING:,}")


def as_queries(playlists: Sequence[Playlist], dataset: Dataset) -> Queries:
    """Turn playlists into queries over the dataset's tracks; pids count from 0.

    Raises:
        InputError: a playlist has neither title nor track, too many tracks, or one that is unknown.
    """
    require_askable(playlists)
    rows = [
        track_indices(playlist.tracks, dataset.catalog, where=f"{_place(number, playlist)}: tracks").tolist()
        for number, playlist in enumerate(playlists)
    ]
    categories = tuple(nearest_category(playlist) for playlist in playlists)
    known = np.array([each.value for each in dataset.queries.categories])
    holdouts = [
        _num_missing(playlist, dataset.queries.num_holdouts[known == category.value])
        for playlist, category in zip(playlists, categories, strict=True)
    ]
    return Queries(
        pid=np.arange(len(playlists), dtype=np.int32),
        titles=tuple((playlist.title or "").strip() or None for playlist in playlists),
        categories=categories,
        num_holdouts=np.array(holdouts, np.int32),
        seeds=Interactions.from_rows(rows),
    )


def nearest_category(playlist: Playlist) -> Category:
    """The challenge's kind of playlist that is most like one: by title, order and number of tracks.

    Numbers are compared by their ratio, so 3 tracks are nearer to 5 than to 1.
    """
    has_title, count = bool((playlist.title or "").strip()), len(playlist.tracks)
    if count == 0:
        return Category.TITLE_ONLY
    kinds = [each for each in Category if each.seed_count > 0]
    if not playlist.ordered and count > max(each.seed_count for each in kinds if not each.is_random) // 8:
        kinds = [each for each in kinds if each.is_random]
    else:
        kinds = [each for each in kinds if not each.is_random]

    def distance(category: Category) -> tuple[float, bool]:
        return abs(np.log(count / category.seed_count)), category.has_title != has_title

    return min(kinds, key=distance)


def _place(number: int, playlist: Playlist) -> str:
    """Where a playlist stands among several, for errors."""
    return f"playlist {number + 1}" + (f" ({quoted(playlist.title)})" if playlist.title else "")


def _num_missing(playlist: Playlist, known: Int32Array) -> int:
    """As told, else what is usual for its kind."""
    if playlist.num_missing is not None:
        return playlist.num_missing
    return int(np.median(known)) if len(known) else _HOLDOUTS_UNKNOWN
