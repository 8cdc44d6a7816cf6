"""The compiled scanner gives exactly what the general decoder gives, or gives up."""

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
from challenge.mpd.id_table import IdTable
from challenge.mpd.slice_columns import SliceColumns, decode_slice
from challenge.mpd.slice_scan import scan_slice
from tests.official_files import TINY_SLICES, playlist_record, slice_text, track_uri


def plain(columns: SliceColumns | None) -> dict[str, Any]:
    assert columns is not None
    return {field.name: plain_value(getattr(columns, field.name)) for field in fields(columns)}


def plain_value(value: object) -> object:
    if isinstance(value, StringTable):
        return list(value)
    return (value.dtype.str, value.tolist()) if isinstance(value, np.ndarray) else value


def assert_same(text: str) -> None:
    data = text.encode()
    assert plain(scan_slice(data)) == plain(decode_slice(data, "x"))


@pytest.mark.parametrize("slice_name", TINY_SLICES)
@pytest.mark.parametrize("indent", [None, 0, 1, 4, 13, "\t", " \r\n "])
def test_scan_agrees_whatever_the_layout(slice_name: str, indent: Any) -> None:
    content = {"info": {"a": [1, {"b": "}]"}], "c": None}, "playlists": TINY_SLICES[slice_name]}
    assert_same(json.dumps(content, indent=indent))
    assert_same(json.dumps(content, indent=indent, ensure_ascii=False))
    assert_same(json.dumps(content, separators=(",", ":"), sort_keys=True) + "\n\n")


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
    optional({"num_tracks": OTHERS, "name_of_owner": OTHERS, "names": OTHERS}),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(PLAYLISTS, max_size=4), OTHERS, st.sampled_from([None, 0, 3, 8]), st.booleans())
def test_scan_agrees_on_whatever_is_well_formed(
    playlists: list[dict[str, Any]], info: Any, indent: int | None, ascii_only: bool
) -> None:
    content = {"info": info, "playlists": playlists, "tail": info}
    assert_same(json.dumps(content, indent=indent, ensure_ascii=ascii_only))


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_damage_never_goes_unnoticed_with_another_result(data: st.DataObject) -> None:
    good = slice_text(TINY_SLICES["0-2"]).encode()
    at = data.draw(st.integers(0, len(good) - 1))
    bad = good[:at] + data.draw(st.binary(max_size=3)) + good[at + data.draw(st.integers(0, 40)) :]
    scanned = scan_slice(bad)
    if scanned is not None:
        try:
            decoded = decode_slice(bad, "x")
        except FormatError:  # inside a skipped value the scanner is lenient, and only there
            assert plain(scanned)["pid"] == plain(scan_slice(good))["pid"]
        else:
            assert plain(scanned) == plain(decoded)


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 10_000))
def test_a_truncated_slice_is_never_accepted(cut: int) -> None:
    good = slice_text(TINY_SLICES["0-2"]).encode()
    assert scan_slice(good[: min(cut, len(good) - 1)]) is None


def changed(change: Callable[[dict[str, Any]], object]) -> bytes:
    playlist = playlist_record(7, "x", ["rock1", "rock2"])
    change(playlist)
    return slice_text([playlist]).encode()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"{}",
        b'{"playlists": 3}',
        b'{"playlists": [3]}',
        b'{"playlists": []} x',
        b'{"playlists": [], "playlists": []}',
        changed(lambda p: p.pop("pid")),
        changed(lambda p: p.pop("tracks")),
        changed(lambda p: p.update(pid=1.5)),
        changed(lambda p: p.update(pid=2**31)),
        changed(lambda p: p.update(pid=-1)),
        changed(lambda p: p.update(name=None)),
        changed(lambda p: p.update(collaborative=True)),
        changed(lambda p: p.update(name="a\ud800b")),
        changed(lambda p: p["tracks"][1].pop("album_uri")),
        changed(lambda p: p["tracks"][1].update(track_uri="spotify:local:abc")),
        changed(lambda p: p["tracks"][1].update(track_uri=track_uri("é"))),
        changed(lambda p: p["tracks"][1].update(artist_uri="spotify:artist:" + "a" * 21 + "-")),
        changed(lambda p: p["tracks"][0].update(track_name="lone \udc00")),
        changed(lambda p: p["tracks"][0].update(duration_ms=2**31)),
        changed(lambda p: p["tracks"][0].update(duration_ms="1")),
    ],
)
def test_scan_gives_up_on_anything_unexpected(data: bytes) -> None:
    assert scan_slice(data) is None


def test_names_that_are_not_utf8_are_left_to_the_general_decoder() -> None:
    data = changed(lambda p: p["tracks"][0].update(track_name="MARK"))
    assert scan_slice(data.replace(b"MARK", b"\xff")) is None
    assert scan_slice(data.replace(b"MARK", rb"\x")) is None
    assert scan_slice(data.replace(b"MARK", rb"\u12g4")) is None


def test_id_table_numbers_by_first_occurrence_and_grows() -> None:
    table = IdTable(4)
    ids = np.array([b"%022d" % (i % 5000) for i in range(12_000)], "S22")
    codes, new = table.add_ids(ids[:3000])
    assert codes.tolist() == new.tolist() == list(range(3000))
    codes, new = table.add_ids(ids[3000:])
    assert codes.tolist() == [i % 5000 for i in range(3000, 12_000)]
    assert new.tolist() == list(range(2000))
    assert table.ids.tolist() == ids[:5000].tolist()
    assert len(table) == 5000
