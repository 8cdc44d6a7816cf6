"""Reads playlists to continue from JSON or CSV, and writes what is recommended in several forms."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Final

import msgspec

from challenge.errors import FormatError
from challenge.inputs import decode_json
from challenge.playlist import Playlist, Recommendation
from challenge.quoting import printable, printable_json, quoted, table_cell

_EXPECTED = (
    'expected JSON such as [{"title": "road trip", "tracks": ["spotify:track:…"]}], the official challenge '
    "format, or CSV with the columns title and track, one line a track"
)


_COLUMNS: Final = {"title", "track"}
_MAX_PLAYLISTS: Final = 100_000
"""Most playlists that are read of a file: empty ones take a hundred times the memory of their text."""


class _Track(msgspec.Struct):
    track_uri: str
    pos: int | None = None


class _Record(msgspec.Struct):
    tracks: list[str | _Track] = msgspec.field(default_factory=list)
    title: str | None = None
    name: str | None = None
    ordered: bool = True
    num_missing: int | None = None
    num_holdouts: int | None = None


def read_playlists(data: bytes, where: str) -> list[Playlist]:
    """Read playlists from JSON (a playlist, a list of them, or the official format) or CSV.

    Raises:
        FormatError: neither, or nothing in it.
    """
    data = data.removeprefix(codecs.BOM_UTF8).lstrip()
    playlists = _from_json(data, where) if data[:1] in (b"[", b"{") else _from_csv(data, where)
    if not playlists:
        raise FormatError(f"{where}: no playlist in it", hint=_EXPECTED)
    return playlists


def _from_json(data: bytes, where: str) -> list[Playlist]:
    whole = decode_json(data, where, hint=_EXPECTED)
    if isinstance(whole, dict):
        whole = whole.get("playlists", [whole])
    if isinstance(whole, list) and len(whole) > _MAX_PLAYLISTS:
        found = f"{len(whole):,} playlists; at most {_MAX_PLAYLISTS:,} are read of a file"
        raise FormatError(f"{where}: {found}", hint="divide it into several")
    try:
        records = msgspec.convert(whole, list[_Record])
    except msgspec.ValidationError as error:
        raise FormatError(f"{where}: not playlists: {error}", hint=_EXPECTED) from error
    return [_playlist(each) for each in records]


def _playlist(record: _Record) -> Playlist:
    return Playlist(
        title=record.title if record.title is not None else record.name,
        tracks=[track if isinstance(track, str) else track.track_uri for track in record.tracks],
        ordered=record.ordered and _are_first(record.tracks),
        num_missing=record.num_missing if record.num_missing is not None else record.num_holdouts,
    )


def _are_first(tracks: Sequence[str | _Track]) -> bool:
    """Whether positions, where they are given, are those of the first tracks in order."""
    return all(isinstance(track, str) or track.pos in (None, place) for place, track in enumerate(tracks))


def _from_csv(data: bytes, where: str) -> list[Playlist]:
    try:
        head, *rows = csv.reader(io.StringIO(data.decode(), newline="")) if data else [[]]
    except (UnicodeDecodeError, csv.Error) as error:
        fault = quoted(str(error), 200)
        raise FormatError(f"{where}: neither JSON nor CSV: {fault}", hint=_EXPECTED) from error
    columns = [name.strip().lower() for name in head]
    if rows and (not _COLUMNS & set(columns) or len(set(columns)) < len(columns)):
        raise FormatError(f"{where}: found the columns {quoted(', '.join(columns), 200)}", hint=_EXPECTED)
    tracks: dict[str, list[str]] = {}
    for number, cells in enumerate(rows, 1):
        if len(cells) > len(columns):
            found = f"{len(cells)} cells in row {number}, more than the {len(columns)} columns"
            raise FormatError(f"{where}: {found}", hint="put text that holds a comma into quotes")
        row = dict(zip(columns, cells, strict=False))
        own = tracks.setdefault((row.get("title") or "").strip(), [])
        track = (row.get("track") or "").strip()
        own += [track] if track else []
    return [Playlist(title=title or None, tracks=own) for title, own in tracks.items()]


Lists = Sequence[tuple[Playlist, Sequence[Recommendation]]]


def as_json(lists: Lists) -> str:
    """Playlists with what is recommended for each, reasons included."""
    found = [
        {"title": playlist.title, "tracks": list(playlist.tracks), "recommended": list(recommended)}
        for playlist, recommended in lists
    ]
    return printable_json(msgspec.json.format(msgspec.json.encode(found), indent=2).decode())


def as_csv(lists: Lists) -> str:
    """A line for each recommended track, under a head; no title or name is a formula to a spreadsheet."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["playlist", "title", "rank", "track", "artist", "uri", "score"])
    for number, (playlist, recommended) in enumerate(lists, start=1):
        for each in recommended:
            names = (playlist.title or "", each.track, each.artist)
            title, track, artist = (table_cell(_one_line(name)) for name in names)
            writer.writerow((number, title, each.rank, track, artist, each.uri, each.score))
    return text.getvalue().rstrip("\n")


def as_m3u(lists: Lists) -> str:
    """An extended M3U playlist of Spotify URIs; several follow each other under their titles."""
    lines = ["#EXTM3U"]
    for playlist, recommended in lists:
        lines.append(f"#PLAYLIST:{_one_line(playlist.title or 'untitled')}")
        for each in recommended:
            lines += [f"#EXTINF:-1,{_one_line(each.artist)} - {_one_line(each.track)}", each.uri]
    return "\n".join(lines)


def _one_line(text: str) -> str:
    return printable(" ".join(text.split()))


FORMATS: dict[str, Callable[[Lists], str]] = {"json": as_json, "csv": as_csv, "m3u": as_m3u}
"""Forms for other programs, by name."""


def resolved(playlists: Iterable[Playlist], find: Callable[[str], str]) -> list[Playlist]:
    """Replace tracks given by name by the URIs that ``find`` gives."""
    return [replace(each, tracks=[find(track) for track in each.tracks]) for each in playlists]
