"""Fills playlists with tracks: runs of the same artist or album, the core of the theme first."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from challenge.data.interactions import Interactions
from challenge.data.ragged import indptr_from_lengths, ragged_indices
from challenge.sample.catalogue import SyntheticCatalogue
from challenge.types import Int32Array, Int64Array

MIN_LENGTH: Final = 5
MAX_CIRCLES: Final = 12
"""Most circles that one playlist draws from."""

_Flags = NDArray[np.bool_]


class Tastes(NamedTuple):
    """What each of n playlists is made of.

    Tracks wanted, int64; circles to draw from, the core one first, int32, shape (n, 12); and the artist that
    it is about, or -1, int32.
    """

    lengths: Int64Array
    circles: Int32Array
    artist: Int32Array


class _Slots(NamedTuple):
    """Positions to be filled, of all playlists end to end.

    Playlist and position in it, int64; whether a run of one artist starts there; whether to dig deeper than
    the hits.
    """

    row: Int64Array
    position: Int64Array
    start: _Flags
    deep: _Flags


def draw_tracks(
    catalogue: SyntheticCatalogue, tastes: Tastes, rng: np.random.Generator, *, repeats: bool
) -> Interactions:
    """Fill the playlists, drawing half as many tracks again as needed and leaving repetitions out."""
    lengths = tastes.lengths
    slots = _make_slots(lengths, rng)
    track = _draw_starts(catalogue, tastes, slots, rng)
    track = _draw_runs(catalogue, track, slots, rng)
    keep = ~_repeated(slots.row, track) & (catalogue.popular[track + 1] > catalogue.popular[track])
    if repeats:
        careless = rng.random(len(lengths)) < 0.3
        keep |= careless[slots.row] & (rng.random(len(track)) < 0.04)
        keep |= (np.bincount(slots.row[keep], minlength=len(lengths)) < MIN_LENGTH)[slots.row]
    return _cut(slots.row[keep], track[keep], lengths)


def _make_slots(lengths: Int64Array, rng: np.random.Generator) -> _Slots:
    """Lay out the slots to fill; some playlists run through artists, some hardly ever stay with one."""
    drawn = lengths + lengths // 2 + 12
    row = np.repeat(np.arange(len(lengths)), drawn)
    position = ragged_indices(np.zeros_like(drawn), drawn)
    runs = (rng.random(len(lengths)) ** 2.3 * 0.9)[row]
    start = (rng.random(len(row)) >= runs) | (position == 0)
    # Playlists open with what everybody knows and dig deeper later.
    deep = rng.random(len(row)) < (0.5 * rng.random(len(lengths)))[row] * np.minimum(0.4 + position / 50, 1.0)
    return _Slots(row, position, start, deep)


def _draw_starts(
    catalogue: SyntheticCatalogue, tastes: Tastes, slots: _Slots, rng: np.random.Generator
) -> Int32Array:
    """Tracks that begin a run, from the playlist's circles, anywhere, or an artist already there; int32."""
    low, high = _circle_ranges(catalogue, tastes, slots, rng)
    rows, shape = len(tastes.lengths), len(slots.row)
    anywhere = rng.random(shape) < (0.3 * rng.random(rows) ** 2)[slots.row]
    low[anywhere], high[anywhere] = 0, catalogue.n_tracks
    favourite = tastes.artist[slots.row]
    fan = (favourite >= 0) & (rng.random(shape) < 0.5)
    low[fan], high[fan] = catalogue.artist_start[favourite[fan]], catalogue.artist_start[favourite[fan] + 1]
    track = np.zeros(shape, np.int32)
    first = slots.start
    track[first] = catalogue.draw(low[first], high[first], rng.random(int(first.sum())), slots.deep[first])
    again = first & (slots.position > 0) & (rng.random(shape) < (0.3 * rng.random(rows))[slots.row])
    here = np.flatnonzero(again)
    earlier = here - slots.position[here] + (rng.random(len(here)) * slots.position[here]).astype(np.int64)
    artist = catalogue.album_artist[catalogue.track_album[track[_last_start(slots.start)[earlier]]]]
    track[here] = _draw_of_artist(catalogue, artist, slots.deep[here], rng)
    return track


