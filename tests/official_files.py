"""A tiny MPD and challenge set in the official formats, with invented ids."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any


def track_uri(name: str) -> str:
    return "spotify:track:" + name.rjust(22, "0")


def track_record(name: str, position: int, artist: str | None = None) -> dict[str, Any]:
    """A track named like "rock1": its artist is "rock" unless told, its album the artist's only one."""
    artist = artist or name.rstrip("0123456789")
    return {
        "pos": position,
        "artist_name": f"The {artist}",
        "track_uri": track_uri(name),
        "artist_uri": "spotify:artist:" + artist.rjust(22, "0"),
        "track_name": f"Song {name}",
        "album_uri": "spotify:album:" + artist.rjust(22, "0"),
        "duration_ms": 200_000 + position,
        "album_name": f"Best of {artist}",
    }


def playlist_record(pid: int, name: str | None, tracks: Sequence[str], **more: Any) -> dict[str, Any]:
    record: dict[str, Any] = {} if name is None else {"name": name}
    return record | {
        "collaborative": "false",
        "pid": pid,
        "modified_at": 1_500_000_000 + pid,
        "num_tracks": len(tracks),
        "num_albums": len(tracks),
        "num_followers": 1 + pid % 3,
        "tracks": [track_record(track, i) for i, track in enumerate(tracks)],
        "num_edits": 2,
        "duration_ms": 1,
        "num_artists": 1,
        **more,
    }


def slice_text(playlists: Sequence[dict[str, Any]], name: str = "0-999") -> str:
    info = {"generated_on": "2017-12-03 08:41:42.057563", "slice": name, "version": "v1"}
    return json.dumps({"info": info, "playlists": list(playlists)}, indent=4)


TINY_SLICES: dict[str, list[dict[str, Any]]] = {
    "0-2": [
        playlist_record(0, "Rock", ["rock1", "rock2", "rock3"]),
        playlist_record(1, "", ["rock2", "rock2", "jazz1"], description="twice the same"),
        playlist_record(2, "Jazz 🎷", ["jazz1", "jazz2"], collaborative="true"),
    ],
    "3-4": [
        playlist_record(3, "rock", ["rock3", "rock1", "pop1"]),
        playlist_record(4, "Rock", ["pop1", "jazz2"]),
    ],
    "10-10": [playlist_record(10, 'Caf\u00e9 "noir" \\ \U0001f600', ["pop2"])],
}


def write_mpd_folder(folder: Path, slices: dict[str, list[dict[str, Any]]]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, playlists in slices.items():
        (folder / f"mpd.slice.{name}.json").write_text(slice_text(playlists, name))
    return folder


def write_mpd_zip(path: Path, slices: dict[str, list[dict[str, Any]]], inside: str = "data/") -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("README.md", "not a slice")
        for name, playlists in slices.items():
            archive.writestr(f"{inside}mpd.slice.{name}.json", slice_text(playlists, name))
    return path


def challenge_record(
    pid: int, name: str | None, tracks: Sequence[str], positions: Sequence[int] | None, num_tracks: int
) -> dict[str, Any]:
    places = range(len(tracks)) if positions is None else positions
    record = {
        "num_holdouts": num_tracks - len(tracks),
        "pid": pid,
        "num_tracks": num_tracks,
        "tracks": [track_record(track, place) for track, place in zip(tracks, places, strict=True)],
        "num_samples": len(tracks),
    }
    return record if name is None else {"name": name} | record


def many(count: int) -> list[str]:
    return [f"rock{i}" for i in range(1, count + 1)]


def tiny_challenge() -> dict[str, Any]:
    """One playlist of each category, in the order of the types' list."""
    scattered = [2 * i for i in range(25)]
    playlists = [
        challenge_record(1000, "rock", [], None, 6),
        challenge_record(1001, "jazz", ["jazz1"], None, 7),
        challenge_record(1002, "Rock", many(5), None, 11),
        challenge_record(1003, None, many(5), None, 12),
        challenge_record(1004, "new!", ["new1", *many(9)], None, 20),
        challenge_record(1005, None, many(10), None, 21),
        challenge_record(1006, "Rock", many(25), None, 60),
        challenge_record(1007, "Rock", many(25), scattered, 61),
        challenge_record(1008, "Rock", many(100), None, 150),
        challenge_record(1009, "Rock", many(100), range(20, 120), 151),
    ]
    return {"date": "2018-01-16 08:47:28.198015", "version": "v1", "playlists": playlists}
