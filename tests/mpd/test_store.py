import fcntl
import json
import os
import shutil
import threading
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from challenge.data.archive import seal_record
from challenge.errors import FormatError, InputError, MissingInputError, ResourceError
from challenge.files import UNFINISHED
from challenge.mpd.build import in_order
from challenge.mpd.store import Store, open_store, prepare_store
from tests.official_files import (
    TINY_SLICES,
    playlist_record,
    slice_text,
    track_uri,
    write_mpd_folder,
    write_mpd_zip,
)

Slices = dict[str, list[dict[str, Any]]]


def columns(store: Store) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in sorted(store.path.glob("*.npy"))}


def tracks_of(store: Store, row: int) -> list[str]:
    return store.catalog.tracks.uris(store.playlists.interactions.row(row))


def test_store_holds_what_the_slices_say(tiny_mpd: Path, tmp_path: Path) -> None:
    store = prepare_store(tiny_mpd, cache_dir=tmp_path / "cache")
    playlists, catalog = store.playlists, store.catalog
    assert playlists.pid.tolist() == [0, 1, 2, 3, 4, 10]
    assert [playlists.title(i) for i in range(6)] == [
        "Rock", None, "Jazz 🎷", "rock", "Rock", 'Café "noir" \\ 😀',
    ]  # fmt: skip
    assert playlists.title_index.tolist() == [0, -1, 1, 2, 0, 3]
    assert playlists.num_followers.tolist() == [1, 2, 3, 1, 2, 2]
    assert playlists.num_edits.tolist() == [2] * 6
    assert playlists.modified_at.tolist() == [1_500_000_000 + i for i in (0, 1, 2, 3, 4, 10)]
    assert playlists.collaborative.tolist() == [False, False, True, False, False, False]
    assert playlists.has_description.tolist() == [False, True, False, False, False, False]
    assert tracks_of(store, 1) == [track_uri("rock2"), track_uri("rock2"), track_uri("jazz1")]
    assert playlists.interactions.track_index.tolist() == [0, 1, 2, 1, 1, 3, 3, 4, 2, 0, 5, 5, 4, 6]
    assert playlists.interactions.row_positions(3).tolist() == [0, 1, 2]
    assert catalog.track_artist.tolist() == [0, 0, 0, 1, 1, 2, 2]
    assert catalog.track_album.tolist() == [0, 0, 0, 1, 1, 2, 2]
    assert list(catalog.artist_names) == ["The rock", "The jazz", "The pop"]
    assert catalog.track_names[3] == "Song jazz1"
    assert catalog.track_duration_ms.tolist() == [200000, 200001, 200002, 200002, 200001, 200002, 200000]
    assert catalog.artists.uris(np.array([1], np.int32)) == ["spotify:artist:" + "jazz".rjust(22, "0")]
    assert store.manifest.counts == {
        "playlists": 6, "rows": 14, "tracks": 7, "artists": 3, "albums": 3, "titles": 4,
    }  # fmt: skip


def test_copies_share_a_store_and_however_it_is_packed_the_content_is_the_same(
    tiny_mpd: Path, tmp_path: Path
) -> None:
    cache = tmp_path / "cache"
    first = prepare_store(tiny_mpd, cache_dir=cache)
    copy = shutil.copy(tiny_mpd, tmp_path / "copy.zip")
    again = prepare_store(copy, cache_dir=cache)
    assert (again.path, first.made, again.made) == (first.path, True, False)
    deep_zip = write_mpd_zip(tmp_path / "deep.zip", TINY_SLICES, inside="spotify/mpd/data/")
    folder = write_mpd_folder(tmp_path / "unpacked" / "mpd" / "data", TINY_SLICES).parents[1]
    for packed in (deep_zip, folder):
        store = prepare_store(packed, cache_dir=cache)
        assert columns(store) == columns(first)
        assert store.manifest.content_hash == first.manifest.content_hash


def same_crc(text: str) -> tuple[str, str]:
    """The text and another of equal length and CRC-32: the case of some of its letters is changed."""
    data = text.encode()
    start, basis = zlib.crc32(data), dict[int, tuple[int, frozenset[int]]]()
    for place in (i for i, letter in enumerate(text) if letter.isalpha()):
        changed = bytearray(data)
        changed[place] ^= 0x20
        effect, places = zlib.crc32(changed) ^ start, frozenset({place})
        while effect and effect.bit_length() in basis:
            other, more = basis[effect.bit_length()]
            effect, places = effect ^ other, places ^ more
        if not effect:
            return text, "".join(c.swapcase() if i in places else c for i, c in enumerate(text))
        basis[effect.bit_length()] = effect, places
    raise AssertionError("too few letters")


