"""The playlists that the page of a run shows are those of its submission, however they came to be scored."""

from __future__ import annotations

import json
import re
import zipfile
from pathlib import Path

import pytest

from challenge.evaluation.ground_truth import read_ground_truth
from challenge.mpd.challenge_set import read_challenge_set
from challenge.report.examples import COUNT, SHOWN_SEEDS, SHOWN_TRACKS, Examples, read_examples
from challenge.run_folder import RunFolder
from challenge.submission.reader import read_submission
from challenge.types import TRACK_PREFIX, Category
from challenge.workflows.run import run
from challenge.workflows.score import kept_scores, save_beside, score
from tests.tiny_runs import TinySample, with_sources

CONFIG = with_sources("playlist_knn", "title_knn", "artist_album", "popularity", ranking="blend")

pytestmark = pytest.mark.usefixtures("single_thread")


def examples_of(folder: RunFolder) -> Examples:
    found = read_examples(folder)
    assert found is not None
    return found


@pytest.fixture(scope="module")
def unscored(sample: TinySample, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    folder = RunFolder(tmp_path_factory.mktemp("runs") / "run")
    run(sample.mpd, sample.challenge, folder.path, CONFIG, cache=sample.cache)
    return folder


@pytest.fixture(scope="module")
def names(sample: TinySample) -> dict[str, tuple[str, str]]:
    """Name and artist of each track of the MPD, by its id."""
    with zipfile.ZipFile(sample.mpd) as archive:
        slices = [json.loads(archive.read(name)) for name in archive.namelist() if "mpd.slice" in name]
    return {
        track["track_uri"].removeprefix(TRACK_PREFIX): (track["track_name"], track["artist_name"])
        for content in slices
        for playlist in content["playlists"]
        for track in playlist["tracks"]
    }


def require_those_of_the_submission(
    found: Examples, folder: RunFolder, sample: TinySample, names: dict[str, tuple[str, str]]
) -> None:
    submission, challenge = read_submission(folder.submission), sample.challenge_set()["playlists"]
    row_of = {pid: row for row, pid in enumerate(submission.pid.tolist())}
    for each in found.playlists:
        listed = submission.track_ids[row_of[each.pid], :SHOWN_TRACKS].tolist()
        assert [(track.track, track.artist) for track in each.recommended] == [
            names[track.decode()] for track in listed
        ]
        (playlist,) = (given for given in challenge if given["pid"] == each.pid)
        assert (each.title, each.num_seeds) == (playlist.get("name"), playlist["num_samples"])
        assert [track.track for track in each.seeds] == [
            track["track_name"] for track in playlist["tracks"][:SHOWN_SEEDS]
        ]
        places = [found.sources[int(source)] for source in found.proposers[row_of[each.pid]].split()]
        assert [track.source for track in each.recommended] == places


def test_a_run_without_answers_shows_one_of_each_category(
    unscored: RunFolder, sample: TinySample, names: dict[str, tuple[str, str]]
) -> None:
    found = examples_of(unscored)
    assert [each.category for each in found.playlists] == list(Category)
    require_those_of_the_submission(found, unscored, sample, names)
    assert {track.hit for each in found.playlists for track in each.recommended} == {None}
    assert {(each.place, len(each.scores)) for each in found.playlists} == {("", 0)}
    assert {*found.sources} >= {"playlist_knn", "title fallback", "popularity fallback"}
    assert len(found.proposers) == len(read_challenge_set(sample.challenge).pid)
    page = unscored.report.read_text()
    assert "<h2>Ten of the playlists</h2>" in page
    assert "From all categories" in page
    assert "✓" not in page


def test_scoring_chooses_by_score_and_marks_the_hits(
    unscored: RunFolder, sample: TinySample, names: dict[str, tuple[str, str]], tmp_path: Path
) -> None:
    """A run that was scored later shows what one shows that knew the answers, byte for byte."""
    at_once = RunFolder(tmp_path / "run")
    run(sample.mpd, sample.challenge, at_once.path, CONFIG, cache=sample.cache, answers=sample.answers)
    truth = read_ground_truth(sample.answers)
    card, scores = score(unscored.submission, truth, challenge=sample.challenge)
    save_beside(unscored.submission, truth, card, scores)
    assert unscored.examples.read_bytes() == at_once.examples.read_bytes()
    found, kept = examples_of(at_once), kept_scores(at_once)
    assert kept is not None
    require_those_of_the_submission(found, at_once, sample, names)
    ndcg = dict(zip(kept[1].pid.tolist(), kept[1].values.ndcg.tolist(), strict=True))
    shown = [ndcg[each.pid] for each in found.playlists]
    assert len(shown) == COUNT
    assert shown == sorted(shown, reverse=True)
    assert shown[:3] == sorted(ndcg.values(), reverse=True)[:3]
    assert shown[-3:] == sorted(ndcg.values(), reverse=True)[-3:]
    submission = read_submission(at_once.submission)
    for each in found.playlists:
        assert each.scores["ndcg"] == pytest.approx(ndcg[each.pid], abs=1e-6)
        (row,) = (row for row, pid in enumerate(submission.pid.tolist()) if pid == each.pid)
        held_out = truth.uris(each.pid)
        hits = [
            TRACK_PREFIX + track.decode() in held_out for track in submission.track_ids[row, :10].tolist()
        ]
        assert [track.hit for track in each.recommended] == hits
    marked = sum(bool(track.hit) for each in found.playlists for track in each.recommended)
    page = at_once.report.read_text()
    assert len(re.findall("✓ hit", page)) == marked > 5
    assert len(page) < 300_000
