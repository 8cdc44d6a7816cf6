"""Reads slices in parallel processes and merges them in order, so that ids do not depend on the workers."""

from __future__ import annotations

import ctypes
import hashlib
import multiprocessing
import os
import signal
import sys
import threading
import warnings
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from challenge import progress
from challenge.errors import InputError, ResourceError
from challenge.files import file_hash
from challenge.mpd.merge import Merger
from challenge.mpd.reader import SliceColumns, read_columns
from challenge.mpd.slices import SliceFile, hash_of_files, read_slice
from challenge.threads import thread_count

Task = TypeVar("Task")
Result = TypeVar("Result")

_SERIAL_BYTES = 32_000_000
"""Below this much JSON, starting processes costs more than it gives."""
_STOP_SIGNALS = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
_AHEAD = 2
"""Slices that wait, finished, for each worker: bounds the memory when one slice is slow."""


def load_slice(file: SliceFile) -> tuple[SliceColumns, str]:
    """Read and decode one slice; also return the SHA-256 of its JSON.

    Raises:
        MissingInputError: the file is gone.
        FormatError: damaged, not JSON, or not in the official format.
    """
    data = read_slice(file)
    return read_columns(data, file.name), hashlib.sha256(data).hexdigest()


def hashed(slices: list[SliceFile], *, workers: int | None = None) -> list[SliceFile]:
    """Return the slices with the hashes of the files they lie in."""
    paths = list(dict.fromkeys(file.path for file in slices))
    sizes = [path.stat().st_size for path in paths]
    found = {}
    with progress.task("check the MPD", sum(sizes), unit="B") as advance:
        hashes = in_order(file_hash, paths, workers=min(worker_count(slices, workers), len(paths)))
        for path, size, sha256 in zip(paths, sizes, hashes, strict=True):
            found[path] = sha256
            advance(size)
    return [replace(file, sha256=found[file.path]) for file in slices]


def build_columns(
    slices: list[SliceFile], folder: Path, *, workers: int | None = None
) -> tuple[str, dict[str, int]]:
    """Write the columns of a store into ``folder``; return the hash of all names and JSON, and counts.

    Raises:
        FormatError: a slice is not as it should be, or a pid occurs twice.
        InputError: the MPD was changed since it was hashed.
        ResourceError: a worker was killed, as happens when memory runs out.
    """
    merger, read = Merger(folder), []
    try:
        with progress.task("read slices", sum(f.size for f in slices), unit="B") as advance:
            parts = in_order(load_slice, slices, workers=worker_count(slices, workers))
            with closing(parts):
                for file, (part, sha256) in zip(slices, parts, strict=True):
                    read.append(replace(file, sha256=sha256))
                    merger.add(part, file.name)
                    advance(file.size, note=file.name)
        _require_unchanged(slices, read)
        return hash_of_files(read), merger.finish()
    finally:
        merger.close(complete=False)


def _require_unchanged(slices: list[SliceFile], read: list[SliceFile]) -> None:
    """Compare what was read with what was hashed before: slices in a folder, and zips as a whole."""
    zipped = {path: file_hash(path) for path in {file.path for file in slices if file.member is not None}}
    for file, found in zip(slices, read, strict=True):
        if file.sha256 != zipped.get(file.path, found.sha256):
            raise InputError(f"{file.path}: was changed while it was read", hint="run again when it rests")


def worker_count(slices: list[SliceFile], workers: int | None) -> int:
    """How many processes to use: as told, else one for each core unless the input is small."""
    if workers is not None:
        return max(1, min(workers, len(slices)))
    small = sum(file.size for file in slices) < _SERIAL_BYTES
    return 1 if small else min(thread_count(), len(slices))


def in_order(
    work: Callable[[Task], Result], tasks: Iterable[Task], *, workers: int
) -> Generator[Result, None, None]:
    """Map ``work`` over ``tasks`` in processes; results come in the order of the tasks.

    Raises:
        ResourceError: a worker was killed.
    """
    if workers == 1:
        yield from map(work, tasks)
        return
    with _pool(workers) as pool:
        waiting: deque[Future[Result]] = deque()
        for task in tasks:
            waiting.append(_submit(pool, work, task))
            if len(waiting) >= workers * _AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _submit(pool: ProcessPoolExecutor, work: Callable[[Task], Result], task: Task) -> Future[Result]:
    # What is raised while a worker is forked Python prints and forgets, so Ctrl-C waits for the end of it.
    masked = signal.pthread_sigmask(signal.SIG_BLOCK, _STOP_SIGNALS)
    try:
        with warnings.catch_warnings():
            # The forked workers run no code that another thread's lock could stop: see _start_method.
            warnings.simplefilter("ignore", DeprecationWarning)
            return pool.submit(work, task)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, masked)


@contextmanager
def _pool(workers: int) -> Iterator[ProcessPoolExecutor]:
    context = multiprocessing.get_context(_start_method())
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_begin_worker)
    try:
        yield pool
    except BrokenProcessPool as error:
        message = "a worker process was killed, most likely for want of memory"
        raise ResourceError(message, hint="use fewer workers, or free some memory") from error
    finally:
        # Also on Ctrl-C: what waits is dropped, and each worker ends after the slice in its hands.
        pool.shutdown(wait=True, cancel_futures=True)


def _start_method() -> str:
    """Fork where it is at home: workers use neither thread pools nor devices, so they inherit no harm."""
    return "fork" if sys.platform == "linux" else "spawn"


def _begin_worker() -> None:
    """Leave Ctrl-C and a closed terminal to the parent, and never outlive it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOP_SIGNALS)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _keep_freed_memory()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _keep_freed_memory() -> None:
    """Let glibc reuse a slice's memory for the next slice: fresh pages take a third of the inflating."""
    if sys.platform != "linux":
        return
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):
        mmap_threshold, trim_threshold = -3, -1
        libc.mallopt(mmap_threshold, 1 << 30)
        libc.mallopt(trim_threshold, 1 << 30)
