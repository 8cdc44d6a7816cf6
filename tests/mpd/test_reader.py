"""The reader gives what a plain loop over the standard library's JSON gives, or says what is wrong."""

import json
from collections.abc import Callable
from dataclasses import fields
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from challenge.data.strings import StringTable
from challenge.errors import FormatError
from challenge.mpd.reader import PLAYLIST_COLUMNS, SliceColumns, number, read_columns
from tests.official_files import TINY_SLICES, playlist_record, slice_text, track_uri

KINDS = ("track", "artist", "album")


def plain(columns: SliceColumns) -> dict[str, Any]:
    return {field.name: plain_value(getattr(columns, field.name)) for field in fields(columns)}


def plain_value(value: object) -> object:
    return value.tolist() if isinstance(value, np.ndarray) else list(value)  # type: ignore[call-overload]


def expected(playlists: list[dict[str, Any]]) -> dict[str, Any]:
    rows = [(place, track) for p in playlists for place, track in enumerate(p["tracks"])]
    distinct: dict[str, dict[str, Any]] = {}
    for _, track in rows:
        distinct.setdefault(track["track_uri"], track)
    order = list(distinct)
    columns = {
        "playlists": [playlist_values(p) for p in playlists],
        "titles": [p.get("name") or None for p in playlists],
        "track_code": [order.index(track["track_uri"]) for _, track in rows],
        "position": [place if track.get("pos", -1) < 0 else track["pos"] for place, track in rows],
        "duration_ms": [track.get("duration_ms", 0) for track in distinct.values()],
    }
    for kind in KINDS:
        columns[f"{kind}s"] = [track[f"{kind}_uri"][-22:].encode() for track in distinct.values()]
        columns[f"{kind}_names"] = [as_utf8(track.get(f"{kind}_name", "")) for track in distinct.values()]
    return columns


def playlist_values(playlist: dict[str, Any]) -> tuple[int, ...]:
    return (
        playlist["pid"],
        playlist.get("num_followers", 0),
        playlist.get("num_edits", 0),
        playlist.get("modified_at", 0),
        playlist.get("collaborative") in ("true", True),
        bool(playlist.get("description")),
        len(playlist["tracks"]),
    )


def as_utf8(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


def assert_read(text: str) -> None:
    assert plain(read_columns(text.encode(), "x")) == expected(json.loads(text)["playlists"])


@pytest.mark.parametrize("slice_name", TINY_SLICES)
@pytest.mark.parametrize("indent", [None, 0, 1, 4, 13, "\t", " \r\n "])
def test_any_layout_is_read(slice_name: str, indent: Any) -> None:
    content = {"info": {"a": [1, {"b": "}]"}], "c": None}, "playlists": TINY_SLICES[slice_name]}
    assert_read(json.dumps(content, indent=indent))
    assert_read(json.dumps(content, indent=indent, ensure_ascii=False))
    assert_read(json.dumps(content, separators=(",", ":"), sort_keys=True) + "\n\n")


def test_columns_have_their_types() -> None:
    columns = read_columns(slice_text(TINY_SLICES["0-2"]).encode(), "x")
    assert {name: columns.playlists[name].dtype for name in PLAYLIST_COLUMNS} == PLAYLIST_COLUMNS
    assert columns.track_code.dtype == columns.position.dtype == columns.duration_ms.dtype == np.int32
    assert columns.tracks.dtype == columns.artists.dtype == columns.albums.dtype == "S22"
    assert isinstance(columns.track_names, StringTable)


@pytest.mark.parametrize("playlists", [[], [{"pid": 3, "tracks": []}]])
def test_a_slice_may_be_empty(playlists: list[dict[str, Any]]) -> None:
    assert_read(json.dumps({"playlists": playlists}))


def test_a_byte_order_mark_is_overlooked() -> None:
    text = slice_text(TINY_SLICES["0-2"])
    marked = read_columns(text.encode("utf-8-sig"), "x")
    assert plain(marked) == plain(read_columns(text.encode(), "x"))


IDS = st.text(alphabet="abcXYZ019", min_size=22, max_size=22)
NAMES = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=30)
OTHERS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | NAMES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=5,
)
FEW_IDS = st.sampled_from(["A" * 22, "b" * 22, "0" * 22, "A" * 21 + "9"])


