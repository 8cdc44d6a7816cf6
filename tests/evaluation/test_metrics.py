from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from challenge.data.interactions import Interactions
from challenge.errors import ConfigError
from challenge.evaluation.metrics import Holdouts, MetricValues, evaluate, hit_matrix
from challenge.evaluation.variants import CHOICES, ClicksVariant, NdcgVariant, RPrecisionVariant, Variants

LIST = 500


def score(
    lists: Sequence[Sequence[int]],
    held_out: Sequence[Sequence[int]],
    artists: Sequence[int] | np.ndarray | None = None,
    *choices: str,
) -> MetricValues:
    variants = Variants()
    for choice in choices:
        variants = variants.with_choice(choice)
    track_artist = np.arange(2000, dtype=np.int32) if artists is None else np.array(artists, np.int32)
    return evaluate(np.array(lists, np.int32), Interactions.from_rows(held_out), track_artist, variants)


def log2(x: float) -> float:
    return math.log2(x)


# The toy list: tracks 0-9 are held out, 100 and above are not; hits at ranks 1, 3, 8 and 27.
# Each track is by an artist of its own, but 0 and 100 share artist 0, and 4 and 101 artist 4.
TOY_LIST = [0, 100, 1, 101, 102, 103, 104, 2, 105, 106, *range(107, 123), 3, *range(123, 140)]
TOY_HOLDOUT = [list(range(10))]
TOY_ARTISTS = np.arange(200)
TOY_ARTISTS[100], TOY_ARTISTS[101] = 0, 4


@pytest.mark.parametrize(
    ("variant", "expected"),
    [
        # Three hits in the first ten.
        ("tracks", Fraction(3, 10)),
        # Missed recommendations 100 and 101 are by artists 0 and 4, both in G.
        ("leaderboard", (3 + Fraction(1, 4) * 2) / 10),
        # Common artists: 0, 1, 2 of the hits and 4; artist 0 counts once.
        ("common-artists", (3 + Fraction(1, 4) * 4) / 10),
    ],
)
def test_r_precision_of_the_toy_list(variant: str, expected: Fraction) -> None:
    values = score([TOY_LIST], TOY_HOLDOUT, TOY_ARTISTS, f"r_precision={variant}")
    assert values.r_precision.tolist() == [float(expected)]


def test_an_artist_of_several_misses_counts_once_and_only_inside_the_window() -> None:
    # G = {0, 1}, both by artist 7; R = two misses by artist 7, then hits outside the first two places.
    values = score([[2, 3, 0, 1]], [[0, 1]], [7, 7, 7, 7])
    assert values.r_precision.tolist() == [0.25 / 2]


def test_ndcg_of_the_toy_list_in_its_three_forms() -> None:
    leaderboard = sum(1 / log2(rank + 1) for rank in (1, 3, 8, 27)) / sum(
        1 / log2(i + 1) for i in range(1, 11)
    )
    log_rank = 1 + 1 / log2(3) + 1 / log2(8) + 1 / log2(27)
    ideal_ten = 1 + sum(1 / log2(i) for i in range(2, 11))
    ideal_four = 1 + 1 / log2(2) + 1 / log2(3) + 1 / log2(4)
    expected = {
        "leaderboard": leaderboard,
        "log-rank": log_rank / ideal_ten,
        "rules-page": log_rank / ideal_four,
    }
    assert [round(value, 3) for value in expected.values()] == [0.445, 0.414, 0.695]
    for variant, value in expected.items():
        assert score([TOY_LIST], TOY_HOLDOUT, None, f"ndcg={variant}").ndcg == pytest.approx(
            [value], abs=1e-12
        )


@pytest.mark.parametrize(
    ("first_hit", "expected"), [(0, 0), (9, 0), (10, 1), (19, 1), (20, 2), (499, 49), (None, 51)]
)
def test_clicks(first_hit: int | None, expected: int) -> None:
    recommended = list(range(1000, 1000 + LIST))
    if first_hit is not None:
        recommended[first_hit] = 5
    assert score([recommended], [[5]]).clicks.tolist() == [expected]


