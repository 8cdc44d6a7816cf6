"""Reads the text of a ranker as LightGBM writes it, and believes nothing of it.

LightGBM's own reader follows lengths and indices of the text wherever they lead, and so would the compiled
loop of :mod:`challenge.ranking.forest`. What passes here leads nowhere but through the tree that it is of.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import fields as array_fields
from typing import Final

import numpy as np

from challenge.errors import FormatError
from challenge.types import Float64Array, Int64Array

_FIXED: Final = {"num_class": "1", "num_tree_per_iteration": "1", "objective": "binary sigmoid:1"}
_OF_SPLITS: Final = ("split_feature", "split_gain", "threshold", "decision_type", "left_child", "right_child",
                     "internal_value", "internal_weight", "internal_count")  # fmt: skip
_OF_LEAVES: Final = ("leaf_value", "leaf_weight", "leaf_count")
_WHOLE: Final = ("split_feature", "decision_type", "left_child", "right_child")
_NOTHING: Final = np.empty(0, np.int64)
_END: Final = "\nend of trees\n"
_BY_CATEGORY: Final = 1


@dataclass(frozen=True, eq=False)
class TreeArrays:
    """A tree of L leaves as LightGBM numbers it: splits in the order in which they were made, from the root.

    Attributes:
        split_feature: which feature a split asks for, int64, shape (L - 1,).
        threshold: a value up to this goes left, float64, shape (L - 1,).
        left_child, right_child: a later split, or ``~leaf``, int64, shape (L - 1,).
        leaf_value: float64, shape (L,).
    """

    split_feature: Int64Array
    threshold: Float64Array
    left_child: Int64Array
    right_child: Int64Array
    leaf_value: Float64Array


@dataclass(frozen=True, eq=False)
class ModelText:
    """What was read of a model.

    Attributes:
        names: of the features, in order.
        trees: all trees.
        text: the same for LightGBM, of nothing but what was looked at.
    """

    names: tuple[str, ...]
    trees: list[TreeArrays]
    text: str


def read_model(text: str) -> ModelText:
    """Read the model of a ranker: trees of numerical splits that add up to the log-odds of a hit.

    Raises:
        FormatError: it is cut short, of another kind, or its numbers do not make trees.
    """
    body, end, _ = text.partition(_END)
    head, *blocks = body.split("\nTree=")
    fields = _fields(head)
    if not end or not head.startswith("tree\n"):
        raise FormatError("ranker: it is cut short, or not the text of a LightGBM model")
    for name, expected in _FIXED.items():
        if fields.get(name) != expected:
            raise FormatError(f"ranker: {name} is {fields.get(name)!r:.40}; expected {expected!r}")
    names = tuple(fields.get("feature_names", "").split())
    if fields.get("max_feature_idx") != str(len(names) - 1):
        raise FormatError(f"ranker: it names {len(names)} features; max_feature_idx tells another number")
    checked = [_tree(number, _fields(block), len(names)) for number, block in enumerate(blocks)]
    header = ["tree", "version=v4", *(f"{name}={value}" for name, value in _FIXED.items()), "label_index=0"]
    header += [f"max_feature_idx={len(names) - 1}", f"feature_names={' '.join(names)}"]
    header += [f"feature_infos={' '.join(['none'] * len(names))}"]
    plain = "\n\n\n".join(["\n".join(header), *(text for _, text in checked)])
    return ModelText(names, [tree for tree, _ in checked], f"{plain}\n\n{_END}")


def _fields(block: str) -> dict[str, str]:
    """The lines ``name=value`` of a part of the text."""
    return dict(line.split("=", 1) for line in block.split("\n") if "=" in line)


def _tree(number: int, fields: Mapping[str, str], n_features: int) -> tuple[TreeArrays, str]:
    """One tree, and its text with nothing in it but what was checked."""
    num_leaves = len(fields.get("leaf_value", "").split())
    if fields.get("num_leaves") != str(num_leaves) or num_leaves == 0:
        raise _fault(
            number, f"{num_leaves} leaves have a value; num_leaves is {fields.get('num_leaves')!r:.40}"
        )
    if (fields.get("num_cat"), fields.get("is_linear")) != ("0", "0"):
        raise _fault(number, "it has a split by category or a linear leaf; expected splits by '<=' only")
    sizes = dict.fromkeys(_OF_SPLITS, num_leaves - 1) | dict.fromkeys(_OF_LEAVES, num_leaves)
    if num_leaves == 1:  # LightGBM gives a lone leaf no more than its value
        sizes = {"leaf_value": 1}
    arrays = {name: _numbers(number, name, fields.get(name, ""), size) for name, size in sizes.items()}
    tree = TreeArrays(**{each.name: arrays.get(each.name, _NOTHING) for each in array_fields(TreeArrays)})
    _require_tree(number, tree, arrays.get("decision_type", _NOTHING), n_features)
    lines = [
        f"Tree={number}",
        f"num_leaves={num_leaves}",
        "num_cat=0",
        *(f"{name}={fields[name]}" for name in sizes),
    ]
    return tree, "\n".join([*lines, "is_linear=0", "shrinkage=1"])


def _numbers(number: int, name: str, text: str, size: int) -> np.ndarray:
    try:
        found = np.array(text.split(), np.int64 if name in _WHOLE else np.float64)
    except (ValueError, OverflowError):
        raise _fault(number, f"{name} holds something that is no number") from None
    if len(found) != size or not np.isfinite(found).all():
        raise _fault(number, f"{name} holds {len(found)} numbers, or infinite ones; expected {size}")
    return found


def _require_tree(number: int, tree: TreeArrays, decision_type: Int64Array, n_features: int) -> None:
    """Refuse what a walk from the root would leave, or never end in."""
    splits = np.arange(len(tree.split_feature))
    if ((tree.split_feature < 0) | (tree.split_feature >= n_features)).any():
        raise _fault(number, f"split_feature is out of the {n_features} features")
    if (decision_type & _BY_CATEGORY).any():
        raise _fault(number, "it has a split by category; expected splits by '<=' only")
    children = np.stack([tree.left_child, tree.right_child])
    if ((children >= 0) & (children <= splits)).any():
        raise _fault(number, "a split leads back to an earlier one")
    ends = ~np.arange(len(tree.leaf_value))
    expected = np.concatenate([ends[::-1], splits[1:]]) if len(splits) else splits
    if not np.array_equal(np.sort(children, axis=None), expected):
        raise _fault(number, "its splits and leaves are not each led to once")


def _fault(number: int, what: str) -> FormatError:
    return FormatError(f"ranker: tree {number}: {what}")
