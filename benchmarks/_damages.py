"""Ways to damage a file that is kept: what disks, copies, people and other versions of the package do."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import orjson

Damage = Callable[[Path, Path, np.random.Generator], None]
"""Damages the file, given the same one of another run or MPD."""


_VERSIONS: Final = ("version", "store_version", "format", "manifest_version")


def rewrite(path: Path, data: bytes) -> None:
    """Put other bytes in the place of a file, which may be a link to what must stay."""
    path.unlink(missing_ok=True)
    path.write_bytes(data)


def flip_bits(path: Path, _: Path, rng: np.random.Generator) -> None:
    """One to eight bits, anywhere."""
    data = bytearray(path.read_bytes())
    for place in rng.integers(0, 8 * len(data), rng.integers(1, 9)).tolist():
        data[place // 8] ^= 1 << place % 8
    rewrite(path, bytes(data))


def truncate(path: Path, _: Path, rng: np.random.Generator) -> None:
    """To any shorter length."""
    data = path.read_bytes()
    rewrite(path, data[: rng.integers(0, len(data))])


def append(path: Path, _: Path, rng: np.random.Generator) -> None:
    """By up to a thousand bytes of chance."""
    rewrite(path, path.read_bytes() + rng.bytes(int(rng.integers(1, 1000))))


def zero_block(path: Path, _: Path, rng: np.random.Generator) -> None:
    """A block of up to 4,096 bytes, as a disk that lost a page has it."""
    data = bytearray(path.read_bytes())
    start = int(rng.integers(0, len(data)))
    size = min(int(rng.integers(1, 4097)), len(data) - start)
    data[start : start + size] = bytes(size)
    rewrite(path, bytes(data))


def delete(path: Path, _: Path, __: np.random.Generator) -> None:
    """Altogether."""
    path.unlink()


def swap(path: Path, _: Path, rng: np.random.Generator) -> None:
    """With another file of its folder."""
    others = sorted(each for each in path.parent.iterdir() if each.is_file() and each != path)
    if not others:
        path.unlink()
        return
    other = others[rng.integers(len(others))]
    one, two = path.read_bytes(), other.read_bytes()
    rewrite(path, two)
    rewrite(other, one)


def take_from_another(path: Path, other: Path, _: np.random.Generator) -> None:
    """The file of the same name of another run or MPD."""
    if other.exists():
        rewrite(path, other.read_bytes())
    else:
        path.unlink()


def take_folder_from_another(path: Path, other: Path, _: np.random.Generator) -> None:
    """All files of its folder, as of another run or MPD."""
    for each in path.parent.iterdir():
        if each.is_file():
            take_from_another(each, other.parent / each.name, _)


def change_version(path: Path, _: Path, rng: np.random.Generator) -> None:
    """Of a sealed JSON file, with a right seal; of any other its first bytes."""
    try:
        facts: dict[str, Any] = orjson.loads(path.read_bytes())
        facts.pop("sha256")
        name = next(name for name in _VERSIONS if name in facts)
    except (ValueError, KeyError, StopIteration, AttributeError):
        rewrite(path, rng.bytes(8) + path.read_bytes()[8:])
        return
    facts[name] += int(rng.choice([-1, 1]))
    sealed = orjson.dumps(facts, option=orjson.OPT_SORT_KEYS)
    rewrite(path, orjson.dumps({**facts, "sha256": hashlib.sha256(sealed).hexdigest()}))


DAMAGES: Final[Mapping[str, Damage]] = MappingProxyType(
    {
        "bits flipped": flip_bits,
        "cut short": truncate,
        "made longer": append,
        "a block of zeros": zero_block,
        "deleted": delete,
        "swapped with a neighbour": swap,
        "file of another": take_from_another,
        "folder of another": take_folder_from_another,
        "another version": change_version,
    }
)
"""All of them by name."""


def link_tree(source: Path, target: Path) -> None:
    """Copy a folder by links: what is rewritten in the copy stays in the source."""
    shutil.copytree(source, target, copy_function=os.link)
