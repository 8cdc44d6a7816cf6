"""Exact search for the greatest inner products, on the CPU or a GPU."""

from __future__ import annotations

from typing import Protocol

from challenge import progress
from challenge.sources.search.cpu import BlockSearch, Found
from challenge.types import FloatArray

__all__ = ["BlockSearch", "Found", "ItemSearch", "item_search"]


class ItemSearch(Protocol):
    """Finds the best of N items, wherever these lie."""

    def best(self, queries: FloatArray, count: int, *, softmax: bool = False) -> Found:
        """See :func:`challenge.sources.search.cpu.search`."""
        ...


def item_search(items: FloatArray, device: str = "cpu") -> ItemSearch:
    """Search ``items`` (N, D), float32, on a device; on the CPU where that has no room for them."""
    if device == "cpu":
        return BlockSearch(items)
    import torch

    from challenge.sources.search.gpu import TensorSearch

    where = torch.device(device)
    if where.type == "cuda" and torch.cuda.mem_get_info(where)[0] < TensorSearch.bytes_for(items):
        progress.message(
            f"{device} has no room for {items.nbytes / 1e9:.1f} GB of vectors: searched on the CPU"
        )
        return BlockSearch(items)
    return TensorSearch(items, where)