def test_two_mpds_of_one_size_and_crc_have_stores_of_their_own(tmp_path: Path) -> None:
    record = json.dumps({"playlists": [playlist_record(1, "T" * 50, ["rock1"])]})
    head, title, tail = record.partition("T" * 50)
    one, two = same_crc(title)
    texts = [head + name + tail for name in (one, two)]
    assert zlib.crc32(texts[0].encode()) == zlib.crc32(texts[1].encode())
    titles = []
    for number, text in enumerate(texts):
        folder = write_slice(tmp_path / str(number), text, "1-1")
        titles.append(prepare_store(folder, cache_dir=tmp_path / "cache").playlists.title(0))
    assert titles == [one, two]
    assert one != two


def test_a_part_is_another_store(tiny_mpd: Path, tmp_path: Path) -> None:
    whole = prepare_store(tiny_mpd, cache_dir=tmp_path / "cache")
    part = write_mpd_folder(tmp_path / "part", {"3-4": TINY_SLICES["3-4"]})
    store = prepare_store(part, cache_dir=tmp_path / "cache")
    assert store.path != whole.path
    assert store.playlists.pid.tolist() == [3, 4]
    alone = prepare_store(part / "mpd.slice.3-4.json", cache_dir=tmp_path / "cache")
    assert alone.path == store.path


def test_ids_do_not_depend_on_the_number_of_workers(tiny_mpd: Path, tmp_path: Path) -> None:
    one = prepare_store(tiny_mpd, cache_dir=tmp_path / "one", workers=1)
    three = prepare_store(tiny_mpd, cache_dir=tmp_path / "three", workers=3)
    assert columns(one) == columns(three)


def test_positions_of_the_file_are_kept(tmp_path: Path) -> None:
    playlist = playlist_record(5, "gaps", ["rock1", "rock2", "rock3"])
    for track, place in zip(playlist["tracks"], (3, 4, 9), strict=True):
        track["pos"] = place
    folder = write_mpd_folder(tmp_path / "mpd", {"5-5": [playlist]})
    store = prepare_store(folder, cache_dir=tmp_path / "cache")
    assert store.playlists.interactions.position.tolist() == [3, 4, 9]


def test_optional_fields_have_defaults(tmp_path: Path) -> None:
    playlist = playlist_record(5, None, ["rock1", "rock2"])
    for key in ("num_edits", "modified_at", "num_followers", "collaborative", "duration_ms"):
        del playlist[key]
    for key in ("pos", "duration_ms", "track_name", "artist_name", "album_name"):
        del playlist["tracks"][1][key]
    store = prepare_store(write_mpd_folder(tmp_path / "mpd", {"5-5": [playlist]}), cache_dir=tmp_path / "c")
    assert store.playlists.title(0) is None
    assert store.playlists.num_edits.tolist() == [0]
    assert store.playlists.interactions.position.tolist() == [0, 1]
    assert list(store.catalog.track_names) == ["Song rock1", ""]


def test_a_second_run_reads_no_slice(tiny_mpd: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prepare_store(tiny_mpd, cache_dir=tmp_path / "cache")
    monkeypatch.setattr("challenge.mpd.build.load_slice", None)
    assert len(prepare_store(tiny_mpd, cache_dir=tmp_path / "cache").playlists) == 6


def test_a_store_may_be_named_instead_of_its_mpd(tiny_mpd: Path, tmp_path: Path) -> None:
    store = prepare_store(tiny_mpd, cache_dir=tmp_path / "cache")
    named = prepare_store(store.path, cache_dir=tmp_path / "other")
    assert (named.path, named.manifest) == (store.path, store.manifest)
    assert not (tmp_path / "other").exists()


def flip_a_bit(path: Path) -> None:
    """In a letter: JSON may hold other spaces without meaning anything else."""
    data = bytearray(path.read_bytes())
    places = range(len(data) * 3 // 4, len(data))
    data[next((i for i in places if data[i : i + 1].isalnum()), places[0])] ^= 4
    path.write_bytes(data)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-3])


