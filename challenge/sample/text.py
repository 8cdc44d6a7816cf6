"""Writes drawn playlists as the official JSON, indented by four, as ``json.dumps`` would.

All but the tracks is left to ``json.dumps``, which takes too long over a million playlists' tracks.
"""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from challenge.data.interactions import Interactions
from challenge.sample.catalogue import SyntheticCatalogue
from challenge.sample.draw import Drawn
from challenge.sample.names import album_name, artist_name, durations_ms, spotify_ids, track_name
from challenge.types import ALBUM_PREFIX, ARTIST_PREFIX, TRACK_PREFIX, Int32Array, Int64Array

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


class TrackTexts:
    """Tracks as JSON."""

    def __init__(self, catalogue: SyntheticCatalogue, seed: int) -> None:
        self._catalogue = catalogue
        self._seed = seed

    def uris(self, tracks: Int32Array) -> list[str]:
        """Track URIs."""
        return [TRACK_PREFIX + raw.decode() for raw in spotify_ids(tracks, 3 * self._seed).tolist()]

    def durations(self, tracks: Int32Array) -> Int32Array:
        """Milliseconds of each track, int32."""
        return durations_ms(tracks, self._seed)

    def of(self, tracks: Int32Array) -> list[str]:
        """Text of each track from its ``artist_name`` to its closing brace."""
        album = self._catalogue.track_album[tracks]
        artist = self._catalogue.album_artist[album]
        ids = [
            [raw.decode() for raw in spotify_ids(numbers, 3 * self._seed + kind).tolist()]
            for kind, numbers in enumerate((tracks, artist, album))
        ]
        quote, seed = json.encoder.encode_basestring_ascii, self._seed
        return [
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
            for t, a, b, duration, track_id, artist_id, album_id in zip(
                tracks.tolist(), artist.tolist(), album.tolist(), self.durations(tracks).tolist(), *ids,
                strict=True,
            )
        ]  # fmt: skip


def _distinct(row: Int32Array, value: Int32Array, n_rows: int) -> Int64Array:
    """How many different values each row holds, int64, shape (n_rows,)."""
    keys = np.unique(row.astype(np.int64) * 2**32 + value)
    return np.bincount(keys >> 32, minlength=n_rows)


def _rows_json(texts: TrackTexts, tracks: Interactions) -> list[str]:
    """The JSON of each playlist's list of tracks."""
    distinct, index = np.unique(tracks.track_index, return_inverse=True)
    text = texts.of(distinct)
    rows = [
        f'\n                {{\n                    "pos": {pos},\n{text[track]}'
        for pos, track in zip(tracks.position.tolist(), index.tolist(), strict=True)
    ]
    bounds = pairwise(tracks.indptr.tolist())
    return [f"[{','.join(rows[a:b])}\n            ]" if a < b else "[]" for a, b in bounds]


def _indented(head: dict[str, Any], playlists: list[dict[str, Any]], rows: list[str]) -> bytes:
    """Write playlists behind the head of their file, with the rows in place of each empty list of tracks."""
    text = json.dumps({**head, "playlists": playlists}, indent=4)
    parts = text.split('"tracks": []')
    return '"tracks": '.join([parts[0], *map("".join, zip(rows, parts[1:], strict=True))]).encode()


def slice_json(texts: TrackTexts, catalogue: SyntheticCatalogue, drawn: Drawn, first_pid: int) -> bytes:
    """Write playlists as the slice that begins with ``first_pid``."""
    tracks, n = drawn.tracks, len(drawn.titles)
    row, album = tracks.row_ids(), catalogue.track_album[tracks.track_index]
    artists = _distinct(row, catalogue.album_artist[album], n)
    albums = _distinct(row, album, n)
    milliseconds = np.bincount(row, texts.durations(tracks.track_index), n)
    playlists: list[dict[str, Any]] = [
        {
            "name": title,
            "collaborative": "true" if drawn.collaborative[i] else "false",
            "pid": first_pid + i,
            "modified_at": int(drawn.modified_at[i]),
            "num_tracks": int(tracks.lengths[i]),
            "num_albums": int(albums[i]),
            "num_followers": int(drawn.followers[i]),
            **({} if drawn.descriptions[i] is None else {"description": drawn.descriptions[i]}),
            "tracks": [],
            "num_edits": int(drawn.edits[i]),
            "duration_ms": int(milliseconds[i]),
            "num_artists": int(artists[i]),
        }
        for i, title in enumerate(drawn.titles)
    ]
    info = {
        "generated_on": "2017-12-03 08:41:42.057563",
        "slice": f"{first_pid}-{first_pid + n - 1}",
        "version": "v1",
    }
    return _indented({"info": info}, playlists, _rows_json(texts, tracks))


def challenge_json(
    texts: TrackTexts,
    pids: list[int],
    titles: list[str | None],
    holdouts: NDArray[np.int64],
    seeds: Interactions,
) -> bytes:
    """Write challenge playlists, in the order given; ``seeds`` carry their true positions."""
    counts = zip(pids, titles, holdouts.tolist(), seeds.lengths.tolist(), strict=True)
    playlists = [
        {
            **({} if title is None else {"name": title}),
            "num_holdouts": held_out,
            "pid": pid,
            "num_tracks": held_out + given,
            "tracks": [],
            "num_samples": given,
        }
        for pid, title, held_out, given in counts
    ]
    head = {"date": "2018-01-16 08:47:28.198015", "version": "v1"}
    return _indented(head, playlists, _rows_json(texts, seeds))
