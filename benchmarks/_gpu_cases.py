"""What ``benchmarks/gpu.py`` times: gathers and sums by every kernel, and the bytes that a step moves."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial
from importlib.util import find_spec
from typing import NamedTuple

import numpy as np
import torch

from challenge.graph import BipartiteGraph
from challenge.lightgcn.device import wait_for
from challenge.lightgcn.kernels.base import Kernel, Layout, new_kernel
from challenge.lightgcn.propagation import STORAGE
from challenge.lightgcn.trainer import Trainer

TUNINGS = ((256, 1), (512, 1), (1024, 1), (1024, 2), (2048, 4))
"""Sums of a Triton program and the warps that share them; :class:`Tuning` holds what is used by default."""


class Row(NamedTuple):
    """A line of the table; ``seconds`` and what arithmetic says they should be, where there is such."""

    name: str
    seconds: float | None = None
    arithmetic: float | None = None
    note: str = ""


def min_seconds(work: Callable[[], object], device: torch.device, repeats: int) -> float:
    """Smallest time of ``work`` over some repeats, after one that is not counted."""
    best = float("inf")
    for count in range(repeats + 1):
        wait_for(device)
        start = time.perf_counter()
        work()
        wait_for(device)
        if count > 0:
            best = min(best, time.perf_counter() - start)
    return best


def kernel_rows(
    graph: BipartiteGraph, size: int, device: torch.device, bandwidth: float, repeats: int
) -> Iterator[Row]:
    """Time one layer, both directions, by every kernel in both formats."""
    for storage, dtype in STORAGE.items():
        arithmetic = layer_bytes(graph, size, dtype.itemsize) / bandwidth
        for name, make in _candidates(graph, size, device, dtype):
            label = f"layer, {name}, {storage}"
            try:
                seconds = min_seconds(make(), device, repeats)
            except (RuntimeError, NotImplementedError, ImportError) as error:
                yield Row(label, note=f"fails: {str(error).splitlines()[0][:80]}")
                continue
            rate = 2 * graph.n_edges / seconds / 1e6
            yield Row(label, seconds, arithmetic, f"{rate:,.0f} M edges/s")


def layer_bytes(graph: BipartiteGraph, size: int, width: int) -> int:
    """Bytes of a layer: a row and an index an edge and direction; sums added to the total and stored."""
    nodes = graph.n_rows + graph.n_columns
    return 2 * graph.n_edges * (size * width + 4) + nodes * size * (8 + width)


def _candidates(
    graph: BipartiteGraph, size: int, device: torch.device, dtype: torch.dtype
) -> Iterator[tuple[str, Callable[[], Callable[[], object]]]]:
    def kernels(make: Callable[..., Kernel]) -> Callable[[], Callable[[], object]]:
        return lambda: _layer(graph, size, device, dtype, make)

    layout = Layout(size, device, dtype, maskable=True)
    yield "embedding_bag", kernels(partial(new_kernel, "embedding_bag", layout=layout))
    yield "torch CSR without scales", lambda: _csr_layer(graph, size, device, dtype)
    if device.type == "cpu":
        yield "compiled", kernels(partial(new_kernel, "compiled", layout=layout))
    elif find_spec("triton") is not None:
        from challenge.lightgcn.kernels.triton import TritonKernel, Tuning

        for numbers, warps in TUNINGS:
            tuning = Tuning(numbers=numbers, warps=warps)
            yield (
                f"Triton {numbers}/{warps}",
                kernels(partial(TritonKernel, device=device, tuning=tuning)),
            )


def _layer(
    graph: BipartiteGraph,
    size: int,
    device: torch.device,
    dtype: torch.dtype,
    make: Callable[..., Kernel],
) -> Callable[[], object]:
    to_rows = make(graph.row_indptr, graph.row_indices, graph.row_scale)
    to_columns = make(graph.column_indptr, graph.column_indices, graph.column_scale)
    rows, columns = (torch.randn(n, size, device=device) for n in (graph.n_rows, graph.n_columns))
    row_source, column_source = rows.to(dtype), columns.to(dtype)
    row_next, column_next = torch.empty_like(row_source), torch.empty_like(column_source)

    def work() -> None:
        to_rows.apply(column_source, rows, row_next, 0.5)
        to_columns.apply(row_source, columns, column_next, 0.5)

    return work


def _csr_layer(
    graph: BipartiteGraph, size: int, device: torch.device, dtype: torch.dtype
) -> Callable[[], object]:
    def csr(indptr: np.ndarray, indices: np.ndarray, width: int) -> torch.Tensor:
        values = torch.ones(len(indices), dtype=dtype, device=device)
        starts, columns = (torch.from_numpy(array.astype(np.int32)).to(device) for array in (indptr, indices))
        return torch.sparse_csr_tensor(starts, columns, values, (len(indptr) - 1, width))

    to_rows = csr(graph.row_indptr, graph.row_indices, graph.n_columns)
    to_columns = csr(graph.column_indptr, graph.column_indices, graph.n_rows)
    rows, columns = (torch.randn(n, size, device=device).to(dtype) for n in (graph.n_rows, graph.n_columns))
    return lambda: (to_rows @ columns, to_columns @ rows)


def step_bytes(trainer: Trainer) -> dict[str, int]:
    """Bytes that a step (softmax) must read and write if every array is passed as seldom as possible.

    Edges: a row and an index for each in every pass. Nodes: the total of each pass read and written and the
    next layer stored, on half the nodes a pass. Adam: parameter, gradient and two moments read, all but the
    gradient written. Logits: written and read once, their gradient written once and read twice.
    """
    graph, config = trainer.model.graph, trainer.model.config
    width, size, passes = (
        STORAGE[config.storage].itemsize,
        config.embedding_size,
        trainer.model.passes_per_step,
    )
    rows = trainer.sampler.batch_size
    return {
        "edges": passes * graph.n_edges * (size * width + 4),
        "nodes": passes * (graph.n_rows + graph.n_columns) // 2 * size * (8 + width),
        "Adam": sum(parameter.numel() for parameter in trainer.model.parameters.values()) * 28,
        "logits": rows * config.negatives * 4 * 5,
    }
