"""``challenge recommend``, ``search``, ``similar`` and ``show`` as a person calls them on a finished run."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np
import orjson
import pytest
from rich.cells import cell_len
from typer.testing import CliRunner, Result

from challenge.cli.app import build_app
from challenge.data.dataset import Dataset
from challenge.files import write_json
from challenge.playlist import Playlist, Reason, Recommendation, reason_lines
from challenge.quoting import printable, table_cell
from challenge.recommender import Recommender
from challenge.submission.reader import read_submission
from tests.tiny_runs import TinySample

Invoke = Callable[..., Result]


pytestmark = pytest.mark.usefixtures("single_thread")


@pytest.fixture(autouse=True)
def narrow_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")


@pytest.fixture(scope="module")
def run(sample: TinySample, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run with a learned ranking."""
    folder = tmp_path_factory.mktemp("asked")
    options = ["--sources", "playlist_knn,title_knn,ials,popularity", "--threads", "1", "--quiet"]
    paths = {"mpd": sample.mpd, "challenge": sample.challenge, "cache": sample.cache}
    given = [text for name, path in paths.items() for text in (f"--{name}", str(path))]
    settings = ["--config", str(sample.config), "--output", str(folder / "run")]
    result = CliRunner().invoke(build_app(), ["run", *given, *settings, *options])
    assert result.exit_code == 0, result.output
    return folder / "run"


@pytest.fixture
def ask(run: Path) -> Invoke:
    """Call a command on the run, or on another folder."""

    def call(command: str, *options: str, of: Path = run, stdin: str | bytes | None = None) -> Result:
        arguments = [command, str(of), *options, "--quiet", "--threads", "1"]
        return CliRunner().invoke(build_app(), arguments, input=stdin)

    return call


def refused(result: Result, code: int, message: str) -> None:
    assert result.exit_code == code, result.output
    assert result.stderr.startswith("Error: ") or code == 2
    assert message in " ".join(result.stderr.replace("│", " ").split())
    assert result.stdout == ""


def fine(result: Result) -> str:
    assert result.exit_code == 0, result.output
    assert result.stderr == ""
    return result.stdout


def uris_of(dataset: Dataset, *tracks: int) -> list[str]:
    return dataset.catalog.tracks.uris(np.array(tracks, np.int32))


@pytest.fixture(scope="module")
def given(dataset: Dataset) -> list[str]:
    """Tracks of a playlist, each once."""
    return list(dict.fromkeys(dataset.catalog.tracks.uris(dataset.playlists.interactions.row(0))))[:5]


# -- recommend --------------------------------------------------------------------------------------


def test_a_title_and_tracks_are_continued(ask: Invoke, run: Path, given: list[str]) -> None:
    tracks = [text for uri in given for text in ("--track", uri)]
    lines = fine(ask("recommend", "--title", "road trip", *tracks, "-n", "7")).splitlines()
    assert lines[0] == "road trip, 5 tracks given"
    recommender = Recommender.load(run / "recommender")
    (expected,) = recommender.recommend([Playlist("road trip", given)], 7)
    shown = [line.split()[0] for line in lines if re.match(r"\s*\d", line)]
    assert shown == [str(rank) for rank in range(1, 8)]
    text = " ".join(" ".join(lines).split())
    for each in expected:
        assert f"{each.rank} {each.track}" in text
    assert fine(ask("recommend", "--track", given[0], "-n", "1")).startswith("untitled, 1 track given\n")


def test_a_question_waits_neither_for_torch_nor_for_lightgbm(run: Path) -> None:
    asked = """
import sys
from pathlib import Path
from challenge import Playlist
from challenge.workflows.ask import load_to_ask
load_to_ask(Path(sys.argv[1])).recommend([Playlist("love")], 3)
print([name for name in ("torch", "lightgbm") if name in sys.modules])
"""
    done = subprocess.run(
        [sys.executable, "-c", asked, str(run)], capture_output=True, text=True, check=True, timeout=300
    )
    assert done.stdout == "[]\n"


