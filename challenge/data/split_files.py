"""Writes a split in the official formats, so that any tool can be trained and scored on it."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import orjson

from challenge import progress
from challenge.artifacts import atomic_file, write_bytes, write_json
from challenge.data.catalog import Catalog
from challenge.data.columns import pick
from challenge.data.interactions import Interactions
from challenge.data.playlists import Playlists
from challenge.data.split import Split
from challenge.data.strings import StringTable

_SLICE_PIDS: Final = 1000
_DATE: Final = "2018-01-16 08:47:28.198015"
_ZIP_TIME: Final = (2018, 1, 16, 8, 47, 28)


def write_split(split: Split, folder: Path | str) -> dict[str, Path]:
    """Write ``mpd.zip`` (training), ``challenge_set.json`` and ``answers.json``.

    Equal splits give equal bytes. The training playlists keep their pids; descriptions, which the store does
    not keep, are missing.

    Returns:
        The three paths by "mpd", "challenge_set" and "answers".

    Raises:
        ResourceError: the disk is full; none of the files is left half written.
    """
    folder = Path(folder)
    paths = {
        "mpd": folder / "mpd.zip",
        "challenge_set": folder / "challenge_set.json",
        "answers": folder / "answers.json",
    }
    tracks = _TrackText(split.source.catalog, getattr(split.source, "album_names", None))
    _write_training(split, tracks, paths["mpd"])
    write_bytes(paths["challenge_set"], _challenge_set_json(split, tracks))
    write_json(paths["answers"], split.answers())
    return paths


class _TrackText:
    """The JSON of tracks, all but their position, made once for each distinct track asked for."""

    def __init__(self, catalog: Catalog, album_names: StringTable | None) -> None:
        self._catalog = catalog
        self._album_names = album_names

    def fragments(self, indices: np.ndarray) -> dict[int, bytes]:
        """JSON fields of each distinct track, without the leading brace."""
        catalog, distinct = self._catalog, np.unique(indices)
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
        catalog = self._catalog
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


def _write_training(split: Split, tracks: _TrackText, path: Path) -> None:
    playlists = split.source.playlists
    slices = list(_by_slice(playlists, split.train_rows))
    with (
        atomic_file(path) as file,
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as zipped,
    ):
        for first, rows in progress.track(slices, "Writing the training data", unit="slices"):
            name = f"{first}-{first + _SLICE_PIDS - 1}"
            entry = zipfile.ZipInfo(f"data/mpd.slice.{name}.json", _ZIP_TIME)
            entry.compress_type = zipfile.ZIP_DEFLATED
            zipped.writestr(entry, _slice_json(playlists.take(rows), name, tracks), compresslevel=1)


def _by_slice(playlists: Playlists, rows: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """Rows by the thousand of their pids: first pid of the slice, and its rows in order of pid."""
    pid = np.asarray(playlists.pid)[rows]
    ordered = rows[np.argsort(pid, kind="stable")]
    thousand = np.asarray(playlists.pid)[ordered] // _SLICE_PIDS
    starts = np.flatnonzero(np.diff(thousand, prepend=-1))
    for part in np.split(ordered, starts[1:]):
        if len(part):
            yield int(playlists.pid[part[0]]) // _SLICE_PIDS * _SLICE_PIDS, part


def _slice_json(playlists: Playlists, name: str, tracks: _TrackText) -> bytes:
    fragments = tracks.fragments(playlists.interactions.track_index)
    records = [_playlist_json(playlists, row, tracks, fragments) for row in range(len(playlists))]
    info = orjson.dumps({"generated_on": _DATE, "slice": name, "version": "v1"})
    return b'{"info":' + info + b',"playlists":[' + b",\n".join(records) + b"]}"


def _playlist_json(playlists: Playlists, row: int, tracks: _TrackText, fragments: dict[int, bytes]) -> bytes:
    fields = {
        "name": playlists.title(row) or "",
        "collaborative": "true" if playlists.collaborative[row] else "false",
        "pid": int(playlists.pid[row]),
        "modified_at": int(playlists.modified_at[row]),
        "num_followers": int(playlists.num_followers[row]),
        "num_edits": int(playlists.num_edits[row]),
        **tracks.counts(playlists.interactions.row(row)),
    }
    return _record(fields, _tracks_json(playlists.interactions, row, fragments))


def _challenge_set_json(split: Split, tracks: _TrackText) -> bytes:
    queries = split.queries
    fragments = tracks.fragments(queries.seeds.track_index)
    records: Sequence[bytes] = [
        _record(_challenge_fields(split, row), _tracks_json(queries.seeds, row, fragments))
        for row in range(len(queries))
    ]
    head = orjson.dumps({"date": _DATE, "version": "v1"})[:-1]
    return head + b',"playlists":[' + b",\n".join(records) + b"]}"


def _challenge_fields(split: Split, row: int) -> dict[str, Any]:
    queries = split.queries
    samples, holdouts = int(queries.seeds.lengths[row]), int(queries.num_holdouts[row])
    title = queries.titles[row]
    named = {} if title is None else {"name": title}
    counts = {"num_holdouts": holdouts, "num_samples": samples, "num_tracks": samples + holdouts}
    return {**named, "pid": int(queries.pid[row]), **counts}
