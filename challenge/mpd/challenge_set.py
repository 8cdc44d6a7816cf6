"""Reads a challenge set and tells the category of each playlist."""

from __future__ import annotations

import gzip
import hashlib
import zlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final

import msgspec
import numpy as np

from challenge.data.ragged import indptr_from_lengths
from challenge.data.strings import StringTable
from challenge.data.vocabulary import ids_of
from challenge.errors import FormatError, InputError, MissingInputError
from challenge.inputs import open_regular, read_limited, read_regular
from challenge.mpd.file_kind import FileKind, refuse_other_kind
from challenge.mpd.records import (
    REPAIR_HINT,
    Count,
    Pid,
    TrackRecord,
    decode_playlists,
    filled_positions,
    playlist_fault,
)
from challenge.mpd.zip_reader import open_zip, read_entry
from challenge.types import (
    ALBUM_PREFIX,
    ARTIST_PREFIX,
    TRACK_PREFIX,
    Category,
    IdArray,
    Int32Array,
    Int64Array,
)

OFFICIAL_MD5: Final = "44fc1aeb1116da7a7607922d4b53b3b5"
_FILE_NAME: Final = "challenge_set.json"
_WANTED: Final = "name the official challenge_set.json, or the zip or .gz that holds it"


@dataclass(frozen=True, eq=False)
class ChallengeSet:
    """Q playlists to continue with S seeds in all, as the file gives them.

    Attributes:
        source: the file read.
        md5: of the JSON, also where it came compressed.
        pid, num_holdouts, num_tracks: int32, shape (Q,).
        titles: Q titles as written; None where not given.
        categories: Q categories.
        indptr: where each playlist's seeds begin, int64, shape (Q + 1,).
        track_ids, artist_ids, album_ids: of each seed, S22, shape (S,).
        position: place in the full playlist from 0, int32, shape (S,).
        duration_ms: int32, shape (S,).
        track_names, artist_names: S names each.
    """

    source: Path
    md5: str
    pid: Int32Array
    num_holdouts: Int32Array
    num_tracks: Int32Array
    titles: tuple[str | None, ...]
    categories: tuple[Category, ...]
    indptr: Int64Array
    track_ids: IdArray
    artist_ids: IdArray
    album_ids: IdArray
    position: Int32Array
    duration_ms: Int32Array
    track_names: StringTable
    artist_names: StringTable

    @property
    def is_official(self) -> bool:
        """Whether it is the challenge set of 2018, byte for byte."""
        return self.md5 == OFFICIAL_MD5

    def counts(self) -> dict[Category, int]:
        """How many playlists each of the ten categories has, in their order."""
        found = Counter(self.categories)
        return {category: found[category] for category in Category}


class _PlaylistRecord(msgspec.Struct):
    pid: Pid
    tracks: list[TrackRecord]
    name: str | None = None
    num_holdouts: Count | None = None
    num_samples: Count | None = None
    num_tracks: Count | None = None


def read_challenge_set(path: Path | str) -> ChallengeSet:
    """Read ``challenge_set.json``, a zip that holds it, its .gz, or the folder it lies in.

    Raises:
        MissingInputError: nothing there.
        FormatError: damaged, not JSON, empty, or a playlist that is none of the ten kinds.
    """
    source = Path(path)
    try:
        data = _read(source)
        playlists = _decode(data, source)
    except InputError:
        kinds = (FileKind.CHALLENGE_SET, FileKind.DATASET_FOLDER, FileKind.JSON)
        refuse_other_kind(source, "a challenge set", *kinds, hint=_WANTED)
        raise
    if not playlists:
        raise FormatError(f"{source}: the challenge set is empty: it has no playlists", hint=_WANTED)
    _require_distinct_pids(playlists, source)
    categories = tuple(_category(playlist, source) for playlist in playlists)
    return _as_arrays(playlists, categories, source, hashlib.md5(data, usedforsecurity=False).hexdigest())


def _read(source: Path) -> bytes:
    if source.is_dir():
        source /= _FILE_NAME
    with open_regular(source, hint=_WANTED) as file:
        magic = file.read(2)
    if magic == b"PK":
        return _read_zip(source)
    return _gunzip(source) if magic == b"\x1f\x8b" else read_regular(source, hint=_WANTED)


def _read_zip(source: Path) -> bytes:
    with open_zip(source) as archive:
        names = [name for name in archive.namelist() if PurePosixPath(name).name == _FILE_NAME]
        if len(names) != 1:
            raise MissingInputError(f"{source}: holds {len(names)} files named {_FILE_NAME}", hint=_WANTED)
    return read_entry(source, names[0])


