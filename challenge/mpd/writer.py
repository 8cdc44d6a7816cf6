"""Writes playlists as an MPD and queries as a challenge set, in the official formats."""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

import msgspec
import numpy as np
import orjson

from challenge import progress
from challenge.data.catalog import Catalog
from challenge.data.dataset import Queries
from challenge.data.interactions import Interactions
from challenge.data.playlists import Playlists
from challenge.data.strings import StringTable
from challenge.data.vocabulary import Vocabulary
from challenge.files import atomic_file
from challenge.mpd.columns import pick
from challenge.types import Int64Array

_SLICE_PIDS: Final = 1000
_ZIP_DATE: Final = (2017, 12, 3, 0, 0, 0)
_DATE: Final = "2018-01-16 08:47:28.198015"


class TrackJson:
    """The JSON of tracks of ``catalog``, all but the position, made once for each distinct one asked for."""

    def __init__(self, catalog: Catalog, album_names: StringTable | None) -> None:
        self.catalog = catalog
        self._album_names = album_names

    def fragments(self, indices: np.ndarray) -> dict[int, bytes]:
        """JSON fields of each distinct track, without the leading brace."""
        catalog, distinct = self.catalog, np.unique(indices)
        artists, albums = catalog.track_artist[distinct], catalog.track_album[distinct]
        album_names = self._album_names
        columns = {
            "artist_name": pick(catalog.artist_names, artists),
            "track_uri": catalog.tracks.uris(distinct),
            "artist_uri": catalog.artists.uris(artists),
            "track_name": pick(catalog.track_names, distinct),
            "album_uri": catalog.albums.uris(albums),
            "duration_ms": catalog.track_duration_ms[distinct].tolist(),
            "album_name": [""] * len(distinct) if album_names is None else pick(album_names, albums),
        }
        rows = zip(*columns.values(), strict=True)
        texts = (orjson.dumps(dict(zip(columns, row, strict=True)))[1:] for row in rows)
        return dict(zip(distinct.tolist(), texts, strict=True))

    def counts(self, indices: np.ndarray) -> dict[str, int]:
        """Facts of a playlist that follow from its tracks."""
        catalog = self.catalog
        return {
            "num_tracks": len(indices),
            "num_albums": len(np.unique(catalog.track_album[indices])),
            "num_artists": len(np.unique(catalog.track_artist[indices])),
            "duration_ms": int(catalog.track_duration_ms[indices].sum(dtype=np.int64)),
        }


def _tracks_json(rows: Interactions, row: int, fragments: dict[int, bytes]) -> bytes:
    places = rows.row_positions(row).tolist()
    parts = (
        b'{"pos":%d,%b' % (place, fragments[track])
        for place, track in zip(places, rows.row(row).tolist(), strict=True)
    )
    return b'"tracks":[' + b",".join(parts) + b"]"


def _record(fields: dict[str, Any], tracks: bytes) -> bytes:
    return orjson.dumps(fields)[:-1] + b"," + tracks + b"}"


def write_mpd(playlists: Playlists, rows: Int64Array, tracks: TrackJson, path: Path) -> None:
    """Write the given rows of ``playlists`` as a zip of slices of a thousand pids each.

    Raises:
        ResourceError: the disk is full; nothing half written is left.
    """
    slices = list(_by_slice(playlists, rows))
    with atomic_file(path) as file, ZipFile(file, "w") as archive:
        for first, some in progress.track(slices, "write the training data", unit="slices"):
            name = f"{first}-{first + _SLICE_PIDS - 1}"
            content = slice_json(playlists.take(some), name, tracks)
            add_to_zip(archive, f"data/mpd.slice.{name}.json", content)


def add_to_zip(archive: ZipFile, name: str, content: bytes) -> None:
    """Compress a file into an archive; equal files give equal bytes, whenever they are written."""
    info = ZipInfo(name, _ZIP_DATE)
    info.external_attr = 0o644 << 16
    archive.writestr(info, content, ZIP_DEFLATED, compresslevel=1)