def test_twenty_tracks_unless_told_otherwise(ask: Invoke) -> None:
    assert len(json.loads(fine(ask("recommend", "--title", "a", "--json")))[0]["recommended"]) == 20
    assert (
        len(json.loads(fine(ask("recommend", "--title", "a", "--json", "-n", "500")))[0]["recommended"])
        == 500
    )


@pytest.mark.parametrize("count", ["0", "501", "-3", "many"])
def test_other_counts_are_refused(ask: Invoke, count: str) -> None:
    refused(ask("recommend", "--title", "a", "-n", count), 2, f"found '{count}'; expected a whole number")


def test_a_track_may_be_named_by_its_name(ask: Invoke, dataset: Dataset) -> None:
    names = [name.casefold() for name in dataset.catalog.track_names]
    place = next(i for i, name in enumerate(names) if sum(name in other for other in names) == 1)
    (uri,) = uris_of(dataset, place)
    (found,) = json.loads(fine(ask("recommend", "--track", names[place].upper(), "--json")))
    assert found["tracks"] == [uri]
    assert uri not in [each["uri"] for each in found["recommended"]]


def test_shuffled_tracks_are_another_kind_of_playlist(ask: Invoke, run: Path, dataset: Dataset) -> None:
    """The ranker sees the kind; the tracks given are the same."""
    uris = list(dict.fromkeys(dataset.catalog.tracks.uris(dataset.playlists.interactions.track_index[:80])))[
        :25
    ]
    tracks = [text for uri in uris for text in ("--track", uri)]
    one = json.loads(fine(ask("recommend", *tracks, "--json")))
    two = json.loads(fine(ask("recommend", *tracks, "--json", "--shuffled")))
    assert one[0]["tracks"] == two[0]["tracks"] == uris
    recommender = Recommender.load(run / "recommender")
    for found, ordered in ((one, True), (two, False)):
        (expected,) = recommender.recommend([Playlist(None, uris, ordered=ordered)])
        assert [each["uri"] for each in found[0]["recommended"]] == [each.uri for each in expected]
        scores = [each["score"] for each in found[0]["recommended"]]
        assert scores == pytest.approx([each.score for each in expected])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--track", "z" * 22], f"playlist 1: tracks[0] is '{'z' * 22}', which is in no playlist"),
        (["--title", "a", "--track", "qqqqvvvv"], "track 'qqqqvvvv': nothing is named so"),
        (["--track", ""], "nothing to look for: the text is empty"),
        ([], "playlist 1: no title and no track; expected at least one of them"),
        (["--title", " "], "no title and no track"),
        (["--title", ""], "no title and no track"),
    ],
)
def test_what_cannot_be_continued(ask: Invoke, options: list[str], message: str) -> None:
    refused(ask("recommend", *options), 3, message)


def test_a_name_that_many_tracks_have(ask: Invoke, dataset: Dataset) -> None:
    words: dict[str, int] = {}
    for name in dataset.catalog.track_names:
        for word in set(name.lower().split()):
            words[word] = words.get(word, 0) + 1
    names = {name.casefold() for name in dataset.catalog.track_names}
    common = max(
        (word for word in words if word not in names and len(word) > 2), key=lambda word: words[word]
    )
    result = ask("recommend", "--track", common)
    refused(result, 3, f"track '{common}': several are named so")
    assert 2 <= result.stderr.count("spotify:track:") <= 8
    assert "or choose one by its URI:\n  " in result.stderr
    assert result.stderr.count("\n  ") == result.stderr.count("spotify:track:"), "each on a line of its own"


@pytest.mark.parametrize(
    "title",
    [
        "🎸🔥",
        "[/red]",
        "[bold]x",
        ":guitar: road",
        "null\x00byte",
        "\udcff",
        "x" * 5000,
        "a\nb",
        "-- 'x' \"y\"",
    ],
)
def test_any_title_is_a_title(ask: Invoke, title: str) -> None:
    for form in ("table", "json", "csv", "m3u"):
        text = fine(ask("recommend", f"--title={title}", "-n", "3", "--format", form))
        told = title.encode("utf-8", "replace").decode()
        line = printable(" ".join(told.split()))
        if form == "json":
            assert json.loads(text)[0]["title"] == told
        elif form == "csv":
            assert [row["title"] for row in csv.DictReader(io.StringIO(text))] == [table_cell(line)] * 3
        elif form == "m3u":
            assert text.splitlines()[1] == f"#PLAYLIST:{line}"
            assert len(text.splitlines()) == 8
        else:
            assert text.startswith(f"{printable(told)}, 0 tracks given\n")


