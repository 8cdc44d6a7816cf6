"""Writes drawn playlists as the official JSON, indented by four, as ``json.dumps`` would.

A row is some 480 characters, so the text of the commonest tracks is kept, and everything is joined from such
pieces: text comes to hundreds of megabytes a second.
"""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from challenge.data.interactions import Interactions
from challenge.sample.catalogue import SyntheticCatalogue
from challenge.sample.draw import MAX_LENGTH, Drawn
from challenge.sample.names import album_name, artist_name, durations_ms, spotify_ids, track_name
from challenge.types import ALBUM_PREFIX, ARTIST_PREFIX, TRACK_PREFIX, Int32Array, Int64Array

_KEPT_TRACKS: Final = 200_000
_TRACK: Final = (
    '                    "artist_name": %s,\n'
    f'                    "track_uri": "{TRACK_PREFIX}%s",\n'
    f'                    "artist_uri": "{ARTIST_PREFIX}%s",\n'
    '                    "track_name": %s,\n'
    f'                    "album_uri": "{ALBUM_PREFIX}%s",\n'
    '                    "duration_ms": %d,\n'
    '                    "album_name": %s\n'
    "                }"
)
_POSITIONS: Final = tuple(
    f'{"," if pos else ""}\n                {{\n                    "pos": {pos},\n'.encode()
    for pos in range(MAX_LENGTH)
)
_HEAD: Final = (
    '        {\n            "name": %s,\n            "collaborative": "%s",\n            "pid": %d,\n'
    '            "modified_at": %d,\n            "num_tracks": %d,\n            "num_albums": %d,\n'
    '            "num_followers": %d,\n%s            "tracks": ['
)
_TAIL: Final = (
    '\n            ],\n            "num_edits": %d,\n            "duration_ms": %d,\n'
    '            "num_artists": %d\n        }'
)
_SLICE_HEAD: Final = (
    '{\n    "info": {\n        "generated_on": "2017-12-03 08:41:42.057563",\n        "slice": "%d-%d",\n'
    '        "version": "v1"\n    },\n    "playlists": [\n'
)
_CHALLENGE_HEAD: Final = (
    '{\n    "date": "2018-01-16 08:47:28.198015",\n    "version": "v1",\n    "playlists": [\n'
)
_CHALLENGE_PLAYLIST: Final = (
    '        {\n%s            "num_holdouts": %d,\n            "pid": %d,\n            "num_tracks": %d,\n'
    '            "tracks": ['
)
_END: Final = b"\n    ]\n}"


class TrackTexts:
    """Tracks as JSON, those that come back often kept."""

    def __init__(self, catalogue: SyntheticCatalogue, seed: int) -> None:
        self._catalogue = catalogue
        self._seed = seed
        self._kept: dict[int, bytes] = {}
        weight = np.diff(catalogue.popular)
        rank = min(_KEPT_TRACKS, len(weight)) - 1
        self._common = float(np.partition(weight, len(weight) - 1 - rank)[len(weight) - 1 - rank])

    def uris(self, tracks: Int32Array) -> list[str]:
        """Track URIs."""
        return [TRACK_PREFIX + raw.decode() for raw in spotify_ids(tracks, 3 * self._seed).tolist()]

    def durations(self, tracks: Int32Array) -> Int32Array:
        """Milliseconds of each track, int32."""
        return durations_ms(tracks, self._seed)

    def of(self, tracks: Int32Array) -> list[bytes]:
        """The text of each track from its ``artist_name`` to its closing brace."""
        unique, inverse = np.unique(tracks, return_inverse=True)
        texts = [self._kept.get(track) for track in unique.tolist()]
        missing = np.array([index for index, text in enumerate(texts) if text is None], np.int64)
        made = self._make(unique[missing])
        keep = (
            self._catalogue.popular[unique[missing] + 1] - self._catalogue.popular[unique[missing]]
            >= self._common
        )
        for index, text, common in zip(missing.tolist(), made, keep.tolist(), strict=True):
            texts[index] = text
            if common:
                self._kept[int(unique[index])] = text
        return [text for text in map(texts.__getitem__, inverse.tolist()) if text is not None]

    def _make(self, tracks: Int32Array) -> list[bytes]:
        """Write the text of each track anew."""
        album = self._catalogue.track_album[tracks]
        artist = self._catalogue.album_artist[album]
        ids = [
            [raw.decode() for raw in spotify_ids(numbers, 3 * self._seed + kind).tolist()]
            for kind, numbers in enumerate((tracks, artist, album))
        ]
        quote, seed = json.encoder.encode_basestring_ascii, self._seed
        return [
            (
                _TRACK
                % (
                    quote(artist_name(a, seed)),
                    track_id,
                    artist_id,
                    quote(track_name(t, seed)),
                    album_id,
                    duration,
                    quote(album_name(b, seed)),
                )
            ).encode()
            for t, a, b, duration, track_id, artist_id, album_id in zip(
                tracks.tolist(), artist.tolist(), album.tolist(), self.durations(tracks).tolist(), *ids,
                strict=True,
            )
        ]  # fmt: skip


