from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from challenge import __version__
from challenge.errors import FormatError, InvalidSubmissionError, MissingInputError
from challenge.evaluation.evaluate import score_submission
from challenge.evaluation.ground_truth import GroundTruth
from challenge.evaluation.metrics import MetricValues
from challenge.evaluation.scorecard import OVERALL, PlaylistScores, Scorecard, compare_paired, make_scorecard
from challenge.evaluation.significance import paired_differences
from challenge.evaluation.variants import METRICS, RPrecisionVariant, Variants
from tests.small_submissions import PIDS, submission, track_id


def answers(rows: dict[int, list[int]], categories: tuple[str, ...]) -> GroundTruth:
    ids = [track_id(number) for numbers in rows.values() for number in numbers]
    indptr = np.cumsum([0, *map(len, rows.values())])
    return GroundTruth(np.array(list(rows), np.int32), categories, indptr, np.array(ids, "S22"))


# Playlist k of the submission holds tracks k to k + 499, in order.
HELD_OUT = {
    PIDS[0]: [0, 1],  # perfect
    PIDS[1]: [26, 700],  # hit at index 25
    PIDS[2]: [800],  # none
}
ANSWERS = answers(HELD_OUT, ("title_only", "first_5", "first_5"))


def by_hundreds(ids: np.ndarray) -> np.ndarray:
    """Track n is by artist n // 100; tracks from 800 on are by nobody known."""
    numbers = np.array([int(raw[1:]) for raw in ids.tolist()])
    return np.where(numbers >= 800, -1, numbers // 100).astype(np.int32)


def test_scores_by_category_and_over_all() -> None:
    card, scores = score_submission(submission(), ANSWERS, artist_of=by_hundreds)
    ndcg = (1 / np.log2(27)) / (1 + 1 / np.log2(3))
    assert scores.pid.tolist() == list(PIDS)
    # The second: two misses in the window by artist 0, whom held-out track 26 has too.
    np.testing.assert_allclose(scores.values.matrix, [[1, 1, 0], [0.125, ndcg, 2], [0, 0, 51]])
    assert card.overall.n_playlists == 3
    assert card.overall.r_precision.mean == pytest.approx(1.125 / 3)
    assert card.overall.clicks.mean == pytest.approx(53 / 3)
    assert list(card.by_category) == ["title_only", "first_5"]
    assert card.by_category["first_5"].n_playlists == 2
    assert card.by_category["first_5"].ndcg.mean == pytest.approx(ndcg / 2)
    assert card.by_category["first_5"]["clicks"].low == 2
    assert card.by_category["first_5"]["clicks"].high == 51
    assert card.notes == ("1 held-out tracks have no known artist, so no list gets credit for theirs",)


def test_signature_names_all_that_a_score_depends_on() -> None:
    card, _ = score_submission(submission(), ANSWERS, artist_of=by_hundreds, seed=4, resamples=50)
    assert card.signature == (
        "r_precision:leaderboard|ndcg:leaderboard|clicks:leaderboard"
        f"|answers:{ANSWERS.content_hash}|playlists:3|bootstrap:50|seed:4|version:{__version__}"
    )


def test_intervals_are_drawn_with_the_seed_and_as_often_as_asked_for() -> None:
    """Of a single draw both ends are its mean, another one for another seed."""
    lows = set()
    for seed in range(5):
        card, scores = score_submission(submission(), ANSWERS, seed=seed, resamples=1)
        assert card.overall == make_scorecard(scores, "", seed=seed, resamples=1).overall
        assert card.overall.clicks.low == card.overall.clicks.high
        lows.add(card.overall.clicks.low)
    assert len(lows) > 1


def test_without_artists_the_form_falls_back_and_says_so() -> None:
    card, scores = score_submission(submission(), ANSWERS)
    assert card.signature.startswith("r_precision:tracks|")
    assert scores.values.r_precision.tolist() == [1, 0, 0]

    def never(ids: np.ndarray) -> np.ndarray:
        raise AssertionError("no artist is looked up where the variant counts tracks only")

    variants = Variants(r_precision=RPrecisionVariant.TRACKS)
    _, scores = score_submission(submission(), ANSWERS, artist_of=never, variants=variants)
    assert scores.values.r_precision.tolist() == [1, 0, 0]


def test_order_of_lists_in_the_file_does_not_matter() -> None:
    whole = submission()
    order = [2, 0, 1]
    turned = type(whole)(whole.team, whole.pid[order], whole.track_ids[order])
    assert score_submission(turned, ANSWERS)[0] == score_submission(whole, ANSWERS)[0]


def test_incomplete_submission_is_refused_by_name() -> None:
    wanted = {pid: [1] for pid in (*PIDS, *range(2_000_000, 2_000_007))}
    with pytest.raises(InvalidSubmissionError) as caught:
        score_submission(submission(), answers(wanted, ("first_5",) * 10))
    assert "7 of the 10 playlists in the answers have no list: 2000000, 2000001" in str(caught.value)
    assert str(caught.value).endswith("2000004, ...")
    with pytest.raises(InvalidSubmissionError, match=r"2000004$"):
        score_submission(submission(), answers(dict(list(wanted.items())[:8]), ("first_5",) * 8))


def test_lists_that_nobody_asked_for_are_left_out_and_noted() -> None:
    card, _ = score_submission(submission(), answers({PIDS[1]: [1]}, ("first_5",)))
    assert card.overall.n_playlists == 1
    assert card.overall.clicks.mean == 0
    assert "2 playlists of the submission are not in the answers" in card.notes[0]


def test_scorecard_as_json_and_back(tmp_path: Path) -> None:
    card, _ = score_submission(submission(), ANSWERS, artist_of=by_hundreds)
    card.save(tmp_path / "card.json")
    assert Scorecard.load(tmp_path / "card.json") == card
    raw = json.loads((tmp_path / "card.json").read_text())
    assert raw["r_precision"] == pytest.approx(1.125 / 3)
    assert raw["playlists"] == 3
    assert raw["categories"]["title_only"]["clicks"] == 0
    assert raw["interval"]["clicks"] == [card.overall.clicks.low, card.overall.clicks.high]
    assert list(Scorecard.load(tmp_path / "card.json").by_category) == ["title_only", "first_5"]


def test_what_is_no_scorecard(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError):
        Scorecard.load(tmp_path / "none.json")
    for text in ("[]", "{}", '{"signature": "x", "categories": {"a": 1}}'):
        (tmp_path / "card.json").write_text(text)
        with pytest.raises(FormatError, match="not a scorecard"):
            Scorecard.load(tmp_path / "card.json")


def scores_of(
    r: Sequence[float] | np.ndarray,
    ndcg: Sequence[float] | np.ndarray,
    clicks: Sequence[float] | np.ndarray,
    categories: Sequence[str] | None = None,
) -> PlaylistScores:
    values = MetricValues(*(np.array(each, np.float64) for each in (r, ndcg, clicks)))
    labels = tuple(categories or ["first_5"] * len(r))
    return PlaylistScores(np.arange(len(r), dtype=np.int32), labels, values)


def test_same_seed_same_intervals() -> None:
    rng = np.random.default_rng(0)
    scores = scores_of(rng.random(40), rng.random(40), rng.integers(0, 52, 40), ["first_5", "first_10"] * 20)
    one, again, other = (make_scorecard(scores, "s", seed=seed) for seed in (7, 7, 8))
    assert one == again
    assert one.overall.ndcg.low != other.overall.ndcg.low
    assert one.overall.ndcg.low < one.overall.ndcg.mean < one.overall.ndcg.high


def test_playlist_scores_as_csv(tmp_path: Path) -> None:
    scores_of([0.5, 0], [0.25, 1 / 3], [51, 3], ["first_5", "title_only"]).save(tmp_path / "scores.csv")
    assert (tmp_path / "scores.csv").read_bytes().decode() == (
        "pid,category,r_precision,ndcg,clicks\n0,first_5,0.500000,0.250000,51\n1,title_only,0.000000,0.333333,3\n"
    )
    again = PlaylistScores.load(tmp_path / "scores.csv")
    assert (again.pid.tolist(), again.categories) == ([0, 1], ("first_5", "title_only"))
    assert again.values.matrix.tolist() == [[0.5, 0.25, 51], [0, 0.333333, 3]]


@pytest.mark.parametrize("row", ["x,first_5,1,1,1", "0,first_5,x,1,1", "0,first_5,1", "0"])
def test_what_is_no_table_of_scores(tmp_path: Path, row: str) -> None:
    path = tmp_path / "scores.csv"
    path.write_text(f"pid,category,r_precision,ndcg,clicks\n{row}\n")
    with pytest.raises(FormatError, match=r"scores\.csv: not scores of playlists"):
        PlaylistScores.load(path)


def test_paired_comparison_by_category_and_over_all() -> None:
    rng = np.random.default_rng(0)
    base, categories = rng.random((3, 60)), ["first_5"] * 30 + ["title_only"] * 30
    first = scores_of(base[0], base[1], base[2], categories)
    second = scores_of(base[0] + 0.1 * (np.arange(60) < 30), base[1], base[2] - 0.02, categories)
    found = compare_paired(first, second, seed=3)
    assert list(found) == [OVERALL, "title_only", "first_5"]
    assert found["first_5"]["r_precision"].difference.mean == pytest.approx(0.1)
    assert found["first_5"]["r_precision"].significant
    assert found["title_only"]["r_precision"].p_value == 1.0
    assert found[OVERALL]["r_precision"].difference.mean == pytest.approx(0.05)
    assert found[OVERALL]["clicks"].difference.high == pytest.approx(-0.02)
    whole = paired_differences(first.values.matrix, second.values.matrix, categories, seed=3)
    assert [found[OVERALL][name] for name in METRICS] == list(whole)
    with pytest.raises(ValueError, match="different playlists"):
        compare_paired(first, scores_of([1], [1], [1]))
    with pytest.raises(ValueError, match="different playlists"):
        compare_paired(first, replace(first, categories=("first_5",) * 60))
    with pytest.raises(ValueError, match="different playlists"):
        compare_paired(first, replace(first, pid=first.pid + 1))