def optional(fields_: dict[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=fields_)


@st.composite
def shuffled(draw: st.DrawFn, *parts: st.SearchStrategy[dict[str, Any]]) -> dict[str, Any]:
    items = [item for part in parts for item in draw(part).items()]
    return dict(draw(st.permutations(items)))


TRACKS = shuffled(
    st.fixed_dictionaries(
        {
            "track_uri": (IDS | FEW_IDS).map("spotify:track:{}".format),
            "artist_uri": FEW_IDS.map("spotify:artist:{}".format),
            "album_uri": FEW_IDS.map("spotify:album:{}".format),
        }
    ),
    optional({"track_name": NAMES, "artist_name": NAMES, "album_name": NAMES}),
    optional({"pos": st.integers(-1, 300), "duration_ms": st.integers(0, 2**31 - 1), "popularity": OTHERS}),
)
PLAYLISTS = shuffled(
    st.fixed_dictionaries({"pid": st.integers(0, 2**31 - 1), "tracks": st.lists(TRACKS, max_size=4)}),
    optional({"name": NAMES, "description": NAMES, "collaborative": st.sampled_from(["true", "false"])}),
    optional(dict.fromkeys(("modified_at", "num_followers", "num_edits"), st.integers(0, 2**31 - 1))),
    optional({"num_albums": OTHERS, "name_of_owner": OTHERS, "names": OTHERS}),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(PLAYLISTS, max_size=4), OTHERS, st.sampled_from([None, 0, 3, 8]), st.booleans())
def test_whatever_is_well_formed_is_read(
    playlists: list[dict[str, Any]], info: Any, indent: int | None, ascii_only: bool
) -> None:
    content = {"info": info, "playlists": playlists, "tail": info}
    assert_read(json.dumps(content, indent=indent, ensure_ascii=ascii_only))


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_damage_is_refused_or_is_none(data: st.DataObject) -> None:
    good = slice_text(TINY_SLICES["0-2"]).encode()
    at = data.draw(st.integers(0, len(good) - 1))
    bad = good[:at] + data.draw(st.binary(max_size=3)) + good[at + data.draw(st.integers(0, 40)) :]
    try:
        columns = read_columns(bad, "x")
    except FormatError:
        return
    assert plain(columns) == expected(json.loads(bad.decode("utf-8-sig"))["playlists"])


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 10_000))
def test_a_truncated_slice_is_never_accepted(cut: int) -> None:
    good = slice_text(TINY_SLICES["0-2"]).encode()
    with pytest.raises(FormatError, match="x: not JSON"):
        read_columns(good[: min(cut, len(good) - 1)], "x")


Change = Callable[[dict[str, Any]], object]


def changed(change: Change) -> bytes:
    playlist = playlist_record(7, "x", ["rock1", "rock2"])
    change(playlist)
    return slice_text([playlist_record(6, "y", ["rock1"]), playlist]).encode()


def playlist_with(**values: object) -> bytes:
    return changed(lambda p: p.update(values))


def track_with(**values: object) -> bytes:
    return changed(lambda p: p["tracks"][1].update(values))


def marked(replacement: bytes) -> bytes:
    return changed(lambda p: p["tracks"][0].update(track_name="MARK")).replace(b'"MARK"', replacement)


