"""What is fuzzed: each kind of file that people name, how we read it, and how it reads plainly."""

from __future__ import annotations

import gzip
import io
import json
import re
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, Final

import numpy as np
import tomli_w

from benchmarks import _plain as plain
from benchmarks.validator import Judge
from challenge.config import RunConfig, as_dict, load
from challenge.errors import ChallengeError, FormatError, InvariantError
from challenge.evaluation.ground_truth import read_ground_truth
from challenge.evaluation.scorecard import Scorecard
from challenge.manifest import Manifest
from challenge.mpd.challenge_set import ChallengeSet, read_challenge_set
from challenge.mpd.reader import PLAYLIST_COLUMNS, SliceColumns, read_columns
from challenge.mpd.slices import find_slices, read_slice
from challenge.mpd.store import open_store, prepare_store
from challenge.playlist_files import read_playlists
from tests.official_files import TINY_SLICES, slice_text, tiny_challenge, write_mpd_zip
from tests.official_rules import broken_rules
from tests.submission_mutants import HARMLESS, Setting, valid

_URI: Final = "spotify:{}:{}"


@dataclass(frozen=True)
class Target:
    """One kind of file.

    Attributes:
        seeds: proper files.
        ours: reads a file to plain values, or raises one of our errors.
        plainly: does the same by other means, or raises :class:`benchmarks._plain.RefusedError`.
        strict: whether a file that is not refused plainly must be accepted.
    """

    seeds: list[bytes]
    ours: Callable[[bytes], Any]
    plainly: Callable[[bytes], Any]
    strict: bool = True


@dataclass
class Outcome:
    """What became of one case: ``refused``, ``accepted`` or ``wrong``, and in which words."""

    verdict: str
    words: str = field(default="", compare=False)

    @property
    def path(self) -> str:
        """The words without what differs from case to case: stands for the way through the code."""
        return self.verdict + re.sub(r"'[^']*'?|\"[^\"]*\"?|[0-9,]+", "…", self.words)


def judge(target: Target, data: bytes) -> Outcome:
    """Read one file in both ways and compare."""
    try:
        found = target.ours(data)
    except InvariantError as error:
        return Outcome("wrong", f"InvariantError: {error}")
    except ChallengeError as error:
        return _refused(target, data, error)
    except Exception as error:
        return Outcome("wrong", f"{type(error).__name__}: {error}")
    try:
        expected = target.plainly(data)
    except plain.RefusedError:
        return Outcome("wrong", "accepted, but refused plainly")
    return Outcome("accepted") if found == expected else Outcome("wrong", "accepted as another value")


def _refused(target: Target, data: bytes, error: ChallengeError) -> Outcome:
    told = f"{error.message} {error.hint}"
    if len(told) > 5000 or any(ord(each) < 32 or 0x7F <= ord(each) < 0xA0 for each in told):
        return Outcome("wrong", f"a message that acts or is long: {told[:200]!r}")
    if target.strict:
        try:
            target.plainly(data)
        except plain.RefusedError:
            return Outcome("refused", error.message)
        return Outcome("wrong", f"refused, but plainly proper: {error.message}")
    return Outcome("refused", error.message)


def make_targets(folder: Path) -> dict[str, Target]:
    """All targets by name; files that must lie somewhere are written into ``folder``."""
    return {
        "slices": Target(_slices(), _slice, plain.mpd_slice),
        "zips of slices": _zips(folder / "fuzzed.zip"),
        "challenge sets": _challenge_sets(folder / "fuzzed_challenge"),
        "answers": Target(_answers(), partial(_read_answers, folder / "answers.json"), plain.answers),
        "settings": _settings(folder / "settings.toml"),
        "playlists": Target(_playlists(), _read_playlists, plain.playlists),
        "submissions": _submissions(folder),
        "records of runs": _records(folder / "record.json"),
        "records of stores": _stores(folder / "store"),
    }


def _slices() -> list[bytes]:
    texts = [slice_text(playlists, name) for name, playlists in TINY_SLICES.items()]
    return [text.encode() for text in texts] + [
        json.dumps(json.loads(texts[0])).encode(),
        b'{"playlists": []}',
    ]