def test_a_title_that_says_nothing_is_told(run: Path, given: list[str]) -> None:
    said = "Note: no playlist has a title like 'qqqzzzvvv', so it says nothing"
    for options, notes in (
        (["--title", "qqqzzzvvv"], 1),
        (["--title", "qqqzzzvvv", "--track", given[0]], 1),
        (["--title", "love"], 0),
        (["--track", given[0]], 0),
    ):
        result = CliRunner().invoke(
            build_app(), ["recommend", str(run), *options, "--json", "--threads", "1"]
        )
        assert result.stderr.count(said) == notes
        assert result.exit_code == 0


def test_10000_tracks_are_too_many_and_nothing_is_looked_up(
    ask: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Recommender, "load", None)
    (tmp_path / "lists.json").write_text(json.dumps({"title": "all", "tracks": ["some song"] * 10_000}))
    result = ask("recommend", "--file", str(tmp_path / "lists.json"))
    refused(result, 3, "playlist 1 ('all'): 10,000 tracks; expected at most 500")
    assert "Hint: give those that matter most" in result.stderr


# -- playlists from files, lists for other programs -------------------------------------------------


def test_playlists_of_a_file_or_of_standard_input(ask: Invoke, tmp_path: Path, given: list[str]) -> None:
    wanted = [{"title": "a", "tracks": given[:2]}, {"tracks": given}, {"title": "road trip"}]
    text = json.dumps(wanted)
    (tmp_path / "lists.json").write_text(text)
    from_file = fine(ask("recommend", "--file", str(tmp_path / "lists.json"), "--json", "-n", "5"))
    assert fine(ask("recommend", "--file", "-", "--json", "-n", "5", stdin=text)) == from_file
    found = json.loads(from_file)
    assert [(each["title"], each["tracks"]) for each in found] == [
        ("a", given[:2]),
        (None, given),
        ("road trip", []),
    ]
    assert [len(each["recommended"]) for each in found] == [5, 5, 5]
    lines = ["title,track", *(f"a,{uri}" for uri in given[:2]), *(f",{uri}" for uri in given), "road trip,"]
    assert fine(ask("recommend", "--file", "-", "--json", "-n", "5", stdin="\n".join(lines))) == from_file
    table = fine(ask("recommend", "--file", "-", "-n", "5", stdin=text))
    for told in ("a, 2 tracks given", "untitled, 5 tracks given", "road trip, 0 tracks given"):
        assert told in table.splitlines()


def test_the_official_challenge_set_is_such_a_file(ask: Invoke, sample: TinySample) -> None:
    found = json.loads(fine(ask("recommend", "--file", str(sample.challenge), "-n", "1", "--json")))
    assert len(found) == 50
    assert [each["title"] for each in found] == [
        each.get("name") for each in sample.challenge_set()["playlists"]
    ]


def test_csv_and_m3u_say_what_json_says(ask: Invoke, given: list[str]) -> None:
    options = ["--title", "a", "--track", given[0], "-n", "12", "--format"]
    found = json.loads(fine(ask("recommend", *options, "json")))[0]["recommended"]
    rows = list(csv.DictReader(io.StringIO(fine(ask("recommend", *options, "csv")))))
    assert [row["uri"] for row in rows] == [each["uri"] for each in found]
    assert [float(row["score"]) for row in rows] == pytest.approx([each["score"] for each in found])
    lines = fine(ask("recommend", *options, "m3u")).splitlines()
    assert lines[:2] == ["#EXTM3U", "#PLAYLIST:a"]
    assert lines[3::2] == [each["uri"] for each in found]
    assert lines[2::2] == [f"#EXTINF:-1,{each['artist']} - {each['track']}" for each in found]