def _by_slice(playlists: Playlists, rows: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """Rows by the thousand of their pids: first pid of the slice, and its rows in order of pid."""
    pid = np.asarray(playlists.pid)[rows]
    ordered = rows[np.argsort(pid, kind="stable")]
    thousand = np.asarray(playlists.pid)[ordered] // _SLICE_PIDS
    starts = np.flatnonzero(np.diff(thousand, prepend=-1))
    for part in np.split(ordered, starts[1:]):
        if len(part):
            yield int(playlists.pid[part[0]]) // _SLICE_PIDS * _SLICE_PIDS, part


def slice_json(
    playlists: Playlists, name: str, tracks: TrackJson, descriptions: Sequence[str | None] | None = None
) -> bytes:
    """Return a slice of these playlists; ``name`` is its first and its last pid, as in "0-999"."""
    fragments = tracks.fragments(playlists.interactions.track_index)
    facts = [_playlist_facts(playlists, row, tracks) for row in range(len(playlists))]
    for fact, text in zip(facts, descriptions or (), strict=False):
        if text is not None:
            fact["description"] = text
    records = [
        _record(fact, _tracks_json(playlists.interactions, row, fragments)) for row, fact in enumerate(facts)
    ]
    info = orjson.dumps({"generated_on": _DATE, "slice": name, "version": "v1"})
    return b'{"info":' + info + b',"playlists":[' + b",\n".join(records) + b"]}"


def _playlist_facts(playlists: Playlists, row: int, tracks: TrackJson) -> dict[str, Any]:
    return {
        "name": playlists.title(row) or "",
        "collaborative": "true" if playlists.collaborative[row] else "false",
        "pid": int(playlists.pid[row]),
        "modified_at": int(playlists.modified_at[row]),
        "num_followers": int(playlists.num_followers[row]),
        "num_edits": int(playlists.num_edits[row]),
        **tracks.counts(playlists.interactions.row(row)),
    }


def challenge_set_json(queries: Queries, tracks: TrackJson) -> bytes:
    """Return ``challenge_set.json``; titles that a category does not give are missing there."""
    fragments = tracks.fragments(queries.seeds.track_index)
    records: Sequence[bytes] = [
        _record(_challenge_fields(queries, row), _tracks_json(queries.seeds, row, fragments))
        for row in range(len(queries))
    ]
    head = orjson.dumps({"date": _DATE, "version": "v1"})[:-1]
    return head + b',"playlists":[' + b",\n".join(records) + b"]}"


def _challenge_fields(queries: Queries, row: int) -> dict[str, Any]:
    samples, holdouts = int(queries.seeds.lengths[row]), int(queries.num_holdouts[row])
    title = queries.titles[row]
    named = {} if title is None else {"name": title}
    counts = {"num_holdouts": holdouts, "num_samples": samples, "num_tracks": samples + holdouts}
    return {**named, "pid": int(queries.pid[row]), **counts}


def answers_of(queries: Queries, holdout: Interactions, tracks: Vocabulary) -> dict[str, dict[str, Any]]:
    """Return what is held out as an answers file has it: pid → ``{"category", "holdout": [uri, …]}``."""
    return {
        str(pid): {"category": category.value, "holdout": tracks.uris(holdout.row(row))}
        for row, (pid, category) in enumerate(zip(queries.pid.tolist(), queries.categories, strict=True))
    }


def laid_out(content: bytes) -> bytes:
    """Lay JSON out as the official files are: indented by four and in ASCII, as ``json.dumps`` would."""
    return msgspec.json.format(content, indent=4).decode().encode("ascii", _ESCAPED)


def _escaped(error: UnicodeError) -> tuple[str, int]:
    """Write what is not ASCII as JSON's escapes."""
    assert isinstance(error, UnicodeEncodeError)
    return json.dumps(error.object[error.start : error.end])[1:-1], error.end


_ESCAPED: Final = "challenge.json"
codecs.register_error(_ESCAPED, _escaped)
