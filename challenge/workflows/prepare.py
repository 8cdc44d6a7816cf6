"""The stage that reads an MPD into a store."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from challenge.mpd.store import prepare_store
from challenge.profile import measure


@dataclass(frozen=True)
class PreparedStore:
    """The store of an MPD and what it cost.

    Bytes are those of the slices' JSON, of the store, and of memory at the peak, workers included; ``made``
    tells whether the store was made now.
    """

    store: Path
    made: bool
    counts: dict[str, int]
    slices: int
    json_bytes: int
    store_bytes: int
    content_hash: str
    seconds: float
    peak_bytes: int


def prepare(mpd: Path, *, cache: Path | None = None) -> PreparedStore:
    """Make the store of ``mpd``, or open the one that was made before in the folder ``cache``.

    Raises:
        MissingInputError: nothing there, or no slices in it.
        FormatError: damaged, or not in the official format.
        ResourceError: the disk is full, or a worker was killed.
    """
    with measure() as cost:
        store = prepare_store(mpd, cache_dir=cache)
    manifest = store.manifest
    return PreparedStore(
        store=store.path,
        made=store.made,
        counts=manifest.counts,
        slices=len(manifest.slices),
        json_bytes=manifest.json_bytes,
        store_bytes=manifest.store_bytes,
        content_hash=manifest.content_hash,
        seconds=cost.seconds,
        peak_bytes=cost.peak_bytes,
    )
