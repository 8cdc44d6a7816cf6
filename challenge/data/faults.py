"""What is wrong with arrays that were read: shapes, row pointers and indices that compiled code would trust.

Each function yields a sentence for each fault, as the method ``faults()`` of a record does;
:func:`challenge.data.archive.load_record` refuses a record with the first of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np

_CHUNK: Final = 1 << 22
"""Numbers that are looked at together, so that the table of answers stays small."""


def shape_faults(shape: tuple[int, ...], **arrays: np.ndarray) -> Iterator[str]:
    """Arrays by name that do not have this shape."""
    for name, array in arrays.items():
        if array.shape != shape:
            yield f"{name} has shape {array.shape}; expected {shape}"


def indptr_faults(name: str, indptr: np.ndarray, entries: int) -> Iterator[str]:
    """Row pointers that do not lead from 0 upwards to the number of entries."""
    if indptr.ndim != 1 or len(indptr) == 0:
        yield f"{name} has shape {indptr.shape}; expected one dimension"
    elif indptr[0] != 0 or indptr[-1] != entries:
        yield f"{name} leads from {indptr[0]} to {indptr[-1]}; expected 0 to {entries}"
    elif (indptr[1:] < indptr[:-1]).any():
        yield f"{name} falls somewhere; expected it to rise"


def index_faults(name: str, index: np.ndarray, limit: int, *, least: int = 0) -> Iterator[str]:
    """Indices outside of ``least`` to below ``limit``."""
    if index.size and (index.min() < least or index.max() >= limit):
        yield f"{name} holds {index.min()} to {index.max()}; expected {least} to {limit - 1}"


def number_faults(**arrays: np.ndarray) -> Iterator[str]:
    """Arrays by name that hold something else than finite numbers."""
    for name, array in arrays.items():
        flat = array.reshape(-1)
        if not all(np.isfinite(flat[i : i + _CHUNK]).all() for i in range(0, len(flat), _CHUNK)):
            yield f"{name} holds infinite numbers or none at all"