def _slice(data: bytes) -> list[tuple[Any, ...]]:
    """The columns of a slice put together to playlists again."""
    columns = read_columns(data, "mpd.slice.0-2.json")
    found, begin = [], 0
    for values, title in zip(columns.playlists.tolist(), columns.titles, strict=True):
        of = dict(zip(PLAYLIST_COLUMNS, values, strict=True))
        rows = range(begin, begin + of["lengths"])
        facts = tuple(of[key] for key in ("num_followers", "num_edits", "modified_at", "collaborative"))
        tracks = [_row(columns, row) for row in rows]
        found.append((of["pid"], title, tracks, (*facts, of["has_description"])))
        begin = rows.stop
    return found


def _row(columns: SliceColumns, row: int) -> tuple[Any, ...]:
    code = int(columns.track_code[row])
    ids = [getattr(columns, f"{kind}s")[code].decode() for kind in plain.URI]
    uris = [_URI.format(kind, each) for kind, each in zip(plain.URI, ids, strict=True)]
    names = [getattr(columns, f"{kind}_names")[code] for kind in plain.URI]
    return (*uris, *names, int(columns.position[row]))


def _zips(path: Path) -> Target:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(_entry("README.md", zipfile.ZIP_STORED), "not a slice")
        for name, playlists in TINY_SLICES.items():
            entry = _entry(f"data/mpd.slice.{name}.json", zipfile.ZIP_DEFLATED)
            archive.writestr(entry, slice_text(playlists, name))
    seeds = [path.read_bytes()]
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        with zipfile.ZipFile(path, "w", method) as archive:
            archive.writestr(_entry("mpd.slice.3-4.json", method), slice_text(TINY_SLICES["3-4"]))
        seeds.append(path.read_bytes())

    def ours(data: bytes) -> list[tuple[str, int, int]]:
        path.write_bytes(data)
        return plain.checksums([(file.name, read_slice(file)) for file in find_slices(path)])

    return Target(seeds, ours, plain.zip_of_slices, strict=False)


def _entry(name: str, method: int) -> zipfile.ZipInfo:
    """An entry of a zip without the time of day, on which the mutants would hang."""
    entry = zipfile.ZipInfo(name)
    entry.compress_type = method
    return entry


def _challenge_sets(path: Path) -> Target:
    text = json.dumps({**tiny_challenge(), "playlists": tiny_challenge()["playlists"][:5]}).encode()
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(_entry("a/challenge_set.json", zipfile.ZIP_DEFLATED), text)

    def ours(data: bytes) -> list[tuple[Any, ...]]:
        path.write_bytes(data)
        return _playlists_of(read_challenge_set(path))

    return Target([text, text, gzip.compress(text, mtime=0), packed.getvalue()], ours, plain.challenge_set)


def _playlists_of(challenge: ChallengeSet) -> list[tuple[Any, ...]]:
    names = {"track": challenge.track_names, "artist": challenge.artist_names}
    found = []
    for row, pid in enumerate(challenge.pid.tolist()):
        tracks = []
        for seed in range(challenge.indptr[row], challenge.indptr[row + 1]):
            ids = [getattr(challenge, f"{kind}_ids")[seed].decode() for kind in plain.URI]
            uris = [_URI.format(kind, each) for kind, each in zip(plain.URI, ids, strict=True)]
            tracks.append((*uris, *(each[seed] for each in names.values()), int(challenge.position[seed])))
        title = challenge.titles[row]
        found.append((pid, title, int(challenge.num_holdouts[row]), tracks))
    return found


def _answers() -> list[bytes]:
    uris = [_URI.format("track", f"{number:022d}") for number in range(4)]
    content = {
        "1000003": {"category": "title_only", "holdout": uris},
        "7": {"holdout": uris[:1]},
        "2147483647": {"category": "of my own", "holdout": uris[1:], "more": [1, {"a": None}]},
    }
    return [json.dumps(content).encode(), json.dumps(content, indent=2).encode()]


def _read_answers(path: Path, data: bytes) -> dict[int, tuple[str, list[str]]]:
    path.write_bytes(data)
    truth = read_ground_truth(path)
    bounds = truth.indptr.tolist()
    uris = [_URI.format("track", each.decode()) for each in truth.track_ids.tolist()]
    rows = zip(truth.pid.tolist(), truth.categories, bounds, bounds[1:], strict=False)
    return {pid: (category, uris[begin:end]) for pid, category, begin, end in rows}