def _distinct(row: Int32Array, value: Int32Array, n_rows: int) -> Int64Array:
    """How many different values each row holds, int64, shape (n_rows,)."""
    keys = np.unique(row.astype(np.int64) * 2**32 + value)
    return np.bincount(keys >> 32, minlength=n_rows)


def _rows_text(texts: TrackTexts, tracks: Interactions) -> list[list[bytes]]:
    """The pieces that make the tracks of each playlist: positions and texts in turn."""
    pieces: list[bytes] = [b""] * (2 * len(tracks.track_index))
    pieces[0::2] = [_POSITIONS[pos] for pos in tracks.position.tolist()]
    pieces[1::2] = texts.of(tracks.track_index)
    bounds = (2 * tracks.indptr).tolist()
    return [pieces[a:b] for a, b in pairwise(bounds)]


def slice_json(texts: TrackTexts, catalogue: SyntheticCatalogue, drawn: Drawn, first_pid: int) -> bytes:
    """Write playlists as the slice that begins with ``first_pid``."""
    tracks, n = drawn.tracks, len(drawn.titles)
    row, album = tracks.row_ids(), catalogue.track_album[tracks.track_index]
    artists = _distinct(row, catalogue.album_artist[album], n).tolist()
    albums = _distinct(row, album, n).tolist()
    lengths = tracks.lengths.tolist()
    milliseconds = np.bincount(row, texts.durations(tracks.track_index), n).astype(np.int64).tolist()
    rows = _rows_text(texts, tracks)
    quote = json.encoder.encode_basestring_ascii
    pieces = [(_SLICE_HEAD % (first_pid, first_pid + n - 1)).encode()]
    for i, title in enumerate(drawn.titles):
        about = drawn.descriptions[i]
        described = "" if about is None else f'            "description": {quote(about)},\n'
        facts = (
            quote(title),
            "true" if drawn.collaborative[i] else "false",
            first_pid + i,
            drawn.modified_at[i],
            lengths[i],
            albums[i],
            drawn.followers[i],
            described,
        )
        pieces.append(((",\n" if i else "") + _HEAD % facts).encode())
        pieces += rows[i]
        pieces.append((_TAIL % (drawn.edits[i], milliseconds[i], artists[i])).encode())
    return b"".join([*pieces, _END])


def challenge_json(
    texts: TrackTexts,
    pids: list[int],
    titles: list[str | None],
    holdouts: NDArray[np.int64],
    seeds: Interactions,
) -> bytes:
    """Write challenge playlists, in the order given; ``seeds`` carry their true positions."""
    rows = _rows_text(texts, seeds)
    counts = seeds.lengths.tolist()
    quote = json.encoder.encode_basestring_ascii
    pieces = [_CHALLENGE_HEAD.encode()]
    for i, (pid, title, held_out) in enumerate(zip(pids, titles, holdouts.tolist(), strict=True)):
        name = "" if title is None else f'            "name": {quote(title)},\n'
        head = _CHALLENGE_PLAYLIST % (name, held_out, pid, held_out + counts[i])
        pieces.append(((",\n" if i else "") + head).encode())
        if rows[i]:
            pieces += [rows[i][0].removeprefix(b","), *rows[i][1:], b"\n            "]
        pieces.append(f'],\n            "num_samples": {counts[i]}\n        }}'.encode())
    return b"".join([*pieces, _END])