def test_a_missing_list_takes_51_clicks_or_none_by_form() -> None:
    lists = [[-1, -1], [3, 4]]
    assert score(lists, [[5], [6]]).clicks.tolist() == [51, 51]
    assert score(lists, [[5], [6]], None, "clicks=missing-as-zero").clicks.tolist() == [0, 51]
    assert score([[0, -1]], [[5]], None, "clicks=missing-as-zero").clicks.tolist() == [51]


def test_held_out_tracks_are_a_set() -> None:
    once, twice = score([[1, 2, 3]], [[1, 9]]), score([[1, 2, 3]], [[1, 9, 1]])
    assert once.matrix.tolist() == twice.matrix.tolist()
    assert Holdouts.of(Interactions.from_rows([[4, 4, 2], [4], [0, 0]])).sizes.tolist() == [2, 1, 1]
    assert Holdouts.of(Interactions.from_rows([[-1, -1, 0]])).sizes.tolist() == [3]


def test_unknown_tracks_count_in_g_but_never_hit() -> None:
    values = score([[-1, 2, -1, 4]], [[2, -1, -1]], [0] * 10)
    # Hit at rank 2; rank 1 and 3 hold nothing; an unknown track has no artist.
    assert values.r_precision.tolist() == [1 / 3]
    assert values.ndcg == pytest.approx([(1 / log2(3)) / (1 + 1 / log2(3) + 1 / 2)])
    only_unknown = score([[1, 2]], [[-1]], [0] * 10)
    assert only_unknown.matrix.tolist() == [[0, 0, 51]]


def test_unknown_artists_are_no_common_artist() -> None:
    assert score([[1, 2]], [[3, 4]], [-1] * 5).r_precision.tolist() == [0]


def test_more_held_out_tracks_than_places() -> None:
    held_out = list(range(600))
    values = score([held_out[:LIST]], [held_out])
    assert values.r_precision.tolist() == [500 / 600]
    assert values.ndcg == pytest.approx([1.0])


def test_rows_do_not_leak_into_each_other() -> None:
    values = score([[1, 2], [3, 4]], [[3, 4], [1, 2]])
    assert values.ndcg.tolist() == [0, 0]


def test_artists_are_asked_for_only_where_the_form_needs_them() -> None:
    rows = Interactions.from_rows([[1]])
    with pytest.raises(ValueError, match="needs the artists"):
        evaluate(np.array([[1]], np.int32), rows)
    tracks_only = Variants(r_precision=RPrecisionVariant.TRACKS)
    assert evaluate(np.array([[1]], np.int32), rows, None, tracks_only).r_precision.tolist() == [1.0]
    assert not tracks_only.needs_artists
    with pytest.raises(ValueError, match="row 1 has no held-out track"):
        score([[1], [1]], [[1], []])


def test_forms_are_named_in_the_signature_and_chosen_by_name() -> None:
    assert str(Variants()) == "r_precision:leaderboard|ndcg:leaderboard|clicks:leaderboard"
    assert Variants().with_choice("r-precision=tracks").r_precision is RPrecisionVariant.TRACKS
    assert Variants().with_choice("ndcg=rules-page").ndcg is NdcgVariant.RULES_PAGE
    assert Variants().with_choice("clicks=missing-as-zero").clicks is ClicksVariant.MISSING_AS_ZERO
    assert all(isinstance(Variants().with_choice(choice), Variants) for choice in CHOICES)
    for wrong in ("ndcg=none", "recall=leaderboard", "ndcg"):
        with pytest.raises(ConfigError, match="is unknown"):
            Variants().with_choice(wrong)


