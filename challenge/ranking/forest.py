"""Evaluates gradient-boosted trees: what LightGBM predicts, in a fraction of its time.

LightGBM walks a row through all trees before it takes the next one, so that every step waits for memory. Here
a few rows walk through one tree after another, whose nodes stay in the first cache meanwhile.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numba as nb
import numpy as np

from challenge.compiled import kernel
from challenge.data.ragged import indptr_from_lengths
from challenge.ranking.model_text import TreeArrays
from challenge.types import FloatArray, Int32Array

_ROWS: Final = 512
"""Rows that walk through the same trees together."""
_STRIDE: Final = 4
"""Steps between looks at whether all have arrived."""


@dataclass(frozen=True, eq=False)
class Trees:
    """Trees in flat arrays: M nodes, N trees.

    Attributes:
        feature: which feature a node asks for, int32, shape (M,).
        threshold: a value up to this goes left, float32, shape (M,); infinite at a leaf.
        child: where left and right lead, int32, shape (2 M,); a leaf leads to itself.
        value: of the leaves, 0 elsewhere, float64, shape (M,).
        root: where each tree begins, int32, shape (N,).
    """

    feature: Int32Array
    threshold: FloatArray
    child: Int32Array
    value: np.ndarray
    root: Int32Array

    def scores(self, features: FloatArray) -> np.ndarray:
        """Sum of the leaves that each row (N, F) ends in; float64, shape (N,)."""
        result = np.zeros(len(features))
        if len(features):
            rows = np.ascontiguousarray(features, np.float32)
            _walk(rows, self.feature, self.threshold, self.child, self.value, self.root, result)
        return result


def join_trees(trees: Sequence[TreeArrays]) -> Trees:
    """Put trees end to end: of each its splits, then its leaves."""
    sizes = [2 * len(tree.leaf_value) - 1 for tree in trees]
    roots = indptr_from_lengths(sizes)
    parts = [_nodes(tree, root) for tree, root in zip(trees, roots[:-1].tolist(), strict=True)]
    feature, exact, child, value = (np.concatenate(column) for column in zip(*parts, strict=True))
    rounded = exact.astype(np.float32)
    # A float32 feature is at most the threshold just when it is at most the float32 at or below it.
    threshold = np.where(rounded > exact, np.nextafter(rounded, np.float32(-np.inf)), rounded)
    return Trees(
        feature.astype(np.int32),
        threshold.astype(np.float32),
        child.ravel().astype(np.int32),
        value,
        roots[:-1].astype(np.int32),
    )


def _nodes(tree: TreeArrays, root: int) -> tuple[np.ndarray, ...]:
    """Feature, threshold, children and value of each node of a tree whose first node is ``root``."""
    splits, num_leaves = len(tree.split_feature), len(tree.leaf_value)
    child = np.stack([tree.left_child, tree.right_child], axis=1)
    child = np.where(child < 0, splits + ~child, child) + root
    own = np.repeat(np.arange(splits, splits + num_leaves)[:, None] + root, 2, axis=1)
    return (
        np.concatenate([tree.split_feature, np.zeros(num_leaves, np.int64)]),
        np.concatenate([tree.threshold, np.full(num_leaves, np.inf)]),
        np.concatenate([child, own]),
        np.concatenate([np.zeros(splits), tree.leaf_value]),
    )


@kernel(inline="always")
def _step(
    node: int, row: FloatArray, feature: Int32Array, threshold: FloatArray, child: Int32Array
) -> int:  # pragma: no cover - compiled
    following: int = child[2 * node + (row[feature[node]] > threshold[node])]
    return following


@kernel(parallel=True)
def _walk(
    rows: FloatArray,
    feature: Int32Array,
    threshold: FloatArray,
    child: Int32Array,
    value: np.ndarray,
    root: Int32Array,
    result: np.ndarray,
) -> None:  # pragma: no cover - compiled
    """Four rows take their steps in turn, so that none waits for the memory of another."""
    n_rows = len(rows)
    for part in nb.prange((n_rows + _ROWS - 1) // _ROWS):
        begin, end = part * _ROWS, min((part + 1) * _ROWS, n_rows)
        for tree in range(len(root)):
            first = root[tree]
            for i in range(begin, end, 4):
                # Past the end the last row walks again, and is not counted.
                j, k, m = min(i + 1, end - 1), min(i + 2, end - 1), min(i + 3, end - 1)
                a, b, c, d = first, first, first, first
                while True:
                    before = (a, b, c, d)
                    for _ in range(_STRIDE):
                        a = _step(a, rows[i], feature, threshold, child)
                        b = _step(b, rows[j], feature, threshold, child)
                        c = _step(c, rows[k], feature, threshold, child)
                        d = _step(d, rows[m], feature, threshold, child)
                    if before == (a, b, c, d):
                        break
                result[i] += value[a]
                if i + 1 < end:
                    result[i + 1] += value[b]
                if i + 2 < end:
                    result[i + 2] += value[c]
                if i + 3 < end:
                    result[i + 3] += value[d]
