"""Which device trains, and why."""

from __future__ import annotations

import os
import time
from functools import cache

import torch

from challenge.errors import ConfigError
from challenge.threads import thread_count


def choose_device(name: str = "auto") -> tuple[torch.device, str]:
    """Return the device for ``auto``, ``cpu``, ``cuda`` or ``cuda:N``, and the reason in words.

    Raises:
        ConfigError: no such device here.
    """
    if name == "auto":
        if torch.cuda.is_available():
            device = _of_this_process()
            return device, f"auto: {torch.cuda.get_device_name(device)} is the fastest device here"
        return torch.device("cpu"), f"auto: no CUDA device is visible, so {thread_count()} CPU threads"
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ConfigError(
            f"device is {name!r}; expected auto, cpu, cuda or cuda:N", hint="use --device auto"
        ) from error
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise ConfigError(
            f"device is {name!r}, but {torch.cuda.device_count()} CUDA devices are visible",
            hint="use --device auto or --device cpu",
        )
    return _of_this_process() if name == "cuda" else device, f"{name}: as asked"


def _of_this_process() -> torch.device:
    """The GPU of this process: under ``torchrun`` each process of a machine has its own."""
    return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")) % torch.cuda.device_count())


def prepare_device(device: torch.device) -> None:
    """Make the device the one that this process computes on, with the memory and threads that it may use."""
    if device.type == "cpu":
        torch.set_num_threads(thread_count())
        return
    torch.cuda.set_device(device)
    # What an earlier training left in torch's own store would not count as free.
    torch.cuda.empty_cache()


def wait_for(device: torch.device) -> None:
    """Let all work queued on the device end, so that a clock read next is true."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


@cache
def copy_bandwidth(device: torch.device, *, megabytes: int = 256) -> float:
    """Bytes per second that a copy into mapped memory reads and writes, the best of a few tries."""
    source = torch.ones(megabytes << 18, dtype=torch.float32, device=device)
    target = torch.empty_like(source).copy_(source)
    best = float("inf")
    for _ in range(3):
        wait_for(device)
        start = time.perf_counter()
        target.copy_(source)
        wait_for(device)
        best = min(best, time.perf_counter() - start)
    return 2 * source.nbytes / best
