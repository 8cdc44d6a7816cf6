"""Which playlists may be held out, and what is left of the others: by hand."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from challenge.split.holdout import MIN_HELD_OUT, HeldOut, HoldoutPool
from challenge.types import Category
from tests.toy_dataset import playlists_of

EVERYTHING = list(range(20))


def pool_of(rows: Sequence[Sequence[int]], titles: Sequence[str | None] | None = None) -> HoldoutPool:
    return HoldoutPool(playlists_of(rows, titles or ["a"] * len(rows)), 20)


def draw(pool: HoldoutPool, category: Category, count: int = 9) -> list[HeldOut]:
    return pool.draw(category, count, None, np.random.default_rng(0))


def test_only_titled_playlists_with_enough_tracks_that_others_hold() -> None:
    rows = [
        EVERYTHING,
        EVERYTHING,
        list(range(MIN_HELD_OUT)),  # just enough
        list(range(MIN_HELD_OUT - 1)),
        EVERYTHING,  # without a title
    ]
    pool = pool_of(rows, ["b", "a", "a", "a", None])
    assert pool.n_eligible == 3
    assert sorted(each.row for each in draw(pool, Category.TITLE_ONLY)) == [0, 1, 2]
    assert pool.remaining_rows().tolist() == [3, 4]


def test_tracks_that_no_other_playlist_holds_do_not_count() -> None:
    rows = [[*range(MIN_HELD_OUT - 1), 19], list(range(MIN_HELD_OUT)), list(range(MIN_HELD_OUT))]
    pool = pool_of(rows)
    assert pool.n_eligible == 2


def test_a_playlist_has_seeds_and_enough_besides() -> None:
    short, enough = [list(range(count + MIN_HELD_OUT)) for count in (4, 5)]
    pool = pool_of([short, enough, EVERYTHING, EVERYTHING], ["a", "a", None, None])
    (held_out,) = draw(pool, Category.FIRST_5)
    assert held_out.row == 1
    assert held_out.seeds.tolist() == [0, 1, 2, 3, 4]
    assert held_out.holdout.tolist() == held_out.holdout_position.tolist() == [5, 6, 7, 8, 9]


def test_each_track_that_is_held_out_stays_with_another_playlist() -> None:
    tracks = list(range(MIN_HELD_OUT))
    pool = pool_of([tracks, tracks])
    assert len(draw(pool, Category.TITLE_ONLY)) == 1
    assert draw(pool, Category.TITLE_ONLY) == []
    three = pool_of([tracks, tracks, tracks])
    assert len(draw(three, Category.TITLE_ONLY)) == 2
    assert len(three.remaining_rows()) == 1


def test_what_earlier_draws_need_no_longer_binds_once_they_are_committed() -> None:
    """Both titled playlists hold track 0, which no other does; the second is then held out without it."""
    rows = [[0, 1, 2, 3, 4, 5], [0, 6, 7, 8, 9, 10], *[list(range(1, 11))] * 2]
    pool = pool_of(rows, ["a", "a", None, None])
    (first,) = draw(pool, Category.TITLE_ONLY)
    assert first.holdout.tolist() == rows[first.row]
    assert draw(pool, Category.TITLE_ONLY) == []
    pool.commit()
    (second,) = draw(pool, Category.TITLE_ONLY)
    assert {first.row, second.row} == {0, 1}
    assert second.holdout.tolist() == rows[second.row][1:]


def test_what_is_returned_holds_its_tracks_again_and_is_not_drawn_again() -> None:
    """Two playlists that need each other can both be held out, though not at once."""
    shared = list(range(MIN_HELD_OUT))
    pool = pool_of([[*shared, 18], [*shared, 19]])
    drawn = []
    for _ in range(3):
        drawn.append([each.row for each in draw(pool, Category.TITLE_ONLY)])
        pool.return_drawn()
        assert pool.remaining_rows().tolist() == [0, 1]
    assert sorted(map(len, drawn)) == [0, 1, 1]
    assert {row for rows in drawn for row in rows} == {0, 1}
    assert drawn[2] == []


def test_as_many_are_drawn_as_asked_for() -> None:
    pool = pool_of([EVERYTHING] * 6)
    assert len(draw(pool, Category.TITLE_ONLY, 3)) == 3
    assert len(pool.remaining_rows()) == 3


def test_wanted_lengths_are_met_as_nearly_as_possible() -> None:
    pool = pool_of([list(range(count)) for count in (6, 9, 12)] + [EVERYTHING] * 3, ["a"] * 3 + [None] * 3)
    drawn = pool.draw(Category.TITLE_ONLY, 2, np.array([8, 13]), np.random.default_rng(0))
    assert [each.row for each in drawn] == [1, 2]


def test_what_is_among_the_seeds_is_not_held_out_too() -> None:
    row = [*range(10), 0, 1, 2, 3, 4]
    pool = pool_of([row] * 2 + [EVERYTHING] * 2, ["a"] * 2 + [None] * 2)
    for each in draw(pool, Category.FIRST_5):
        assert each.seeds.tolist() == [0, 1, 2, 3, 4]
        assert each.holdout.tolist() == each.holdout_position.tolist() == [5, 6, 7, 8, 9]
    assert pool.remaining_rows().tolist() == [2, 3]
