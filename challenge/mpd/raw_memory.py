"""Single instructions for compiled scanners: reads and writes at an address, aligned or not.

Plain indexing in compiled code allows for negative indices, counts references at each call and makes eight
reads of eight bytes; a scanner runs at a third of its speed by that. Callers must keep the memory alive and
stay inside it.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.extending import intrinsic


@intrinsic
def byte_at(typing_context: Any, address: Any) -> Any:  # pragma: no cover - compiled
    """Read one byte."""

    def generate(
        context: Any, builder: Any, signature: Any, arguments: Any
    ) -> Any:  # pragma: no cover - runs only while compiling
        return builder.load(builder.inttoptr(arguments[0], ir.IntType(8).as_pointer()))

    return types.uint8(types.int64), generate


@intrinsic
def word_at(typing_context: Any, address: Any) -> Any:  # pragma: no cover - compiled
    """Read eight bytes as one little-endian number, uint64."""

    def generate(
        context: Any, builder: Any, signature: Any, arguments: Any
    ) -> Any:  # pragma: no cover - runs only while compiling
        return builder.load(builder.inttoptr(arguments[0], ir.IntType(64).as_pointer()), align=1)

    return types.uint64(types.int64), generate


@intrinsic
def put_int32(typing_context: Any, address: Any, value: Any) -> Any:  # pragma: no cover - compiled
    """Write four bytes."""

    def generate(
        context: Any, builder: Any, signature: Any, arguments: Any
    ) -> Any:  # pragma: no cover - runs only while compiling
        pointer = builder.inttoptr(arguments[0], ir.IntType(32).as_pointer())
        builder.store(builder.trunc(arguments[1], ir.IntType(32)), pointer, align=1)
        return context.get_dummy_value()

    return types.none(types.int64, types.int64), generate


@intrinsic
def put_word(typing_context: Any, address: Any, value: Any) -> Any:  # pragma: no cover - compiled
    """Write eight bytes."""

    def generate(
        context: Any, builder: Any, signature: Any, arguments: Any
    ) -> Any:  # pragma: no cover - runs only while compiling
        pointer = builder.inttoptr(arguments[0], ir.IntType(64).as_pointer())
        builder.store(arguments[1], pointer, align=1)
        return context.get_dummy_value()

    return types.none(types.int64, types.uint64), generate


@intrinsic
def trailing_zeros(typing_context: Any, word: Any) -> Any:  # pragma: no cover - compiled
    """Count the zero bits below the lowest one of a uint64; 64 where there is no one."""

    def generate(
        context: Any, builder: Any, signature: Any, arguments: Any
    ) -> Any:  # pragma: no cover - runs only while compiling
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 0))

    return types.int64(types.uint64), generate