def _circle_ranges(
    catalogue: SyntheticCatalogue, tastes: Tastes, slots: _Slots, rng: np.random.Generator
) -> tuple[Int64Array, Int64Array]:
    """Track ranges of the circle each slot draws from: the core at first, then ever more of the others."""
    row, position, lengths = slots.row, slots.position, tastes.lengths
    variety = 2 + (rng.random(len(lengths)) * np.minimum(lengths / 5, MAX_CIRCLES - 2)).astype(np.int64)
    reach = 1 + (variety[row] - 1) * np.minimum((position + 4) / 24, 1.0)
    lean = (1.0 + 1.5 * rng.random(len(lengths)))[row]
    which = (reach * rng.random(len(row)) ** lean).astype(np.int64)
    turn = (rng.random(len(row)) < 0.5) | (position == 0)
    circle = tastes.circles[row, which[_last_start(turn)]]
    # Part of each playlist comes from the whole scene, of which the circles are corners.
    wide = rng.random(len(row)) < (0.15 + 0.7 * rng.random(len(lengths)))[row]
    scene = catalogue.circle_scene[circle]
    low = np.where(wide, catalogue.scene_start[scene], circle)
    high = np.where(wide, catalogue.scene_start[scene + 1], circle + 1)
    return catalogue.circle_start[low], catalogue.circle_start[high]


def _draw_runs(
    catalogue: SyntheticCatalogue, track: Int32Array, slots: _Slots, rng: np.random.Generator
) -> Int32Array:
    """Continue each run: with the album's next tracks, or with the same artist; int32, shape (slots,)."""
    begin = _last_start(slots.start)
    opening = track[begin]
    offset = np.arange(len(track)) - begin
    in_album = (rng.random(len(track)) < 0.5)[begin]
    follow = (opening + offset).astype(np.int32)
    fits = in_album & (follow < catalogue.album_start[catalogue.track_album[opening] + 1])
    track = np.where(slots.start | ~fits, track, follow)
    rest = np.flatnonzero(~slots.start & ~fits)
    artist = catalogue.album_artist[catalogue.track_album[opening[rest]]]
    track[rest] = _draw_of_artist(catalogue, artist, slots.deep[rest], rng)
    return track


def _draw_of_artist(
    catalogue: SyntheticCatalogue, artist: Int32Array, deep: _Flags, rng: np.random.Generator
) -> Int32Array:
    """One track of each of the given artists; int32, same shape."""
    low, high = catalogue.artist_start[artist], catalogue.artist_start[artist + 1]
    return catalogue.draw(low, high, rng.random(len(artist)), deep)


def _last_start(start: _Flags) -> Int64Array:
    """Index of the last True at or before each entry; the first entry must be True."""
    return np.maximum.accumulate(np.where(start, np.arange(len(start)), 0))


def _repeated(row: Int64Array, track: Int32Array) -> _Flags:
    """Whether the same playlist holds the same track at an earlier position; bool, shape (slots,)."""
    repeated = np.ones(len(row), np.bool_)
    repeated[np.unique(row * np.int64(2**32) + track, return_index=True)[1]] = False
    return repeated


def _cut(row: Int64Array, track: Int32Array, lengths: Int64Array) -> Interactions:
    """The first ``lengths`` tracks of each row, as interactions with positions from 0."""
    begin = np.searchsorted(row, np.arange(len(lengths) + 1))
    position = np.arange(len(row)) - begin[row]
    keep = position < lengths[row]
    indptr = indptr_from_lengths(np.minimum(np.diff(begin), lengths))
    return Interactions(indptr, track[keep].astype(np.int32), position[keep].astype(np.int32))
