"""Gather and sum compiled for the CPU: rows are fetched ahead and everything is written in one pass.

Against ``embedding_bag`` it saves the temporary sums and two passes over them. The embedding size is a
constant of the compiled code, so that a row's sum stays in registers.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import numba as nb
import numpy as np
import torch
from llvmlite import ir  # type: ignore[import-untyped]
from numba.core import cgutils, types
from numba.extending import intrinsic
from torch import Tensor

from challenge.blocks import each_range, even_blocks
from challenge.compiled import kernel
from challenge.types import FloatArray, Int32Array, Int64Array

if TYPE_CHECKING:
    from challenge.lightgcn.kernels.base import Layout


@intrinsic
def _prefetch(_context: Any, array: Any, _row: Any, _bytes: Any) -> Any:  # pragma: no cover - compiled
    """Ask for the cache lines of one row of a C-contiguous array."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        byte, word, quad = ir.IntType(8), ir.IntType(32), ir.IntType(64)
        kind = ir.FunctionType(ir.VoidType(), [byte.as_pointer(), word, word, word])
        fetch = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
        base = builder.bitcast(data, byte.as_pointer())
        start = builder.gep(base, [builder.mul(arguments[1], arguments[2])])
        lines = builder.udiv(builder.add(arguments[2], quad(63)), quad(64))
        with cgutils.for_range(builder, lines) as loop:
            line = builder.gep(start, [builder.mul(loop.index, quad(64))])
            builder.call(fetch, [line, word(0), word(3), word(1)])
        return context.get_dummy_value()

    return types.void(array, types.int64, types.int64), generate


@kernel(inline="always")
def _load(stored: Any) -> Any:  # pragma: no cover - compiled
    """A stored number as float32: bf16 is the upper half of its bits."""
    return np.uint32(np.uint32(stored) << np.uint32(16)).view(np.float32)


@kernel(inline="always")
def _rounded(value: Any) -> Any:  # pragma: no cover - compiled
    """The nearest bf16, ties to even, as 16 bits."""
    bits = np.float32(value).view(np.uint32)
    bits += np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))
    return np.uint16(bits >> np.uint32(16))


@cache
def _gather_sum(size: int, *, half: bool, masked: bool) -> Any:  # noqa: C901 - one compiled loop
    """Compile the loop for one embedding size, storage format and use of masks."""
    row_bytes = size * (2 if half else 4)
    ahead = 12  # edges: far enough to hide the wait for memory, near enough to stay in the first cache

    @intrinsic
    def stack_array(_context: Any) -> Any:
        """Memory that nothing else can point to: only then do sums stay in registers between edges."""

        def generate(context: Any, builder: Any, signature: Any, _arguments: Any) -> Any:
            with builder.goto_entry_block():
                memory = builder.alloca(ir.ArrayType(ir.FloatType(), size))
            return builder.bitcast(memory, context.get_value_type(signature.return_type))

        return types.CPointer(types.float32)(), generate  # type: ignore[attr-defined]

    @kernel(fastmath={"contract", "reassoc"}, boundscheck=False)
    def gather_sum(  # noqa: C901
        first: int,
        last: int,
        indptr: Int64Array,
        indices: Int32Array,
        keep: Any,
        source: Any,
        scale: FloatArray,
        factor: float,
        total: FloatArray,
        following: Any,
    ) -> None:  # pragma: no cover - compiled
        wanted, end = len(following) > 0, indptr[last]
        sums = nb.carray(stack_array(), (size,))
        for node in range(first, last):
            for d in range(size):
                sums[d] = np.float32(0)
            for edge in range(indptr[node], indptr[node + 1]):
                if edge + ahead < end:
                    _prefetch(source, np.int64(indices[edge + ahead]), row_bytes)
                if masked and keep[edge] == 0:
                    continue
                other = np.int64(indices[edge])
                for d in range(size):
                    if half:
                        sums[d] += _load(source[other, d])
                    else:
                        sums[d] += source[other, d]
            own = scale[node]
            for d in range(size):
                value = np.float32(sums[d] * own)
                total[node, d] += np.float32(factor) * value
                if wanted:
                    if half:
                        following[node, d] = _rounded(np.float32(value * own))
                    else:
                        following[node, d] = value * own

    return gather_sum


class CompiledKernel:
    """The kernel of :mod:`challenge.lightgcn.kernels.base` in compiled code; CPU only."""

    def __init__(self, indptr: Int64Array, indices: Int32Array, scale: FloatArray, layout: Layout) -> None:
        self._indptr, self._indices = indptr, np.ascontiguousarray(indices)
        self._scale = scale.copy()
        self._keep = np.ones(len(indices) if layout.maskable else 0, np.uint8)
        self._half = layout.storage == torch.bfloat16
        self._blocks = even_blocks(indptr)

    def apply(self, source: Tensor, total: Tensor, following: Tensor | None, factor: float) -> None:
        """See :class:`challenge.lightgcn.kernels.base.Kernel`."""
        width = source.shape[1]
        empty = source.new_empty((0, width))
        loop = _gather_sum(width, half=self._half, masked=len(self._keep) > 0)
        arguments = (
            self._indptr,
            self._indices,
            self._keep,
            self._array(source),
            self._scale,
            factor,
            total.numpy(),
            self._array(empty if following is None else following),
        )
        each_range(loop, self._blocks, *arguments)

    def _array(self, tensor: Tensor) -> np.ndarray:
        return np.asarray(tensor.view(torch.uint16).numpy() if self._half else tensor.numpy())

    def mask(self, edges: Tensor, *, masked: bool) -> None:
        """See :class:`challenge.lightgcn.kernels.base.Kernel`."""
        self._keep[edges.numpy()] = not masked

    def rescale(self, nodes: Tensor, scale: Tensor) -> None:
        """See :class:`challenge.lightgcn.kernels.base.Kernel`."""
        self._scale[nodes.numpy()] = scale.numpy()
