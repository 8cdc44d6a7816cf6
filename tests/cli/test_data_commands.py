"""``prepare``, ``describe`` and ``split`` on small files with invented ids."""

from __future__ import annotations

import gzip
import hashlib
import json
import shutil
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from challenge.cli import describe as describe_command
from challenge.cli.app import build_app
from challenge.errors import ConfigError, MissingInputError
from challenge.files import file_hash
from challenge.mpd import challenge_set as challenge_set_module
from challenge.mpd.describe import OFFICIAL_TOTALS, Fact
from challenge.mpd.store import open_store
from challenge.split.options import SplitKind, SplitOptions
from challenge.types import Category
from challenge.workflows.describe import describe, is_challenge_set
from challenge.workflows.prepare import prepare
from challenge.workflows.split import split
from tests.official_files import TINY_SLICES, playlist_record, write_mpd_folder, write_mpd_zip


@pytest.fixture(autouse=True)
def surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache of the test's own, and wide tables."""
    monkeypatch.setenv("CHALLENGE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "200")


@pytest.fixture(scope="module")
def splittable(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Zip of 400 titled playlists of 6 to 140 of 500 tracks."""
    rng = np.random.default_rng(1)
    weights = 1.0 / np.arange(1, 501)
    weights /= weights.sum()
    playlists = [
        playlist_record(pid, f"mix {pid % 9}", [f"t{i}" for i in rng.choice(500, length, p=weights)])
        for pid, length in enumerate(rng.integers(6, 140, 400).tolist())
    ]
    return write_mpd_zip(tmp_path_factory.mktemp("mpd") / "mpd.zip", {"0-399": playlists})


def run(*arguments: object) -> Any:
    return CliRunner().invoke(build_app(), [str(argument) for argument in arguments])


def run_json(*arguments: object) -> Any:
    result = run(*arguments, "--json", "--quiet")
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


def cells(text: str, first: str) -> list[str]:
    """The cells after the first of the table's row that begins with ``first``."""
    (line,) = (line for line in text.splitlines() if line.strip().startswith(first))
    return line.replace(first, "", 1).split()


def test_doctor_verifies_a_store(tiny_mpd: Path, tmp_path: Path) -> None:
    store = prepare(tiny_mpd).store
    well = CliRunner().invoke(build_app(), ["doctor", "--store", str(store)])
    assert well.exit_code == 0
    assert "whole: 6 playlists" in well.stdout
    (store / "catalog.tracks.ids.npy").write_bytes(b"")
    store.chmod(0o777)
    ill = CliRunner().invoke(build_app(), ["doctor", "--store", str(store), "--json"])
    assert ill.exit_code == 3
    found = json.loads(ill.stdout)["findings"]
    assert found[0]["found"].endswith(
        "catalog.tracks.ids.npy: is not as it was written: its checksum differs"
    )
    assert found[0]["advice"].endswith("challenge prepare --mpd MPD")
    assert (found[1]["found"], found[1]["advice"]) == ("everybody may write to it", f"chmod go-w {store}")


def test_prepare_makes_the_store_once_whatever_the_mpd_is_called(tiny_mpd: Path, tmp_path: Path) -> None:
    made = prepare(tiny_mpd)
    assert made.made
    assert made.counts == {"playlists": 6, "rows": 14, "tracks": 7, "artists": 3, "albums": 3, "titles": 4}
    assert (made.slices, made.store.parent) == (3, tmp_path / "cache")
    assert made.store_bytes == sum(
        file.stat().st_size for file in made.store.iterdir() if file.name != "manifest.json"
    )
    assert made.content_hash == open_store(made.store).manifest.content_hash
    again = prepare(Path(shutil.copy(tiny_mpd, tmp_path / "copy.zip")))
    assert (again.made, again.store, again.counts) == (False, made.store, made.counts)
    assert prepare(tiny_mpd, cache=tmp_path / "other").made
    assert not prepare(made.store, cache=tmp_path / "third").made


def test_prepare_prints_counts_time_and_store(tiny_mpd: Path, tmp_path: Path) -> None:
    first = run("prepare", "--mpd", tiny_mpd, "--cache", tmp_path / "elsewhere", "--threads", 1)
    assert first.exit_code == 0, first.stderr
    assert cells(first.stdout, "rows") == ["14"]
    assert "Made in " in first.stdout
    facts = run_json("prepare", "--mpd", tiny_mpd, "--cache", tmp_path / "elsewhere")
    assert f"Store {facts['store']}" in first.stdout
    assert facts["made"] is False
    assert facts["counts"]["playlists"] == 6
    assert "Was there already" in run("prepare", "--mpd", tiny_mpd, "--cache", tmp_path / "elsewhere").stdout


def test_prepare_of_nothing_ends_with_3(tmp_path: Path) -> None:
    result = run("prepare", "--mpd", tmp_path / "no such.zip")
    assert result.exit_code == 3
    assert "no such.zip: no such file or folder" in result.stderr
    assert "Hint: name the official zip" in result.stderr


def test_describe_shows_an_mpd_beside_the_official_totals(tiny_mpd: Path) -> None:
    result = run("describe", tiny_mpd)
    assert result.exit_code == 0, result.stderr
    assert cells(result.stdout, "playlists  ") == ["6", "1,000,000", "0.0006", "%"]
    assert cells(result.stdout, "tracks seen at least 2 times") == ["6", "1,188,873", "0.000505", "%"]
    assert cells(result.stdout, "tracks of the longest playlist") == ["3", "250"]
    assert cells(result.stdout, "rows that repeat a track in a playlist") == ["1"]
    assert "Not the whole MPD: 0 of 18 official totals agree." in result.stdout


def test_the_whole_mpd_is_recognised() -> None:
    facts = tuple(Fact(name, value, value) for name, value in OFFICIAL_TOTALS.items())
    assert "this is the whole MPD" in describe_command._verdict(facts)
    assert describe_command._share(facts[0]) == "100 %"
    almost = (*facts[1:], Fact("playlists", 999_999, 1_000_000))
    assert "17 of 18 official totals agree" in describe_command._verdict(almost)


def test_describe_tells_what_the_mpd_knows_of_the_seeds(tiny_mpd: Path, tiny_challenge_set: Path) -> None:
    # Seeds: jazz1, rock1 to rock100 in parts, new1; the MPD knows jazz1 and rock1, rock2, rock3 only.
    # rock1-3 stand in eight playlists, one of them at 1 new + 9 rock: 8 x 3 = 24; with jazz1 25 of 281.
    facts = run_json("describe", tiny_mpd, "--challenge", tiny_challenge_set)
    assert facts["mpd"]["facts"]["rows"] == {"value": 14, "official": 66_346_428, "agrees": False}
    found = facts["challenge_set"]
    assert found["known"] == {
        "seeds": 281,
        "unknown_seeds": 256,
        "unknown_tracks": 98,
        "playlists_without_known_seed": 0,
    }
    other_way = run_json("describe", tiny_challenge_set, "--mpd", tiny_mpd)
    assert other_way["mpd"] is None
    assert other_way["challenge_set"] == found
    by_store = run_json("describe", tiny_challenge_set, "--mpd", facts["mpd"]["store"])
    assert by_store["challenge_set"]["known"] == found["known"]


def test_describe_lists_the_categories_of_a_challenge_set(tiny_challenge_set: Path, tiny_mpd: Path) -> None:
    result = run("describe", tiny_challenge_set)
    assert result.exit_code == 0, result.stderr
    # category: playlists, seeds each, seeds, held out, lengths, mean
    assert cells(result.stdout, "title only") == ["1", "0", "0", "6", "6–6", "6.0"]
    assert cells(result.stdout, "title random 100") == ["1", "100", "100", "51", "151–151", "151.0"]
    assert cells(result.stdout, "playlists  ") == ["10", "10,000", "0.1", "%"]
    md5 = hashlib.md5(tiny_challenge_set.read_bytes()).hexdigest()
    assert f"md5 {md5}: not the official file of 2018" in result.stdout
    assert "Name the MPD to learn whether it knows the seeds." in result.stdout
    with_mpd = run("describe", tiny_challenge_set, "--mpd", tiny_mpd)
    assert "does not know 256 of 281 seeds (98 tracks); of 0 playlists" in with_mpd.stdout


def test_the_official_challenge_set_is_recognised(
    tiny_challenge_set: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    md5 = hashlib.md5(tiny_challenge_set.read_bytes()).hexdigest()
    monkeypatch.setattr(challenge_set_module, "OFFICIAL_MD5", md5)
    assert "the official challenge set of 2018" in run("describe", tiny_challenge_set).stdout


def test_a_challenge_set_is_told_from_an_mpd(
    tiny_mpd: Path, tiny_challenge_set: Path, tmp_path: Path
) -> None:
    packed = tmp_path / "challenge.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        archive.write(tiny_challenge_set, "inside/challenge_set.json")
    gz = tmp_path / "mine.json.gz"
    gz.write_bytes(gzip.compress(tiny_challenge_set.read_bytes()))
    folder = write_mpd_folder(tmp_path / "folder", TINY_SLICES)
    (folder / "challenge_set.json").write_bytes(tiny_challenge_set.read_bytes())
    alone = tmp_path / "alone"
    alone.mkdir()
    (alone / "challenge_set.json").write_bytes(tiny_challenge_set.read_bytes())
    assert all(is_challenge_set(path) for path in (tiny_challenge_set, packed, gz, alone))
    others = (tiny_mpd, folder, folder / "mpd.slice.0-2.json", tmp_path / "nothing")
    assert not any(is_challenge_set(path) for path in others)
    assert describe(packed).challenge_set == describe(packed).challenge_set
    assert {describe(path).challenge_set.md5 for path in (packed, gz, alone)} == {  # type: ignore[union-attr]
        hashlib.md5(tiny_challenge_set.read_bytes()).hexdigest()
    }


def test_a_category_without_playlists_is_told_as_empty(tiny_challenge_set: Path) -> None:
    raw = json.loads(tiny_challenge_set.read_text())
    tiny_challenge_set.write_text(json.dumps(raw | {"playlists": raw["playlists"][:1]}))
    described = describe(tiny_challenge_set).challenge_set
    assert described is not None
    first, second = described.categories[:2]
    assert (first.category, first.playlists, first.holdouts) == (Category.TITLE_ONLY, 1, 6)
    assert (second.playlists, second.shortest, second.longest, second.mean_length) == (0, 0, 0, 0.0)


def test_describe_refuses_two_of_a_kind(tiny_mpd: Path, tiny_challenge_set: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--challenge names another"):
        describe(tiny_challenge_set, challenge=tiny_challenge_set)
    with pytest.raises(ConfigError, match="--mpd names another"):
        describe(tiny_mpd, mpd=tiny_mpd)
    with pytest.raises(MissingInputError, match="nowhere: no such file or folder"):
        describe(tmp_path / "nowhere")


def test_split_writes_the_official_formats(splittable: Path, tmp_path: Path) -> None:
    folder = tmp_path / "a split"
    facts = run_json("split", "--mpd", splittable, "--output", folder, "--kind", "final", "--seed", 7)
    # 6 % of 400 playlists over ten categories: two each.
    assert facts["playlists"] == dict.fromkeys([category.value for category in Category], 2)
    assert facts["seeds"] == 2 * 281
    assert facts["train_playlists"] == 380
    assert facts["options"] == {"kind": "final", "draw": 0, "seed": 7, "per_category": 1000}
    described = describe(folder / "challenge_set.json", mpd=folder / "mpd.zip").challenge_set
    assert described is not None
    assert [category.playlists for category in described.categories] == [2] * 10
    assert described.known is not None
    assert described.known.unknown_seeds == 0
    train = prepare(folder / "mpd.zip")
    assert train.counts["playlists"] == facts["train_playlists"]
    assert train.counts["rows"] == facts["train_rows"]
    answers = json.loads((folder / "answers.json").read_text())
    assert len(answers) == 20
    assert sum(len(answer["holdout"]) for answer in answers.values()) == facts["holdouts"]


def test_split_leaves_a_manifest(splittable: Path, tmp_path: Path, tiny_challenge_set: Path) -> None:
    options = SplitOptions(seed=2, draw=1, per_category=1)
    split(splittable, tmp_path / "out", options, challenge=tiny_challenge_set)
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert manifest["kind"] == "split"
    assert manifest["options"] == {"kind": "tuning", "draw": 1, "seed": 2, "per_category": 1}
    assert manifest["playlists"] == dict.fromkeys([category.value for category in Category], 1)
    for name, digest in manifest["files"].items():
        assert digest == file_hash(tmp_path / "out" / name)
    md5 = hashlib.md5(tiny_challenge_set.read_bytes()).hexdigest()
    expected = {"name": "challenge_set.json", "kind": "json", "hash": f"md5:{md5}"}
    assert manifest["challenge_set"] == expected
    assert (manifest["mpd"]["name"], manifest["mpd"]["kind"]) == (splittable.name, "zip")
    assert set(manifest["profile"]["stages"]) == {"split", "write"}


def test_split_refuses_an_output_that_is_a_file_before_it_reads(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("")
    result = run("split", "--mpd", tmp_path / "none.zip", "--output", tmp_path / "out")
    assert result.exit_code == 3
    assert "out: is a file; expected a folder to write to" in " ".join(result.stderr.split())


def test_equal_options_give_equal_splits_and_draws_differ(splittable: Path, tmp_path: Path) -> None:
    def answers(name: str, **options: Any) -> dict[str, Any]:
        files = split(splittable, tmp_path / name, SplitOptions(**options))
        loaded: dict[str, Any] = json.loads(files.answers.read_text())
        return loaded

    tuning = answers("0", draw=0)
    assert answers("again", draw=0) == tuning
    assert answers("1", draw=1) != tuning
    assert not set(answers("final", kind=SplitKind.FINAL)) & set(tuning)


def test_split_prints_what_to_do_next(splittable: Path, tmp_path: Path) -> None:
    result = run("split", "--mpd", splittable, "--output", tmp_path / "a b", "--per-category", 1)
    assert result.exit_code == 0, result.stderr
    assert "10 playlists (1 a category) with 281 seeds" in result.stdout
    assert f"challenge run --mpd '{tmp_path}/a b/mpd.zip'" in result.stdout


def test_split_refuses_what_it_does_not_know(splittable: Path, tmp_path: Path) -> None:
    result = run("split", "--mpd", splittable, "--output", tmp_path / "x", "--kind", "test")
    assert result.exit_code == 2
    assert "'tuning', 'final'" in result.stderr
    assert not (tmp_path / "x").exists()