def test_a_damaged_store_is_refused_and_made_again(tiny_mpd: Path, tmp_path: Path, told: list[str]) -> None:
    store = prepare_store(tiny_mpd, cache_dir=tmp_path / "cache")
    good = {path.name: path.read_bytes() for path in store.path.iterdir()}
    for name in good:
        for damage in (flip_a_bit, cut, Path.unlink):
            damage(store.path / name)
            with pytest.raises(InputError, match=rf"{name}|not a store") as caught:
                open_store(store.path)
            assert caught.value.hint
            told.clear()
            again = prepare_store(tiny_mpd, cache_dir=tmp_path / "cache")
            assert again.made
            assert told[-1].endswith(f"it is made again from {tiny_mpd}")
            assert {path.name: path.read_bytes() for path in again.path.iterdir()} == good
    assert [path.name for path in (tmp_path / "cache").iterdir()] == [store.path.name]


def test_a_store_of_another_mpd_or_version_is_made_again(
    tiny_mpd: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: list[str]
) -> None:
    store = prepare_store(tiny_mpd, cache_dir=tmp_path / "cache")
    good = columns(store)
    other = write_mpd_zip(tmp_path / "other.zip", {"3-4": TINY_SLICES["3-4"]})
    shutil.rmtree(store.path)
    prepare_store(other, cache_dir=tmp_path / "elsewhere").path.rename(store.path)
    assert columns(prepare_store(tiny_mpd, cache_dir=tmp_path / "cache")) == good
    assert "is the store of another MPD" in told[-1]
    monkeypatch.setattr("challenge.mpd.store.STORE_VERSION", 99)
    with pytest.raises(FormatError, match="store_version is 2; expected 99"):
        open_store(store.path)


WRONG: dict[str, Callable[[Any], Any]] = {
    "playlists.interactions.indptr": lambda a: a[::-1],
    "playlists.interactions.track_index": lambda a: a + 7,
    "playlists.interactions.position": lambda a: a[1:],
    "playlists.title_index": lambda a: a - 1,
    "playlists.titles.offsets": lambda a: np.where(a == a[2], a[2] + 9, a),
    "playlists.titles.blob": lambda a: a | 0x80,
    "playlists.num_edits": lambda a: a.astype(np.int64),
    "playlists.collaborative": lambda a: a.reshape(-1, 1),
    "catalog.track_artist": lambda a: a - 1,
    "catalog.track_album": lambda a: a + 1,
    "catalog.tracks.ids": lambda a: np.char.replace(a, b"k", b","),
    "catalog.tracks.prefix": lambda a: np.array("spotify:episode:"),
    "album_names.offsets": lambda a: a[:-1],
}


@pytest.mark.parametrize("name", WRONG)
def test_nothing_is_believed_of_a_store_that_was_sealed_anew(
    name: str, tiny_mpd: Path, tmp_path: Path
) -> None:
    """Compiled code would read and write wherever these point to."""
    store = prepare_store(tiny_mpd, cache_dir=tmp_path / "cache")
    path = store.path / f"{name}.npy"
    array = np.load(path)
    path.unlink()
    np.save(path, WRONG[name](array))
    seal_record(store.path, of=store.manifest.of)
    with pytest.raises(FormatError) as caught:
        open_store(store.path)
    assert caught.value.message.startswith(f"{store.path}: ")
    assert name.rsplit(".", maxsplit=1)[-1] in caught.value.message


