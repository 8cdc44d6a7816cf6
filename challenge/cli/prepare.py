"""``challenge prepare``: read the MPD into a store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from challenge.cli.console import make_table, seconds_text, show, show_json, size_text
from challenge.cli.options import CacheOption, JsonFlag, MpdOption

if TYPE_CHECKING:
    from challenge.workflows.prepare import PreparedStore

_ORDER: Final = ("playlists", "rows", "tracks", "artists", "albums", "titles")


def prepare(*, mpd: MpdOption, cache: CacheOption = None, json: JsonFlag = False) -> None:
    """Read the MPD once into a store that all other commands open in a moment.

    Reads the MPD, and never unpacks its zip. Writes a folder of columns into the cache, named by a hash of
    the content, so that the same MPD is read once however it is named. The other commands do this by
    themselves.
    """
    from challenge.workflows.prepare import prepare as make_store

    prepared = make_store(mpd, cache=cache)
    if json:
        show_json(prepared)
    else:
        _show(prepared)


def _show(prepared: PreparedStore) -> None:
    counts = [(name, prepared.counts[name]) for name in _ORDER]
    show(make_table(None, ("the MPD holds", ""), [("slices", prepared.slices), *counts]))
    sizes = f"{size_text(prepared.json_bytes)} of JSON in {size_text(prepared.store_bytes)}"
    if prepared.made:
        peak = size_text(prepared.peak_bytes)
        show(f"Made in {seconds_text(prepared.seconds)} with at most {peak} of memory: {sizes}")
    else:
        show(f"Was there already, opened in {seconds_text(prepared.seconds)}: {sizes}")
    show(f"Store {prepared.store}")
