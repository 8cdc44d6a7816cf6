"""Zips of other people: bombs, passwords, odd compression and damage are refused by what they are."""

from __future__ import annotations

import json
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from challenge.errors import FormatError, InputError
from challenge.mpd import slices as slices_module
from challenge.mpd import zip_reader
from challenge.mpd.challenge_set import read_challenge_set
from challenge.mpd.slices import find_slices, read_slice
from tests.official_files import TINY_SLICES, slice_text, tiny_challenge

SLICE = "data/mpd.slice.0-2.json"
TEXT = slice_text(TINY_SLICES["0-2"])
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2)


def write_zip(path: Path, name: str, text: str, method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr(name, text)
    return path


def read_all(path: Path) -> list[bytes]:
    return [read_slice(file) for file in find_slices(path)]


def in_both_headers(path: Path, change: Callable[[bytearray, int, int], None]) -> Path:
    """Change both headers of a zip's only entry, which have the same fields from an offset each on."""
    data = bytearray(path.read_bytes())
    change(data, 0, 6)
    change(data, data.index(b"PK\x01\x02"), 8)
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("method", METHODS)
def test_every_compression_gives_the_same_bytes(method: int, tmp_path: Path) -> None:
    assert read_all(write_zip(tmp_path / "a.zip", SLICE, TEXT, method)) == [TEXT.encode()]
    challenge = write_zip(tmp_path / "c.zip", "challenge_set.json", json.dumps(tiny_challenge()), method)
    assert len(read_challenge_set(challenge).pid) == 10


@pytest.mark.parametrize("method", METHODS[1:])
def test_no_more_is_inflated_than_promised(method: int, tmp_path: Path) -> None:
    """An entry that claims 1,000 bytes and holds a gigabyte."""
    path = write_zip(tmp_path / "bomb.zip", SLICE, " " * 50_000_000, method)
    in_both_headers(
        path,
        lambda data, at, flags: data.__setitem__(slice(at + flags + 16, at + flags + 20), b"\xe8\x03\0\0"),
    )
    assert zipfile.ZipFile(path).getinfo(SLICE).file_size == 1000
    with pytest.raises(FormatError, match="the zip is damaged at"):
        read_all(path)


@pytest.mark.parametrize("size", [100, 100_000])
def test_an_entry_that_reaches_beyond_the_file_is_refused_whatever_it_inflates_to(
    size: int, tmp_path: Path
) -> None:
    """All of it may be there even so; zipfile then misses the rest or not, by how much it reads at once."""
    path = write_zip(tmp_path / "c.zip", "challenge_set.json", " " * size)
    data = bytearray(path.read_bytes())
    data[(at := data.index(b"PK\x01\x02") + 20) : at + 4] = b"\0\0\1\0"
    path.write_bytes(data)
    missing = 0x10000 - len(data)
    with pytest.raises(FormatError, match=rf"{missing:,} bytes of it lie beyond the end of the file"):
        zip_reader.read_entry(path, "challenge_set.json")


def test_a_bomb_is_inflated_only_up_to_its_size(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "bomb.zip", SLICE, " " * 100_000_000)
    (entry,) = zipfile.ZipFile(path).infolist()
    tracemalloc.start()
    with pytest.raises(FormatError, match="more than the 1,000 bytes that the table of contents gives"):
        zip_reader.inflate_entry(path, SLICE, offset=0, packed_size=entry.compress_size, size=1000)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 3_000_000


def test_a_slice_above_the_limit_is_refused_unread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slices_module, "MAX_SLICE_BYTES", 1000)
    path = write_zip(tmp_path / "a.zip", SLICE, TEXT)
    with pytest.raises(FormatError, match=r"mpd\.slice\.0-2\.json has [\d,]+ bytes; at most 1,000 are read"):
        find_slices(path)


@pytest.mark.parametrize("method", METHODS)
def test_a_challenge_set_above_the_limit_is_refused(method: int, tmp_path: Path) -> None:
    path = write_zip(tmp_path / "c.zip", "a/challenge_set.json", "[" + " " * 5_000_000 + "]", method)
    with pytest.raises(FormatError, match=r"c\.zip, 'a/challenge_set\.json': more than 1,000,000 bytes"):
        zip_reader.read_entry(path, "a/challenge_set.json", limit=1_000_000)


@pytest.mark.parametrize("method", METHODS)
def test_a_password_is_named(method: int, tmp_path: Path) -> None:
    def encrypt(data: bytearray, at: int, flags: int) -> None:
        data[at + flags] |= 1

    slices = in_both_headers(write_zip(tmp_path / "a.zip", SLICE, TEXT, method), encrypt)
    with pytest.raises(
        FormatError, match=r"'data/mpd\.slice\.0-2\.json' is encrypted; expected a zip without"
    ):
        find_slices(slices)
    challenge = in_both_headers(write_zip(tmp_path / "c.zip", "challenge_set.json", "{}", method), encrypt)
    with pytest.raises(FormatError, match=r"'challenge_set\.json' is encrypted"):
        read_challenge_set(challenge)


@pytest.mark.parametrize("method", [1, 6, 9, 14, 93, 97, 99])
def test_other_methods_are_named(method: int, tmp_path: Path) -> None:
    def pack_oddly(data: bytearray, at: int, flags: int) -> None:
        data[at + flags + 2] = method

    slices = in_both_headers(write_zip(tmp_path / "a.zip", SLICE, TEXT), pack_oddly)
    with pytest.raises(
        FormatError, match=rf"0-2\.json' is compressed by method {method}; expected stored \(0\), "
    ):
        find_slices(slices)
    challenge = in_both_headers(write_zip(tmp_path / "c.zip", "challenge_set.json", "{}"), pack_oddly)
    with pytest.raises(FormatError, match=f"compressed by method {method}"):
        read_challenge_set(challenge)


@pytest.mark.parametrize("method", METHODS)
def test_any_damaged_byte_is_refused_or_none(method: int, tmp_path: Path) -> None:
    whole = write_zip(tmp_path / "a.zip", SLICE, TEXT, method).read_bytes()
    for at in range(0, len(whole), 5):
        for bits in (1, 0xFF):
            data = bytearray(whole)
            data[at] ^= bits
            (tmp_path / "a.zip").write_bytes(data)
            try:
                found = read_all(tmp_path / "a.zip")
            except InputError:
                continue
            assert found == [TEXT.encode()]


def test_names_in_a_zip_are_shown_on_one_line(tmp_path: Path) -> None:
    name = "a\n\x1b[31mError: forged/mpd.slice.0-2.json"
    path = write_zip(tmp_path / "a.zip", name, TEXT)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("mpd.slice.0-2.json", TEXT)
    with pytest.raises(FormatError, match=r"is there twice: '.*' and '.*'") as caught:
        find_slices(path)
    assert "\n" not in caught.value.message
    assert "\x1b" not in caught.value.message


def test_slices_are_named_by_plain_digits(tmp_path: Path) -> None:
    for name in ("mpd.slice.٠-٢.json", f"mpd.slice.0-{'9' * 5000}.json"):
        with pytest.raises(InputError, match="holds no slices"):
            find_slices(write_zip(tmp_path / "a.zip", name, TEXT))
