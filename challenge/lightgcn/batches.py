"""Batches as tensors on the training device: put together, cut into micro-batches, made ahead of steps."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Generic, NamedTuple, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from challenge.lightgcn.sampling import RowDraws, Sampler
from challenge.threads import thread_count

_THREADS = 4
"""Threads that draw for a GPU: a batch of 65,536 rows takes one longer to draw than a GPU to learn from."""

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class TensorBatch:
    """Positive edges of some rows with negatives, on a device; letters B rows, E positives, N negatives.

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

    def cut(self, size: int) -> Iterator[TensorBatch]:
        """Cut the batch into batches of at most ``size`` rows, with the same negatives."""
        for rows, positives in row_chunks(self.row_of_positive, len(self.rows), size):
            if positives.start < positives.stop:
                yield replace(
                    self,
                    rows=self.rows[rows],
                    row_of_positive=self.row_of_positive[positives] - rows.start,
                    positives=self.positives[positives],
                )


def row_chunks(row_of_positive: Tensor, n_rows: int, size: int) -> list[tuple[slice, slice]]:
    """Cut rows into chunks of ``size``; the slice of each, and that of its positives (ordered by row)."""
    if size >= n_rows:  # asking where the positives begin would make a GPU's host wait
        return [(slice(0, n_rows), slice(0, len(row_of_positive)))]
    starts = [*range(0, n_rows, size), n_rows]
    ends = torch.searchsorted(row_of_positive, torch.tensor(starts, device=row_of_positive.device)).tolist()
    return [
        (slice(*rows), slice(*positives))
        for rows, positives in zip(pairwise(starts), pairwise(ends), strict=True)
    ]


class MicroBatch(NamedTuple):
    """Some rows of a batch with all that their loss needs.

    Attributes:
        batch: the rows with their positives, and the negatives of the whole batch.
        columns: the distinct columns of positives and negatives, ascending, int64.
        column_index: index into ``columns`` of each positive, then of each negative, int64.
    """

    batch: TensorBatch
    columns: Tensor
    column_index: Tensor

    @classmethod
    def of(cls, batch: TensorBatch) -> MicroBatch:
        """Find the distinct columns of a batch."""
        columns = torch.cat([batch.positives, batch.negatives])
        return cls(batch, *torch.unique(columns, return_inverse=True))


class PreparedBatch(NamedTuple):
    """A batch and the micro-batches whose losses add up to its loss."""

    batch: TensorBatch
    micro_batches: list[MicroBatch]

    @classmethod
    def of(cls, batch: TensorBatch, chunk_rows: int | None) -> PreparedBatch:
        """Cut ``batch`` into micro-batches of so many rows; None leaves it whole."""
        cut = [batch] if chunk_rows is None else batch.cut(chunk_rows)
        return cls(batch, [MicroBatch.of(rows) for rows in cut])

    def tensors(self) -> Iterator[Tensor]:
        """All tensors, some of them perhaps views of others."""
        for rows, columns, column_index in self.micro_batches:
            yield from (columns, column_index, rows.row_of_positive)
        yield from vars(self.batch).values()