@pytest.mark.parametrize(
    ("options", "stdin", "code", "message"),
    [
        (["--file", "-"], "", 3, "standard input: no playlist in it"),
        (["--file", "-"], "[", 3, "standard input: not JSON: "),
        (["--file", "-"], "x,y\n1,2\n", 3, "standard input: found the columns 'x, y'"),
        (["--file", "-"], b"\xff\xfe", 3, "standard input: neither JSON nor CSV"),
        (["--file", "-"], '[{"title": "a"}, {}]', 3, "playlist 2: no title and no track"),
        (["--file", "-"], '{"title": "a", "num_missing": -1}', 3, "num_missing is -1; expected 0 to"),
        (["--file", "{T}/none.json"], None, 3, "none.json: no such file"),
        (["--file", "{T}"], None, 3, "it is a folder; expected a file"),
        (["--file", "-", "--title", "a"], "", 2, "--file and --title or --track both tell the playlist"),
        (["--file", "-", "--track", "a"], "", 2, "--file and --title or --track both tell the playlist"),
        (["--title", "a", "--format", "xml"], None, 2, "--format xml: expected table, json, csv, m3u"),
    ],
)
def test_files_that_are_none(
    ask: Invoke, tmp_path: Path, options: list[str], stdin: str | bytes | None, code: int, message: str
) -> None:
    given = [option.replace("{T}", str(tmp_path)) for option in options]
    refused(ask("recommend", *given, stdin=stdin), code, message)


# -- reasons ----------------------------------------------------------------------------------------

IN_WORDS: Final = {
    "playlist_knn": "playlists with the same tracks",
    "title_knn": "similar titles",
    "artists_in_title": "artists in the title",
    "ials": "iALS",
    "ials_knn": "similar playlists by iALS",
    "lightgcn": "LightGCN",
    "artist_album": "same artists and albums",
    "popularity": "popularity",
}


def test_reasons_fit_into_80_columns(ask: Invoke, given: list[str], dataset: Dataset) -> None:
    title = next(title for title in dataset.playlists.titles if title.isalpha())
    tracks = [text for uri in given for text in ("--track", uri)]
    options = ["--title", title, *tracks, "-n", "6"]
    text = fine(ask("recommend", *options, "--explain"))
    (found,) = json.loads(fine(ask("recommend", *options, "--explain", "--json")))
    assert max(map(cell_len, text.splitlines())) <= 80
    whole = " ".join(text.split())
    for each in found["recommended"]:
        assert f"{each['rank']}. {each['track']} by {each['artist']} " in whole
        for name, rank in each["reason"]["sources"].items():
            assert f"{IN_WORDS[name]} (rank {rank})" in whole
        for _, name, share in each["reason"]["seeds"]:
            assert f"{share:.0%} of the playlists with {name} hold it" in whole
        for word, share in each["reason"]["words"]:
            assert f"{share:.0%} of the playlists with “{word}” in the title hold it" in whole
        assert sum(each["reason"]["contributions"].values()) == pytest.approx(each["score"], abs=1e-4)
        assert f"score {each['score']:.2f} = " in whole
    assert "proposed by" not in fine(ask("recommend", *options))


def test_a_reason_in_words() -> None:
    contributions = {"ials": 2.0, "start": -1.5, "title": 0.5, "a": 0.25, "b": -0.125, "c": 0.05, "d": -0.02}
    reason = Reason(
        {"ials": 1, "artists_in_title": 12},
        (("spotify:track:1", "Song", 0.25), ("spotify:track:2", "[b]", 0.004)),
        (("road", 2 / 3),),
        contributions,
    )
    assert reason_lines(Recommendation(1, "uri", "Track", "Artist", 1.155, reason)) == [
        "25% of the playlists with Song hold it",
        "under 1% of the playlists with [b] hold it",
        "67% of the playlists with “road” in the title hold it",
        "proposed by iALS (rank 1), artists in the title (rank 12)",
        "score 1.16 = iALS +2.00, start -1.50, title +0.50, a +0.25, b -0.12, others +0.03",
    ]
    assert reason_lines(Recommendation(1, "uri", "Track", "Artist", 1.0)) == []
    assert reason_lines(Recommendation(1, "uri", "Track", "Artist", 1.0, Reason())) == []


