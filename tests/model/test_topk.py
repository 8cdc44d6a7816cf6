"""Exact lists against a full sort in numpy: order, ties, seeds, tiles."""

import numpy as np
import pytest
import torch

from challenge.candidates.base import best_tracks
from challenge.model.topk import best_by_product


def expected(queries, tracks, limit, seeds=(), above=-np.inf):
    """Lists by sorting every score: greatest first, lower index first among equal ones."""
    lists = []
    for place, query in enumerate(queries):
        scores = query @ tracks.T
        if len(seeds):
            scores[seeds[place]] = -np.inf
        order = np.lexsort((np.arange(len(scores)), -scores))
        lists.append([track for track in order if scores[track] > above][:limit])
    return lists


def found(best):
    return [row[row >= 0].tolist() for row in best.track]


def whole_numbers(seed, *shape, most=3):
    """Small integers, whose products are exact in float32 and tie often."""
    return np.random.default_rng(seed).integers(-most, most + 1, shape).astype(np.float32)


@pytest.mark.parametrize("limit", [1, 10, 150, 400])
@pytest.mark.parametrize("most", [1, 50])
def test_equals_a_full_sort_with_ties_and_seeds(limit, most):
    queries, tracks = whole_numbers(1, 9, 4, most=most), whole_numbers(2, 300, 4, most=most)
    seeds = [list(range(i, 300, 7))[: 3 * i] for i in range(9)]
    seed_start = np.concatenate([[0], np.cumsum([len(row) for row in seeds])])
    seed_track = np.concatenate([np.array(row, np.int32) for row in seeds])
    best = best_by_product(queries, tracks, limit, seed_start=seed_start, seed_track=seed_track)
    assert found(best) == expected(queries, tracks, limit, seeds)
    assert best.track.shape == (9, min(limit, 300))
    rows = np.repeat(np.arange(9), (best.track >= 0).sum(1))
    listed = best.track[best.track >= 0]
    np.testing.assert_array_equal(best.score[best.track >= 0], (queries @ tracks.T)[rows, listed])
    assert np.isneginf(best.score[best.track < 0]).all()


def test_tiles_change_nothing():
    queries, tracks = whole_numbers(3, 20, 6), whole_numbers(4, 500, 6)
    whole = best_by_product(queries, tracks, 40)
    for tile_bytes in (1, 4 * 500 * 3, 4 * 500 * 7):
        parted = best_by_product(queries, tracks, 40, tile_bytes=tile_bytes)
        np.testing.assert_array_equal(parted.track, whole.track)
        np.testing.assert_array_equal(parted.score, whole.score)


def test_positive_scores_alone_are_those_of_the_sources():
    queries, tracks = whole_numbers(5, 12, 3), whole_numbers(6, 200, 3)
    best = best_by_product(queries, tracks, 90, above=0.0)
    np.testing.assert_array_equal(best.track, best_tracks(queries @ tracks.T, 90))
    assert found(best) == expected(queries, tracks, 90, above=0.0)


def test_all_equal_scores_go_by_index():
    best = best_by_product(np.zeros((2, 3), np.float32), np.ones((1000, 3), np.float32), 5)
    np.testing.assert_array_equal(best.track, [[0, 1, 2, 3, 4]] * 2)


def test_no_queries_and_no_tracks():
    assert best_by_product(np.zeros((0, 3), np.float32), np.ones((7, 3), np.float32), 5).track.shape == (0, 5)
    assert best_by_product(np.ones((4, 3), np.float32), np.zeros((0, 3), np.float32), 5).track.shape == (4, 0)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
def test_a_gpu_gives_the_same_lists():
    queries, tracks = whole_numbers(7, 50, 8), whole_numbers(8, 5000, 8)
    cpu = best_by_product(queries, tracks, 500)
    gpu = best_by_product(queries, tracks, 500, device=torch.device("cuda"))
    np.testing.assert_array_equal(gpu.track, cpu.track)
    np.testing.assert_array_equal(gpu.score, cpu.score)
