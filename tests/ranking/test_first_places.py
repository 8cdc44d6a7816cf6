"""The first places, against every set of that size, and by hand."""

from itertools import combinations, product

import numpy as np
import pytest

from challenge.evaluation.metrics import ARTIST_CREDIT
from challenge.ranking.first_places import expected_gain, first_places, with_first_places
from challenge.sources.merge import Candidates


def expected_r_precision(chosen: tuple[int, ...], probability: np.ndarray, artist: np.ndarray) -> float:
    """Hits and credit for artists, summed over all that can be held out."""
    total = 0.0
    for held_out in product([False, True], repeat=len(probability)):
        held = np.array(held_out)
        weight = np.prod(np.where(held, probability, 1 - probability))
        hits = held[list(chosen)].sum()
        missed = {artist[i] for i in chosen if not held[i]}
        total += weight * (hits + ARTIST_CREDIT * len(missed & set(artist[held])))
    return total


def candidates_of(counts: list[int]) -> Candidates:
    indptr = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    track = np.concatenate([np.arange(count) for count in counts]).astype(np.int32)
    return Candidates(indptr, track, np.zeros((len(track), 1), np.float32))


@pytest.mark.parametrize("seed", range(6))
def test_no_other_set_is_expected_to_do_better(seed: int) -> None:
    rng = np.random.default_rng(seed)
    probability, artist = rng.random(8) ** 2, rng.integers(0, 4, 8).astype(np.int32)
    chosen = first_places(candidates_of([8]), probability, artist, np.array([3], np.int32))
    best = max(expected_r_precision(each, probability, artist) for each in combinations(range(8), 3))
    found = expected_r_precision(tuple(np.flatnonzero(chosen)), probability, artist)
    assert found == pytest.approx(best, rel=1e-9)


def test_gains_by_hand() -> None:
    """Two tracks of one artist and one of another, then a query that has nothing to do with them."""
    probability = np.array([0.5, 0.4, 0.3, 0.5])
    gain = expected_gain(probability, np.array([0, 0, 0, 1], np.int32), np.array([7, 7, 8, 7], np.int32))
    either = 1 - 0.5 * 0.6
    np.testing.assert_allclose(
        gain, [0.5 + 0.25 * (either - 0.5), 0.4 + 0.25 * 0.5 * 0.6, 0.3, 0.5], rtol=1e-9
    )


def test_gains_of_a_set_add_up_to_what_is_expected_of_it() -> None:
    """Of several tracks by each of several artists; p of 1 and of 0 are no harm."""
    probability = np.array([1.0, 0.9, 0.2, 0.7, 0.6, 0.5, 0.0])
    artist = np.array([3, 3, 3, 5, 5, 5, 5], np.int32)
    gain = expected_gain(probability, np.zeros(7, np.int32), artist)
    for chosen in ((0,), (0, 1), (0, 1, 2), (3, 4), (3, 4, 5), (0, 3, 4), (0, 1, 3, 4, 5, 6)):
        expected = expected_r_precision(chosen, probability, artist)
        assert gain[list(chosen)].sum() == pytest.approx(expected, rel=1e-9)


def test_each_query_has_its_own_first_places() -> None:
    """The same candidates, of which one query wants two and the other one."""
    probability = np.array([0.1, 0.9, 0.5, 0.1, 0.9, 0.5])
    chosen = first_places(
        candidates_of([3, 3]), probability, np.arange(3, dtype=np.int32), np.array([2, 1], np.int32)
    )
    assert np.flatnonzero(chosen).tolist() == [1, 2, 4]


def test_the_first_places_are_above_all_others_however_far_scores_are_apart() -> None:
    """An artist with many tracks is likelier to be right than the one whose single track is likelier."""
    chance = np.array([0.95, 0.46, *[0.3] * 10, 1e-6])
    artist = np.array([0, 1, *[2] * 10, 3], np.int32)
    lifted = with_first_places(
        np.log(chance / (1 - chance)).astype(np.float32),
        candidates_of([13]),
        artist,
        np.array([2], np.int32),
        negative_share=1.0,
    )
    assert np.argsort(-lifted, kind="stable")[:3].tolist() == [0, 2, 1]


def test_a_further_artist_is_preferred_to_a_slightly_likelier_track() -> None:
    """Three of one artist lead; the other artist's first is worth more than the third of them."""
    log_odds = np.log(np.array([0.4, 0.39, 0.38, 0.37, 0.36]) / np.array([0.6, 0.61, 0.62, 0.63, 0.64]))
    artist = np.array([1, 1, 1, 2, 2], np.int32)
    lifted = with_first_places(
        log_odds.astype(np.float32), candidates_of([5]), artist, np.array([3], np.int32), negative_share=1.0
    )
    assert np.argsort(-lifted).tolist() == [0, 1, 3, 2, 4]


def test_the_fewer_misses_were_learned_from_the_less_likely_are_hits() -> None:
    """Likely hits favour one artist's second track; where hits are rare, many tracks speak for another."""
    chance = np.array([0.71, 0.7, *[0.6] * 6])
    log_odds = np.log(chance / (1 - chance)).astype(np.float32)
    artist, places = np.array([1, 1, *[2] * 6], np.int32), np.array([2], np.int32)
    for negative_share, first in ((1.0, [0, 1]), (0.01, [0, 2])):
        lifted = with_first_places(
            log_odds, candidates_of([8]), artist, places, negative_share=negative_share
        )
        assert sorted(np.argsort(-lifted, kind="stable")[:2].tolist()) == first


def test_nothing_to_choose_from() -> None:
    none = np.empty(0, np.float32)
    places = np.array([3, 4], np.int32)
    found = with_first_places(none, candidates_of([0, 0]), np.zeros(1, np.int32), places, negative_share=0.3)
    assert len(found) == 0
    lifted = with_first_places(
        np.array([1, 2], np.float32),
        candidates_of([0, 2]),
        np.zeros(2, np.int32),
        places,
        negative_share=0.25,
    )
    assert lifted[1] > lifted[0]
