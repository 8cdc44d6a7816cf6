"""Chooses where to search."""

from __future__ import annotations

from challenge import progress
from challenge.sources.search.base import ItemSearch
from challenge.sources.search.cpu import BlockSearch
from challenge.types import FloatArray


def item_search(items: FloatArray, device: str = "cpu", lengths: FloatArray | None = None) -> ItemSearch:
    """Search ``items`` (N, D), float32, on a device; on the CPU where that has no room for them.

    With the Euclidean ``lengths`` of the items, float32, shape (N,), the CPU leaves out what is too short.
    """
    if device == "cpu":
        return BlockSearch(items, lengths)
    import torch

    from challenge.sources.search.gpu import TensorSearch

    where = torch.device(device)
    if where.type == "cuda" and torch.cuda.mem_get_info(where)[0] < TensorSearch.bytes_for(items):
        progress.message(
            f"{device} has no room for {items.nbytes / 1e9:.1f} GB of vectors: searched on the CPU"
        )
        return BlockSearch(items, lengths)
    return TensorSearch(items, where)
