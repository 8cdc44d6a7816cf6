"""Training by several processes: each holds some dimensions of all embeddings and judges some rows.

Propagation treats every dimension by itself, so a process that holds D / n of the D dimensions propagates
them without hearing from the others, in an n-th of the time and memory. Only the batch's outputs are
exchanged: they are gathered whole, each process takes the loss of its share of the batch's rows, and
gradients are added up.

Under ``torchrun`` the processes find each other by themselves; NCCL on GPUs, gloo on CPUs.
"""

from __future__ import annotations

import os

import torch
import torch.distributed as dist
from torch import Tensor

from challenge.errors import ConfigError


class Group:
    """The processes that train together; one alone by default.

    Attributes:
        rank: which of them this is, from 0.
        size: how many there are.
    """

    def __init__(self, rank: int = 0, size: int = 1) -> None:
        self.rank, self.size = rank, size

    def width(self, embedding_size: int) -> int:
        """Dimensions that one process holds.

        Raises:
            ConfigError: they cannot be dealt out evenly.
        """
        if embedding_size % self.size:
            raise ConfigError(
                f"embedding_size is {embedding_size}; with {self.size} processes it must be a multiple"
            )
        return embedding_size // self.size

    def own(self, whole: Tensor) -> Tensor:
        """Return this process's dimensions of ``whole`` (n, D)."""
        if self.size == 1:
            return whole
        width = self.width(whole.shape[1])
        return whole[:, self.rank * width : (self.rank + 1) * width].clone()

    def whole(self, own: Tensor) -> Tensor:
        """Gather all dimensions from every process's ``own`` (n, D / size)."""
        if self.size == 1:
            return own
        parts = [torch.empty_like(own) for _ in range(self.size)]
        dist.all_gather(parts, own.contiguous())
        return torch.cat(parts, 1)

    def total(self, value: Tensor) -> Tensor:
        """Add ``value`` up over the processes, in place."""
        if self.size > 1:
            dist.all_reduce(value)
        return value

    def any(self, flag: bool) -> bool:
        """Whether ``flag`` is true in some process, so that all decide alike."""
        return bool(self.total(torch.tensor(float(flag))).item() > 0) if self.size > 1 else flag


def join_group(device: torch.device) -> Group:
    """Return the group of ``torchrun``'s processes, or this process alone without it."""
    if dist.is_available() and dist.is_initialized():
        return Group(dist.get_rank(), dist.get_world_size())
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        return Group()
    dist.init_process_group("cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo")
    return Group(dist.get_rank(), dist.get_world_size())