# -- search and similar -----------------------------------------------------------------------------


def test_search_finds_tracks_artists_and_titles(ask: Invoke, run: Path, dataset: Dataset) -> None:
    artist = max(dataset.catalog.artist_names, key=len)
    found = json.loads(fine(ask("search", *artist.upper().split(), "--json", "-n", "4")))
    assert {each["kind"] for each in found if each["exact"]} >= {"track", "artist"}
    assert artist in [each["name"] for each in found if each["kind"] == "artist"]
    assert all(each["artist"] == artist for each in found if each["kind"] == "track" and each["exact"])
    assert sum(each["kind"] == "track" for each in found) <= 4
    lines = fine(ask("search", artist, "-n", "4")).splitlines()
    assert "artists" in [line.strip() for line in lines]
    trained = Recommender.load(run / "recommender").dataset.playlists  # but for training queries
    index = np.bincount(trained.title_index[trained.title_index >= 0]).argmax()
    title, count = trained.titles[int(index)], int((trained.title_index == index).sum())
    found = json.loads(fine(ask("search", title, "--json")))
    assert ("title", title, count, True) in [
        (each["kind"], each["name"], each["playlists"], each["exact"]) for each in found
    ]


def test_search_tells_what_is_only_spelt_alike_and_what_is_not_there(ask: Invoke, dataset: Dataset) -> None:
    artist = max(dataset.catalog.artist_names, key=len)
    misspelt = artist[0] + artist[2] + artist[1] + artist[3:]
    text = fine(ask("search", misspelt))
    assert "artists spelt alike" in text
    assert fine(ask("search", "qqqqvvvv")) == "nothing is named so\n"
    assert fine(ask("search", "qqqqvvvv", "--json")) == "[]\n"
    refused(ask("search", " "), 3, "nothing to look for: the text is empty")
    refused(ask("search"), 2, "TEXT")


def test_similar_tracks(ask: Invoke, run: Path, given: list[str]) -> None:
    found = json.loads(fine(ask("similar", given[0], "--json", "-n", "5")))
    expected = Recommender.load(run / "recommender").similar(given[0], 5)
    assert [(each["rank"], each["uri"]) for each in found] == [(each.rank, each.uri) for each in expected]
    assert given[0] not in [each["uri"] for each in found]
    lines = fine(ask("similar", f"https://open.spotify.com/track/{given[0][14:]}", "-n", "5")).splitlines()
    assert lines[0].startswith("tracks like https://open.spotify.com/track/")
    shown = [line.split()[-1] for line in lines if re.match(r"\s*\d", line)]
    assert shown == [f"{each.score:.3f}" for each in expected]


def test_similar_tracks_of_none(ask: Invoke) -> None:
    refused(ask("similar", "z" * 22), 3, f"track[0] is '{'z' * 22}', which is in no playlist of the dataset")
    refused(ask("similar", "qqqqvvvv"), 3, "track 'qqqqvvvv': nothing is named so")
    refused(ask("similar", "[/red]qqqqvvvv"), 3, "track '[/red]qqqqvvvv': nothing is named so")
    refused(ask("similar", "z" * 22, "-n", "0"), 2, "expected a whole number of at least 1")


# -- show -------------------------------------------------------------------------------------------


def test_show_continues_as_the_submission_does(
    ask: Invoke, run: Path, sample: TinySample, dataset: Dataset
) -> None:
    submission = read_submission(run / "submission.csv.gz")
    answers = json.loads(sample.answers.read_text())
    for place in range(0, 50, 7):
        pid = int(dataset.queries.pid[place])
        options = [str(pid), "-n", "500", "--json"]
        plain = json.loads(fine(ask("show", *options)))
        assert plain["hits"] is None
        found = json.loads(fine(ask("show", *options, "--answers", str(sample.answers))))
        own = [each["uri"] for each in found["recommended"]]
        ids = submission.track_ids[list(submission.pid).index(pid)].tolist()
        assert own == [f"spotify:track:{each.decode()}" for each in ids]
        held_out = set(answers[str(pid)]["holdout"])
        assert found["hits"] == [uri in held_out for uri in own]
        assert found["num_holdouts"] == len(held_out)
        (query,) = (each for each in sample.challenge_set()["playlists"] if each["pid"] == pid)
        assert found["title"] == query.get("name")
        assert [(each["rank"], each["uri"]) for each in found["seeds"]] == [
            (each["pos"] + 1, each["track_uri"]) for each in query["tracks"]
        ]