def by_sets(
    recommended: Sequence[int], held_out: Sequence[int], artists: Sequence[int], variants: Variants
) -> tuple[float, float, float]:
    """The same metrics for one playlist in the words of the rules, with sets and loops."""
    g = set(held_out)
    window = recommended[: len(g)]
    credit = Fraction(len(g.intersection(window)))
    of_g = {artists[track] for track in g}
    if variants.r_precision is RPrecisionVariant.LEADERBOARD:
        credit += Fraction(len({artists[track] for track in window if track not in g} & of_g), 4)
    elif variants.r_precision is RPrecisionVariant.COMMON_ARTISTS:
        credit += Fraction(len({artists[track] for track in window} & of_g), 4)

    def worth(rank: int) -> float:
        return 1 / log2(rank + 1) if variants.ndcg is NdcgVariant.LEADERBOARD else 1 / log2(max(rank, 2))

    ranks = [rank for rank, track in enumerate(recommended, 1) if track in g]
    ideal = len(ranks) if variants.ndcg is NdcgVariant.RULES_PAGE else min(len(g), LIST)
    gain = sum(map(worth, ranks)) / sum(map(worth, range(1, ideal + 1))) if ranks else 0.0
    return float(credit / len(g)), gain, (ranks[0] - 1) // 10 if ranks else 51


forms_of_all_kinds = st.builds(
    Variants, st.sampled_from(RPrecisionVariant), st.sampled_from(NdcgVariant), st.sampled_from(ClicksVariant)
)


@settings(max_examples=150, deadline=None)
@given(st.data(), forms_of_all_kinds, st.integers(1, 40), st.integers(1, 5))
def test_arrays_agree_with_sets(data: st.DataObject, variants: Variants, length: int, n_artists: int) -> None:
    lists, held_out = [], []
    for _ in range(data.draw(st.integers(1, 4))):
        lists.append(data.draw(st.permutations(range(60)))[:length])
        held_out.append(data.draw(st.lists(st.integers(0, 59), min_size=1, max_size=50)))
    artists = data.draw(st.lists(st.integers(0, n_artists - 1), min_size=60, max_size=60))
    values = evaluate(
        np.array(lists, np.int32), Interactions.from_rows(held_out), np.array(artists, np.int32), variants
    )
    expected = [by_sets(*each, artists, variants) for each in zip(lists, held_out, strict=True)]
    np.testing.assert_allclose(values.matrix, expected, rtol=1e-12)


@settings(max_examples=100, deadline=None)
@given(
    st.permutations(range(40)),
    st.sets(st.integers(0, 39), min_size=1),
    st.sampled_from(NdcgVariant),
    st.data(),
)
def test_moving_a_hit_up_never_hurts(
    order: list[int], held_out: set[int], variant: NdcgVariant, data: st.DataObject
) -> None:
    hits = [place for place, track in enumerate(order) if track in held_out]
    place = data.draw(st.sampled_from(hits))
    better = list(order)
    better.insert(data.draw(st.integers(0, place)), better.pop(place))
    # Artists of their own, so that no credit hangs on which miss stays in the window.
    before = score([order], [sorted(held_out)], None, f"ndcg={variant}").matrix
    after = score([better], [sorted(held_out)], None, f"ndcg={variant}").matrix
    assert (after[:, :2] >= before[:, :2] - 1e-12).all()
    assert (after[:, 2] <= before[:, 2]).all()


@settings(max_examples=50, deadline=None)
@given(st.sets(st.integers(0, 1999), min_size=1, max_size=250), forms_of_all_kinds)
def test_a_perfect_list_scores_one_one_zero(held_out: set[int], variants: Variants) -> None:
    perfect = sorted(held_out) + [track for track in range(2000) if track not in held_out]
    values = score([perfect[:LIST]], [sorted(held_out)], None, *str(variants).replace(":", "=").split("|"))
    r_precision = 1.25 if variants.r_precision is RPrecisionVariant.COMMON_ARTISTS else 1.0
    assert values.matrix == pytest.approx(np.array([[r_precision, 1.0, 0.0]]))


@settings(max_examples=30, deadline=None)
@given(st.sets(st.integers(0, 99), min_size=1), forms_of_all_kinds)
def test_a_list_without_a_hit_scores_nothing(held_out: set[int], variants: Variants) -> None:
    values = score([range(100, 600)], [sorted(held_out)], None, *str(variants).replace(":", "=").split("|"))
    assert values.matrix.tolist() == [[0.0, 0.0, 51.0]]


def test_hits_of_no_playlist_at_all() -> None:
    empty = Holdouts.of(Interactions.from_rows([]))
    assert hit_matrix(np.empty((0, 5), np.int32), empty).shape == (0, 5)
