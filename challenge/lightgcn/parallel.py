"""Training by several processes: each holds some dimensions of all embeddings, and some rows' losses.

Propagation treats every dimension by itself, so a process that holds D / n of the D dimensions propagates
them without hearing from the others, in an n-th of the time and memory. Only the batch's outputs are
exchanged: all their dimensions are gathered, each process takes the loss of its share of the batch's rows,
and gradients are added up.

Under ``torchrun`` the processes find each other by themselves; NCCL on GPUs, gloo on CPUs.
"""

from __future__ import annotations

import torch
import torch.distributed as dist
from torch import Tensor

from challenge import processes
from challenge.errors import ConfigError


class Group:
    """The ``size`` processes that train together, of which this is ``rank``, from 0; one alone by default."""

    def __init__(self, rank: int = 0, size: int = 1) -> None:
        self.rank, self.size = rank, size

    def shard_size(self, embedding_size: int) -> int:
        """Dimensions that one process holds.

        Raises:
            ConfigError: they cannot be dealt out evenly.
        """
        if embedding_size % self.size:
            raise ConfigError(
                f"embedding_size is {embedding_size}; with {self.size} processes it must be a multiple"
            )
        return embedding_size // self.size

    def shard(self, tensor: Tensor) -> Tensor:
        """Return this process's dimensions of embeddings (n, D); anything else, such as biases, as it is."""
        if self.size == 1 or tensor.dim() != 2:
            return tensor
        size = self.shard_size(tensor.shape[1])
        return tensor[:, self.rank * size : (self.rank + 1) * size].clone()

    def all_gather(self, shard: Tensor) -> Tensor:
        """Join every process's ``shard`` (n, D / size) of embeddings; anything else stays as it is."""
        if self.size == 1 or shard.dim() != 2:
            return shard
        shards = [torch.empty_like(shard) for _ in range(self.size)]
        dist.all_gather(shards, shard.contiguous())
        return torch.cat(shards, 1)

    def all_reduce(self, value: Tensor) -> Tensor:
        """Add ``value`` up over the processes, in place."""
        if self.size > 1:
            dist.all_reduce(value)
        return value

    def any(self, flag: bool) -> bool:
        """Whether ``flag`` is true in some process, so that all decide alike."""
        return bool(self.all_reduce(torch.tensor(float(flag))).item() > 0) if self.size > 1 else flag


def join_group(device: torch.device) -> Group:
    """Return the group of ``torchrun``'s processes, or this process alone without it."""
    if processes.count() == 1:
        return Group()
    processes.join(device.type)
    return Group(processes.rank(), processes.count())
