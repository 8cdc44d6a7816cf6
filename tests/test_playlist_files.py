"""Playlists read from JSON and CSV, and what is recommended written for other programs."""

from __future__ import annotations

import csv
import io
import json
import math
import re

import pytest

from challenge.errors import FormatError
from challenge.playlist import Playlist, Reason, Recommendation
from challenge.playlist_files import as_csv, as_json, as_m3u, read_playlists, resolved

URIS = [f"spotify:track:{i:022d}" for i in range(3)]
HOSTILE = 'my "best"\n#EXTM3U\r\nof, 2017\u2028; 🎸\x85=1'
ONE_LINE = 'my "best" #EXTM3U of, 2017 ; 🎸 =1'


def read(text: str | bytes) -> list[Playlist]:
    return read_playlists(text.encode() if isinstance(text, str) else text, "lists")


def refused(text: str | bytes) -> FormatError:
    with pytest.raises(FormatError) as caught:
        read(text)
    assert caught.value.message.startswith("lists: ")
    assert "expected JSON such as" in str(caught.value.hint)
    return caught.value


# -- read -------------------------------------------------------------------------------------------


def test_a_list_of_playlists() -> None:
    text = json.dumps(
        [
            {"title": "road trip", "tracks": URIS[:2], "other": 5},
            {"tracks": URIS, "ordered": False, "num_missing": 7},
            {"title": ""},
        ]
    )
    expected = [
        Playlist("road trip", URIS[:2]),
        Playlist(None, URIS, ordered=False, num_missing=7),
        Playlist("", []),
    ]
    assert read(text) == expected
    assert read(f"\n \t{text}") == expected
    assert read("\ufeff" + text) == expected, "as some editors begin a file"


def test_a_single_playlist() -> None:
    assert read(json.dumps({"title": "a", "tracks": URIS})) == [Playlist("a", URIS)]
    assert read(json.dumps({"title": "a", "name": "b"})) == [Playlist("a", [])]


def test_the_official_format() -> None:
    """Positions tell whether the tracks are the first ones."""
    first = [{"pos": i, "track_uri": uri, "track_name": "x"} for i, uri in enumerate(URIS)]
    some = [{"pos": 2 * i, "track_uri": uri} for i, uri in enumerate(URIS)]
    official = {
        "date": "2018-01-16",
        "version": "v1",
        "playlists": [
            {"name": "a", "pid": 1_000_000, "num_holdouts": 12, "num_samples": 3, "tracks": first},
            {"pid": 1_000_001, "num_holdouts": 40, "tracks": some},
            {"name": "c", "pid": 1_000_002, "num_holdouts": 3, "tracks": []},
        ],
    }
    assert read(json.dumps(official)) == [
        Playlist("a", URIS, num_missing=12),
        Playlist(None, URIS, ordered=False, num_missing=40),
        Playlist("c", [], num_missing=3),
    ]


def test_csv_has_one_line_a_track() -> None:
    text = f'title,track\nroad trip,{URIS[0]}\n"a, ""b""",{URIS[1]}\nroad trip,{URIS[2]}\nonly title,\n'
    expected = [
        Playlist("road trip", [URIS[0], URIS[2]]),
        Playlist('a, "b"', [URIS[1]]),
        Playlist("only title", []),
    ]
    assert read(text) == expected
    assert read("\ufeff" + text.replace("\n", "\r\n")) == expected
    assert read(f"Track, TITLE\n {URIS[0]} , road trip\n") == [Playlist("road trip", [URIS[0]])]


def test_csv_may_lack_a_column() -> None:
    assert read(f"track\n{URIS[0]}\n{URIS[1]}\n") == [Playlist(None, URIS[:2])]
    assert read("title\na\nb\n") == [Playlist("a", []), Playlist("b", [])]
    assert read(f"title,track\na,{URIS[0]}\na\n") == [Playlist("a", [URIS[0]])]


@pytest.mark.parametrize("text", ["", " \n", "[]", '{"playlists": []}', "title,track\n"])
def test_nothing_in_it(text: str) -> None:
    assert refused(text).message == "lists: no playlist in it"


@pytest.mark.parametrize("head", ["name,uri", "title;track", "a,b,c", "title,title", "track, Track"])
def test_other_columns_are_named(head: str) -> None:
    error = refused(f"{head}\n1,2,3,4\n")
    assert (
        error.message == f"lists: found the columns '{', '.join(head.lower().replace(' ', '').split(','))}'"
    )


@pytest.mark.parametrize(
    "text",
    [
        "[",
        '{"title": "a"',
        '[{"title": 5}]',
        '[{"tracks": "spotify:track:1"}]',
        '[{"tracks": [5]}]',
        '[{"tracks": [{"uri": "x"}]}]',
        '[{"title": "a", "num_missing": "many"}]',
        '{"playlists": {}}',
        "[5]",
        "[[]]",
        "[" * 100_000,
        b'[{"title": "\xff"}]',
        '{"title": "a", "title": "b"}',
        '{"playlists": [{"title": "a"}], "playlists": []}',
    ],
)
def test_broken_json(text: str | bytes) -> None:
    message = refused(text).message
    assert re.match(
        r"lists: (not playlists: |not JSON: |lists or objects are nested|the key '\w+' st)", message
    )