def _gunzip(source: Path) -> bytes:
    with open_regular(source, hint=_WANTED) as file, gzip.GzipFile(fileobj=file) as text:
        try:
            return read_limited(text, str(source))
        except (OSError, EOFError, zlib.error) as error:
            raise FormatError(f"{source}: damaged or truncated gzip: {error}", hint=REPAIR_HINT) from error


def _decode(data: bytes, source: Path) -> list[_PlaylistRecord]:
    playlists = list(decode_playlists(data, str(source), _PlaylistRecord, hint=_WANTED))
    for playlist in playlists:
        fault = playlist_fault(msgspec.to_builtins(playlist)) or _count_fault(playlist)
        if fault is not None:
            raise FormatError(f"{source}, playlist {playlist.pid}: {fault}", hint=REPAIR_HINT)
    return playlists


def _count_fault(playlist: _PlaylistRecord) -> str | None:
    given, held_out, total = len(playlist.tracks), playlist.num_holdouts, playlist.num_tracks
    if playlist.num_samples is not None and playlist.num_samples != given:
        return f"num_samples is {playlist.num_samples}, but {given} tracks are given"
    if total is None:
        return "num_holdouts is missing; expected a whole number" if held_out is None else None
    if total < given:
        return f"num_tracks is {total}, but {given} tracks are given"
    if held_out is not None and total != given + held_out:
        return f"num_tracks is {total}, but {given} tracks are given and {held_out} held out"
    return None


def _require_distinct_pids(playlists: Sequence[_PlaylistRecord], source: Path) -> None:
    repeated = [pid for pid, count in Counter(p.pid for p in playlists).items() if count > 1]
    if repeated:
        message = f"{source}: playlist {repeated[0]} stands there more than once ({len(repeated)} such pids)"
        raise FormatError(message, hint=REPAIR_HINT)


_BY_SHAPE: Final = {(c.seed_count, c.has_title, c.is_random): c for c in Category}


def _category(playlist: _PlaylistRecord, source: Path) -> Category:
    """Tell the category: random ones show only by a position behind the number of seeds."""
    count = len(playlist.tracks)
    shape = (count, playlist.name is not None, any(track.pos >= count for track in playlist.tracks))
    if shape not in _BY_SHAPE:
        message = f"{source}, playlist {playlist.pid}: {_shape(*shape)}, which is none of the ten kinds"
        known = "; ".join(_shape(*known) for known in _BY_SHAPE)
        raise FormatError(message, hint=f"the ten kinds are: {known}")
    return _BY_SHAPE[shape]


def _shape(count: int, has_title: bool, is_random: bool) -> str:
    title = "title" if has_title else "no title"
    place = "" if count == 0 else " at random places" if is_random else " from the beginning"
    return f"{title}, {count} seeds{place}"


def _as_arrays(
    playlists: Sequence[_PlaylistRecord], categories: tuple[Category, ...], source: Path, md5: str
) -> ChallengeSet:
    seeds = [track for playlist in playlists for track in playlist.tracks]
    counts = np.array([len(playlist.tracks) for playlist in playlists], np.int64)

    def column(field: Callable[[Any], int], rows: Sequence[Any]) -> Int32Array:
        return np.array([field(row) for row in rows], np.int32)

    holdouts = column(_num_holdouts, playlists)
    return ChallengeSet(
        source=source,
        md5=md5,
        pid=column(lambda p: p.pid, playlists),
        num_holdouts=holdouts,
        num_tracks=(holdouts + counts).astype(np.int32),
        titles=tuple(playlist.name for playlist in playlists),
        categories=categories,
        indptr=indptr_from_lengths(counts),
        track_ids=ids_of((t.track_uri for t in seeds), TRACK_PREFIX),
        artist_ids=ids_of((t.artist_uri for t in seeds), ARTIST_PREFIX),
        album_ids=ids_of((t.album_uri for t in seeds), ALBUM_PREFIX),
        position=filled_positions(column(lambda t: t.pos, seeds), counts),
        duration_ms=column(lambda t: t.duration_ms, seeds),
        track_names=StringTable.from_strings(t.track_name for t in seeds),
        artist_names=StringTable.from_strings(t.artist_name for t in seeds),
    )


def _num_holdouts(playlist: _PlaylistRecord) -> int:
    if playlist.num_holdouts is not None:
        return playlist.num_holdouts
    return (playlist.num_tracks or 0) - len(playlist.tracks)
