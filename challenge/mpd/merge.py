"""Joins slices, in their order, into the columns of a store."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from challenge.data.ragged import indptr_from_lengths
from challenge.data.strings import StringTable
from challenge.errors import FormatError
from challenge.mpd.columns import ColumnWriter, StringWriter, pick, save_column
from challenge.mpd.reader import PLAYLIST_COLUMNS, SliceColumns, number
from challenge.mpd.records import REPAIR_HINT
from challenge.types import ALBUM_PREFIX, ARTIST_PREFIX, ID_LENGTH, TRACK_PREFIX, Int32Array

_COLUMNS = {
    "playlists.title_index": np.int32,
    "playlists.interactions.track_index": np.int32,
    "playlists.interactions.position": np.int32,
    "catalog.track_artist": np.int32,
    "catalog.track_album": np.int32,
    "catalog.track_duration_ms": np.int32,
    **{f"playlists.{name}": dtype for name, dtype in PLAYLIST_COLUMNS.items() if name != "lengths"},
}
"""Columns that grow with every slice, by the names that ``load_record`` looks for."""
_PREFIXES = {"tracks": TRACK_PREFIX, "artists": ARTIST_PREFIX, "albums": ALBUM_PREFIX}


class Merger:
    """Numbers tracks, artists, albums and titles by first occurrence and appends to the store's columns.

    Memory grows with the distinct tracks only: rows go to disk as they come.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._columns = {
            name: ColumnWriter(folder / f"{name}.npy", dtype) for name, dtype in _COLUMNS.items()
        }
        self._track_names = StringWriter(folder, "catalog.track_names")
        self._artist_names = StringWriter(folder, "catalog.artist_names")
        self._album_names = StringWriter(folder, "album_names")
        self._tracks: dict[bytes, int] = {}
        self._artists: dict[bytes, int] = {}
        self._albums: dict[bytes, int] = {}
        self._titles: dict[str, int] = {}
        self._slices: list[str] = []
        self._playlists: list[np.ndarray] = []

    def add(self, part: SliceColumns, name: str) -> None:
        """Append one slice; slices must come in order."""
        self._slices.append(name)
        self._playlists.append(part.playlists[["pid", "lengths"]].copy())
        new = {f"playlists.{column}": part.playlists[column] for column in PLAYLIST_COLUMNS}
        new["playlists.title_index"] = self._number_titles(part.titles)
        new["playlists.interactions.track_index"] = self._number_tracks(part)[part.track_code]
        new["playlists.interactions.position"] = part.position
        for column in new.keys() & self._columns.keys():
            self._columns[column].append(new[column])

    def _number_titles(self, titles: list[str | None]) -> Int32Array:
        numbers = self._titles
        return np.array(
            [-1 if title is None else numbers.setdefault(title, len(numbers)) for title in titles], np.int32
        )

    def _number_tracks(self, part: SliceColumns) -> Int32Array:
        """Index of each of the slice's distinct tracks, int32; new tracks get their facts recorded."""
        indices, new = number(part.tracks.tolist(), self._tracks)
        # What a track's first occurrence says of it holds; its artist and album are new only with new tracks.
        artists, new_artists = number(part.artists[new].tolist(), self._artists)
        albums, new_albums = number(part.albums[new].tolist(), self._albums)
        self._columns["catalog.track_artist"].append(artists)
        self._columns["catalog.track_album"].append(albums)
        self._columns["catalog.track_duration_ms"].append(part.duration_ms[new])
        self._track_names.append(pick(part.track_names, new))
        self._artist_names.append(pick(part.artist_names, new[new_artists]))
        self._album_names.append(pick(part.album_names, new[new_albums]))
        return indices

    def finish(self) -> dict[str, int]:
        """Complete all columns and return their counts.

        Raises:
            FormatError: two playlists have the same pid.
        """
        self.close(complete=True)
        self._require_distinct_pids()
        lengths = np.concatenate([playlists["lengths"] for playlists in self._playlists])
        save_column(self._folder, "playlists.interactions.indptr", indptr_from_lengths(lengths))
        for name, ids in (("tracks", self._tracks), ("artists", self._artists), ("albums", self._albums)):
            save_column(self._folder, f"catalog.{name}.ids", np.fromiter(ids, f"S{ID_LENGTH}", len(ids)))
            save_column(self._folder, f"catalog.{name}.prefix", np.array(_PREFIXES[name]))
        titles = StringTable.from_strings(self._titles)
        save_column(self._folder, "playlists.titles.blob", titles.blob)
        save_column(self._folder, "playlists.titles.offsets", titles.offsets)
        return self._counts(lengths)

    def _counts(self, lengths: Int32Array) -> dict[str, int]:
        return {
            "playlists": len(lengths),
            "rows": int(lengths.sum(dtype=np.int64)),
            "tracks": len(self._tracks),
            "artists": len(self._artists),
            "albums": len(self._albums),
            "titles": len(self._titles),
        }

    def close(self, *, complete: bool) -> None:
        """Close the files; incomplete ones must be thrown away."""
        writers: list[ColumnWriter | StringWriter] = [*self._columns.values()]
        for writer in (*writers, self._track_names, self._artist_names, self._album_names):
            writer.close(complete=complete)

    def _require_distinct_pids(self) -> None:
        pid = np.concatenate([playlists["pid"] for playlists in self._playlists])
        order = np.argsort(pid, kind="stable")
        again = np.flatnonzero(pid[order][1:] == pid[order][:-1])
        if len(again) == 0:
            return
        ends = np.cumsum([len(playlists) for playlists in self._playlists])
        first, second = (
            self._slices[int(np.searchsorted(ends, order[again[0] + k], "right"))] for k in (0, 1)
        )
        where = f"twice in {first}" if first == second else f"in {first} and again in {second}"
        raise FormatError(
            f"playlist {pid[order[again[0]]]} stands {where}; expected each pid once"
            f" ({len(again):,} repeated in all)",
            hint=REPAIR_HINT,
        )
