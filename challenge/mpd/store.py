"""The MPD as a memory-mapped store, made once for each content and opened in a moment afterwards.

A store is a folder of .npy columns with ``manifest.json``. Its name is a hash of the slices' names, sizes and
checksums, so that a zip, its unpacked folder and a copy of either share one store. The folder appears under
its name only when complete.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from challenge import progress
from challenge.data.catalog import Catalog
from challenge.data.interactions import Interactions
from challenge.data.playlists import Playlists
from challenge.data.strings import StringTable
from challenge.data.vocabulary import Vocabulary
from challenge.errors import FormatError, InputError, MissingInputError
from challenge.files import (
    atomic_directory,
    default_cache_dir,
    disk_full_explained,
    read_json,
    require_disk,
    write_json,
)
from challenge.mpd.build import build_columns, checksummed
from challenge.mpd.columns import load_column, load_strings
from challenge.mpd.file_kind import MPD_KINDS, FileKind, kind_of, refuse_other_kind
from challenge.mpd.slices import SliceFile, content_hash, find_slices
from challenge.types import ALBUM_PREFIX, ARTIST_PREFIX, TRACK_PREFIX
from challenge.versions import package_versions

STORE_VERSION: Final = 1
_MANIFEST: Final = "manifest.json"
_MPD_WANTED: Final = "name the MPD: the official mpd.zip, or the folder it was unpacked to"
_STORE_WANTED: Final = "name a store that 'challenge prepare' made, or the MPD itself with --mpd"
_ABANDONED_SECONDS: Final = 86_400
_JSON_BYTES_PER_STORE_BYTE: Final = 15
"""A store takes about a 40th of the whole MPD's JSON, and a 16th of a small part's, mostly new tracks."""


@dataclass(frozen=True, eq=False)
class Store:
    """An MPD, or a part of it.

    Attributes:
        path: the folder.
        playlists: all playlists in the order of slices.
        catalog: their tracks, numbered by first occurrence.
        manifest: counts, slices and content hash.
    """

    path: Path
    playlists: Playlists
    catalog: Catalog
    manifest: Mapping[str, Any] = field(default_factory=dict)

    @property
    def album_names(self) -> StringTable:
        """Names of the albums, which only writing the official format needs."""
        return load_strings(self.path, "album_names")

    @property
    def content_hash(self) -> str:
        """SHA-256 that stands for the input's content."""
        return str(self.manifest["content_hash"])


def prepare_store(
    path: Path | str, *, cache_dir: Path | str | None = None, workers: int | None = None
) -> Store:
    """Open the store of an MPD, making it first unless it is there already.

    Args:
        path: the official zip (never unpacked), an unpacked folder, or any part of its slices; or a store.
        cache_dir: where stores are kept; :func:`challenge.files.default_cache_dir` unless given.
        workers: processes that read; one for each core unless given. Results do not depend on it.

    Raises:
        MissingInputError: nothing there, or no slices in it.
        FormatError: not a zip, a damaged one, or a slice that is not in the official format.
        ResourceError: the disk is full, or a worker was killed.
    """
    if is_store(Path(path)):
        return open_store(path)
    slices = checksummed(_find_slices(Path(path)), workers=workers)
    key = content_hash(slices, version=STORE_VERSION)
    folder = Path(cache_dir or default_cache_dir()) / f"mpd-{key[:20]}"
    if is_store(folder):
        progress.message(f"Using the store {folder}")
        return open_store(folder)
    _build(slices, folder, key, workers)
    return open_store(folder)


def _find_slices(path: Path) -> list[SliceFile]:
    try:
        return find_slices(path)
    except InputError:
        refuse_other_kind(path, "the MPD", *MPD_KINDS, hint=_MPD_WANTED)
        raise


def _build(slices: list[SliceFile], folder: Path, key: str, workers: int | None) -> None:
    needed = sum(file.size for file in slices) // _JSON_BYTES_PER_STORE_BYTE
    with disk_full_explained(folder, needed=needed):
        _discard_broken(folder)
        with atomic_directory(folder) as temporary:
            require_disk(temporary, needed)
            counts = build_columns(slices, temporary, workers=workers)
            write_json(temporary / _MANIFEST, _manifest(slices, temporary, key, counts))


def _manifest(slices: list[SliceFile], folder: Path, key: str, counts: dict[str, int]) -> dict[str, Any]:
    return {
        "store_version": STORE_VERSION,
        "content_hash": key,
        "counts": counts,
        "slices": [file.name for file in slices],
        "json_bytes": sum(file.size for file in slices),
        "files": {file.name: file.stat().st_size for file in sorted(folder.iterdir())},
        "versions": package_versions(),
    }


def _discard_broken(folder: Path) -> None:
    """Make room where a store lost files later, and drop what builds that were killed left long ago."""
    shutil.rmtree(folder, ignore_errors=True)
    for remains in folder.parent.glob(f".{folder.name}.*"):
        if time.time() - remains.stat().st_mtime > _ABANDONED_SECONDS:
            shutil.rmtree(remains, ignore_errors=True)


def is_store(folder: Path) -> bool:
    """Whether ``folder`` is a complete store of this version."""
    try:
        manifest = read_json(folder / _MANIFEST)
        sizes = manifest["files"].items()
        return manifest["store_version"] == STORE_VERSION and all(
            (folder / name).stat().st_size == size for name, size in sizes
        )
    except (FormatError, MissingInputError, KeyError, TypeError, AttributeError, OSError):
        return False


def open_store(path: Path | str) -> Store:
    """Map a store that :func:`prepare_store` made.

    Raises:
        MissingInputError: nothing there.
        FormatError: not a complete store of this version.
    """
    folder = Path(path)
    if not folder.exists():
        raise MissingInputError(f"{folder}: no such store", hint=_STORE_WANTED)
    if kind_of(folder) is not FileKind.STORE:
        raise FormatError(f"{folder}: not a store of the MPD", hint=_STORE_WANTED)
    if not is_store(folder):
        hint = "delete it and prepare it from the MPD again"
        raise FormatError(f"{folder}: not a complete store of version {STORE_VERSION}", hint=hint)
    return Store(folder, _playlists(folder), _catalog(folder), read_json(folder / _MANIFEST))


def _playlists(folder: Path) -> Playlists:
    return Playlists(
        pid=load_column(folder, "pid"),
        title_index=load_column(folder, "title_index"),
        titles=load_strings(folder, "titles"),
        num_followers=load_column(folder, "num_followers"),
        num_edits=load_column(folder, "num_edits"),
        modified_at=load_column(folder, "modified_at"),
        collaborative=load_column(folder, "collaborative"),
        has_description=load_column(folder, "has_description"),
        interactions=Interactions(
            load_column(folder, "indptr"),
            load_column(folder, "track_index"),
            load_column(folder, "position"),
        ),
    )


def _catalog(folder: Path) -> Catalog:
    return Catalog(
        tracks=Vocabulary(load_column(folder, "tracks"), TRACK_PREFIX),
        artists=Vocabulary(load_column(folder, "artists"), ARTIST_PREFIX),
        albums=Vocabulary(load_column(folder, "albums"), ALBUM_PREFIX),
        track_artist=load_column(folder, "track_artist"),
        track_album=load_column(folder, "track_album"),
        track_duration_ms=load_column(folder, "track_duration_ms"),
        track_names=load_strings(folder, "track_names"),
        artist_names=load_strings(folder, "artist_names"),
    )
