"""What files say, read by the standard library alone and checked field by field: no line of it is ours.

Each function returns plain values, or raises :class:`RefusedError`.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
import tomllib
import zipfile
import zlib
from collections.abc import Sequence
from typing import Any, NoReturn

INT32 = range(-1, 2**31)
COUNT = range(2**30)
PID = range(2**31)
URI = {kind: re.compile(f"spotify:{kind}:[0-9A-Za-z]{{22}}") for kind in ("track", "artist", "album")}
SHAPES = {
    (0, True, False), (1, True, False), (5, True, False), (5, False, False), (10, True, False),
    (10, False, False), (25, True, False), (25, True, True), (100, True, False), (100, True, True),
}  # fmt: skip


class RefusedError(Exception):
    """The file is not what it should be."""


def require(condition: object) -> None:
    """Refuse where the condition does not hold."""
    if not condition:
        raise RefusedError


def decoded(data: bytes) -> Any:
    """Decode JSON; two equal keys around all others are refused, lone surrogates become "?"."""
    outermost: list[list[str]] = [[]]

    def as_dict(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        outermost[0] = [_clean(key) for key, _ in pairs]
        return {_clean(key): _cleaned(value) for key, value in pairs}

    try:
        text = data.decode(json.detect_encoding(data))
        content = _cleaned(
            json.loads(text, object_pairs_hook=as_dict, parse_constant=_refuse, parse_int=_whole_number)
        )
    except (ValueError, RecursionError):
        raise RefusedError from None
    require(not isinstance(content, dict) or len(set(outermost[0])) == len(outermost[0]))
    return content


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)


def _whole_number(digits: str) -> int | float:
    return int(digits) if len(digits) <= 20 else float(digits)


def _clean(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


def _cleaned(value: Any) -> Any:
    if isinstance(value, str):
        return _clean(value)
    return [_cleaned(each) for each in value] if isinstance(value, list) else value


def is_int(value: Any, allowed: range) -> bool:
    """Whether it is a whole number within the range; JSON's 1.0 is a fraction."""
    return type(value) is int and value in allowed


def _number(record: dict[str, Any], key: str, allowed: range, default: int | None) -> Any:
    """A number that may be missing; null stands for it where it has no default."""
    if key not in record or (record[key] is None and default is None):
        return default
    require(is_int(record[key], allowed))
    return record[key]


def _text(record: dict[str, Any], key: str, *, null: bool = False) -> Any:
    value = record.get(key, None if null else "")
    require(isinstance(value, str) or (null and value is None))
    return value


def playlists_of(data: bytes) -> list[Any]:
    """The list of playlists of a slice or challenge set."""
    content = decoded(data)
    require(isinstance(content, dict) and isinstance(content.get("playlists"), list))
    return list(content["playlists"])


def _tracks(record: Any) -> list[tuple[Any, ...]]:
    require(
        isinstance(record, dict) and is_int(record.get("pid"), PID) and isinstance(record.get("tracks"), list)
    )
    found = []
    for track in record["tracks"]:
        require(isinstance(track, dict))
        uris = [track.get(f"{kind}_uri") for kind in URI]
        require(
            all(
                isinstance(uri, str) and form.fullmatch(uri)
                for uri, form in zip(uris, URI.values(), strict=True)
            )
        )
        names = [_text(track, f"{kind}_name") for kind in URI]
        numbers = [_number(track, "pos", INT32, -1), _number(track, "duration_ms", INT32, 0)]
        found.append((*uris, *names, *numbers))
    return found


def mpd_slice(data: bytes) -> list[tuple[Any, ...]]:
    """Playlists of a slice: pid, title, tracks and facts."""
    found = []
    for record in playlists_of(data):
        tracks = _tracks(record)
        numbers = [_number(record, key, INT32, 0) for key in ("num_followers", "num_edits")]
        numbers.append(_number(record, "modified_at", range(2**62), 0))
        told = _number(record, "num_tracks", COUNT, None)
        require(told in (None, len(tracks)))
        collaborative = record.get("collaborative", "false")
        require(isinstance(collaborative, str | bool))
        title, description = _text(record, "name", null=True), _text(record, "description", null=True)
        facts = (*numbers, collaborative in ("true", True), bool(description))
        found.append((record["pid"], title or None, _positions(tracks), facts))
    # What a track's first occurrence says of it holds for all of them.
    known: dict[str, tuple[Any, ...]] = {}
    return [
        (pid, title, [(*known.setdefault(each[0], each[:6]), each[6]) for each in tracks], facts)
        for pid, title, tracks, facts in found
    ]


