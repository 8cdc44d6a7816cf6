"""How many threads and processes to use: one number for the whole package."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from challenge import processes

_CGROUP_V2 = Path("/sys/fs/cgroup/cpu.max")
_CGROUP_V1 = Path("/sys/fs/cgroup/cpu/cpu.cfs_quota_us")
_chosen: ContextVar[int | None] = ContextVar("threads", default=None)

POOL_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
"""Environment variables by which numeric libraries are told their number of threads."""


def available_cpus() -> int:
    """Processors this process may use: its affinity, and the quota of its container if that is less."""
    try:
        allowed = len(os.sched_getaffinity(0))
    except AttributeError:  # not on macOS or Windows
        allowed = os.cpu_count() or 1
    quota = _container_quota()
    return allowed if quota is None else max(1, min(allowed, math.ceil(quota)))


def _container_quota() -> float | None:
    """Processors granted by the control group, None where it grants all."""
    try:
        if _CGROUP_V2.exists():
            quota, period = _CGROUP_V2.read_text().split()
            return None if quota == "max" else int(quota) / int(period)
        quota_v1 = int(_CGROUP_V1.read_text())
        return (
            None if quota_v1 <= 0 else quota_v1 / int(_CGROUP_V1.with_name("cpu.cfs_period_us").read_text())
        )
    except (OSError, ValueError, ZeroDivisionError):
        return None


def thread_count() -> int:
    """The number chosen with :func:`use_threads`, otherwise this process's share of the processors."""
    return _chosen.get() or max(1, available_cpus() // processes.count_here())


@contextmanager
def one_thread() -> Iterator[None]:
    """Let what this thread calls inside the block start no others."""
    token = _chosen.set(1)
    try:
        yield
    finally:
        _chosen.reset(token)


def threads_chosen() -> bool:
    """Whether :func:`use_threads` was told a number."""
    return _chosen.get() is not None


def use_threads(count: int | None) -> None:
    """Choose the number of threads for this run (None: all available), for us and for numeric libraries.

    It reaches libraries that are not yet imported, through the environment, so call it early. Values that the
    person set in the environment stay unless ``count`` is given.
    """
    _chosen.set(count)
    # Threads that spin while they wait slow each other down many times on a machine that others use too.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    for name in POOL_VARIABLES:
        if count is not None:
            os.environ[name] = str(count)
        else:
            os.environ.setdefault(name, str(available_cpus()))
