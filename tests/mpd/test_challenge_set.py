import gzip
import hashlib
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from challenge.errors import FormatError, MissingInputError
from challenge.mpd import challenge_set as module
from challenge.mpd.challenge_set import read_challenge_set
from challenge.types import Category
from tests.official_files import challenge_record, many, tiny_challenge, track_uri

Change = Callable[[dict[str, Any]], object]


def test_every_category_is_told_from_the_playlists_shape(tiny_challenge_set: Path) -> None:
    challenge = read_challenge_set(tiny_challenge_set)
    assert challenge.categories == tuple(Category)
    assert challenge.pid.tolist() == list(range(1000, 1010))
    assert challenge.counts() == dict.fromkeys(Category, 1)
    assert challenge.titles == (
        "rock", "jazz", "Rock", None, "new!", None, "Rock", "Rock", "Rock", "Rock",
    )  # fmt: skip
    assert challenge.num_tracks.tolist() == [6, 7, 11, 12, 20, 21, 60, 61, 150, 151]
    assert challenge.num_holdouts.tolist() == [6, 6, 6, 7, 10, 11, 35, 36, 50, 51]


def test_seeds_keep_ids_places_and_names(tiny_challenge_set: Path) -> None:
    challenge = read_challenge_set(tiny_challenge_set)
    assert challenge.indptr.tolist() == [0, 0, 1, 6, 11, 21, 31, 56, 81, 181, 281]
    assert challenge.track_ids[0] == track_uri("jazz1").removeprefix("spotify:track:").encode()
    assert challenge.artist_ids[0] == b"jazz".rjust(22, b"0")
    assert challenge.album_ids[0] == b"jazz".rjust(22, b"0")
    assert (challenge.track_names[0], challenge.artist_names[0]) == ("Song jazz1", "The jazz")
    assert challenge.position[56:59].tolist() == [0, 2, 4]
    assert challenge.position[181:184].tolist() == [20, 21, 22]


def test_zip_gz_and_folder_read_alike(tiny_challenge_set: Path, tmp_path: Path) -> None:
    plain = read_challenge_set(tiny_challenge_set)
    data = tiny_challenge_set.read_bytes()
    (tmp_path / "c.json.gz").write_bytes(gzip.compress(data))
    with zipfile.ZipFile(tmp_path / "c.zip", "w") as archive:
        archive.writestr("readme.txt", "hello")
        archive.writestr("inside/challenge_set.json", data)
    for path in (tmp_path / "c.json.gz", tmp_path / "c.zip", tiny_challenge_set.parent):
        other = read_challenge_set(path)
        assert other.md5 == plain.md5 == hashlib.md5(data).hexdigest()
        assert other.track_ids.tolist() == plain.track_ids.tolist()


