"""What a run leaves behind: files that are whole or absent, and a manifest of how they came about."""

from __future__ import annotations

import errno
import hashlib
import os
import platform
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import IO, Any

import orjson

from challenge import __version__
from challenge.errors import FormatError, MissingInputError, ResourceError
from challenge.profile import StageCost, measure, profiled

__all__ = [
    "RunManifest",
    "StageCost",
    "atomic_directory",
    "atomic_file",
    "disk_full_explained",
    "file_hash",
    "measure",
    "package_versions",
    "read_json",
    "require_disk",
    "write_bytes",
    "write_json",
    "write_text",
]

RECORDED_PACKAGES = ("numpy", "scipy", "scikit-learn", "numba", "torch", "lightgbm", "isal")


@contextmanager
def disk_full_explained(path: Path, *, needed: int | None = None) -> Iterator[None]:
    """Turn "no space left" inside the block into an error that tells how much is missing.

    Raises:
        ResourceError: the disk or the quota is full.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise ResourceError(_disk_message(path, needed), hint=_disk_hint(path)) from error


def _disk_message(path: Path, needed: int | None) -> str:
    existing = next(folder for folder in (path, *path.absolute().parents) if folder.exists())
    free = shutil.disk_usage(existing).free
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


@contextmanager
def atomic_file(path: Path) -> Iterator[IO[bytes]]:
    """Open a binary file that takes the place of ``path`` only when the block ends well.

    Raises:
        ResourceError: the disk is full.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with disk_full_explained(path):
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            Path(name).chmod(0o666 & ~_umask())
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise


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
    path.parent.mkdir(parents=True, exist_ok=True)
    with disk_full_explained(path):
        temporary = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
        try:
            yield temporary
            _sync_folder(temporary)
            temporary.chmod(0o777 & ~_umask())
            _take_place(temporary, path)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def _take_place(temporary: Path, path: Path) -> None:
    try:
        temporary.rename(path)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise


def _sync_folder(folder: Path) -> None:
    for file in folder.iterdir():
        with file.open("rb") as handle:
            os.fsync(handle.fileno())


def write_bytes(path: Path, data: bytes) -> None:
    """Write ``data`` atomically."""
    with atomic_file(path) as file:
        file.write(data)


def write_text(path: Path, text: str) -> None:
    """Write ``text`` in UTF-8 atomically."""
    write_bytes(path, text.encode())


def write_json(path: Path, value: object, *, sort_keys: bool = True) -> None:
    """Write ``value`` as indented JSON, atomically; with sorted keys, equal values give equal bytes."""
    options = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
    if sort_keys:
        options |= orjson.OPT_SORT_KEYS
    options |= orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS
    write_bytes(path, orjson.dumps(value, option=options))


def read_json(path: Path) -> Any:
    """Read a JSON file of ours.

    Raises:
        MissingInputError: nothing there.
        FormatError: not JSON.
    """
    try:
        return orjson.loads(path.read_bytes())
    except FileNotFoundError:
        raise MissingInputError(f"{path}: no such file") from None
    except orjson.JSONDecodeError as error:
        raise FormatError(f"{path}: not JSON ({error})") from error


def file_hash(path: Path) -> str:
    """SHA-256 of a file in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def package_versions() -> dict[str, str]:
    """Versions of Python and of the packages that results depend on, without importing them."""
    found = {"python": platform.python_version(), "challenge": __version__}
    for name in RECORDED_PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


@dataclass
class RunManifest:
    """How a result came about: everything needed to make it again, and what it cost.

    Attributes:
        config: the effective configuration.
        seed: the seed of all randomness.
        inputs: content hash of each input, by name.
        versions: of Python and packages.
        device: what computed, such as "cpu" or "cuda (NVIDIA H100)".
        stages: cost of each stage, in the order of running.
        sections: the same for the larger parts of each stage.
        results: facts of the outcome worth keeping, such as counts and scores.
    """

    config: dict[str, Any] = field(default_factory=dict)
    seed: int = 0
    inputs: dict[str, str] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=package_versions)
    device: str = "cpu"
    stages: dict[str, StageCost] = field(default_factory=dict)
    sections: dict[str, dict[str, StageCost]] = field(default_factory=dict)
    results: dict[str, Any] = field(default_factory=dict)

    def costs(self, *, least_share: float = 0.02) -> Iterator[tuple[str, StageCost, bool]]:
        """Each stage, then its parts that take a ``least_share`` of it: name, cost, whether it is a part."""
        for stage, cost in self.stages.items():
            yield stage, cost, False
            for name, own in self.sections.get(stage, {}).items():
                if own.seconds >= least_share * cost.seconds:
                    yield name, own, True

    @contextmanager
    def stage(self, name: str) -> Iterator[StageCost]:
        """Measure the block and record it as ``name``, also when it fails."""
        with measure() as cost, profiled() as self.sections[name]:
            self.stages[name] = cost
            yield cost

    def save(self, path: Path) -> None:
        """Write as JSON, atomically, everything in its own order."""
        write_json(path, asdict(self), sort_keys=False)

    @classmethod
    def load(cls, path: Path) -> RunManifest:
        """Read what :meth:`save` wrote; unknown fields of a later version are dropped.

        Raises:
            MissingInputError: nothing there.
            FormatError: not a manifest.
        """
        raw = read_json(path)
        if not isinstance(raw, dict):
            raise FormatError(f"{path}: expected a JSON object, found {type(raw).__name__}")
        known = {key: value for key, value in raw.items() if key in cls.__dataclass_fields__}
        known["stages"] = {name: StageCost(**cost) for name, cost in known.get("stages", {}).items()}
        known["sections"] = {
            stage: {name: StageCost(**cost) for name, cost in sections.items()}
            for stage, sections in known.get("sections", {}).items()
        }
        return cls(**known)
