"""Files that people name: opened without waiting, read up to a limit, decoded whatever they hold."""

from __future__ import annotations

import errno
import json
import os
import re
import stat
from pathlib import Path
from typing import Any, BinaryIO, Final, NoReturn, Protocol

from challenge.errors import FormatError, InputError, MissingInputError
from challenge.quoting import quoted

MAX_INPUT_BYTES: Final = 1 << 28
"""Most text that is read of a challenge set, answers or playlists, also after inflating.

The official challenge set has 142 MB. What a decoder makes of hostile text takes up to 35 times as much.
"""
_PIECE_BYTES: Final = 1 << 20
_MAX_DIGITS: Final = 20
_ESCAPE: Final = re.compile(
    r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[dD][89a-fA-F][0-9a-fA-F]{2}|\\."
)
_LONE: Final = 6
_NO_FILES: Final = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
}
_UNREADABLE: Final = (errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.ELOOP, errno.ENXIO, errno.ENAMETOOLONG)


class Readable(Protocol):
    """Whatever gives bytes in pieces."""

    def read(self, size: int, /) -> bytes:
        """Return up to ``size`` bytes; none at the end."""
        ...


def open_regular(path: Path, *, hint: str | None = None) -> BinaryIO:
    """Open a file for reading; a pipe or a device, which may never end, is refused and not waited for.

    Raises:
        MissingInputError: nothing there.
        InputError: not a file, or one that may not be read.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise MissingInputError(f"{path}: no such file", hint=hint) from None
    except OSError as error:
        if error.errno not in _UNREADABLE:
            raise
        message = f"{path}: cannot be read ({os.strerror(error.errno).lower()}); expected a file"
        raise InputError(message, hint=hint) from error
    kind = stat.S_IFMT(os.fstat(handle).st_mode)
    if kind != stat.S_IFREG:
        os.close(handle)
        message = f"{path}: cannot be read, it is {_NO_FILES.get(kind, 'no file')}; expected a file"
        raise InputError(message, hint=hint)
    return os.fdopen(handle, "rb")


def read_regular(path: Path, *, limit: int = MAX_INPUT_BYTES, hint: str | None = None) -> bytes:
    """Read a whole file of at most ``limit`` bytes.

    Raises:
        MissingInputError: nothing there.
        InputError: not a file, or one that may not be read.
        FormatError: more than ``limit`` bytes.
    """
    with open_regular(path, hint=hint) as file:
        # In one piece: it is not copied then.
        size = os.fstat(file.fileno()).st_size
        return read_limited(file, str(path), limit=limit, piece=min(size, limit) + 1)


def read_limited(
    stream: Readable, where: str, *, limit: int = MAX_INPUT_BYTES, piece: int = _PIECE_BYTES
) -> bytes:
    """Read all of a stream in pieces, and no more than ``limit`` bytes of it; ``where`` begins the message.

    Raises:
        FormatError: there is more.
    """
    pieces, total = [], 0
    while data := stream.read(piece):
        total += len(data)
        if total > limit:
            raise FormatError(
                f"{where}: more than {limit:,} bytes, which is the most that is read of such a file",
                hint="no file in the official format is that long: name another",
            )
        pieces.append(data)
    return b"".join(pieces)


def decode_json(data: bytes, where: str, *, hint: str | None = None) -> Any:
    """Decode JSON by the standard library; lone surrogates, which only escapes can give, become "?".

    Raises:
        FormatError: not JSON, in which case it tells at which byte; or an object with two equal keys around
            all others, of which one would be dropped.
    """
    repeated: list[str] = []

    def as_dict(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        # The outermost object comes last, so that its keys are left.
        found = dict(pairs)
        repeated[:] = [] if len(found) == len(pairs) else [key for key, _ in pairs]
        return found

    try:
        content = json.loads(
            _ESCAPE.sub(_without_lone_surrogate, data.decode(json.detect_encoding(data))),
            parse_constant=_refuse,
            parse_int=_whole_number,
            object_pairs_hook=as_dict,
        )
        if not repeated or not isinstance(content, dict):
            return content
        again = next(key for key in repeated if repeated.count(key) > 1)
        what = f"the key {quoted(again)} stands there twice; expected each once"
    except json.JSONDecodeError as error:
        offset = len(error.doc[: error.pos].encode("utf-8", "replace"))
        what = f"not JSON: {error.msg} at byte {offset:,} of {len(data):,}"
    except UnicodeDecodeError as error:
        what = f"not JSON: byte {error.start:,} of {len(data):,} is not UTF-8"
    except RecursionError:
        what = "lists or objects are nested too deeply"
    except ValueError as error:
        what = f"not JSON: {error}"
    raise FormatError(f"{where}: {what}", hint=hint)


def _without_lone_surrogate(escape: re.Match[str]) -> str:
    return "?" if len(escape[0]) == _LONE else escape[0]


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"it holds {constant}, which is no value of JSON")


def _whole_number(digits: str) -> int | float:
    """A number too long for any field becomes a float, which every field refuses by its name."""
    return int(digits) if len(digits) <= _MAX_DIGITS else float(digits)
