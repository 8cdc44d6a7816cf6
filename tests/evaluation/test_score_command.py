from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from challenge.evaluation.scorecard import Scorecard
from challenge.manifest import Manifest
from challenge.mpd.store import prepare_store
from challenge.run_folder import RunFolder
from challenge.workflows import score as stage
from tests.small_submissions import World, playlist, private_of_store, run, write

NDCG = 1 / (1 + 1 / math.log2(3))


def test_scores_with_the_artists_of_the_mpd(world: World) -> None:
    # G = pop1 and jazz2; the list begins pop1 (hit), pop2 (missed, but its artist "pop" is in G).
    card, scores = stage.score(world.submission, world.answers, mpd=world.mpd)
    assert card.overall.r_precision.mean == pytest.approx(1.25 / 2)
    assert card.overall.ndcg.mean == pytest.approx(NDCG)
    assert card.overall.clicks.mean == 0
    assert next(iter(card.by_category)) == "title_only"
    assert len(scores.pid) == 10
    assert card.notes == ()
    with_seeds, _ = stage.score(world.submission, world.answers, mpd=world.mpd, challenge=world.challenge)
    assert with_seeds == card


def test_command_shows_a_table_with_intervals_and_signature(world: World) -> None:
    result = run("score", world.submission, "--answers", world.answers, "--mpd", world.mpd)
    assert result.exit_code == 0
    last_row = next(line for line in result.stdout.splitlines() if line.startswith(("all", " all")))
    assert last_row.split() == [
        "all",
        "10",
        "0.6250",
        "±0.0000",
        f"{NDCG:.4f}",
        "±0.0000",
        "0.000",
        "±0.000",
    ]
    assert "signature r_precision:leaderboard|" in result.stdout
    assert not (world.submission.parent / "scorecard.json").exists()


def test_command_in_json_with_the_store_of_the_run(world: World) -> None:
    store = prepare_store(world.mpd).path
    folder = RunFolder(world.submission.parent)
    Manifest().save(folder.manifest)
    private_of_store(store).save(folder.private)
    result = run("score", world.submission, "--answers", world.answers, "--json")
    value = json.loads(result.stdout)
    assert value["r_precision"] == pytest.approx(0.625)
    assert value["categories"]["first_5"]["playlists"] == 1
    assert Scorecard.load(folder.scorecard).to_dict() == value
    assert folder.read_of_submission(folder.scorecard) is not None, "it says of which submission it is"


def test_without_artists_it_warns_and_counts_tracks_only(world: World) -> None:
    result = run("score", world.submission, "--answers", world.answers, "--json")
    assert json.loads(result.stdout)["r_precision"] == pytest.approx(0.5)
    assert json.loads(result.stdout)["signature"].startswith("r_precision:tracks|")
    assert "R-precision counts tracks only" in result.stderr


def test_other_forms_and_scores_of_each_playlist(world: World, tmp_path: Path) -> None:
    table = tmp_path / "playlists.csv"
    variants = ["--variant", "r_precision=tracks", "--variant", "ndcg=rules-page"]
    result = run(
        "score", world.submission, "--answers", world.answers, *variants, "--per-playlist", table, "--json"
    )
    assert json.loads(result.stdout)["ndcg"] == 1.0
    assert "Note" not in result.stderr
    assert table.read_text().splitlines()[1] == "1000,title_only,0.500000,1.000000,0"
    wrong = run("score", world.submission, "--answers", world.answers, "--variant", "ndcg=mine")
    assert wrong.exit_code == 2
    assert "ndcg=log-rank" in wrong.stderr


def test_incomplete_submission_is_refused(world: World) -> None:
    write(world.submission.parent, ["team_info,T,a@b.org", playlist(1000), playlist(1001)], "short.csv")
    result = run("score", world.submission.parent / "short.csv", "--answers", world.answers)
    assert result.exit_code == 4
    assert "8 of the 10 playlists in the answers have no list: 1002, 1003" in result.stderr


def test_another_file_in_the_folder_of_a_run_leaves_its_scorecard_alone(world: World) -> None:
    folder = RunFolder(world.submission.parent)
    Manifest().save(folder.manifest)
    private_of_store(prepare_store(world.mpd).path).save(folder.private)
    folder.scorecard.write_text("of the run")
    other = world.submission.rename(world.submission.with_name("other.csv.gz"))
    assert run("score", other, "--answers", world.answers).exit_code == 0
    assert folder.scorecard.read_text() == "of the run"


def test_a_run_folder_that_cannot_be_written_is_no_failure(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    (world.submission.parent / "manifest.json").write_text("{}")

    def refuse(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(RunFolder, "write_of_submission", refuse)
    result = run("score", world.submission, "--answers", world.answers, "--mpd", world.mpd)
    assert result.exit_code == 0
    assert "the scorecard is not kept" in result.stderr
