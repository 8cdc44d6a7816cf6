"""Gather and sum as a Triton kernel for GPUs: source rows are read and everything written in one pass.

Nodes are taken in order of their number of edges, so that those that share a program end together. The edges
of a node with very many are dealt out to pieces, whose sums a second launch adds up: no node keeps the rest
waiting, there are no atomics, and sums are added in the same order each time. A masked edge is marked by the
sign bit of its index and its row not read.

Import this module where :mod:`triton` is installed only.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import torch
import triton
import triton.language as tl
from torch import Tensor

from challenge.types import FloatArray, Int32Array, Int64Array

_MASKED = -(2**31)
_UNMASKED = 2**31 - 1


@dataclass(frozen=True)
class Tuning:
    """What makes the kernel faster or slower and changes no result but by rounding.

    Attributes:
        numbers: of sums that one program holds, a power of 2: nodes times the embedding size.
        warps: that share them.
        piece: edges of a node that are summed in one go at most.
    """

    numbers: int = 512
    warps: int = 1
    piece: int = 512


@triton.jit(do_not_specialize=["n"])
def _gather_sum(  # type: ignore[no-untyped-def]  # Triton would read annotations as its own
    begin_of,
    count_of,
    node_of,
    indices,
    source,
    scale,
    total,
    following,
    n,
    factor,
    GATHER: tl.constexpr,  # noqa: N803 - constants of the compiled code
    FINISH: tl.constexpr,  # noqa: N803
    FOLLOWED: tl.constexpr,  # noqa: N803
    SIZE: tl.constexpr,  # noqa: N803
    WIDTH: tl.constexpr,  # noqa: N803
    NODES: tl.constexpr,  # noqa: N803
):
    """Sum rows of ``source`` for NODES of ``n`` runs of edges; SIZE numbers a row, WIDTH the next power of 2.

    GATHER: an edge's row is ``indices[edge]``, and masked where that is negative; otherwise it is the edge.
    FINISH: sums go scaled to ``total`` and, where FOLLOWED, ``following``; otherwise unscaled to ``total``.
    """
    run = tl.program_id(0).to(tl.int64) * NODES + tl.arange(0, NODES)
    valid = run < n
    begin = tl.load(begin_of + run, mask=valid, other=0)
    count = tl.load(count_of + run, mask=valid, other=0)
    column = tl.arange(0, WIDTH)[None, :]
    inside = column < SIZE
    sums = tl.zeros([NODES, WIDTH], tl.float32)
    for first in range(0, tl.max(count, 0), 4):
        # Four at a time, indices before rows, so that many reads are under way at once.
        if GATHER:
            row_0 = tl.load(indices + begin + first, mask=first < count, other=-1).to(tl.int64)
            row_1 = tl.load(indices + begin + first + 1, mask=first + 1 < count, other=-1).to(tl.int64)
            row_2 = tl.load(indices + begin + first + 2, mask=first + 2 < count, other=-1).to(tl.int64)
            row_3 = tl.load(indices + begin + first + 3, mask=first + 3 < count, other=-1).to(tl.int64)
        else:
            row_0 = tl.where(first < count, begin + first, -1)
            row_1 = tl.where(first + 1 < count, begin + first + 1, -1)
            row_2 = tl.where(first + 2 < count, begin + first + 2, -1)
            row_3 = tl.where(first + 3 < count, begin + first + 3, -1)
        value_0 = tl.load(
            source + row_0[:, None] * SIZE + column, mask=(row_0 >= 0)[:, None] & inside, other=0.0
        )
        value_1 = tl.load(
            source + row_1[:, None] * SIZE + column, mask=(row_1 >= 0)[:, None] & inside, other=0.0
        )
        value_2 = tl.load(
            source + row_2[:, None] * SIZE + column, mask=(row_2 >= 0)[:, None] & inside, other=0.0
        )
        value_3 = tl.load(
            source + row_3[:, None] * SIZE + column, mask=(row_3 >= 0)[:, None] & inside, other=0.0
        )
        sums += value_0.to(tl.float32)
        sums += value_1.to(tl.float32)
        sums += value_2.to(tl.float32)
        sums += value_3.to(tl.float32)
    wanted = valid[:, None] & inside
    if FINISH:
        node = tl.load(node_of + run, mask=valid, other=0)
        own = tl.load(scale + node, mask=valid, other=0.0)[:, None]
        position = node[:, None] * SIZE + column
        scaled = sums * own
        before = tl.load(total + position, mask=wanted, other=0.0)
        tl.store(total + position, before + factor * scaled, mask=wanted)
        if FOLLOWED:
            tl.store(following + position, (scaled * own).to(following.dtype.element_ty), mask=wanted)
    else:
        tl.store(total + run[:, None] * SIZE + column, sums, mask=wanted)


@dataclass(frozen=True)
class _Runs:
    """Runs of edges, each summed by itself: where they begin, their lengths, whose they are; int64, (n,)."""

    begin: Tensor
    count: Tensor
    node: Tensor

    def __len__(self) -> int:
        return len(self.begin)


class TritonKernel:
    """A ``Kernel`` (see ``kernels.base``) in Triton, on CUDA or Triton's interpreter."""

    def __init__(
        self,
        indptr: Int64Array,
        indices: Int32Array,
        scale: FloatArray,
        *,
        device: torch.device,
        tuning: Tuning | None = None,
    ) -> None:
        self._tuning = tuning or Tuning()
        self._indices = torch.from_numpy(indices).to(device, copy=True)
        self._scale = torch.from_numpy(scale).to(device, copy=True)
        self._plan(torch.from_numpy(indptr).to(device))

    def _plan(self, indptr: Tensor) -> None:
        """Nodes with few edges as they are, those with many in pieces; the longest first, to end together."""
        degree = indptr.diff()
        order = torch.argsort(degree, descending=True, stable=True)
        n_long = int((degree > self._tuning.piece).sum())
        long, short = order[:n_long], order[n_long:]
        self._whole = _Runs(indptr[short], degree[short], short)
        n_pieces = (degree[long] + self._tuning.piece - 1) // self._tuning.piece
        first = n_pieces.cumsum(0) - n_pieces
        owner = torch.repeat_interleave(torch.arange(n_long, device=indptr.device), n_pieces)
        offset = (torch.arange(len(owner), device=indptr.device) - first[owner]) * self._tuning.piece
        begin, count = indptr[long][owner] + offset, (degree[long][owner] - offset)
        self._pieces = _Runs(begin, count.clamp_max(self._tuning.piece), owner)
        self._joined = _Runs(first, n_pieces, long)

    def apply(self, source: Tensor, total: Tensor, following: Tensor | None, factor: float) -> None:
        """See :class:`challenge.lightgcn.kernels.base.Kernel`."""
        if len(self._pieces):
            sums = total.new_empty((len(self._pieces), source.shape[1]))
            self._launch(self._pieces, source, sums, None, 0.0, gather=True, finish=False)
            self._launch(self._joined, sums, total, following, factor, gather=False, finish=True)
        self._launch(self._whole, source, total, following, factor, gather=True, finish=True)

    def _launch(
        self,
        runs: _Runs,
        source: Tensor,
        total: Tensor,
        following: Tensor | None,
        factor: float,
        *,
        gather: bool,
        finish: bool,
    ) -> None:
        if len(runs) == 0:
            return
        size = source.shape[1]
        width = triton.next_power_of_2(size)
        nodes = max(1, self._tuning.numbers // width)
        _gather_sum[(triton.cdiv(len(runs), nodes),)](
            runs.begin,
            runs.count,
            runs.node,
            self._indices,
            source,
            self._scale,
            total,
            total if following is None else following,
            len(runs),
            factor,
            GATHER=gather,
            FINISH=finish,
            FOLLOWED=following is not None,
            SIZE=size,
            WIDTH=width,
            NODES=nodes,
            num_warps=self._tuning.warps,
        )

    def mask(self, edges: Tensor, *, masked: bool) -> None:
        """See :class:`challenge.lightgcn.kernels.base.Kernel`."""
        found = self._indices[edges]
        self._indices[edges] = found | _MASKED if masked else found & _UNMASKED

    def rescale(self, nodes: Tensor, scale: Tensor) -> None:
        """See :class:`challenge.lightgcn.kernels.base.Kernel`."""
        self._scale[nodes] = scale


@cache
def self_check(embedding_size: int, storage: torch.dtype, device: torch.device) -> str | None:
    """Compare the kernel with a plain sum in float64 on a small graph; what is wrong, or None.

    The graph has nodes without edges, with few, with just as many as a piece and with many pieces, and masked
    edges. Compilers and drivers differ, and a wrong sum would only show as a worse ranking.
    """
    try:
        # The start of training propagates some vectors more, seldom a power of 2.
        sizes = (embedding_size, embedding_size + 16)
        return next(filter(None, (_disagreement(size, storage, device) for size in sizes)), None)
    except Exception as error:  # whatever a compiler may raise: the caller has another kernel
        return f"{type(error).__name__}: {error}"


def _disagreement(size: int, storage: torch.dtype, device: torch.device) -> str | None:
    generator = torch.Generator().manual_seed(0)
    piece = Tuning().piece
    degree = torch.tensor([0, 1, 3 * piece + 7, 2, piece, 5, 0, piece + 1, *range(30)])
    indptr = torch.cat([torch.zeros(1, dtype=torch.int64), degree.cumsum(0)])
    indices = torch.randint(0, 100, (int(indptr[-1]),), generator=generator)
    masked = torch.rand(len(indices), generator=generator) < 0.3
    source = torch.randn(100, size, generator=generator).to(storage)
    scale = torch.rand(len(degree), generator=generator)
    kernel = TritonKernel(indptr.numpy(), indices.int().numpy(), scale.numpy(), device=device)
    total = torch.ones(len(degree), size, device=device)
    following = torch.full((len(degree), size), torch.nan, dtype=storage, device=device)
    kernel.mask(masked.nonzero()[:, 0].to(device), masked=True)
    kernel.apply(source.to(device), total, following, 0.5)

    owner = torch.repeat_interleave(torch.arange(len(degree)), degree)[~masked]
    sums = torch.zeros(len(degree), size, dtype=torch.float64)
    sums.index_add_(0, owner, source.double()[indices[~masked]])
    scaled = sums * scale[:, None].double()
    stored = 2.0**-7 if storage == torch.bfloat16 else 1e-5
    for name, found, wanted, tolerance in (
        ("total", total, 1 + 0.5 * scaled, 1e-5),
        ("following", following, scaled * scale[:, None], stored),
    ):
        error = ((found.cpu().double() - wanted).abs() / wanted.abs().clamp_min(1.0)).max().item()
        if not error <= tolerance:
            return f"{name} is off by {error:.2g} of its value"
    return None
