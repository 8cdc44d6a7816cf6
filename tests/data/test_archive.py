"""Records on disk: what is written reads back, and whatever was changed since is refused."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, is_dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import orjson
import pytest

from challenge.data.archive import load_record, save_record
from challenge.data.catalog import Catalog
from challenge.data.dataset import Dataset, Queries
from challenge.data.playlists import Playlists
from challenge.data.strings import StringTable
from challenge.data.vocabulary import Vocabulary
from challenge.errors import FormatError, InputError, MissingInputError
from challenge.sources.held_columns import HeldColumns
from challenge.sources.ials import FittedIals, IalsArrays
from challenge.sources.postings import PlaylistIndex, build_index
from tests.fitted import context_of
from tests.toy_dataset import random_dataset

DATASET: Final = random_dataset(0)
OF: Final = DATASET.fingerprint()


def catalog() -> Catalog:
    names = StringTable.from_strings(["", "Étoile", "🎷", "a\x00b", "x\ny", "z"])
    return replace(DATASET.catalog, artist_names=names)


def queries() -> Queries:
    """Titles that are not given, empty, or of signs that need more than a byte."""
    titles = (None, "", "Étoile 🎷", None, "a\x00b", "None", "\n", " ")
    found = replace(DATASET.queries, titles=titles)
    assert len(found) == len(titles)
    return found


def factors() -> IalsArrays:
    source = context_of(DATASET).fitted("ials")
    assert isinstance(source, FittedIals)
    return source.factors


RECORDS: Final[dict[str, Callable[[], Any]]] = {
    "Catalog": catalog,
    "Playlists": lambda: DATASET.playlists,
    "Queries": queries,
    "PlaylistIndex": lambda: build_index(DATASET),
    "HeldColumns": lambda: context_of(DATASET).columns,
    "IalsArrays": factors,
}


def require_equal(found: Any, expected: Any, where: str = "record") -> None:
    """Compare all fields, whatever they hold, with their types."""
    if isinstance(expected, np.ndarray):
        assert found.dtype == expected.dtype, where
        np.testing.assert_array_equal(found, expected, err_msg=where)
    elif is_dataclass(expected):
        assert type(found) is type(expected), where
        for field in fields(expected):
            if not field.name.startswith("_"):
                require_equal(getattr(found, field.name), getattr(expected, field.name), field.name)
    else:
        assert found == expected, where
        assert type(found) is type(expected), where
        if isinstance(expected, tuple):
            assert [type(entry) for entry in found] == [type(entry) for entry in expected], where


@pytest.mark.parametrize("name", RECORDS)
def test_what_is_written_reads_back(name: str, tmp_path: Path) -> None:
    record = RECORDS[name]()
    save_record(record, tmp_path / "record", of=OF)
    require_equal(load_record(type(record), tmp_path / "record", of=OF), record)
    require_equal(load_record(type(record), tmp_path / "record"), record)
    assert type(record).__name__ == name


def test_a_loaded_record_can_be_saved_again(tmp_path: Path) -> None:
    """Arrays are mapped from the files, read-only, and are copied from there."""
    save_record(build_index(DATASET), tmp_path / "one", of=OF)
    loaded = load_record(PlaylistIndex, tmp_path / "one", of=OF)
    assert not loaded.row_track.flags.owndata
    assert not loaded.row_track.flags.writeable
    save_record(loaded, tmp_path / "two", of=OF)
    names = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert names == sorted(path.name for path in (tmp_path / "two").iterdir())
    for name in names:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_empty_records_read_back(tmp_path: Path) -> None:
    """Files that hold no data cannot be mapped."""
    nothing = DATASET.playlists.take([])
    save_record(nothing, tmp_path / "playlists", of=OF)
    require_equal(load_record(Playlists, tmp_path / "playlists", of=OF), nothing)
    none = DATASET.queries.take([])
    save_record(none, tmp_path / "queries", of=OF)
    require_equal(load_record(Queries, tmp_path / "queries", of=OF), none)
    wordless = HeldColumns(2, (), np.array([True, False]))
    save_record(wordless, tmp_path / "columns", of=OF)
    require_equal(load_record(HeldColumns, tmp_path / "columns", of=OF), wordless)


def test_what_is_looked_up_works_on_a_loaded_vocabulary(tmp_path: Path) -> None:
    save_record(DATASET.catalog.tracks, tmp_path, of=OF)
    loaded = load_record(Vocabulary, tmp_path, of=OF)
    everything = np.arange(len(loaded), dtype=np.int32)
    assert loaded.index_of(DATASET.catalog.tracks.ids).tolist() == everything.tolist()
    assert loaded.uris(everything) == DATASET.catalog.tracks.uris(everything)


# -- damage ------------------------------------------------------------------------------------------


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """A folder with a record of arrays, strings and numbers."""
    folder = tmp_path / "record"
    save_record(queries(), folder, of=OF)
    return folder


def files_of(folder: Path) -> list[Path]:
    found = sorted(folder.iterdir())
    assert len(found) > 5
    return found


def spread(size: int) -> Iterator[int]:
    """The first and the last place and some between."""
    yield from sorted({0, size - 1, *np.linspace(0, size - 1, 23).astype(int).tolist()})


@pytest.mark.parametrize("bit", [0, 7])
def test_any_byte_changed_in_any_array_is_refused(saved: Path, bit: int) -> None:
    for path in (path for path in files_of(saved) if path.suffix == ".npy"):
        before = path.read_bytes()
        for place in spread(len(before)):
            changed = bytearray(before)
            changed[place] ^= 1 << bit
            path.write_bytes(changed)
            with pytest.raises(FormatError, match="is not as it was written: its checksum differs") as caught:
                load_record(Queries, saved, of=OF)
            assert caught.value.message.startswith(f"{path}:")
            assert caught.value.hint == "make it again, or copy it whole from where it was made"
        path.write_bytes(before)
    require_equal(load_record(Queries, saved, of=OF), queries())


@pytest.mark.parametrize("bit", [0, 7])
def test_any_byte_changed_in_the_list_of_files_is_refused(saved: Path, bit: int) -> None:
    """But where it changes nothing that is said, as a space for another does."""
    path = saved / "arrays.json"
    before = path.read_bytes()
    refused = 0
    for place in range(len(before)):
        changed = bytearray(before)
        changed[place] ^= 1 << bit
        path.write_bytes(changed)
        try:
            said = orjson.loads(bytes(changed))
        except orjson.JSONDecodeError:
            said = None
        if said == orjson.loads(before):
            require_equal(load_record(Queries, saved, of=OF), queries())
            continue
        with pytest.raises(InputError):
            load_record(Queries, saved, of=OF)
        refused += 1
    assert refused > len(before) / 2


@pytest.mark.parametrize(
    "text", ["", "[]", "5", "{}", '{"of": 5}', '{"of": "x", "files": 3}', '{"of": null, "files": {"a": 1}}']
)
def test_a_list_of_files_of_another_shape_is_refused(saved: Path, text: str) -> None:
    (saved / "arrays.json").write_text(text)
    for of in (OF, None):
        with pytest.raises(InputError, match=r"arrays\.json|is of other playlists|a\.npy"):
            load_record(Queries, saved, of=of)


def test_truncated_files_are_refused(saved: Path) -> None:
    for path in files_of(saved):
        before = path.read_bytes()
        for size in (0, 1, len(before) // 2, len(before) - 2):
            path.write_bytes(before[:size])
            with pytest.raises(FormatError, match=rf"{path.name}: "):
                load_record(Queries, saved, of=OF)
        path.write_bytes(before)


def test_longer_files_are_refused(saved: Path) -> None:
    for path in (path for path in files_of(saved) if path.suffix == ".npy"):
        before = path.read_bytes()
        path.write_bytes(before + b"\x00")
        with pytest.raises(FormatError, match="checksum differs"):
            load_record(Queries, saved, of=OF)
        path.write_bytes(before)


def test_missing_files_are_named(saved: Path, tmp_path: Path) -> None:
    for path in files_of(saved):
        kept = path.rename(tmp_path / "kept")
        with pytest.raises(MissingInputError, match=rf"{path.name}: no such file"):
            load_record(Queries, saved, of=OF)
        kept.rename(path)
    shutil.rmtree(saved)
    with pytest.raises(MissingInputError, match=r"arrays\.json: no such file"):
        load_record(Queries, saved, of=OF)


def test_a_record_of_something_else_is_refused(saved: Path) -> None:
    other = replace(DATASET, queries=DATASET.queries.take(range(7))).fingerprint()
    assert other != OF
    with pytest.raises(FormatError) as caught:
        load_record(Queries, saved, of=other)
    assert caught.value.message == (
        f"{saved}: is of other playlists or tracks (found {OF[:12]}, expected {other[:12]})"
    )
    require_equal(load_record(Queries, saved), queries())


def test_a_fingerprint_tells_tracks_playlists_and_queries_apart() -> None:
    shorter = Dataset(DATASET.catalog, DATASET.playlists.take(range(24)), DATASET.queries)
    turned = Dataset(DATASET.catalog, DATASET.playlists.take(range(24, -1, -1)), DATASET.queries)
    renamed = replace(DATASET, catalog=random_dataset(0, tracks=31).catalog)
    found = {each.fingerprint() for each in (DATASET, shorter, turned, renamed)}
    assert len(found) == 4
    assert random_dataset(0).fingerprint() == OF


def test_a_record_of_an_earlier_shape_is_refused(tmp_path: Path) -> None:
    @dataclass(frozen=True)
    class Earlier:
        n_tracks: int
        in_training: np.ndarray

    save_record(Earlier(3, np.ones(3, bool)), tmp_path, of=OF)
    with pytest.raises(FormatError, match=r"lacks tokens of a HeldColumns$"):
        load_record(HeldColumns, tmp_path, of=OF)
