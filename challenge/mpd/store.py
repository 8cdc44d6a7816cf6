"""The MPD as a memory-mapped store, made once for each content and opened in a moment afterwards.

A store is a sealed record of arrays with ``manifest.json``. Its folder is named by a hash of the files it was
made of, and appears under its name only when complete. Every byte is compared with its hash when it is
opened, and what is not as it was written is made again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import msgspec

from challenge import progress
from challenge.data.archive import load_record, seal_record
from challenge.data.catalog import Catalog
from challenge.data.faults import shape_faults
from challenge.data.playlists import Playlists
from challenge.data.strings import StringTable
from challenge.errors import FormatError, InputError, MissingInputError
from challenge.files import (
    atomic_directory,
    default_cache_dir,
    disk_full_explained,
    remove,
    require_disk,
    require_utf8,
    require_writable,
)
from challenge.locks import locked
from challenge.mpd.build import build_columns, hashed
from challenge.mpd.file_kind import MPD_KINDS, FileKind, kind_of, refuse_other_kind
from challenge.mpd.slices import SliceFile, find_slices, hash_of_files
from challenge.permissions import private_folder
from challenge.sealed import read_sealed, write_sealed
from challenge.versions import package_versions

STORE_VERSION: Final = 2
_MANIFEST: Final = "manifest.json"
_MPD_WANTED: Final = "name the MPD: the official mpd.zip, or the folder it was unpacked to"
_STORE_WANTED: Final = "name a store that 'challenge prepare' made, or the MPD itself with --mpd"
_AGAIN: Final = "delete it and prepare it from the MPD again: challenge prepare --mpd MPD"
_JSON_BYTES_PER_STORE_BYTE: Final = 15
"""A store takes about a 40th of the whole MPD's JSON, and a 16th of a small part's, mostly new tracks."""


class StoreManifest(msgspec.Struct, kw_only=True, frozen=True):
    """What a store is of.

    Attributes:
        of: SHA-256 of the files that it was made of, as they lie.
        content_hash: SHA-256 of the slices' names and JSON, however they were packed.
        counts: playlists, rows, tracks, artists, albums and titles.
        slices: their names in order.
        json_bytes: bytes of their JSON.
        store_bytes: bytes of the store.
        versions: of Python and packages.
        store_version: of this layout.
    """

    of: str
    content_hash: str
    counts: dict[str, int]
    slices: list[str]
    json_bytes: int
    store_bytes: int
    versions: dict[str, str]
    store_version: int = STORE_VERSION


@dataclass(frozen=True, eq=False)
class Store:
    """An MPD, or a part of it.

    Attributes:
        path: the folder.
        playlists: all playlists in the order of slices.
        catalog: their tracks, numbered by first occurrence.
        album_names: names of the albums, which only writing the official format needs.
        manifest: what it is of.
        made: whether it was made just now.
    """

    path: Path
    playlists: Playlists
    catalog: Catalog
    album_names: StringTable
    manifest: StoreManifest
    made: bool = False


@dataclass(frozen=True, eq=False)
class _Columns:
    """The arrays of a store."""

    playlists: Playlists
    catalog: Catalog
    album_names: StringTable

    def faults(self) -> Iterator[str]:
        yield from self.catalog.faults()
        yield from self.playlists.faults()
        yield from self.playlists.interactions.faults(len(self.playlists), self.catalog.n_tracks)
        yield from shape_faults((len(self.catalog.albums) + 1,), offsets=self.album_names.offsets)
        yield from self.album_names.faults()


def prepare_store(
    path: Path | str, *, cache_dir: Path | str | None = None, workers: int | None = None
) -> Store:
    """Open the store of an MPD, making it first unless it is there already, whole and of this version.

    Of two processes that want the same store one waits for the other.

    Args:
        path: the official zip (never unpacked), an unpacked folder, or any part of its slices; or a store.
        cache_dir: where stores are kept; :func:`challenge.files.default_cache_dir` unless given.
        workers: processes that read; one for each core unless given. Results do not depend on it.

    Raises:
        MissingInputError: nothing there, or no slices in it.
        FormatError: not a zip, a damaged one, or a slice that is not in the official format.
        InputError: others may write to the cache, or it cannot be written.
        ConfigError: there is no cache, or its name is not in UTF-8.
        ResourceError: the disk is full or read-only, or a worker was killed.
    """
    if is_store(Path(path)):
        return open_store(path)
    cache = Path(cache_dir or default_cache_dir())
    require_utf8(cache.absolute())
    slices = hashed(_find_slices(Path(path)), workers=workers)
    key = hash_of_files(slices)
    if not cache.is_dir():
        require_writable(cache)
    private_folder(cache)
    folder = cache / f"mpd-{key[:20]}"
    with locked(cache / f".{folder.name}.lock", f"the store {folder}", wait=True):
        if folder.exists():
            try:
                store = open_store(folder, of=key)
            except InputError as error:
                progress.message(f"{error.message}: it is made again from {path}")
            else:
                progress.message(f"Using the store {folder}")
                return store
        _build(slices, folder, key, workers)
        folder.chmod(0o700)
        return replace(open_store(folder, of=key), made=True)


def _find_slices(path: Path) -> list[SliceFile]:
    try:
        return find_slices(path)
    except InputError:
        refuse_other_kind(path, "the MPD", *MPD_KINDS, hint=_MPD_WANTED)
        raise


def _build(slices: list[SliceFile], folder: Path, key: str, workers: int | None) -> None:
    require_writable(folder)
    needed = sum(file.size for file in slices) // _JSON_BYTES_PER_STORE_BYTE
    with disk_full_explained(folder, needed=needed):
        remove(folder)  # a store that was damaged later
        with atomic_directory(folder) as temporary:
            require_disk(temporary, needed)
            content_hash, counts = build_columns(slices, temporary, workers=workers)
            seal_record(temporary, of=key)
            manifest = StoreManifest(
                of=key,
                content_hash=content_hash,
                counts=counts,
                slices=[file.name for file in slices],
                json_bytes=sum(file.size for file in slices),
                store_bytes=sum(file.stat().st_size for file in temporary.iterdir()),
                versions=package_versions(),
            )
            write_sealed(temporary / _MANIFEST, manifest)


def is_store(folder: Path) -> bool:
    """Whether ``folder`` is a store, whole or not, of this version or another."""
    return kind_of(folder) is FileKind.STORE


def open_store(path: Path | str, *, of: str | None = None) -> Store:
    """Map a store that :func:`prepare_store` made, after comparing every byte with its hash.

    ``of`` is the hash of the files that it must have been made of, where these are known.

    Raises:
        MissingInputError: nothing there, or a file is missing.
        FormatError: not a store of this version, of other files, or not as it was written.
    """
    folder = Path(path)
    if not folder.exists():
        raise MissingInputError(f"{folder}: no such store", hint=_STORE_WANTED)
    if not is_store(folder):
        raise FormatError(f"{folder}: not a store of the MPD", hint=_STORE_WANTED)
    version = ("store_version", STORE_VERSION)
    manifest = read_sealed(folder / _MANIFEST, StoreManifest, version=version, hint=_AGAIN)
    if of is not None and manifest.of != of:
        raise FormatError(f"{folder}: is the store of another MPD", hint=_AGAIN)
    columns = load_record(_Columns, folder, of=manifest.of, hint=_AGAIN)
    return Store(folder, columns.playlists, columns.catalog, columns.album_names, manifest)
