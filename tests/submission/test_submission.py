"""The type refuses what breaks a rule, and a list that holds a seed of its playlist."""

from __future__ import annotations

import numpy as np
import pytest

from challenge.data.dataset import Queries
from challenge.data.interactions import Interactions
from challenge.data.vocabulary import Vocabulary
from challenge.errors import InvalidSubmissionError, InvariantError
from challenge.submission.submission import Submission
from challenge.types import Category
from tests.small_submissions import PIDS, submission, track_id

VOCABULARY = Vocabulary(np.array([track_id(number) for number in range(520)], "S22"), "spotify:track:")


def _broken(**change: np.ndarray) -> Submission:
    whole = submission()
    arrays = {"pid": whole.pid, "track_ids": whole.track_ids.copy()} | change
    return Submission(whole.team, arrays["pid"], arrays["track_ids"])


def test_the_type_keeps_its_promises() -> None:
    ids = submission().track_ids
    repeated, short, odd = ids.copy(), ids.copy(), ids.copy()
    repeated[1, 3], short[2, 0], odd[0, 9] = repeated[1, 4], b"abc", b"-" * 22
    with pytest.raises(InvalidSubmissionError, match="pid 1000002: 499 distinct tracks; expected 500"):
        _broken(track_ids=repeated)
    with pytest.raises(InvalidSubmissionError, match="pid 1000007: holds an id that is not 22"):
        _broken(track_ids=short)
    with pytest.raises(InvalidSubmissionError, match="pid 1000000: holds an id"):
        _broken(track_ids=odd)
    with pytest.raises(InvalidSubmissionError, match="pid 5: has more than one list"):
        _broken(pid=np.array([5, 5, 6], np.int32))
    with pytest.raises(InvalidSubmissionError, match="pid -1"):
        _broken(pid=np.array([-1, 5, 6], np.int32))
    with pytest.raises(InvalidSubmissionError, match=r"expected \(3, 500\) and S22"):
        _broken(track_ids=ids[:, :499])
    assert len(submission()) == 3


def _queries(*seeds: list[int]) -> Queries:
    n = len(seeds)
    return Queries(
        pid=np.array(PIDS[:n], np.int32),
        titles=(None,) * n,
        categories=(Category.FIRST_5,) * n,
        num_holdouts=np.full(n, 5, np.int32),
        seeds=Interactions.from_rows(seeds),
    )


def _made(tracks: np.ndarray, *seeds: list[int]) -> Submission:
    return Submission.for_challenge(submission().team, _queries(*seeds), tracks.astype(np.int32), VOCABULARY)


# Lists of tracks 0-499, 10-509 and 20-519, each from the last to the first.
LISTS = np.stack([np.arange(first + 499, first - 1, -1) for first in (0, 10, 20)])


def test_lists_without_seeds_make_a_submission() -> None:
    # Each seed stands in another playlist's list, so only the right rows are compared.
    made = _made(LISTS, [500, 519], [], [0, 19, 3])
    assert made.pid.tolist() == list(PIDS)
    assert made.track_ids[1, 0] == track_id(509).encode()
    assert made.track_ids[2, 499] == track_id(20).encode()


@pytest.mark.parametrize(
    ("seeds", "pid", "track"),
    [
        (([499], [], []), PIDS[0], 499),
        (([], [3, 9, 10], []), PIDS[1], 10),
        (([519, 510], [519], [0, 519]), PIDS[2], 519),
    ],
)
def test_a_list_with_a_seed_of_its_playlist_is_our_own_mistake(
    seeds: tuple[list[int], ...], pid: int, track: int
) -> None:
    with pytest.raises(
        InvariantError, match=f"pid {pid}: its list holds spotify:track:{track_id(track)}, one"
    ):
        _made(LISTS, *seeds)


def test_an_empty_place_is_our_own_mistake() -> None:
    lists = LISTS.copy()
    lists[1, 7] = -1
    with pytest.raises(InvariantError, match=f"pid {PIDS[1]}: no track at rank 8; expected 500"):
        _made(lists, [], [], [])


def test_a_challenge_without_playlists_has_an_empty_submission() -> None:
    empty = Submission.for_challenge(
        submission().team, _queries().take([]), np.empty((0, 500), np.int32), VOCABULARY
    )
    assert len(empty) == 0


def test_the_first_empty_place_is_named_and_track_0_is_none() -> None:
    empty = LISTS.copy()
    empty[1, [3, 7]] = -1
    with pytest.raises(InvariantError, match="pid 1000002: no track at rank 4; expected 500"):
        _made(empty, [], [], [])
    first_is_0 = LISTS[:1, ::-1].copy()
    first_is_0[0, 5] = -1
    with pytest.raises(InvariantError, match="no track at rank 6"):
        _made(first_is_0, [])


def test_a_seed_is_looked_for_in_its_own_list_alone_and_in_all_places_of_it() -> None:
    for seed in (19, 20, 518, 519):
        holds = seed >= 20
        if holds:
            with pytest.raises(
                InvariantError, match=f"pid 1000007: its list holds .*{seed}, one of its seeds"
            ):
                _made(LISTS, [], [], [seed])
        else:
            assert len(_made(LISTS, [], [], [seed])) == 3
    assert len(_made(LISTS, [500, 519], [0, 9, 510], [0])) == 3


def test_seeds_behind_all_lists_and_before_other_seeds() -> None:
    # The last list ends with track 509, and no seed is greater than 519.
    assert len(_made(LISTS[:2], [500], [519])) == 2
    with pytest.raises(InvariantError, match=r"pid 1000000: its list holds .*499, one of"):
        _made(LISTS, [499], [3], [0])
