"""What a sample holds, read back with the standard library alone."""

from __future__ import annotations

import json
import re
import zipfile
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from challenge.errors import ConfigError
from challenge.sample.catalogue import SyntheticCatalogue, build_catalogue
from challenge.sample.draw import lengths_at_least
from challenge.sample.names import named_catalog
from challenge.sample.options import SampleOptions
from challenge.sample.write import SampleFiles, write_sample
from challenge.types import Category

SEED = 7
PLAYLISTS = 2_300
PER_CATEGORY = 12
ID = re.compile("[0-9A-Za-z]{22}")


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> SampleFiles:
    folder = tmp_path_factory.mktemp("sample")
    return write_sample(folder, SampleOptions(PLAYLISTS, PER_CATEGORY, SEED), workers=1)


@pytest.fixture(scope="module")
def slices(sample: SampleFiles) -> dict[str, Any]:
    with zipfile.ZipFile(sample.mpd) as archive:
        assert archive.testzip() is None
        return {name: json.loads(archive.read(name)) for name in archive.namelist() if name.endswith(".json")}


@pytest.fixture(scope="module")
def playlists(slices: dict[str, Any]) -> list[dict[str, Any]]:
    return [playlist for part in slices.values() for playlist in part["playlists"]]


@pytest.fixture(scope="module")
def queries(sample: SampleFiles) -> list[dict[str, Any]]:
    return json.loads(sample.challenge_set.read_bytes())["playlists"]  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def answers(sample: SampleFiles) -> dict[str, Any]:
    return json.loads(sample.answers.read_bytes())  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def catalogue() -> SyntheticCatalogue:
    return build_catalogue(SEED)


