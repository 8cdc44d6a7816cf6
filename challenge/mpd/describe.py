"""Facts of a dataset, beside the official totals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from challenge.data.distinct import playlists_of_each_track
from challenge.data.titles import official_title
from challenge.mpd.build_dataset import PlaylistSource

OFFICIAL_TOTALS: Final = {
    "playlists": 1_000_000,
    "rows": 66_346_428,
    "tracks": 2_262_292,
    "albums": 734_684,
    "artists": 295_860,
    "titles": 92_944,
    "normalised_titles": 17_381,
    "with_description": 18_760,
    "shortest": 5,
    "longest": 250,
    "tracks_seen_2_times": 1_188_873,
    "tracks_seen_3_times": 865_624,
    "tracks_seen_5_times": 599_341,
    "tracks_seen_10_times": 372_433,
    "tracks_seen_20_times": 229_874,
    "tracks_seen_50_times": 118_512,
    "commonest_track_playlists": 46_574,
    "commonest_artist_rows": 847_160,
}
"""Source: the dataset's own statistics."""


@dataclass(frozen=True)
class Fact:
    """One number of a dataset; ``official`` is that of the whole MPD, None where it has none."""

    name: str
    value: float
    official: float | None = None

    @property
    def agrees(self) -> bool | None:
        """Whether it is the official number; None where there is none."""
        return None if self.official is None else self.value == self.official


def describe_store(source: PlaylistSource) -> list[Fact]:
    """Count what the official statistics count, in their order, and a few more."""
    values = {**_sizes(source), **_frequencies(source)}
    return [Fact(name, value, OFFICIAL_TOTALS.get(name)) for name, value in values.items()]


def _sizes(source: PlaylistSource) -> dict[str, float]:
    playlists, catalog = source.playlists, source.catalog
    lengths = playlists.interactions.lengths
    normalised = {official_title(title) for title in playlists.titles}
    return {
        "playlists": len(playlists),
        "rows": int(lengths.sum()),
        "tracks": catalog.n_tracks,
        "albums": len(catalog.albums),
        "artists": len(catalog.artists),
        "titles": len(playlists.titles),
        "normalised_titles": len(normalised),
        "without_title": int((playlists.title_index < 0).sum()),
        "with_description": int(playlists.has_description.sum()),
        "collaborative": int(playlists.collaborative.sum()),
        "shortest": int(lengths.min()) if len(lengths) else 0,
        "longest": int(lengths.max(initial=0)),
        "mean_length": round(float(lengths.mean()), 2) if len(lengths) else 0.0,
    }


def _frequencies(source: PlaylistSource) -> dict[str, float]:
    interactions, catalog = source.playlists.interactions, source.catalog
    in_playlists = playlists_of_each_track(interactions, catalog.n_tracks)
    rows_of_track = np.bincount(interactions.track_index, minlength=catalog.n_tracks)
    rows_of_artist = np.bincount(catalog.track_artist, rows_of_track, len(catalog.artists))
    seen = {f"tracks_seen_{n}_times": int((rows_of_track >= n).sum()) for n in (2, 3, 5, 10, 20, 50)}
    return {
        **seen,
        "commonest_track_playlists": int(in_playlists.max(initial=0)),
        "commonest_artist_rows": int(rows_of_artist.max(initial=0)),
        "repeated_rows": int(rows_of_track.sum() - in_playlists.sum(dtype=np.int64)),
    }
