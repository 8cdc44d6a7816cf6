"""Batches as tensors on the training device, cut into parts that are scored one at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from typing import NamedTuple

import torch
from torch import Tensor

from challenge.lightgcn.sampling import Sampler


@dataclass(frozen=True, eq=False)
class TensorBatch:
    """A :class:`challenge.lightgcn.sampling.Batch` on a device; letters B rows, E positives, N negatives.

    Attributes:
        rows: distinct rows, ascending, int64, shape (B,).
        row_of_positive: index into ``rows`` of each positive edge, int64, shape (E,); ascending (softmax).
        positives: column of each positive edge, int64, shape (E,).
        negatives: columns shared by all rows (softmax, (N,)) or one for each positive (bpr, (E,)); int64.
        masked: edges that the propagation must not see, ascending, int64.
        log_expected: how often each negative is expected in the sample, its logarithm, fp32; empty for bpr.
    """

    rows: Tensor
    row_of_positive: Tensor
    positives: Tensor
    negatives: Tensor
    masked: Tensor
    log_expected: Tensor

    @classmethod
    def drawn(cls, sampler: Sampler, step: int, device: torch.device) -> TensorBatch:
        """Draw the batch of a step on the host and bring it to the device."""
        batch = sampler.batch(step)
        softmax = sampler.config.objective == "softmax"
        log_expected = sampler.log_expected(batch.negatives if softmax else batch.negatives[:0])
        arrays = (*(getattr(batch, field.name) for field in fields(batch)), log_expected)
        return cls(*(torch.from_numpy(array).to(device) for array in arrays))

    def parts(self, n_rows: int) -> Iterator[TensorBatch]:
        """Cut the batch into batches of at most ``n_rows`` rows each, with the same negatives."""
        if len(self.rows) <= n_rows:
            yield self
            return
        starts = list(range(0, len(self.rows), n_rows))
        marks = torch.tensor([*starts, len(self.rows)], device=self.rows.device)
        ends = torch.searchsorted(self.row_of_positive, marks).tolist()
        for start, first, last in zip(starts, ends[:-1], ends[1:], strict=True):
            if first < last:
                yield replace(
                    self,
                    rows=self.rows[start : start + n_rows],
                    row_of_positive=self.row_of_positive[first:last] - start,
                    positives=self.positives[first:last],
                )


class Part(NamedTuple):
    """Part of a batch with its distinct columns, ascending, and where each column's are among them.

    ``place`` holds the places of the positives, then those of the negatives.
    """

    batch: TensorBatch
    distinct: Tensor
    place: Tensor


class PreparedBatch(NamedTuple):
    """A batch with all that a step needs to know of it."""

    whole: TensorBatch
    parts: list[Part]

    @classmethod
    def of(cls, batch: TensorBatch, chunk_rows: int | None) -> PreparedBatch:
        """Cut ``batch`` into parts of so many rows; None leaves it whole."""
        parts = batch.parts(len(batch.rows) if chunk_rows is None else chunk_rows)
        return cls(batch, [_with_columns(part) for part in parts])

    def tensors(self) -> Iterator[Tensor]:
        """All tensors, some of them perhaps views of others."""
        for part in self.parts:
            yield from (part.distinct, part.place, part.batch.row_of_positive)
        yield from vars(self.whole).values()


def _with_columns(batch: TensorBatch) -> Part:
    columns = torch.cat([batch.positives, batch.negatives])
    distinct, place = torch.unique(columns, return_inverse=True)
    return Part(batch, distinct, place)