def _rows(playlists: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for playlist in playlists:
        yield from playlist["tracks"]


def test_slices_are_named_and_laid_out_as_the_official_ones(
    sample: SampleFiles, slices: dict[str, Any]
) -> None:
    assert list(slices) == [
        "data/mpd.slice.0-999.json",
        "data/mpd.slice.1000-1999.json",
        "data/mpd.slice.2000-2299.json",
    ]
    assert [part["info"]["slice"] for part in slices.values()] == ["0-999", "1000-1999", "2000-2299"]
    with zipfile.ZipFile(sample.mpd) as archive:
        text = archive.read("data/mpd.slice.2000-2299.json").decode("ascii")
    assert text == json.dumps(slices["data/mpd.slice.2000-2299.json"], indent=4)
    assert sample.json_bytes == sum(len(json.dumps(part, indent=4)) for part in slices.values())


def test_playlists_hold_what_they_say(sample: SampleFiles, playlists: list[dict[str, Any]]) -> None:
    assert [playlist["pid"] for playlist in playlists] == list(range(PLAYLISTS))
    for playlist in playlists:
        tracks = playlist["tracks"]
        assert [track["pos"] for track in tracks] == list(range(playlist["num_tracks"]))
        assert 5 <= len(tracks) <= 250
        assert playlist["num_artists"] == len({track["artist_uri"] for track in tracks})
        assert playlist["num_albums"] == len({track["album_uri"] for track in tracks})
        assert playlist["duration_ms"] == sum(track["duration_ms"] for track in tracks)
        assert playlist["collaborative"] in {"true", "false"}
        assert playlist["modified_at"] % 86_400 == 0
        assert playlist["num_followers"] >= 1
        assert 1 <= playlist["num_edits"] <= 250
    assert sample.rows == sum(playlist["num_tracks"] for playlist in playlists)
    assert sample.tracks == len({track["track_uri"] for track in _rows(playlists)})
    assert 0 < sum("description" in playlist for playlist in playlists) < 0.05 * PLAYLISTS


def test_ids_are_consistent(playlists: list[dict[str, Any]]) -> None:
    facts: dict[str, Any] = {}
    for track in _rows(playlists):
        kinds = [track[f"{kind}_uri"].split(":") for kind in ("track", "artist", "album")]
        assert [uri[:2] for uri in kinds] == [
            ["spotify", "track"],
            ["spotify", "artist"],
            ["spotify", "album"],
        ]
        assert all(ID.fullmatch(uri[2]) for uri in kinds)
        told = {key: value for key, value in track.items() if key != "pos"}
        assert facts.setdefault(track["track_uri"], told) == told
        assert facts.setdefault(track["album_uri"], track["artist_uri"]) == track["artist_uri"]


def test_popularity_falls_as_a_power(playlists: list[dict[str, Any]]) -> None:
    count = Counter(uri for playlist in playlists for uri in {t["track_uri"] for t in playlist["tracks"]})
    times = np.sort(list(count.values()))[::-1]
    assert np.mean(times == 1) > 0.6
    assert 0.03 < times[0] / PLAYLISTS < 0.12
    ranks = np.array([100, 1000, 10_000])
    slope = np.polyfit(np.log(ranks), np.log(times[ranks - 1]), 1)[0]
    assert -1.0 < slope < -0.5


def test_lengths_follow_the_mpd(playlists: list[dict[str, Any]]) -> None:
    lengths = np.array([playlist["num_tracks"] for playlist in playlists])
    assert 60 < lengths.mean() < 72
    assert 44 < np.median(lengths) < 58


def test_titles_are_telling_and_messy(playlists: list[dict[str, Any]]) -> None:
    titles = Counter(playlist["name"] for playlist in playlists)
    plain = Counter(playlist["name"].strip().lower() for playlist in playlists)
    assert plain["country"] > 10
    assert plain["chill"] > 10
    assert len({title for title in titles if title.strip().lower() == "rap"}) >= 2
    assert any(title and not any(letter.isalnum() for letter in title) for title in titles)
    assert sum(count == 1 for count in titles.values()) > 300


def test_a_few_playlists_repeat_a_track(playlists: list[dict[str, Any]]) -> None:
    repeating = [len({t["track_uri"] for t in p["tracks"]}) < p["num_tracks"] for p in playlists]
    assert 0.01 < np.mean(repeating) < 0.35


def _genres_of_tracks(catalogue: SyntheticCatalogue, playlists: list[dict[str, Any]]) -> dict[str, int]:
    tracks = np.arange(catalogue.n_tracks, dtype=np.int32)
    common = tracks[np.argsort(-np.diff(catalogue.popular))[:20_000]]
    genre = catalogue.circle_genre[
        catalogue.artist_circle[catalogue.album_artist[catalogue.track_album[common]]]
    ]
    return dict(
        zip(
            named_catalog(catalogue, common, SEED)[0].tracks.uris(np.arange(len(common), dtype=np.int32)),
            genre.tolist(),
            strict=True,
        )
    )


def test_tracks_of_a_playlist_share_their_genre_and_neighbours_their_artist(
    catalogue: SyntheticCatalogue, playlists: list[dict[str, Any]]
) -> None:
    genre = _genres_of_tracks(catalogue, playlists)
    rows = [[genre[t["track_uri"]] for t in p["tracks"] if t["track_uri"] in genre] for p in playlists]
    pairs = [(row[0], row[-1]) for row in rows if len(row) > 1]
    share = np.bincount([g for row in rows for g in row]) / sum(map(len, rows))
    together = np.mean([a == b for a, b in pairs])
    assert together > 3 * (share**2).sum()
    artists = [[t["artist_uri"] for t in p["tracks"]] for p in playlists if p["num_tracks"] > 30]
    adjacent = np.mean([a == b for row in artists for a, b in pairwise(row)])
    distant = np.mean([a == b for row in artists for a, b in zip(row, row[25:], strict=False)])
    assert 0.2 < adjacent < 0.35
    assert distant < 0.08


def test_titles_tell_the_genre(catalogue: SyntheticCatalogue, playlists: list[dict[str, Any]]) -> None:
    genre = _genres_of_tracks(catalogue, playlists)
    named = [p for p in playlists if p["name"].strip().lower() == "country"]
    found = Counter(genre[t["track_uri"]] for p in named for t in p["tracks"] if t["track_uri"] in genre)
    (_, most), *_ = found.most_common(1)
    assert most / found.total() > 0.6


def test_challenge_playlists_come_in_the_ten_categories(
    queries: list[dict[str, Any]], answers: dict[str, Any], sample: SampleFiles
) -> None:
    assert len(queries) == sample.challenge_playlists == 10 * PER_CATEGORY
    assert [query["pid"] for query in queries] == list(range(1_000_000, 1_000_000 + len(queries)))
    found = Counter(answer["category"] for answer in answers.values())
    assert found == {category.value: PER_CATEGORY for category in Category}
    for query in queries:
        category = Category(answers[str(query["pid"])]["category"])
        positions = [track["pos"] for track in query["tracks"]]
        assert ("name" in query) == category.has_title
        assert query["num_samples"] == len(positions) == category.seed_count
        assert query["num_holdouts"] == len(answers[str(query["pid"])]["holdout"]) >= 1
        assert query["num_tracks"] == query["num_samples"] + query["num_holdouts"] <= 250
        assert positions == sorted(set(positions))
        assert (max(positions, default=-1) >= query["num_samples"]) == category.is_random


def test_every_challenge_track_occurs_in_the_mpd_and_none_is_both_given_and_held_out(
    queries: list[dict[str, Any]], answers: dict[str, Any], playlists: list[dict[str, Any]]
) -> None:
    known = {track["track_uri"]: {**track, "pos": 0} for track in _rows(playlists)}
    for query in queries:
        holdout = answers[str(query["pid"])]["holdout"]
        seeds = [track["track_uri"] for track in query["tracks"]]
        assert len({*holdout, *seeds}) == len(holdout) + len(seeds) == query["num_tracks"]
        assert known.keys() >= {*holdout, *seeds}
        assert all(known[track["track_uri"]] == {**track, "pos": 0} for track in query["tracks"])


def test_challenge_text_is_laid_out_as_the_official_one(sample: SampleFiles) -> None:
    text = sample.challenge_set.read_text("ascii")
    content = json.loads(text)
    assert list(content) == ["date", "version", "playlists"]
    assert text == json.dumps(content, indent=4)


def test_number_of_workers_changes_nothing(sample: SampleFiles, tmp_path: Path) -> None:
    again = write_sample(tmp_path, SampleOptions(PLAYLISTS, PER_CATEGORY, SEED), workers=2)
    for one, other in (
        (sample.mpd, again.mpd),
        (sample.challenge_set, again.challenge_set),
        (sample.answers, again.answers),
    ):
        assert one.read_bytes() == other.read_bytes()


def test_another_seed_gives_another_sample(sample: SampleFiles, tmp_path: Path) -> None:
    other = write_sample(tmp_path, SampleOptions(100, 1, SEED + 1), workers=1)
    with zipfile.ZipFile(other.mpd) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".json"))
        tracks = {track["track_uri"] for track in _rows(json.loads(archive.read(name))["playlists"])}
    assert name == "data/mpd.slice.0-99.json"
    first = json.loads(sample.challenge_set.read_bytes())["playlists"]
    assert not tracks & {track["track_uri"] for track in _rows(first)}


@pytest.mark.parametrize(("playlists", "per_category"), [(99, 1), (1000, 0)])
def test_impossible_sizes_are_refused(playlists: int, per_category: int) -> None:
    with pytest.raises(ConfigError, match="expected at least"):
        SampleOptions(playlists, per_category)


def test_lengths_at_least_the_minimum() -> None:
    lengths = lengths_at_least(105, 5_000, np.random.default_rng(0))
    assert lengths.min() == 105
    assert lengths.max() <= 250
