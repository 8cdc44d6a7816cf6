"""Evaluates gradient-boosted trees: what LightGBM predicts, in a fraction of its time.

LightGBM walks a row from the root of each tree to a leaf, and each step waits for the one before. Here a tree
is a set of bits, one a leaf from left to right, and the splits of all trees stand by feature in the order of
their thresholds. Each split that sends a row to the right takes the leaves on its left away; the first of
the others is the row's. Source: QuickScorer (Lucchese et al., SIGIR 2015), for several rows at once as in
V-QuickScorer (Lucchese et al., SIGIR 2016).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from challenge.blocks import each_part
from challenge.compiled import kernel
from challenge.data.ragged import indptr_from_lengths
from challenge.ranking.model_text import TreeArrays
from challenge.types import Float64Array, FloatArray, Int32Array, Int64Array

_ROWS: Final = 128
"""Rows that are compared with a threshold at once."""
_TREES: Final = 128
"""Trees that are gone through together, so that what remains of their leaves stays in the second cache."""
_BITS: Final = 64
"""Leaves in a word of bits."""
_ALL: Final = np.uint64(2**64 - 1)
_DE_BRUIJN: Final = np.uint64(0x03F79D71B4CB0A89)
"""Its 64 shifts to the left begin with 64 different numbers of six bits."""


@dataclass(frozen=True, eq=False)
class Trees:
    """Splits of some trees by feature, and the leaves of N trees in W words of bits; F features, M splits.

    Attributes:
        indptr: where the splits of each feature begin, int64, shape (F + 1,).
        threshold: a value up to this goes left, ascending within a feature, float32, shape (M,).
        word: the word of bits that a split is about, int32, shape (M,); a split about two stands there twice.
        mask: the leaves of that word that remain where a row goes to the right, uint64, shape (M,).
        tree_indptr: where the words of each tree begin, int64, shape (N + 1,).
        value: of the leaves, 0 where a word has none, float64, shape (64 W,).
    """

    indptr: Int64Array
    threshold: FloatArray
    word: Int32Array
    mask: np.ndarray
    tree_indptr: Int64Array
    value: Float64Array


@dataclass(frozen=True)
class Forest:
    """All trees of a model, some at a time."""

    parts: tuple[Trees, ...]

    def scores(self, features: FloatArray) -> Float64Array:
        """Sum of the leaves that each row (N, F) ends in; float64, shape (N,)."""
        result = np.zeros(len(features))
        rows = np.ascontiguousarray(features, np.float32)
        for trees in self.parts:
            each_part(_add_leaves, -(-len(rows) // _ROWS), rows, *vars(trees).values(), _ROWS, result)
        return result


def join_trees(trees: Sequence[TreeArrays]) -> Forest:
    """Put the splits of trees into order, and the trees into parts."""
    starts = range(0, len(trees), _TREES)
    return Forest(tuple(_joined(trees[start : start + _TREES]) for start in starts))


def _joined(trees: Sequence[TreeArrays]) -> Trees:
    tree_indptr = indptr_from_lengths([-(-len(tree.leaf_value) // _BITS) for tree in trees])
    value = np.zeros(_BITS * int(tree_indptr[-1]))
    splits: list[tuple[int, float, int, int]] = []
    for tree, first in zip(trees, tree_indptr[:-1].tolist(), strict=True):
        begin, middle, leaf = _leaves_by_split(tree)
        value[_BITS * first : _BITS * first + len(leaf)] = tree.leaf_value[leaf]
        for split, (feature, threshold) in enumerate(zip(tree.split_feature, tree.threshold, strict=True)):
            for word in range(begin[split] // _BITS, (middle[split] - 1) // _BITS + 1):
                low = max(begin[split] - _BITS * word, 0)
                high = min(middle[split] - _BITS * word, _BITS)
                gone = ((1 << (high - low)) - 1) << low
                splits.append((int(feature), float(threshold), first + word, int(_ALL) ^ gone))
    splits.sort()
    features = [split[0] for split in splits]
    return Trees(
        np.searchsorted(features, np.arange(max(features, default=-1) + 2)),
        _at_most(np.array([split[1] for split in splits], np.float64)),
        np.array([split[2] for split in splits], np.int32),
        np.array([split[3] for split in splits], np.uint64),
        tree_indptr,
        value,
    )


def _at_most(exact: Float64Array) -> FloatArray:
    """Round down to float32: a float32 feature is at most the one just when it is at most the other."""
    rounded = exact.astype(np.float32)
    return np.where(rounded > exact, np.nextafter(rounded, np.float32(-np.inf)), rounded)


def _leaves_by_split(tree: TreeArrays) -> tuple[list[int], list[int], list[int]]:
    """Leaves from left to right: of each split its first, and the first on its right; which leaf is where."""
    splits = len(tree.split_feature)
    children = list(zip(tree.left_child.tolist(), tree.right_child.tolist(), strict=True))
    count = [1] * (splits + len(tree.leaf_value))  # of splits, then of leaves backwards, as ~leaf counts them
    for split in reversed(range(splits)):  # children come after their parents
        count[split] = sum(count[child] for child in children[split])
    begin, middle, leaf = [0] * splits, [0] * splits, [0] * len(tree.leaf_value)
    for split, (left, right) in enumerate(children):
        middle[split] = begin[split] + count[left]
        for child, first in ((left, begin[split]), (right, middle[split])):
            if child < 0:
                leaf[first] = ~child
            else:
                begin[child] = first
    return begin, middle, leaf


def _positions_by_lowest_bit() -> np.ndarray:
    positions = np.zeros(_BITS, np.uint8)
    for position in range(_BITS):
        positions[(int(_DE_BRUIJN) << position) % 2**64 >> 58] = position
    return positions


_POSITION: Final = _positions_by_lowest_bit()


@kernel(inline="always")
def _lowest_bit(word: np.uint64) -> int:  # pragma: no cover - compiled
    """Position of the lowest bit of a word that is not 0."""
    lowest = word & (~word + np.uint64(1))
    position: int = _POSITION[(lowest * _DE_BRUIJN) >> np.uint64(58)]
    return position


@kernel(error_model="numpy")
def _keep_leaves(
    rows: FloatArray,
    first: int,
    indptr: Int64Array,
    threshold: FloatArray,
    word: Int32Array,
    mask: np.ndarray,
    values: FloatArray,
    remaining: np.ndarray,
) -> None:  # pragma: no cover - compiled
    """Take away the leaves that rows from ``first`` on cannot end in, of as many rows as ``values`` can hold.

    Writes ``remaining``, uint64, the bits of each word for all of these rows; ``values`` are overwritten.
    """
    # How many rows there are is no constant: loops over them would be unrolled instead of made of vectors.
    n_rows = len(values)
    remaining[:] = _ALL
    for feature in range(len(indptr) - 1):
        greatest = np.float32(-np.inf)
        for i in range(n_rows):
            # Past the end the last row comes again, and is not counted. NaN is above nothing.
            values[i] = rows[min(first + i, len(rows) - 1), feature]
            greatest = values[i] if values[i] > greatest else greatest
        for split in range(indptr[feature], indptr[feature + 1]):
            bound, mask_right = threshold[split], mask[split]
            if not greatest > bound:
                break
            bits = remaining[word[split] * n_rows : (word[split] + 1) * n_rows]
            for i in range(n_rows):
                bits[i] &= mask_right if values[i] > bound else _ALL


@kernel()
def _add_leaves(
    part: int,
    n_parts: int,
    rows: FloatArray,
    indptr: Int64Array,
    threshold: FloatArray,
    word: Int32Array,
    mask: np.ndarray,
    tree_indptr: Int64Array,
    value: Float64Array,
    size: int,
    result: Float64Array,
) -> None:  # pragma: no cover - compiled
    """Add the leaves of all rows, ``size`` of them at a time, to ``result``."""
    remaining = np.empty(tree_indptr[-1] * size, np.uint64)
    values = np.empty(size, np.float32)
    for first in range(part * size, len(rows), n_parts * size):
        _keep_leaves(rows, first, indptr, threshold, word, mask, values, remaining)
        for tree in range(len(tree_indptr) - 1):
            for i in range(min(size, len(rows) - first)):
                k = tree_indptr[tree]
                while remaining[k * size + i] == 0:
                    k += 1
                result[first + i] += value[_BITS * k + _lowest_bit(remaining[k * size + i])]
