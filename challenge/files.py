"""Files and folders that are whole or absent, whatever happens while they are written.

What is being written has a name of its own beside its place, which ends in :data:`UNFINISHED`. Whoever writes
holds a shared lock of the folder; where none is held, what is unfinished was left by a process that was
killed, and the next to write there removes it.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, Final

import orjson
import platformdirs

from challenge.errors import ConfigError, FormatError, InputError, MissingInputError, ResourceError

UNFINISHED: Final = ".unfinished"
"""How the names of files and folders end that are being written."""
_FEW_FILES: Final = 20
"""A disk with room for no more files than these has most likely none for those of a store or a run."""
_NAME_KEPT: Final = 40
"""Characters of a name that its unfinished one has too; with all of them it might be too long."""


def default_cache_dir() -> Path:
    """Where prepared data is kept: the folder named by ``CHALLENGE_CACHE``, else the user's cache folder.

    Raises:
        ConfigError: none is named, and the user has no home folder.
    """
    named = os.environ.get("CHALLENGE_CACHE")
    folder = Path(named) if named else platformdirs.user_cache_path("challenge", appauthor=False)
    if folder.parts[:1] == ("~",):  # what stands for a home folder where there is none
        hint = "name one with --cache or in CHALLENGE_CACHE"
        raise ConfigError("this user has no home folder, so prepared data has no place", hint=hint)
    return folder


def require_utf8(path: Path | str) -> None:
    """Refuse a name that could not be written into the record of a run.

    Raises:
        ConfigError: it holds bytes that are not UTF-8.
    """
    try:
        str(path).encode()
    except UnicodeEncodeError:
        hint = "rename it, or link to it by such a name: ln -s"
        raise ConfigError(f"{str(path)!r}: expected a name in UTF-8", hint=hint) from None


@contextmanager
def disk_full_explained(path: Path, *, needed: int | None = None) -> Iterator[None]:
    """Turn "no space left" inside the block into an error that tells how much is missing.

    Another error of the system's that names no file is given ``path``.

    Raises:
        ResourceError: the disk or the quota is full.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            error.filename = error.filename or str(path)
            raise
        raise ResourceError(_disk_message(path, needed), hint=_disk_hint(path)) from error


def _disk_message(path: Path, needed: int | None) -> str:
    existing = next(folder for folder in (path, *path.absolute().parents) if folder.exists())
    free = shutil.disk_usage(existing).free
    if os.statvfs(existing).f_files and os.statvfs(existing).f_favail < _FEW_FILES:
        return f"{path}: the disk has no room for more files, however small"
    need = "" if needed is None else f" about {needed / 1e6:,.0f} MB are needed,"
    return f"{path}: the disk is full;{need} {free / 1e6:,.0f} MB are free"


def _disk_hint(path: Path) -> str:
    return (
        f"free some space on the disk of {path}, or name another folder; nothing incomplete was left behind"
    )


def require_disk(folder: Path, needed: int) -> None:
    """Refuse before starting where ``needed`` bytes are not free.

    Raises:
        ResourceError: fewer bytes are free.
    """
    if shutil.disk_usage(folder).free < needed:
        raise ResourceError(_disk_message(folder, needed), hint=_disk_hint(folder))


def require_writable(folder: Path) -> None:
    """Refuse a folder to write to that is something else, or that this user may not write; makes nothing.

    Raises:
        InputError: ``folder`` or a folder above it is a file, or may not be written.
        ResourceError: it lies on a file system that is read-only.
    """
    with suppress(FileNotFoundError, NotADirectoryError):
        folder.stat()  # a name that leads nowhere, as links in a circle, is told by the system
    existing = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    if not existing.is_dir():
        raise InputError(f"{existing}: is a file; expected a folder to write to", hint="name another folder")
    if os.statvfs(existing).f_flag & os.ST_RDONLY:
        raise ResourceError(
            f"{folder}: cannot be written, its file system is read-only", hint="name another folder"
        )
    if not os.access(existing, os.W_OK | os.X_OK):
        raise InputError(
            f"{folder}: cannot be written, {existing} does not permit it",
            hint="name another folder, or change its permissions",
        )


@contextmanager
def writing_into(folder: Path) -> Iterator[None]:
    """Hold the lock of those who write into a folder, which is made where it is not there."""
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        # Where another process holds the lock, or the file system knows none, nothing is removed.
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            for path in folder.glob(f".*{UNFINISHED}"):
                _clear(path)
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_SH)
        yield
    finally:
        os.close(descriptor)