def _settings(path: Path) -> Target:
    table = as_dict(RunConfig())
    table["sources"].pop("modules", None)  # what it names would be imported

    def ours(data: bytes) -> Any:
        path.write_bytes(data)
        config = as_dict(load(path))
        return _where_given(plain.settings(data), config)

    text = tomli_w.dumps(_without_none(table))
    few = b'team = "a"\nseed = 7\n[sources.ials]\niterations = 2\nweight = 3\n[ranker]\nnum_leaves = 9\n'
    return Target([text.encode(), few], ours, plain.settings, strict=False)


def _without_none(table: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: _without_none(value) if isinstance(value, dict) else value
        for key, value in table.items()
        if value is not None
    }


def _where_given(given: Mapping[str, Any], found: Mapping[str, Any]) -> dict[str, Any]:
    """The keys of one table with the values of another."""
    return {
        key: _where_given(value, found[key]) if isinstance(value, dict) else _plain_value(found[key])
        for key, value in given.items()
    }


def _plain_value(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _playlists() -> list[bytes]:
    uris = [_URI.format("track", f"{number:022d}") for number in range(3)]
    lists = [
        {"title": "a", "tracks": uris},
        {"name": "b", "tracks": uris, "ordered": False, "num_missing": 3},
    ]
    official = {
        "playlists": [
            {"name": "c", "pid": 1, "num_holdouts": 9, "tracks": [{"pos": 1, "track_uri": uris[0]}]}
        ]
    }
    rows = f'title,track\nroad trip,{uris[0]}\n"a, ""b""",{uris[1]}\nonly title,\n'
    return [json.dumps(each).encode() for each in (lists, lists[0], official)] + [
        rows.encode(),
        rows.encode(),
    ]


def _read_playlists(data: bytes) -> list[tuple[Any, ...]]:
    return [
        (each.title, list(each.tracks), each.ordered, each.num_missing) for each in read_playlists(data, "x")
    ]


def _submissions(folder: Path) -> Target:
    setting, random = Setting.of_size(1), Random(0)
    drafts = [valid(setting, random) for _ in range(6)]
    for draft, ways in zip(drafts, HARMLESS, strict=True):
        random.choice(ways)(draft, setting, random)
    validator = Judge(setting, folder)

    def name(data: bytes) -> str:
        return "s.csv.gz" if data[:2] == b"\x1f\x8b" else "s.csv"

    def ours(data: bytes) -> set[str]:
        rules = validator.ours(data, name(data))
        if rules:
            raise FormatError(", ".join(sorted(rules)))
        return rules

    def plainly(data: bytes) -> set[str]:
        rules = broken_rules(data, name(data), setting.seeds, setting.known)
        plain.require(not rules)
        return rules

    return Target([draft.data(random) for draft in drafts], ours, plainly)


def _records(path: Path) -> Target:
    """Manifests and scorecards of runs: of what is accepted nothing but its being read is compared."""
    Manifest().save(path)
    manifest = path.read_bytes()
    interval = {metric: [0.1, 0.2] for metric in ("r_precision", "ndcg", "clicks")}
    score = {"playlists": 3, "r_precision": 0.1, "ndcg": 0.2, "clicks": 1.5, "interval": interval}
    scorecard = json.dumps(
        {"signature": "x", **score, "categories": {"first_5": score}, "notes": ["n"]}
    ).encode()

    def ours(data: bytes) -> None:
        path.write_bytes(data)
        if b"manifest_version" in data:
            Manifest.load(path)
        else:
            Scorecard.load(path)

    return Target([manifest, scorecard], ours, lambda data: None, strict=False)


def _stores(folder: Path) -> Target:
    """The two records of a store, of which each seals what it says: changed ones are refused."""
    folder.mkdir()
    store = prepare_store(write_mpd_zip(folder / "mpd.zip", TINY_SLICES), cache_dir=folder / "cache")
    names = ("manifest.json", "arrays.json")
    seeds = {name: (store.path / name).read_bytes() for name in names}
    pid = np.array(store.playlists.pid)

    def ours(data: bytes) -> list[int]:
        name = names[b'"files"' in data]
        (store.path / name).write_bytes(data)
        try:
            return list(open_store(store.path).playlists.pid.tolist())
        finally:
            (store.path / name).write_bytes(seeds[name])

    return Target(list(seeds.values()), ours, lambda data: pid.tolist(), strict=False)
