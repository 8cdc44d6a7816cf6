"""Locks, so that no two commands write to one folder at once.

A lock is a file that a process holds until it lets go or ends, however it ends; what it says is who holds it.
"""

from __future__ import annotations

import errno
import fcntl
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Final

from challenge import progress
from challenge.errors import ResourceError

_CANNOT_LOCK: Final = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOLCK, errno.ENOTSUP)


@contextmanager
def locked(path: Path, what: str, *, wait: bool = False) -> Iterator[None]:
    """Hold the lock ``path`` inside the block; nothing is left of it afterwards.

    Where no lock can be had, as on a disk that cannot be written, there is none.

    Args:
        path: its file; folders above it are made, and removed again if they stay empty.
        what: what it guards, for messages.
        wait: whether to wait for another process that holds it.

    Raises:
        ResourceError: another process holds it, and ``wait`` is false.
    """
    made = [folder for folder in path.parents if not folder.exists()]
    file = _acquire(path, what, wait)
    try:
        yield
    finally:
        if file is not None:
            path.unlink(missing_ok=True)
            fcntl.flock(file, fcntl.LOCK_UN)  # also for workers that were forked meanwhile
            file.close()
        with suppress(OSError):
            for folder in made:
                folder.rmdir()


def _acquire(path: Path, what: str, wait: bool) -> IO[bytes] | None:
    while True:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            file = path.open("a+b")
            _lock(file, path, what, wait)
        except OSError as error:
            if error.errno not in _CANNOT_LOCK:
                raise
            return None
        if path.exists() and os.path.samestat(path.stat(), os.fstat(file.fileno())):
            break
        file.close()  # it was removed by the process that held it
    with suppress(OSError):
        file.truncate(0)
        file.write(" ".join([f"process {os.getpid()}:", Path(sys.argv[0]).name, *sys.argv[1:2]]).encode())
        file.flush()
    return file


def _lock(file: IO[bytes], path: Path, what: str, wait: bool) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        owner = owner_of(path) or "another process"
        if not wait:
            file.close()
            hint = "wait until it has ended, or name another folder"
            raise ResourceError(f"{what}: in use by {owner}", hint=hint) from None
        progress.message(f"Waiting for {owner}, which works on {what}")
        fcntl.flock(file, fcntl.LOCK_EX)


def owner_of(path: Path) -> str | None:
    """Who holds the lock ``path``, as it says itself; None where nobody does."""
    with suppress(OSError), path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return file.read(200).decode("utf-8", "replace") or "another process"
    return None