def test_the_official_file_is_recognised(tiny_challenge_set: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    challenge = read_challenge_set(tiny_challenge_set)
    assert not challenge.is_official
    monkeypatch.setattr(module, "OFFICIAL_MD5", challenge.md5)
    assert challenge.is_official


def test_an_empty_title_counts_as_given(tmp_path: Path) -> None:
    challenge = read_changed(tmp_path, lambda c: c["playlists"][1].update(name=""))
    assert challenge.categories[1] is Category.TITLE_FIRST_1
    assert challenge.titles[1] == ""


def test_counts_and_positions_that_are_missing_follow_from_the_rest(tmp_path: Path) -> None:
    def change(content: dict[str, Any]) -> None:
        playlist = content["playlists"][2]
        del playlist["num_holdouts"], playlist["num_samples"]
        for track in playlist["tracks"]:
            del track["pos"]

    challenge = read_changed(tmp_path, change)
    assert challenge.num_holdouts[2] == 6
    assert challenge.position[1:6].tolist() == [0, 1, 2, 3, 4]
    assert challenge.categories[2] is Category.TITLE_FIRST_5


def read_changed(folder: Path, change: Change) -> module.ChallengeSet:
    content = tiny_challenge()
    change(content)
    path = folder / "changed.json"
    path.write_text(json.dumps(content))
    return read_challenge_set(path)


FAULTS: dict[str, tuple[Change, str]] = {
    "empty": (lambda c: c["playlists"].clear(), r"changed\.json: the challenge set is empty"),
    "no list": (lambda c: c.pop("playlists"), r"a list \"playlists\", found an object without it"),
    "no title, one seed": (
        lambda c: c["playlists"][1].pop("name"),
        r"playlist 1001: no title, 1 seeds from the beginning, which is none of the ten kinds",
    ),
    "scattered five": (
        lambda c: c["playlists"].append(challenge_record(7, "x", many(5), [0, 2, 4, 6, 8], 20)),
        r"playlist 7: title, 5 seeds at random places",
    ),
    "tracks miscounted": (
        lambda c: c["playlists"][2].update(num_tracks=12),
        r"playlist 1002: num_tracks is 12, but 5 tracks are given and 6 held out",
    ),
    "fewer tracks than seeds": (
        lambda c: [c["playlists"][2].update(num_tracks=4), c["playlists"][2].pop("num_holdouts")],
        r"playlist 1002: num_tracks is 4, but 5 tracks are given",
    ),
    "holdouts below 0": (lambda c: c["playlists"][2].update(num_holdouts=-1), r"num_holdouts is -1"),
    "seeds miscounted": (
        lambda c: c["playlists"][2].update(num_samples=4),
        r"playlist 1002: num_samples is 4, but 5 tracks are given",
    ),
    "no counts": (
        lambda c: [c["playlists"][0].pop(key) for key in ("num_holdouts", "num_tracks")],
        r"playlist 1000: num_holdouts is missing",
    ),
    "repeated pid": (lambda c: c["playlists"][3].update(pid=1002), r"playlist 1002 stands there more than"),
    "local seed": (
        lambda c: c["playlists"][2]["tracks"][1].update(track_uri="spotify:local:1"),
        r"playlist 1002: tracks\[1\]\.track_uri is 'spotify:local:1'",
    ),
    "no tracks": (lambda c: c["playlists"][4].pop("tracks"), r"playlist 1004: tracks is missing"),
    "no pid": (lambda c: c["playlists"][4].pop("pid"), r"playlists\[4\]: pid is None"),
    "odd count": (
        lambda c: c["playlists"][4].update(num_holdouts="many"),
        r"not in the official format: .*int",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_bad_challenge_set_is_explained(fault: str, tmp_path: Path) -> None:
    change, message = FAULTS[fault]
    with pytest.raises(FormatError, match=message) as caught:
        read_changed(tmp_path, change)
    assert caught.value.hint


def test_the_hint_lists_the_ten_kinds(tmp_path: Path) -> None:
    with pytest.raises(FormatError) as caught:
        read_changed(tmp_path, FAULTS["no title, one seed"][0])
    assert "title, 100 seeds at random places" in str(caught.value.hint)


def test_damaged_files_are_told_apart(tiny_challenge_set: Path, tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match="no such file"):
        read_challenge_set(tmp_path / "gone.json")
    (tmp_path / "bad.json").write_text('{"playlists": [')
    with pytest.raises(FormatError, match=r"bad\.json: not JSON: .* at byte 15 of 15"):
        read_challenge_set(tmp_path / "bad.json")
    (tmp_path / "cut.gz").write_bytes(gzip.compress(tiny_challenge_set.read_bytes())[:50])
    with pytest.raises(FormatError, match="truncated gzip"):
        read_challenge_set(tmp_path / "cut.gz")
    with zipfile.ZipFile(tmp_path / "none.zip", "w") as archive:
        archive.writestr("readme.txt", "hello")
    with pytest.raises(MissingInputError, match=r"holds 0 files named challenge_set\.json"):
        read_challenge_set(tmp_path / "none.zip")


def test_a_damaged_zip_is_named(tiny_challenge_set: Path, tmp_path: Path) -> None:
    path = tmp_path / "c.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(tiny_challenge_set, "challenge_set.json")
    data = bytearray(path.read_bytes())
    data[200] ^= 0xFF
    path.write_bytes(data)
    with pytest.raises(FormatError, match=r"c\.zip: the zip is damaged at 'challenge_set\.json'"):
        read_challenge_set(path)