def remove_abandoned(folder: Path) -> None:
    """Remove what killed processes left unfinished in a folder and in those below it."""
    for parent in sorted({path.parent for path in folder.rglob(f".*{UNFINISHED}")}):
        if parent.exists():
            with writing_into(parent):
                pass


def remove(path: Path) -> None:
    """Remove a file, or a folder as a whole; there need be none."""
    if path.is_dir() and not path.is_symlink():
        with unfinished_directory(path) as aside:
            path.rename(aside / path.name)
    else:
        path.unlink(missing_ok=True)


def _clear(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


@contextmanager
def unfinished_directory(path: Path) -> Iterator[Path]:
    """Give an empty folder beside ``path``, which is removed in the end with whatever is still in it."""
    with writing_into(path.parent):
        temporary = Path(tempfile.mkdtemp(UNFINISHED, _prefix(path), path.parent))
        try:
            yield temporary
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def _prefix(path: Path) -> str:
    return f".{path.name[:_NAME_KEPT]}."


@contextmanager
def atomic_path(path: Path, *, private: bool = False) -> Iterator[Path]:
    """Give the path of an empty file that takes the place of ``path`` only when the block ends well.

    A ``private`` one is for this user alone to read.

    Raises:
        ResourceError: the disk is full.
    """
    with disk_full_explained(path), writing_into(path.parent):
        handle, name = tempfile.mkstemp(UNFINISHED, _prefix(path), path.parent)
        os.close(handle)
        temporary = Path(name)
        try:
            yield temporary
            _sync_file(temporary)
            temporary.chmod(0o600 if private else 0o666 & ~_umask())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


@contextmanager
def atomic_file(path: Path, *, private: bool = False) -> Iterator[IO[bytes]]:
    """Open a binary file that takes the place of ``path`` only when the block ends well.

    Raises:
        ResourceError: the disk is full.
    """
    with atomic_path(path, private=private) as temporary, temporary.open("wb") as file:
        yield file


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


@contextmanager
def atomic_directory(path: Path) -> Iterator[Path]:
    """Give an empty folder that becomes ``path`` only when the block ends well.

    Where ``path`` has appeared meanwhile, made by another process, the new folder gives way to it.

    Raises:
        ResourceError: the disk is full.
    """
    with disk_full_explained(path), unfinished_directory(path) as temporary:
        yield temporary
        _sync_folder(temporary)
        temporary.chmod(0o777 & ~_umask())
        _take_place(temporary, path)


@contextmanager
def replacing_directory(path: Path) -> Iterator[Path]:
    """Do the same as :func:`atomic_directory`, in place of what was there before.

    Raises:
        ResourceError: the disk is full.
    """
    with atomic_directory(path) as temporary:
        yield temporary
        if path.exists():
            remove(path)


def _take_place(temporary: Path, path: Path) -> None:
    try:
        temporary.rename(path)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise


def _sync_folder(folder: Path) -> None:
    for file in filter(Path.is_file, folder.rglob("*")):
        _sync_file(file)


def _sync_file(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def write_bytes(path: Path, data: bytes, *, private: bool = False) -> None:
    """Write ``data`` atomically."""
    with atomic_file(path, private=private) as file:
        file.write(data)


def write_text(path: Path, text: str) -> None:
    """Write ``text`` in UTF-8 atomically."""
    write_bytes(path, text.encode())


def write_json(path: Path, value: object, *, sort_keys: bool = True, private: bool = False) -> None:
    """Write ``value`` as indented JSON, atomically; with sorted keys, equal values give equal bytes."""
    options = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
    if sort_keys:
        options |= orjson.OPT_SORT_KEYS
    options |= orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS
    write_bytes(path, orjson.dumps(value, option=options), private=private)


def read_json(path: Path, *, hint: str | None = None) -> Any:
    """Read a JSON file of ours; ``hint`` says what to do where that fails.

    Raises:
        MissingInputError: nothing there.
        FormatError: not JSON.
    """
    try:
        return orjson.loads(path.read_bytes())
    except FileNotFoundError:
        raise MissingInputError(f"{path}: no such file", hint=hint) from None
    except orjson.JSONDecodeError as error:
        raise FormatError(f"{path}: not JSON ({error})", hint=hint) from error


def file_hash(path: Path) -> str:
    """SHA-256 of a file in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