@pytest.mark.parametrize("text", [b"\xff\xfet\x00i\x00", b"title\n\xff\n", b"title\n" + b"a" * 200_000])
def test_neither_json_nor_csv(text: bytes) -> None:
    assert refused(text).message.startswith("lists: neither JSON nor CSV: ")


def test_a_row_with_more_cells_than_columns_is_refused() -> None:
    with pytest.raises(FormatError, match="lists: 3 cells in row 2, more than the 2 columns") as caught:
        read(f"title,track\na,{URIS[0]}\nrain, sun,{URIS[1]}\n")
    assert "quotes" in str(caught.value.hint)


def test_more_playlists_than_anyone_has_are_refused() -> None:
    with pytest.raises(FormatError, match="lists: 100,001 playlists; at most 100,000 are read of a file"):
        read("[" + "{}," * 100_000 + "{}]")


def test_lone_surrogates_become_question_marks() -> None:
    assert read('[{"title": "a\\ud800", "tracks": ["\\udfff", "😀"]}]') == [Playlist("a?", ["?", "😀"])]


def test_names_are_replaced_by_what_they_name() -> None:
    found = resolved([Playlist("a", ["x", "y"], ordered=False), Playlist("b")], str.upper)
    assert found == [Playlist("a", ["X", "Y"], ordered=False), Playlist("b", [])]


# -- written ----------------------------------------------------------------------------------------

LISTS = [
    (
        Playlist("road trip", URIS[:1]),
        [
            Recommendation(1, URIS[1], "Song, 1", 'The "X"', 0.5, Reason({"ials": 3})),
            Recommendation(2, URIS[2], "Song 2", "Y", math.nan),
        ],
    ),
    (Playlist(None, URIS[:2]), [Recommendation(1, URIS[2], "Song 2", "Y", -1.25)]),
    (Playlist(HOSTILE, []), [Recommendation(1, URIS[0], f"{HOSTILE}!", HOSTILE, 2.0)]),
]


def test_json_says_everything() -> None:
    found = json.loads(as_json(LISTS))
    assert [each["title"] for each in found] == ["road trip", None, HOSTILE]
    assert found[0]["tracks"] == URIS[:1]
    first, second = found[0]["recommended"]
    assert [first[key] for key in ("rank", "uri", "track", "artist")] == [1, URIS[1], "Song, 1", 'The "X"']
    assert first["score"] == 0.5
    assert first["reason"]["sources"] == {"ials": 3}
    assert (second["score"], second["reason"]) == (None, None)
    assert found[2]["recommended"][0]["track"] == f"{HOSTILE}!"


def test_json_is_read_again_as_the_playlists_it_was_made_for() -> None:
    assert read(as_json(LISTS)) == [playlist for playlist, _ in LISTS]


def test_csv_is_read_again_line_by_line() -> None:
    text = as_csv(LISTS)
    assert len(text.splitlines()) == 1 + 4
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [(row["playlist"], row["title"], row["rank"]) for row in rows] == [
        ("1", "road trip", "1"),
        ("1", "road trip", "2"),
        ("2", "", "1"),
        ("3", ONE_LINE, "1"),
    ]
    assert (rows[0]["track"], rows[0]["artist"], rows[0]["uri"]) == ("Song, 1", 'The "X"', URIS[1])
    assert [float(row["score"]) for row in rows[:1] + rows[2:]] == [0.5, -1.25, 2.0]
    assert math.isnan(float(rows[1]["score"]))
    assert (rows[3]["track"], rows[3]["artist"]) == (f"{ONE_LINE}!", ONE_LINE)


def test_no_cell_of_csv_is_a_formula() -> None:
    made = [Recommendation(1, URIS[0], "=1+1", "@SUM(A1)", 1.0), Recommendation(2, URIS[1], "-2", "+3", -1.0)]
    rows = list(csv.DictReader(io.StringIO(as_csv([(Playlist("\t=cmd|' /C calc'!A0"), made)]))))
    assert [(row["title"], row["track"], row["artist"]) for row in rows] == [
        ("'=cmd|' /C calc'!A0", "'=1+1", "'@SUM(A1)"),
        ("'=cmd|' /C calc'!A0", "'-2", "'+3"),
    ]
    assert rows[1]["score"] == "-1.0"


def test_nothing_that_is_written_acts_on_a_terminal() -> None:
    name = "a\x1b[31m\x9b31m\u202eb\x7f"
    for form in (as_json, as_csv, as_m3u):
        text = form([(Playlist(name), [Recommendation(1, URIS[0], name, name, 1.0)])])
        assert not set(text) & set("\x1b\x9b\u202e\x7f")
    assert json.loads(as_json([(Playlist(name), [])]))[0]["title"] == name


def test_m3u_has_two_lines_a_track() -> None:
    assert as_m3u(LISTS).splitlines() == [
        "#EXTM3U",
        "#PLAYLIST:road trip",
        '#EXTINF:-1,The "X" - Song, 1',
        URIS[1],
        "#EXTINF:-1,Y - Song 2",
        URIS[2],
        "#PLAYLIST:untitled",
        "#EXTINF:-1,Y - Song 2",
        URIS[2],
        f"#PLAYLIST:{ONE_LINE}",
        f"#EXTINF:-1,{ONE_LINE} - {ONE_LINE}!",
        URIS[0],
    ]


def test_no_list_at_all() -> None:
    assert json.loads(as_json([])) == []
    assert as_csv([]) == "playlist,title,rank,track,artist,uri,score"
    assert as_m3u([]) == "#EXTM3U"
