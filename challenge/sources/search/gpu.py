"""Exact search on a GPU: a table of all scores for some queries at a time, which it has the bandwidth for."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from challenge.sources.search.cpu import Found
from challenge.types import FloatArray

_TABLE_BYTES = 1 << 30
"""Scores held at once; choosing the best of them takes about as much again."""

_SPARE = 64
"""Scores looked at beyond those wanted, so that ties at the end are nearly always seen whole."""


class TensorSearch:
    """Finds the greatest inner products with items that stay on a device of torch's."""

    def __init__(self, items: FloatArray, device: torch.device) -> None:
        self._items = torch.from_numpy(np.ascontiguousarray(items)).to(device)

    @staticmethod
    def bytes_for(items: FloatArray) -> int:
        """Memory of the device that it takes, about."""
        return items.nbytes + 3 * max(_TABLE_BYTES, 4 * len(items))

    def best(self, queries: FloatArray, count: int, *, softmax: bool = False) -> Found:
        """See :class:`challenge.sources.search.ItemSearch`."""
        items, count = self._items, min(count, len(self._items))
        found = Found.nothing(len(queries), count)
        step = max(1, _TABLE_BYTES // (4 * max(1, len(items))))
        for start in range(0, len(queries) if len(items) else 0, step):
            here = slice(start, start + step)
            scores = torch.from_numpy(np.ascontiguousarray(queries[here])).to(items.device) @ items.T
            value, index = best_of_scores(scores, count)
            highest = scores.amax(1)
            found.item[here] = index.int().cpu().numpy()
            found.score[here] = value.cpu().numpy()
            found.highest[here] = highest.cpu().numpy()
            if softmax:
                total = scores.sub_(highest[:, None]).exp_().sum(1, dtype=torch.float64)
                found.total[here] = total.cpu().numpy()
        return found


def best_of_scores(scores: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Return the ``count`` greatest of each row, descending, and where they are; equal ones by their place.

    ``torch.topk`` takes any of equal values, so more are taken than wanted and sorted by place first. Rows
    whose ties go on beyond those are sorted whole.
    """
    value, index = torch.topk(scores, min(count + _SPARE, scores.shape[1]), dim=1)
    index, by_place = index.sort(dim=1)
    value, order = value.gather(1, by_place).sort(dim=1, descending=True, stable=True)
    index = index.gather(1, order)
    if count > 0 and value.shape[1] < scores.shape[1]:
        # Of the last value there may be more, at lower places than those taken.
        unsure = (value[:, count - 1] == value[:, -1]).nonzero()[:, 0]
        for row in unsure.tolist():
            whole = scores[row].sort(descending=True, stable=True)
            value[row, :count], index[row, :count] = whole.values[:count], whole.indices[:count]
    return value[:, :count], index[:, :count]
