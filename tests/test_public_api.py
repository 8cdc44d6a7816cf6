"""What ``import challenge`` offers."""

from __future__ import annotations

import importlib
import math
import re
import subprocess
import sys
from pathlib import Path

import pytest

import challenge
from challenge.threads import one_thread
from tests.small_submissions import World
from tests.tiny_runs import TinySample, with_sources

HEAVY = ("numpy", "scipy", "numba", "torch", "lightgbm", "msgspec", "orjson", "rich", "typer")


def test_every_public_name_is_there() -> None:
    assert list(challenge.__all__) == sorted(challenge.__all__)
    assert dir(challenge) == challenge.__all__
    for name in challenge.__all__:
        assert getattr(challenge, name) is not None
    found: dict[str, object] = {}
    exec("from challenge import *", found)
    assert set(challenge.__all__) <= set(found) | {"__version__"}


def test_each_is_the_one_of_its_module() -> None:
    assert set(challenge._HOME) == set(challenge.__all__) - {"__version__"}
    for name, home in challenge._HOME.items():
        assert getattr(challenge, name) is getattr(importlib.import_module(home), name)
        assert getattr(challenge, name).__module__ == home, "where it is defined"
        assert getattr(challenge, name).__doc__


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'challenge' has no attribute 'recommender_'"):
        _ = challenge.recommender_
    assert not hasattr(challenge, "__path_of_nothing__")


def test_importing_it_imports_nothing_heavy() -> None:
    code = f"import sys, challenge; print([name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "[]"
    code = f"import sys; from challenge import Playlist; print([n for n in {HEAVY!r} if n in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert "'numpy'" in done.stdout, "the check sees what it looks for"
    assert "'torch'" not in done.stdout


def test_the_readme_s_six_lines_name_the_nearest_tracks_and_continue_a_playlist(
    sample: TinySample, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    readme = (Path(__file__).parents[1] / "README.md").read_text("utf-8")
    found = re.search(r"~~~python\n(import challenge.*?)~~~", readme, re.DOTALL)
    assert found is not None
    code = found.group(1)
    assert len(code.strip().splitlines()) - 2 == 6, "the import apart"
    dataset = challenge.load_dataset(sample.mpd, sample.challenge, cache=sample.cache)
    with one_thread():
        config = with_sources("playlist_knn", "title_knn", "ials", ranking="blend")
        challenge.Recommender.fit(dataset, config).save(f"{tmp_path}/submissions/first/recommender")
        monkeypatch.chdir(tmp_path)
        for uri in dataset.catalog.tracks.uris(dataset.playlists.interactions.row(0)[[0, 1, 0, 1]]):
            code = code.replace("spotify:track:…", uri, 1)
        exec(code, {})
    lines = capsys.readouterr().out.splitlines()
    assert [line.count("Recommendation(rank=") for line in lines[:2]] == [3, 3]
    assert [line.split()[0] for line in lines[2:]] == [str(rank) for rank in range(1, 21)]


def test_without_a_challenge_set_there_are_no_queries_and_playlists_are_continued(
    sample: TinySample, tmp_path: Path
) -> None:
    dataset = challenge.load_dataset(str(sample.mpd), cache=sample.cache)
    assert isinstance(dataset, challenge.Dataset)
    assert len(dataset.queries) == 0
    assert len(dataset.playlists) == 300
    with one_thread():
        for ranking in ("learned", "blend"):
            config = with_sources("playlist_knn", "title_knn", "popularity", ranking=ranking)
            recommender = challenge.Recommender.fit(dataset, config)
            assert len(recommender.queries()) == 0
            assert recommender.fill().track.shape == (0, 500)
            uris = dataset.catalog.tracks.uris(dataset.playlists.interactions.row(0)[:5])
            playlists = [challenge.Playlist(dataset.playlists.title(0)), challenge.Playlist(None, uris)]
            titled, continued = recommender.recommend(playlists, 30, explain=True)
            assert len({each.uri for each in titled}) == len({each.uri for each in continued}) == 30
            assert not {each.uri for each in continued} & set(uris)
            assert isinstance(continued[0], challenge.Recommendation)
            assert isinstance(continued[0].reason, challenge.Reason)
            assert not math.isnan(continued[0].score)
            recommender.save(tmp_path / ranking)
            loaded = challenge.Recommender.load(tmp_path / ranking)
            assert loaded.recommend(playlists, 30, explain=True) == [titled, continued]


def test_with_a_challenge_set_its_playlists_are_the_queries(sample: TinySample) -> None:
    dataset = challenge.load_dataset(sample.mpd, str(sample.challenge), cache=sample.cache)
    assert len(dataset.queries) == 50
    pids = [playlist["pid"] for playlist in sample.challenge_set()["playlists"]]
    assert dataset.queries.pid.tolist() == pids


def test_what_is_not_there_is_told(tmp_path: Path, sample: TinySample) -> None:
    from challenge.errors import MissingInputError

    with pytest.raises(MissingInputError, match=r"none\.zip"):
        challenge.load_dataset(tmp_path / "none.zip", cache=sample.cache)
    with pytest.raises(MissingInputError, match=r"none\.json"):
        challenge.load_dataset(sample.mpd, tmp_path / "none.json", cache=sample.cache)


def test_files_may_be_named_by_text(world: World) -> None:
    by_path, _ = challenge.score(world.submission, world.answers, mpd=world.mpd, challenge=world.challenge)
    by_text, _ = challenge.score(
        str(world.submission), str(world.answers), mpd=str(world.mpd), challenge=str(world.challenge)
    )
    assert by_text == by_path
    assert by_text.overall["r_precision"].mean > 0
    report = challenge.validate(str(world.submission), str(world.challenge), mpd=str(world.mpd))
    assert report.valid
    assert report == challenge.validate(world.submission, world.challenge, mpd=world.mpd)
