"""Where a training's batches come from: drawn when asked for on a CPU, ahead of time for a GPU."""

from __future__ import annotations

from collections.abc import Callable

import torch

from challenge.lightgcn.batches import PreparedBatch, TensorBatch
from challenge.lightgcn.device_sampling import DeviceSampler
from challenge.lightgcn.prefetch import Prefetcher
from challenge.lightgcn.sampling import Sampler
from challenge.threads import thread_count

_THREADS = 4
"""Threads that draw for a GPU: a batch of 65,536 rows takes one longer to draw than a GPU to learn from."""


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
    on_device = DeviceSampler(sampler, device) if softmax and device.type != "cpu" else None

    def prepare(step: int) -> PreparedBatch:
        batch = TensorBatch.drawn(sampler, step, device) if on_device is None else on_device.batch(step)
        return PreparedBatch.of(batch, chunk_rows if softmax else None)

    if device.type != "cuda":
        return Prefetcher(prepare, ahead=0)
    threads = min(_THREADS, thread_count())
    return Prefetcher(_SideStream(prepare, device), ahead=threads + 1, threads=threads)
