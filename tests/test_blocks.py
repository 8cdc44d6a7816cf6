"""Work dealt out to threads: everything once, errors come through, products keep to one thread."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest
from threadpoolctl import threadpool_info

from challenge import progress, threads
from challenge.blocks import each_block, each_part, even_blocks
from challenge.threads import use_threads


@pytest.fixture(params=[1, 2])
def thread_number(request: pytest.FixtureRequest) -> Iterator[int]:
    before = threads._chosen.get()
    threads._chosen.set(request.param)
    yield request.param
    threads._chosen.set(before)


@pytest.mark.parametrize(("total", "size"), [(0, 3), (1, 3), (9, 3), (10, 3), (10, 100)])
def test_every_place_is_worked_on_once(thread_number: int, total: int, size: int) -> None:
    visits = np.zeros(total, int)

    def visit(start: int, stop: int) -> None:
        assert 0 < stop - start <= size
        visits[start:stop] += 1

    each_block(visit, total, size)
    assert (visits == 1).all()


@pytest.mark.parametrize("per_thread", [1, 4])
@pytest.mark.parametrize("total", [0, 1, 2, 9])
def test_every_thing_is_in_one_part(thread_number: int, total: int, per_thread: int) -> None:
    parts: list[list[int]] = []

    def take(part: int, n_parts: int, word: str) -> None:
        assert word == "word"
        parts.append(list(range(part, total, n_parts)))

    each_part(take, total, "word", per_thread=per_thread)
    assert sorted(number for part in parts for number in part) == list(range(total))
    assert len(parts) == min(total, per_thread * thread_number)


def test_what_a_thread_tells_is_heard(thread_number: int, told: list[str]) -> None:
    each_part(lambda part, _: progress.message(f"part {part}"), 2)
    assert sorted(told) == ["part 0", "part 1"][:thread_number]


def test_an_error_in_a_block_is_the_callers(thread_number: int) -> None:
    def fail(start: int, _stop: int) -> None:
        if start == 4:
            raise KeyError("block 4")

    with pytest.raises(KeyError, match="block 4"):
        each_block(fail, 10, 2)


@pytest.mark.parametrize("begun_by", ["this thread", "another"])
def test_after_an_error_nothing_more_is_begun(begun_by: str) -> None:
    use_threads(2)
    begun, here = [], threading.get_ident()

    def work(start: int, _stop: int) -> None:
        begun.append(start)
        if (threading.get_ident() == here) == (begun_by == "this thread"):
            raise KeyboardInterrupt
        time.sleep(0.2)

    with pytest.raises(KeyboardInterrupt):
        each_block(work, 50, 1)
    assert len(begun) <= 3


def test_products_inside_use_one_thread_and_those_after_as_many_as_before(thread_number: int) -> None:
    def blas_threads() -> list[int]:
        return [library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"]

    before, inside = blas_threads(), []
    each_block(lambda _start, _stop: inside.append(blas_threads()), 4, 2)
    assert len(before) > 0
    assert all(count == 1 for counts in inside for count in counts)
    assert blas_threads() == before


def test_blocks_of_rows_hold_about_the_same_number_of_entries(thread_number: int) -> None:
    """The first row has as many entries as all others: equal numbers of rows would be a bad deal."""
    lengths = np.concatenate([[20_000], np.full(2_000, 10)])
    indptr = np.concatenate([[0], np.cumsum(lengths)])
    blocks = even_blocks(indptr)
    assert (blocks[0], blocks[-1]) == (0, len(lengths))
    assert (np.diff(blocks) > 0).all()
    entries = np.diff(indptr[blocks])
    assert entries[0] == 20_000
    assert entries[1:].max() <= 2 * (40_000 + 2_001) / (64 * thread_number)


def test_no_rows_are_no_blocks() -> None:
    assert even_blocks(np.zeros(1, np.int64)).tolist() == [0]