class DeviceSampler:
    """Puts the batches of a sampler together on a device, the same ones on every device.

    A batch of the whole MPD is drawn out of millions of edges. The host would take longer over it than a GPU
    over the step, so it only draws the random numbers; all else is done where the graph lies.
    """

    def __init__(self, sampler: Sampler, device: torch.device) -> None:
        self._sampler, self._device = sampler, device
        graph = sampler.graph
        self._indptr = self._upload(graph.row_indptr)
        self._columns = self._upload(graph.row_indices)
        self._track_counts = self._upload(sampler.track_counts)
        self._cumulative = self._upload(sampler.cumulative)
        self._log_expected = self._upload(sampler.log_expected)

    def _upload(self, array: np.ndarray) -> Tensor:
        return torch.from_numpy(array).to(self._device, non_blocking=True)

    def _empty(self, size: int) -> NDArray[np.float64]:
        """Host memory that a copy to a GPU need not go through a buffer for."""
        pinned = self._device.type == "cuda"
        return torch.empty(size, dtype=torch.float64, pin_memory=pinned).numpy()

    def batch(self, step: int) -> TensorBatch:
        """Return the batch of one step, counted from 0 over all epochs."""
        if self._sampler.config.objective == "bpr":
            rows, local, positives, negatives = map(self._upload, self._sampler.pairs(step))
            return TensorBatch(rows, local, positives, negatives, rows[:0], self._log_expected[:0])
        draws = self._sampler.row_draws(step, self._empty)
        rows = self._upload(draws.rows)
        edges, local = self._edges(self._indptr[rows], self._track_counts[rows])
        masked = edges[:0]
        if self._sampler.config.masking:
            is_masked = self._upload(draws.masking) >= self._upload(draws.kept_share)[local]
            at = is_masked.nonzero()[:, 0]
            edges, local = edges[at], local[at]
            masked = torch.cat([edges, self._token_edges(draws)]).sort().values
        rest = self._upload(draws.rest)
        chosen = (rest[: len(local)] < self._positive_share(local, len(rows))[local]).nonzero()[:, 0]
        negatives = self._negatives(rest[len(local) : len(local) + self._sampler.config.negatives])
        return TensorBatch(
            rows=rows,
            row_of_positive=local[chosen],
            positives=self._columns[edges[chosen]].long(),
            negatives=negatives,
            masked=masked,
            log_expected=self._log_expected[negatives],
        )

    def _edges(self, first: Tensor, counts: Tensor) -> tuple[Tensor, Tensor]:
        """Edges ``first`` to ``first + counts`` of each row, and the index of each edge's row."""
        local = torch.repeat_interleave(torch.arange(len(counts), device=self._device), counts)
        starts = first - (counts.cumsum(0) - counts)
        return torch.arange(len(local), device=self._device) + starts[local], local

    def _token_edges(self, draws: RowDraws) -> Tensor:
        rows = self._upload(draws.title_masked)
        first = self._indptr[rows] + self._track_counts[rows]
        return self._edges(first, self._indptr[rows + 1] - first)[0]

    def _positive_share(self, local: Tensor, n_rows: int) -> Tensor:
        counts = torch.bincount(local, minlength=n_rows).clamp_min(1).double()
        return (self._sampler.config.positives / counts).clamp_max(1.0)

    def _negatives(self, numbers: Tensor) -> Tensor:
        found = torch.searchsorted(self._cumulative, numbers * self._cumulative[-1])
        return found.clamp_max(self._sampler.graph.n_tracks - 1)


class Prefetcher(Generic[T]):
    """Calls ``make(step)`` for the next ``ahead`` steps beforehand; 0 calls it only when asked.

    What ``make`` returns must depend on the step alone, and it must bear being called by several threads.
    """

    def __init__(self, make: Callable[[int], T], *, ahead: int, threads: int = 2) -> None:
        self._make = make
        self._ahead = ahead
        self._pending: dict[int, Future[T]] = {}
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="batches") if ahead else None

    def get(self, step: int) -> T:
        """Return ``make(step)``.

        Raises:
            Exception: what ``make`` raised.
        """
        if self._pool is None:
            return self._make(step)
        wanted = range(step, step + self._ahead + 1)
        for other in [other for other in self._pending if other not in wanted]:
            self._pending.pop(other).cancel()
        for other in wanted:
            if other not in self._pending:
                self._pending[other] = self._pool.submit(self._make, other)
        return self._pending.pop(step).result()

    def close(self) -> None:
        """Drop what was made beforehand and end the threads."""
        self._pending.clear()
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)


class _SideStream:  # pragma: no cover - needs a GPU
    """Prepares batches on a stream of its own, so that the step's stream never waits for the host."""

    def __init__(self, prepare: Callable[[int], PreparedBatch], device: torch.device) -> None:
        self._prepare = prepare
        torch.cuda.synchronize(device)  # the graph was uploaded on the step's stream
        self._stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        self._used_on = torch.cuda.current_stream(device)

    def __call__(self, step: int) -> PreparedBatch:
        with torch.cuda.stream(self._stream):
            batch = self._prepare(step)
            self._stream.synchronize()
        for tensor in batch.tensors():
            tensor.record_stream(self._used_on)
        return batch


def prepared_batches(sampler: Sampler, device: torch.device, chunk_rows: int) -> Prefetcher[PreparedBatch]:
    """Return the source of a training's batches by step; the same batches on every device.

    ``chunk_rows`` rows of a batch (softmax) are scored at a time.
    """
    softmax = sampler.config.objective == "softmax"
    on_device = DeviceSampler(sampler, device)

    def prepare(step: int) -> PreparedBatch:
        return PreparedBatch.of(on_device.batch(step), chunk_rows if softmax else None)

    if device.type != "cuda":
        return Prefetcher(prepare, ahead=0)
    threads = min(_THREADS, thread_count())
    return Prefetcher(_SideStream(prepare, device), ahead=threads + 1, threads=threads)
