"""What the kernels of both directions of a graph have in common."""

from __future__ import annotations

from typing import NamedTuple

import torch


class Layout(NamedTuple):
    """Embeddings that kernels gather and sum.

    Attributes:
        embedding_size: dimensions, D.
        device: where everything lies.
        storage: number format of what is gathered.
        maskable: whether edges can be masked.
    """

    embedding_size: int
    device: torch.device
    storage: torch.dtype = torch.float32
    maskable: bool = False