def test_an_mpd_that_changes_while_it_is_read_is_refused(
    tiny_mpd: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even where size and time stay the same."""
    folder = write_mpd_folder(tmp_path / "mpd", {"3-4": TINY_SLICES["3-4"]})
    for path in (tiny_mpd, folder / "mpd.slice.3-4.json"):
        data, times = path.read_bytes(), path.stat()

        def change(*_: object, path: Path = path, data: bytes = data, times: os.stat_result = times) -> None:
            path.write_bytes(data.replace(b"README", b"readme").replace(b"Rock", b"Rick"))
            os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))

        with monkeypatch.context() as patch:
            patch.setattr("challenge.mpd.store.require_disk", change)
            with pytest.raises(InputError, match="changed while it was read"):
                prepare_store(path, cache_dir=tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_cache_that_others_may_write_to_is_refused(tiny_mpd: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    cache.mkdir()
    for mode, why in ((0o777, "everybody may write to it"), (0o770, "its group may write to it")):
        cache.chmod(mode)
        with pytest.raises(InputError, match=why) as caught:
            prepare_store(tiny_mpd, cache_dir=cache)
        assert f"chmod go-w {cache}" in str(caught.value.hint)
    cache.chmod(0o755)
    store = prepare_store(tiny_mpd, cache_dir=cache)
    assert store.path.stat().st_mode & 0o777 == 0o700
    assert prepare_store(tiny_mpd, cache_dir=tmp_path / "new").path.parent.stat().st_mode & 0o777 == 0o700


def test_of_two_at_once_one_waits_for_the_other(tiny_mpd: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    store = prepare_store(tiny_mpd, cache_dir=cache)
    lock = cache / f".{store.path.name}.lock"
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.write("process 1: challenge prepare")
        file.flush()
        second = threading.Thread(target=prepare_store, args=(tiny_mpd,), kwargs={"cache_dir": cache})
        second.start()
        second.join(0.2)
        assert second.is_alive(), "it waits"
    second.join(60)
    assert not second.is_alive()
    assert [path.name for path in cache.iterdir()] == [store.path.name], "and takes the lock away"


def test_what_a_killed_build_left_is_removed_by_the_next(tiny_mpd: Path, tmp_path: Path) -> None:
    remains = tmp_path / "cache" / f".mpd-abandoned{UNFINISHED}"
    remains.parent.mkdir(mode=0o700)
    remains.mkdir()
    (remains / "pid.npy").write_bytes(b"half")
    store = prepare_store(tiny_mpd, cache_dir=tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == [store.path]


def test_open_store_names_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match="no such store"):
        open_store(tmp_path / "none")


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_an_interrupted_build_leaves_nothing(
    tiny_mpd: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr("challenge.mpd.merge.Merger.add", fail)
    expected = ResourceError if isinstance(error, OSError) else KeyboardInterrupt
    with pytest.raises(expected):
        prepare_store(tiny_mpd, cache_dir=tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_disk_too_small_is_refused_beforehand(
    tiny_mpd: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1))
    with pytest.raises(ResourceError, match=r"the disk is full; about .* are needed"):
        prepare_store(tiny_mpd, cache_dir=tmp_path / "cache")


def write_slice(folder: Path, text: str, name: str = "17000-17999") -> Path:
    folder.mkdir(exist_ok=True)
    (folder / f"mpd.slice.{name}.json").write_text(text)
    return folder


def broken(change: Callable[[dict[str, Any]], object]) -> str:
    playlist = playlist_record(17042, "x", ["rock1", "rock2", "rock3", "rock4"])
    change(playlist)
    return slice_text([playlist_record(17041, "y", ["rock1"]), playlist])


BROKEN_SLICES = {
    "local track": (
        broken(lambda p: p["tracks"][3].update(track_uri="spotify:local:x")),
        r"mpd\.slice\.17000-17999\.json, playlist 17042: tracks\[3\]\.track_uri is 'spotify:local:x'; "
        r"expected 'spotify:track:' followed by 22 letters or digits",
    ),
    "short id": (broken(lambda p: p["tracks"][0].update(track_uri="spotify:track:abc")), r"tracks\[0\]"),
    "odd sign": (broken(lambda p: p["tracks"][0].update(track_uri=track_uri("-"))), r"tracks\[0\]\."),
    "long id": (broken(lambda p: p["tracks"][0].update(track_uri=track_uri("a") + "b")), r"tracks\[0\]\."),
    "no artist": (broken(lambda p: p["tracks"][1].pop("artist_uri")), r"tracks\[1\]\.artist_uri is missing"),
    "no tracks": (broken(lambda p: p.pop("tracks")), r"playlist 17042: tracks is missing; expected a list"),
    "tracks a number": (broken(lambda p: p.update(tracks=3)), r"17042: tracks is int; expected a list"),
    "track a number": (broken(lambda p: p.update(tracks=[3])), r"tracks\[0\] is int; expected an object"),
    "no pid": (broken(lambda p: p.pop("pid")), r"playlists\[1\]: pid is None; expected a whole number"),
    "edits a word": (broken(lambda p: p.update(num_edits="x")), r"not in the official format: .*num_edits"),
    "pid too large": (broken(lambda p: p.update(pid=2**31)), r"not in the official format: .*pid"),
    "no playlists": ('{"info": {}}', r"expected an object with a list \"playlists\", found an object"),
    "a list": ("[]", r"expected an object with a list \"playlists\", found list"),
    "playlist a number": ('{"playlists": [1]}', r"playlists\[0\]: expected an object, found int"),
    "not JSON": ('{"playlists": [}', r"17999\.json: not JSON: .* at byte 15 of 16"),
    "cut off": ('{"playlists": [{"pid": 1, "tr', r"not JSON: .* at byte \d+ of 29"),
    "empty": ("", r"not JSON: .* at byte 0 of 0"),
}  # fmt: skip


@pytest.mark.parametrize("fault", BROKEN_SLICES)
def test_a_bad_slice_is_named_with_what_was_expected(fault: str, tmp_path: Path) -> None:
    text, message = BROKEN_SLICES[fault]
    with pytest.raises(FormatError, match=message) as caught:
        prepare_store(write_slice(tmp_path / "mpd", text), cache_dir=tmp_path / "cache")
    assert caught.value.hint


def test_bytes_that_are_not_utf8_are_located(tmp_path: Path) -> None:
    folder = write_slice(tmp_path / "mpd", "")
    (folder / "mpd.slice.17000-17999.json").write_bytes(b'{"playlists": [{"name": "\xff", "pid": 1}]}')
    with pytest.raises(FormatError, match=r"byte 25 of \d+ is not UTF-8"):
        prepare_store(folder, cache_dir=tmp_path / "cache")


def test_lone_surrogates_are_survived(tmp_path: Path) -> None:
    text = slice_text([playlist_record(1, "a\ud83db", ["rock1"])])
    store = prepare_store(write_slice(tmp_path / "mpd", text), cache_dir=tmp_path / "cache")
    assert store.playlists.title(0) == "a?b"


@pytest.mark.parametrize(
    ("slices", "where"),
    [
        (
            {"0-1": [0, 1], "2-3": [2, 1]},
            r"playlist 1 stands in mpd.slice.0-1.json and again in mpd.slice.2-3",
        ),
        ({"0-1": [0, 0]}, r"playlist 0 stands twice in mpd.slice.0-1.json"),
    ],
)
def test_repeated_pids_are_refused(slices: dict[str, list[int]], where: str, tmp_path: Path) -> None:
    made = {n: [playlist_record(pid, "x", ["rock1"]) for pid in pids] for n, pids in slices.items()}
    with pytest.raises(FormatError, match=where):
        prepare_store(write_mpd_folder(tmp_path / "mpd", made), cache_dir=tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


def test_missing_empty_and_foreign_inputs_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match="no such file or folder"):
        prepare_store(tmp_path / "gone.zip", cache_dir=tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(MissingInputError, match="holds no slices"):
        prepare_store(tmp_path / "empty", cache_dir=tmp_path)
    with pytest.raises(MissingInputError, match="holds no slices"):
        prepare_store(write_mpd_zip(tmp_path / "none.zip", {}), cache_dir=tmp_path)
    (tmp_path / "text.zip").write_text("hello")
    with pytest.raises(FormatError, match="expected a zip, a folder of slices or a slice"):
        prepare_store(tmp_path / "text.zip", cache_dir=tmp_path)


def test_a_truncated_zip_is_recognised(tiny_mpd: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.zip"
    cut.write_bytes(tiny_mpd.read_bytes()[:-100])
    with pytest.raises(FormatError, match="truncated"):
        prepare_store(cut, cache_dir=tmp_path / "cache")


def test_a_damaged_entry_is_named(tiny_mpd: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tiny_mpd) as archive:
        offset = archive.getinfo("data/mpd.slice.3-4.json").header_offset
    data = bytearray(tiny_mpd.read_bytes())
    data[offset + 120] ^= 0xFF
    tiny_mpd.write_bytes(data)
    with pytest.raises(FormatError, match=r"damaged at 'data/mpd\.slice\.3-4\.json"):
        prepare_store(tiny_mpd, cache_dir=tmp_path / "cache")


def test_the_same_slice_twice_is_refused(tmp_path: Path) -> None:
    write_mpd_folder(tmp_path / "mpd" / "a", {"3-4": TINY_SLICES["3-4"]})
    write_mpd_folder(tmp_path / "mpd" / "b", {"3-4": TINY_SLICES["3-4"]})
    with pytest.raises(FormatError, match=r"mpd\.slice\.3-4\.json is there twice"):
        prepare_store(tmp_path / "mpd", cache_dir=tmp_path / "cache")


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_BZIP2])
def test_other_compressions_are_read(method: int, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "mpd.zip", "w", method) as archive:
        archive.writestr("mpd.slice.3-4.json", json.dumps({"playlists": TINY_SLICES["3-4"]}))
    store = prepare_store(tmp_path / "mpd.zip", cache_dir=tmp_path / "cache")
    assert store.playlists.pid.tolist() == [3, 4]


def kill_self(_: int) -> int:
    os.kill(os.getpid(), 9)
    return 0


def test_a_killed_worker_is_explained() -> None:
    with pytest.raises(ResourceError, match="worker process was killed"):
        list(in_order(kill_self, [1, 2], workers=2))
