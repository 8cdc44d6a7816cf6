"""Batches of rows put together on a GPU from random numbers that the host drew.

A batch of the whole MPD is drawn out of millions of edges. The host would take longer over it than a GPU over
the step, so it only draws the random numbers; all else is done where the graph lies. The batches are those of
:class:`challenge.lightgcn.sampling.Sampler`, number for number.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from challenge.lightgcn.batches import TensorBatch
from challenge.lightgcn.sampling import RowDraws, Sampler


class DeviceSampler:
    """Puts the batches of a sampler (softmax) together on a device."""

    def __init__(self, sampler: Sampler, device: torch.device) -> None:
        self._sampler, self._device = sampler, device
        graph = sampler.graph
        self._indptr = self._upload(graph.row_indptr)
        self._columns = self._upload(graph.row_indices)
        self._track_counts = self._upload(sampler.track_counts)
        self._cumulative = self._upload(sampler.cumulative)
        self._log_expected = self._upload(self._log_expected_of_all())

    def _log_expected_of_all(self) -> NDArray[np.float32]:
        with np.errstate(divide="ignore"):  # tracks that are never drawn
            n_negatives = self._sampler.config.negatives
            logarithm: NDArray[np.float32] = np.log(n_negatives * self._sampler.probability).astype(
                np.float32
            )
        return logarithm

    def _upload(self, array: np.ndarray) -> Tensor:
        return torch.from_numpy(array).to(self._device, non_blocking=True)

    def _empty(self, size: int) -> NDArray[np.float64]:
        """Host memory that a copy to a GPU need not go through a buffer for."""
        pinned = self._device.type == "cuda"
        return torch.empty(size, dtype=torch.float64, pin_memory=pinned).numpy()

    def batch(self, step: int) -> TensorBatch:
        """Return the batch of one step, as :meth:`Sampler.batch` would draw it."""
        draws = self._sampler.row_draws(step, self._empty)
        rows = self._upload(draws.rows)
        edges, local = self._edges(self._indptr[rows], self._track_counts[rows])
        masked = edges[:0]
        if self._sampler.config.masking:
            is_masked = self._upload(draws.masking) >= self._upload(draws.kept_share)[local]
            edges, local = edges[is_masked], local[is_masked]
            masked = torch.cat([edges, self._token_edges(draws)]).sort().values
        rest = self._upload(draws.rest)
        chosen = rest[: len(local)] < self._positive_share(local, len(rows))[local]
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
        """Edges ``first`` to ``first + counts`` of each row, and the place of the row each belongs to."""
        local = torch.repeat_interleave(torch.arange(len(counts), device=self._device), counts)
        starts = first - (counts.cumsum(0) - counts)
        return torch.arange(len(local), device=self._device) + starts[local], local

    def _token_edges(self, draws: RowDraws) -> Tensor:
        rows = self._upload(draws.tokenless)
        first = self._indptr[rows] + self._track_counts[rows]
        return self._edges(first, self._indptr[rows + 1] - first)[0]

    def _positive_share(self, local: Tensor, n_rows: int) -> Tensor:
        counts = torch.bincount(local, minlength=n_rows).clamp_min(1).double()
        return (self._sampler.config.positives / counts).clamp_max(1.0)

    def _negatives(self, numbers: Tensor) -> Tensor:
        found = torch.searchsorted(self._cumulative, numbers * self._cumulative[-1])
        return found.clamp_max(self._sampler.graph.n_tracks - 1)
