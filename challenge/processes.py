"""Several processes that work on one run, started by ``torchrun`` or here; knows no torch until they meet.

The first process leads: it alone reads inputs first, writes files and prints. The others train LightGCN and
continue playlists together with it.
"""

from __future__ import annotations

import atexit
import os
import socket
import sys
from datetime import timedelta
from subprocess import DEVNULL, Popen
from typing import Any, Final

_NO_TIMEOUT: Final = timedelta(days=7)
"""A process may wait for as long as another one reads the MPD or learns the ranking."""


def rank() -> int:
    """Number of this process among all that work together, from 0, which leads."""
    return int(os.environ.get("RANK", "0"))


def count() -> int:
    """How many processes work together, on all machines."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def count_here() -> int:
    """How many of them share this machine."""
    return int(os.environ.get("LOCAL_WORLD_SIZE", "1"))


def start(number: int) -> None:
    """Become the first of ``number`` processes on this machine with one command line.

    The others end with this one. A process that is one of several stays what it is.
    """
    if number == 1 or count() > 1:
        return
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free.getsockname()[1])}
    os.environ |= address | {"WORLD_SIZE": str(number), "LOCAL_WORLD_SIZE": str(number), "RANK": "0"}
    for each in range(1, number):
        own = {"RANK": str(each), "LOCAL_RANK": str(each)}
        command = [sys.executable, "-m", "challenge", *sys.argv[1:]]
        atexit.register(Popen(command, stdin=DEVNULL, stdout=DEVNULL, env=os.environ | own).terminate)


def join(device_type: str) -> None:
    """Connect the processes, once; tensors on a GPU go by NCCL, all else by gloo."""
    import torch.distributed as dist

    if not dist.is_initialized():
        dist.init_process_group(
            "cpu:gloo,cuda:nccl" if device_type == "cuda" else "gloo", timeout=_NO_TIMEOUT
        )
        # Threads of gloo that outlive the interpreter now and then abort the process at its end.
        atexit.register(dist.destroy_process_group)


def meet() -> None:
    """Wait, without keeping a core busy, until all processes are here."""
    if count() > 1:
        import torch
        import torch.distributed as dist

        dist.all_reduce(torch.zeros(1))


def gather(part: Any) -> list[Any]:
    """Return every process's ``part`` in their order to the one that leads, and to others their own."""
    if count() == 1:
        return [part]
    import torch.distributed as dist

    parts = [None] * count() if rank() == 0 else None
    dist.gather_object(part, parts)
    return parts or [part]
