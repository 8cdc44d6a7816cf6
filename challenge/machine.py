"""What this machine offers: memory and disk, as a container sees them."""

from __future__ import annotations

import platform
import shutil
from dataclasses import dataclass
from pathlib import Path

import psutil

_V2_LIMIT = Path("/sys/fs/cgroup/memory.max")
_V2_USED = Path("/sys/fs/cgroup/memory.current")
_V2_STATISTICS = Path("/sys/fs/cgroup/memory.stat")
_PROCESSORS = Path("/proc/cpuinfo")


@dataclass(frozen=True)
class Memory:
    """Bytes of memory: of the machine or container, and what of it may still be taken."""

    total: int
    available: int


def memory() -> Memory:
    """Memory of this machine, or of its container where that grants less."""
    machine = psutil.virtual_memory()
    total, available = int(machine.total), int(machine.available)
    limit = _number(_V2_LIMIT)
    if limit is not None and limit < total:
        # File pages count as used, but give way when memory is needed.
        used = (_number(_V2_USED) or 0) - _file_pages()
        total, available = limit, min(available, max(limit - used, 0))
    return Memory(total, available)


def disk_free(folder: Path) -> int:
    """Bytes free on the disk that ``folder`` lies on, or would lie on."""
    existing = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    return shutil.disk_usage(existing).free


def processor_model() -> str:
    """Name of the processor, by which libraries choose their instructions and so how sums are rounded."""
    try:
        lines = _PROCESSORS.read_text().splitlines()
    except OSError:
        lines = []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.processor() or platform.machine()


def _number(path: Path) -> int | None:
    """The number in a control-group file, None where there is none."""
    try:
        text = path.read_text().strip()
    except OSError:
        return None
    return int(text) if text.isdigit() else None


def _file_pages() -> int:
    """Bytes of cached file pages that the container could give up."""
    try:
        lines = _V2_STATISTICS.read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith("inactive_file "))