REFUSED: dict[str, tuple[bytes, str]] = {
    "text behind": (b'{"playlists": []} x', r"x: not JSON: Extra data at byte 18 of 19"),
    "NaN": (b'{"playlists": [], "info": NaN}', r"not JSON: it holds NaN, which is no value of JSON"),
    "nested deeply": (b'{"playlists": [], "i": ' + b"[" * 100_000, r"nested too deeply"),
    "bad escape": (marked(rb'"\x"'), r"not JSON: Invalid \\escape"),
    "bad unicode escape": (marked(rb'"\u12g4"'), r"not JSON: Invalid \\uXXXX escape"),
    "line break in a string": (marked(b'"a\nb"'), r"not JSON: Invalid control character"),
    "not UTF-8 where nothing is read": (
        b'{"playlists": [{"pid": 1, "tracks": [], "x": "\xff"}]}',
        r"not JSON: byte 46 of 51 is not UTF-8",
    ),
    "not UTF-8": (marked(b'"\xff"'), r"not JSON: byte [\d,]+ of [\d,]+ is not UTF-8"),
    "pid a fraction": (playlist_with(pid=1.5), r"playlists\[1\]: pid is 1\.5; expected a whole"),
    "pid a float": (playlist_with(pid=7.0), r"playlists\[1\]: pid is 7\.0; expected a whole"),
    "pid a boolean": (playlist_with(pid=True), r"playlists\[1\]: pid is True; expected a whole"),
    "pid below 0": (playlist_with(pid=-1), r"pid is -1; Expected `int` >= 0"),
    "pid of 30 digits": (playlist_with(pid=10**30), r"playlists\[1\]: pid is 1e\+30; expected"),
    "pid of 5,000 digits": (b'{"playlists": [{"pid": ' + b"9" * 5000 + b"}]}", r"pid is inf; expected"),
    "collaborative a number": (
        playlist_with(collaborative=1),
        r"x, playlist 7: not in the official format: collaborative is 1; Expected `bool \| str`, got `int`",
    ),
    "edits null": (playlist_with(num_edits=None), r"playlist 7: .* num_edits is None; Expected"),
    "position a word": (
        track_with(pos="1"),
        r"x, playlist 7: not in the official format: tracks\[1\]\.pos is '1'; Expected `int`, got `str`",
    ),
    "duration too large": (
        track_with(duration_ms=2**31),
        r"playlist 7: .*tracks\[1\]\.duration_ms is 2147483648; Expected `int` <= 2147483647",
    ),
    "name null": (track_with(track_name=None), r"tracks\[1\]\.track_name is None"),
    "long value": (playlist_with(num_edits="e" * 999), r"num_edits is 'e{80}'…; Expected"),
    "a track missing": (playlist_with(num_tracks=3), r"playlist 7: num_tracks is 3, but 2 tracks are there"),
    "a second list of tracks": (
        marked(b'""').replace(b'"num_edits"', b'"tracks": [], "num_edits"'),
        r"playlist 6: num_tracks is 1, but 0 tracks are there",
    ),
    "a second list of playlists": (
        slice_text(TINY_SLICES["0-2"]).rstrip(" \n}").encode() + b', "playlists": []}',
        r"x: the key 'playlists' stands there twice; expected each once",
    ),
    "a second list, escaped": (
        rb'{"playlis\u0074s": [], "playlists": []}',
        r"the key 'playlists' stands there twice",
    ),
    "the same list twice": (
        b'{"playlists": [{"pid": 1, "tracks": []}], "playlists": [{"pid": 1, "tracks": []}]}',
        r"the key 'playlists' stands there twice",
    ),
    "control characters": (playlist_with(pid="\n\x1b[31m\x9b\u202e"), r"pid is '\\n\\x1b\[31m\\x9b\\u202e'"),
    "a lone surrogate for a number": (playlist_with(pid="\ud800"), r"pid is '\?'; expected a whole number"),
    "a lone surrogate for edits": (playlist_with(num_edits="\ud800"), r"num_edits is '\?'; Expected `int`"),
    "a lone surrogate for tracks": (playlist_with(tracks="\ud800"), r"tracks is str; expected a list"),
    "a lone surrogate for a key": (playlist_with(**{"\ud800": 1, "pid": "x"}), r"pid is 'x'; expected"),
    "no album": (changed(lambda p: p["tracks"][1].pop("album_uri")), r"7: tracks\[1\]\.album_uri is missing"),
    "local track": (
        track_with(track_uri="spotify:local:abc"),
        r"playlist 7: tracks\[1\]\.track_uri is 'spotify:local:abc'; expected 'spotify:track:' followed by",
    ),
    "foreign letter": (track_with(track_uri=track_uri("é")), r"tracks\[1\]\.track_"),
    "line break": (track_with(track_uri=track_uri("\n")), r"tracks\[1\]\.track_uri"),
    "other kind": (
        track_with(track_uri="spotify:album:" + "a" * 22),
        r"playlist 7: tracks\[1\]\.track_uri is 'spotify:album:a{22}'",
    ),
    "hyphen": (
        track_with(artist_uri="spotify:artist:" + "a" * 21 + "-"),
        r"playlist 7: tracks\[1\]\.artist_uri is 'spotify:artist:a{21}-'; expected 'spotify:artist:'",
    ),
    "one too long, one too short": (
        changed(
            lambda p: (
                p["tracks"][0].update(album_uri="spotify:album:" + "a" * 23),
                p["tracks"][1].update(album_uri="spotify:album:" + "a" * 21),
            )
        ),
        r"playlist 7: tracks\[0\]\.album_uri",
    ),
}  # fmt: skip


@pytest.mark.parametrize("fault", REFUSED)
def test_what_is_wrong_is_named(fault: str) -> None:
    data, message = REFUSED[fault]
    with pytest.raises(FormatError, match=message) as caught:
        read_columns(data, "x")
    assert caught.value.hint
    assert len(str(caught.value)) < 300


def test_of_a_key_that_is_repeated_in_a_playlist_the_last_counts() -> None:
    text = slice_text([playlist_record(7, "x", ["rock1"])])
    assert read_columns(text.replace('"pid": 7', '"pid": 6, "pid": 7').encode(), "x").playlists["pid"] == [7]


def test_lone_surrogates_become_question_marks() -> None:
    data = track_with(track_name="lone \udc00", artist_name="\ud83d")
    columns = read_columns(data, "x")
    assert list(columns.track_names) == ["Song rock1", "lone ?"]
    assert list(columns.artist_names) == ["The rock", "?"]
    assert columns.playlists["pid"].tolist() == [6, 7]


def test_booleans_and_null_stand_for_what_they_mean() -> None:
    columns = read_columns(playlist_with(collaborative=True, name=None, description=None), "x")
    assert columns.playlists["collaborative"].tolist() == [False, True]
    assert columns.playlists["has_description"].tolist() == [False, False]
    assert columns.titles == ["y", None]


def test_numbers_go_on_from_known_ones() -> None:
    numbers: dict[str, int] = {}
    codes, first = number("abracadabra", numbers)
    assert codes.tolist() == [0, 1, 2, 0, 3, 0, 4, 0, 1, 2, 0]
    assert first.tolist() == [0, 1, 2, 4, 6]
    codes, first = number("bye", numbers)
    assert codes.tolist() == [1, 5, 6]
    assert first.tolist() == [1, 2]
    codes, first = number("", numbers)
    assert codes.tolist() == first.tolist() == []
    assert numbers == {letter: code for code, letter in enumerate("abrcdye")}
