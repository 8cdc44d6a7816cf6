"""Exact search block by block against a table of all products."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from challenge.sources.search import cpu, gpu
from challenge.sources.search.base import Found
from challenge.sources.search.choose import item_search
from challenge.sources.search.cpu import BlockSearch, lengths_of, pair_products
from challenge.sources.search.gpu import TensorSearch
from challenge.types import FloatArray

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")


def search(queries: FloatArray, items: FloatArray, count: int, *, softmax: bool = False) -> Found:
    """The best of all items, whatever their lengths."""
    return BlockSearch(items).best(queries, count, softmax=softmax)


def products(seed: int, queries: int, items: int) -> tuple[FloatArray, FloatArray]:
    """Small whole numbers, so that products are exact and many are equal."""
    rng = np.random.default_rng(seed)
    return (
        rng.integers(-2, 3, (queries, 3)).astype(np.float32),
        rng.integers(-2, 3, (items, 3)).astype(np.float32),
    )


@pytest.mark.parametrize("block", [7, 64, 8192])
@pytest.mark.parametrize("count", [1, 5, 40, 500])
def test_the_best_come_in_order_and_ties_by_item(
    count: int, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cpu, "_BLOCK", block)
    monkeypatch.setattr(cpu, "_STRETCH", 5 * block)
    queries, items = products(1, 6, 300)
    found = search(queries, items, count)
    table = queries @ items.T
    for query, row in enumerate(table):
        order = sorted(range(300), key=lambda item: (-row[item], item))[:count]
        assert found.item[query].tolist() == order
        assert found.score[query].tolist() == row[order].tolist()
        assert found.highest[query] == row.max()


def test_items_out_of_reach_are_left_out_and_nothing_is_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cpu, "_BLOCK", 50)
    rng = np.random.default_rng(5)
    items = rng.integers(-3, 4, (2_000, 4)).astype(np.float32)
    items[rng.permutation(2_000)[:1_800]] *= np.float32(0.125)  # exact, so that ties stay ties
    queries = rng.integers(-3, 4, (9, 4)).astype(np.float32)
    queries[4] = 0
    lengths = lengths_of(items)
    ours = BlockSearch(items, lengths)
    left = 0
    for some in (slice(0, 9), slice(2, 3), slice(4, 5), slice(6, 8)):
        for count in (1, 7, 50, 51, 2_000):
            reach = ours.reach(lengths, queries[some], count)
            left += reach is not None and len(reach.items) < 400
            found, expected = ours.best(queries[some], count), search(queries[some], items, count)
            whole = np.linalg.norm(queries[some], axis=1) > 0
            for name in ("item", "score", "highest"):
                np.testing.assert_array_equal(getattr(found, name)[whole], getattr(expected, name)[whole])
    assert left >= 6


@pytest.mark.parametrize("block", [7, 8192])
def test_totals_make_products_into_probabilities(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cpu, "_BLOCK", block)
    monkeypatch.setattr(cpu, "_STRETCH", 5 * block)
    rng = np.random.default_rng(0)
    queries = rng.standard_normal((4, 5)).astype(np.float32) * 6
    items = rng.standard_normal((200, 5)).astype(np.float32)
    found = search(queries, items, 3, softmax=True)
    logits = (queries @ items.T).astype(float)
    expected = np.exp(logits - logits.max(axis=1, keepdims=True)).sum(axis=1)
    np.testing.assert_allclose(found.total, expected, rtol=1e-5)


def test_rising_and_falling_scores_need_the_kept_ones_to_be_cut() -> None:
    """In order of scores each new item is better than all before it, or none is."""
    ladder = np.arange(50_000, dtype=np.float32)[:, None]
    one = np.ones((1, 1), np.float32)
    assert search(one, ladder, 3).item[0].tolist() == [49_999, 49_998, 49_997]
    assert search(-one, ladder, 3).item[0].tolist() == [0, 1, 2]


@pytest.mark.parametrize("repeats", [1, 10, 100, 1000])
@pytest.mark.parametrize("size", [8, 65, 256])
def test_the_same_is_found_whatever_else_is_in_the_batch(
    size: int, repeats: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Products are rounded by what they are made together with; tracks in the same playlists are equal."""
    monkeypatch.setattr(cpu, "_STRETCH", 1 << 13)
    rng = np.random.default_rng(4)
    queries = rng.standard_normal((33, size)).astype(np.float32)
    items = np.repeat(rng.standard_normal((20_000 // repeats, size)).astype(np.float32), repeats, axis=0)
    items *= rng.random((len(items) // repeats, 1), np.float32).repeat(repeats, axis=0) ** 4
    together, ours = search(queries, items, 250), BlockSearch(items, lengths_of(items))
    for query in range(len(queries)):
        one = queries[query : query + 1]
        every = np.arange(len(items), dtype=np.int32)
        exact = pair_products(one, items, np.zeros_like(every), every)
        expected = np.lexsort((np.arange(len(items)), -exact))[:250].tolist()
        for found in (together.item[query], search(one, items, 250).item[0], ours.best(one, 250).item[0]):
            assert found.tolist() == expected
        assert together.highest[query] == exact.max()
        assert search(one, items, 70).item[0].tolist() == expected[:70]


def test_no_items_are_no_finds() -> None:
    found = search(np.ones((2, 3), np.float32), np.ones((0, 3), np.float32), 4, softmax=True)
    assert found.item.shape == (2, 0)
    assert (found.highest == -np.inf).all()
    assert not found.total.any()


def test_products_of_pairs() -> None:
    queries, items = products(2, 5, 30)
    query, item = np.array([4, 0, 4, 2], np.int32), np.array([29, 0, 3, 3], np.int32)
    found = pair_products(queries, items, query, item)
    assert found.tolist() == (queries @ items.T)[query, item].tolist()


@pytest.mark.parametrize("table_bytes", [1, 4 * 300 * 4, 1 << 20])
@pytest.mark.parametrize("count", [1, 5, 40, 500])
def test_a_table_of_scores_finds_the_same_with_ties(
    count: int, table_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gpu, "_TABLE_BYTES", table_bytes)
    queries, items = products(3, 6, 300)
    blocks = search(queries, items, count, softmax=True)
    table = TensorSearch(items, DEVICE).best(queries, count, softmax=True)
    np.testing.assert_array_equal(table.item, blocks.item)
    np.testing.assert_array_equal(table.score, blocks.score)
    np.testing.assert_array_equal(table.highest, blocks.highest)
    np.testing.assert_allclose(table.total, blocks.total, rtol=1e-6)


def test_equal_scores_of_a_table_go_by_item() -> None:
    found = TensorSearch(np.ones((1000, 3), np.float32), DEVICE).best(np.zeros((2, 3), np.float32), 5)
    assert found.item.tolist() == [[0, 1, 2, 3, 4]] * 2


def test_a_table_of_nothing() -> None:
    for queries, items in ((0, 7), (4, 0), (0, 0)):
        vectors = np.ones((queries, 3), np.float32), np.ones((items, 3), np.float32)
        ours = TensorSearch(vectors[1], DEVICE).best(vectors[0], 5, softmax=True)
        blocks = search(vectors[0], vectors[1], 5, softmax=True)
        assert ours.item.tolist() == blocks.item.tolist()
        assert ours.total.tolist() == blocks.total.tolist()


def test_a_device_without_room_leaves_the_search_to_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    items = np.ones((10, 3), np.float32)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _: (TensorSearch.bytes_for(items) - 1, 0))
    assert isinstance(item_search(items, "cuda:0"), BlockSearch)
    assert isinstance(item_search(items, "meta"), TensorSearch)
    assert isinstance(item_search(items), BlockSearch)