def _positions(tracks: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Tracks with positions that are missing counted from 0, without the duration."""
    return [(*each[:6], place if each[6] < 0 else each[6]) for place, each in enumerate(tracks)]


def challenge_set(data: bytes) -> list[tuple[Any, ...]]:
    """Playlists of a challenge set, plain, gzipped or in a zip."""
    found = []
    for record in playlists_of(_unpacked(data)):
        tracks = _tracks(record)
        keys = ("num_samples", "num_holdouts", "num_tracks")
        samples, held_out, total = (_number(record, key, COUNT, None) for key in keys)
        require(samples in (None, len(tracks)))
        require(held_out is not None or (total is not None and total >= len(tracks)))
        held_out = total - len(tracks) if held_out is None else held_out
        require(total in (None, len(tracks) + held_out))
        title = _text(record, "name", null=True)
        at_random = any(track[6] >= len(tracks) for track in tracks)
        require((len(tracks), title is not None, at_random) in SHAPES)
        seeds = [(*each[:5], each[6]) for each in _positions(tracks)]  # names of albums are not kept
        found.append((record["pid"], title, held_out, seeds))
    require(found and len({each[0] for each in found}) == len(found))
    return found


def _unpacked(data: bytes) -> bytes:
    try:
        if data[:2] == b"\x1f\x8b":
            return gzip.decompress(data)
        if data[:2] == b"PK":
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                entries = [(info.filename.split("/")[-1], info) for info in archive.infolist()]
                (entry,) = [info for name, info in entries if name == "challenge_set.json"]
                require(entry.header_offset + entry.compress_size <= len(data))
                return archive.read(entry)
    except Exception as error:
        raise RefusedError from error
    return data


def answers(data: bytes) -> dict[int, tuple[str, list[str]]]:
    """Category and held-out tracks by pid."""
    content = decoded(data)
    require(isinstance(content, dict) and content)
    found = {}
    for pid, record in content.items():
        require(re.fullmatch("0|[1-9][0-9]{0,9}", pid) and int(pid) in PID and isinstance(record, dict))
        holdout, category = record.get("holdout"), record.get("category", "uncategorised")
        require(isinstance(holdout, list) and holdout and isinstance(category, str) and len(category) <= 100)
        require(all(isinstance(uri, str) and URI["track"].fullmatch(uri) for uri in holdout))
        require(
            not re.search(
                "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]", category
            )
        )
        found[int(pid)] = (category, holdout)
    return dict(sorted(found.items()))


def settings(data: bytes) -> dict[str, Any]:
    """Settings as TOML."""
    try:
        return tomllib.loads(data.decode())
    except (ValueError, RecursionError):
        raise RefusedError from None


def playlists(data: bytes) -> list[tuple[Any, ...]]:
    """Playlists of one's own: title, tracks, whether they are its first, and how many are missing."""
    data = data.removeprefix(b"\xef\xbb\xbf").lstrip()
    found = _playlists_of_json(data) if data[:1] in (b"[", b"{") else _playlists_of_csv(data)
    require(found)
    return found


def _playlists_of_json(data: bytes) -> list[tuple[Any, ...]]:
    content = decoded(data)
    if isinstance(content, dict):
        content = content.get("playlists", [content])
    require(isinstance(content, list))
    return [_playlist(record) for record in content]


def _playlist(record: Any) -> tuple[Any, ...]:
    require(isinstance(record, dict))
    tracks = record.get("tracks", [])
    require(isinstance(tracks, list))
    uris, are_first = [], True
    for place, track in enumerate(tracks):
        if isinstance(track, dict):
            pos = track.get("pos")
            require(pos is None or type(pos) is int)
            are_first &= pos in (None, place)
            track = track.get("track_uri")  # noqa: PLW2901
        require(isinstance(track, str))
        uris.append(track)
    titles = [_text(record, key, null=True) for key in ("title", "name")]
    missing = [record.get(key) for key in ("num_missing", "num_holdouts")]
    require(all(each is None or type(each) is int for each in missing))
    ordered = record.get("ordered", True)
    require(isinstance(ordered, bool))
    return (_first(titles), uris, ordered and are_first, _first(missing))


def _first(values: Sequence[Any]) -> Any:
    return next((each for each in values if each is not None), None)


def _playlists_of_csv(data: bytes) -> list[tuple[Any, ...]]:
    try:
        rows = list(csv.reader(io.StringIO(data.decode(), newline="")))
    except (UnicodeDecodeError, csv.Error):
        raise RefusedError from None
    require(rows)
    columns = [cell.strip().lower() for cell in rows[0]]
    require({"title", "track"} & set(columns) and len(set(columns)) == len(columns))
    tracks: dict[str, list[str]] = {}
    for row in rows[1:]:
        require(len(row) <= len(columns))
        named = dict(zip(columns, row, strict=False))
        own = tracks.setdefault(named.get("title", "").strip(), [])
        own.extend(filter(None, [named.get("track", "").strip()]))
    return [(title or None, own, True, None) for title, own in tracks.items()]


def zip_of_slices(data: bytes) -> list[tuple[str, int, int]]:
    """Name, size and checksum of each slice that a zip's table of contents lists, by their numbers."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = archive.infolist()
    except Exception as error:
        raise RefusedError from error
    found = []
    for entry in entries:
        match = re.fullmatch(
            r"(?:.*/)?(mpd\.slice\.([0-9]{1,18})-([0-9]{1,18})\.json)", entry.filename, re.DOTALL
        )
        if match:
            require(not entry.flag_bits & 1 and entry.compress_type in (0, 8, 12))
            found.append((int(match[2]), int(match[3]), match[1], entry.file_size, entry.CRC))
    require(found and len({each[2] for each in found}) == len(found))
    return [each[2:] for each in sorted(found)]


def checksums(files: Sequence[tuple[str, bytes]]) -> list[tuple[str, int, int]]:
    """The same of files that were read."""
    return [(name, len(data), zlib.crc32(data)) for name, data in files]
