"""Brings an MPD and a challenge set into one dataset of dense indices."""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

import numpy as np

from challenge.data.catalog import Catalog
from challenge.data.dataset import Dataset, Queries
from challenge.data.interactions import Interactions
from challenge.data.playlists import Playlists
from challenge.data.vocabulary import Vocabulary
from challenge.manifest import SeedReport
from challenge.mpd.challenge_set import ChallengeSet
from challenge.mpd.columns import pick
from challenge.types import IdArray, Int32Array


class PlaylistSource(Protocol):
    """Anything with playlists over a catalog, such as a store."""

    @property
    def playlists(self) -> Playlists:
        """The playlists."""
        ...

    @property
    def catalog(self) -> Catalog:
        """Their tracks."""
        ...


def seed_report(catalog: Catalog, challenge_set: ChallengeSet) -> SeedReport:
    """Count the seeds that ``catalog`` lacks, as happens with a part of the MPD."""
    known = catalog.tracks.index_of(challenge_set.track_ids) >= 0
    known_before = np.concatenate([[0], np.cumsum(known)])
    known_of_each = np.diff(known_before[challenge_set.indptr])
    has_seeds = np.diff(challenge_set.indptr) > 0
    return SeedReport(
        seeds=len(known),
        unknown_seeds=int((~known).sum()),
        unknown_tracks=len(np.unique(challenge_set.track_ids[~known])),
        playlists_without_known_seed=int((has_seeds & (known_of_each == 0)).sum()),
    )


def build_dataset(source: PlaylistSource, challenge_set: ChallengeSet) -> Dataset:
    """Join training playlists and a challenge set over one catalog, extended by tracks that only seeds name.

    Tracks of ``source`` keep their indices; new tracks, artists and albums come after them in file order.
    """
    catalog = extend_catalog(source.catalog, challenge_set)
    seeds = Interactions(
        challenge_set.indptr, catalog.tracks.index_of(challenge_set.track_ids), challenge_set.position
    )
    queries = Queries(
        challenge_set.pid,
        challenge_set.titles,
        challenge_set.categories,
        challenge_set.num_holdouts,
        seeds,
    )
    return Dataset(catalog, source.playlists, queries)


def extend_catalog(catalog: Catalog, challenge_set: ChallengeSet) -> Catalog:
    """Add the tracks that only the challenge set has, with their artists and albums."""
    new = _first_unknown(catalog.tracks, challenge_set.track_ids)
    if len(new) == 0:
        return catalog
    artist_ids, album_ids = challenge_set.artist_ids[new], challenge_set.album_ids[new]
    new_artists = _first_unknown(catalog.artists, artist_ids)
    new_albums = _first_unknown(catalog.albums, album_ids)
    artists = catalog.artists.extended(artist_ids[new_artists])
    albums = catalog.albums.extended(album_ids[new_albums])
    return replace(
        catalog,
        tracks=catalog.tracks.extended(challenge_set.track_ids[new]),
        artists=artists,
        albums=albums,
        track_artist=_joined(catalog.track_artist, artists.index_of(artist_ids)),
        track_album=_joined(catalog.track_album, albums.index_of(album_ids)),
        track_duration_ms=_joined(catalog.track_duration_ms, challenge_set.duration_ms[new]),
        track_names=catalog.track_names.extended(pick(challenge_set.track_names, new)),
        artist_names=catalog.artist_names.extended(pick(challenge_set.artist_names, new[new_artists])),
    )


def _first_unknown(vocabulary: Vocabulary, ids: IdArray) -> np.ndarray:
    """Where each id that ``vocabulary`` lacks first occurs, in order; int64."""
    unknown = np.flatnonzero(vocabulary.index_of(ids) < 0)
    _, first = np.unique(ids[unknown], return_index=True)
    return unknown[np.sort(first)]


def _joined(values: Int32Array, more: Int32Array) -> Int32Array:
    return np.concatenate([values, more]).astype(np.int32, copy=False)