def test_show_marks_hits(ask: Invoke, sample: TinySample, dataset: Dataset) -> None:
    pid = str(dataset.queries.pid[-1])
    lines = fine(ask("show", pid)).splitlines()
    assert lines[0].startswith(f"playlist {pid}: ")
    assert {"seeds", "continuation"} <= {line.strip() for line in lines}
    assert "held-out" not in lines[-1]
    assert not any(line.rstrip().endswith(" hit") for line in lines)
    lines = fine(ask("show", pid, "--answers", str(sample.answers), "-n", "300")).splitlines()
    marked = sum(line.rstrip().endswith(" hit") for line in lines)
    assert marked > 0
    total = int(dataset.queries.num_holdouts[-1])
    assert lines[-1] == f"{marked} of {total} held-out tracks among the first 300"


def test_show_without_seeds(ask: Invoke, dataset: Dataset) -> None:
    place = int((dataset.queries.seeds.lengths == 0).argmax())
    lines = fine(ask("show", str(dataset.queries.pid[place]), "-n", "2")).splitlines()
    title = dataset.queries.titles[place]
    assert lines[0] == f"playlist {dataset.queries.pid[place]}: “{title}”, title only"
    assert "seeds" not in {line.strip() for line in lines}


def test_show_of_a_playlist_that_is_not_there(
    ask: Invoke, sample: TinySample, dataset: Dataset, tmp_path: Path
) -> None:
    pids = dataset.queries.pid
    message = f"playlist 7: not in the challenge of this run, whose pids are {pids.min()} to {pids.max()}"
    refused(ask("show", "7"), 3, message)
    refused(ask("show", "99999999999999"), 3, "playlist 99999999999999: not in the challenge")
    refused(ask("show", "road"), 2, "expected a whole number")
    answers = json.loads(sample.answers.read_text())
    (tmp_path / "other.json").write_text(json.dumps({"1": next(iter(answers.values()))}))
    pid = str(pids[0])
    refused(
        ask("show", pid, "--answers", str(tmp_path / "other.json")), 3, f"playlist {pid}: not in the answers"
    )
    refused(ask("show", pid, "--answers", str(tmp_path / "none.json")), 3, "none.json: no such file")


# -- folders that are none --------------------------------------------------------------------------

QUESTIONS = [("recommend", "--title", "a"), ("search", "a"), ("similar", "0" * 22), ("show", "1000000")]


@pytest.mark.parametrize("question", QUESTIONS, ids=[each[0] for each in QUESTIONS])
def test_a_folder_that_cannot_be_asked(
    ask: Invoke, run: Path, tmp_path: Path, question: tuple[str, ...]
) -> None:
    for folder in (tmp_path, tmp_path / "none"):
        result = ask(*question, of=folder)
        refused(result, 3, f"{folder}/recommender: holds no recommender (recommender.json is missing)")
        assert (
            "Hint: fit it again: challenge train --output DIR, or name another folder: challenge runs"
            in result.stderr
        )
    copied = tmp_path / "copied"
    shutil.copytree(run / "recommender", copied / "recommender")
    facts = copied / "recommender" / "recommender.json"
    content = orjson.loads(facts.read_bytes())
    write_json(facts, content | {"format": 99})
    refused(ask(*question, of=copied), 3, f"{facts}: format is 99; expected 4")
    write_json(facts, content)
    lost = copied / "recommender" / "index" / "row_track.npy"
    half = lost.read_bytes()[:-100]
    lost.write_bytes(half)
    refused(ask(*question, of=copied), 3, f"{lost}: is not as it was written: its checksum differs")
    lost.unlink()
    refused(ask(*question, of=copied), 3, f"{lost}: no such file")
