"""The ground truth and its file, JSON: pid → ``{"category": name, "holdout": [track URI, ...]}``."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np

from challenge.data.ragged import indptr_from_lengths
from challenge.data.vocabulary import ids_of
from challenge.errors import FormatError, InputError
from challenge.inputs import decode_json, read_regular
from challenge.mpd.file_kind import FileKind, refuse_other_kind
from challenge.quoting import printable, quoted
from challenge.types import ID_LENGTH, ID_PATTERN, TRACK_PREFIX, IdArray, Int32Array, Int64Array

_MAX_PID: Final = 2**31 - 1
_MAX_NAME: Final = 100
_PID: Final = re.compile("0|[1-9][0-9]{0,9}")
_URI: Final = re.compile(TRACK_PREFIX + ID_PATTERN)
_HASH_LENGTH: Final = 12
_UNNAMED: Final = "uncategorised"
_HINT: Final = (
    'answers are a JSON object such as {"1000003": {"category": "title_only", "holdout": [URI, ...]}}'
)


class _Record(msgspec.Struct):
    holdout: list[str]
    category: str = _UNNAMED


@dataclass(frozen=True, eq=False)
class GroundTruth:
    """The held-out tracks of Q playlists.

    Attributes:
        pid: playlist ids, ascending, int32, shape (Q,).
        categories: name of each playlist's category, Q strings.
        indptr: where the tracks of each playlist begin, int64, shape (Q + 1,).
        track_ids: held-out tracks, dtype S22, a playlist's after another's.
    """

    pid: Int32Array
    categories: tuple[str, ...]
    indptr: Int64Array
    track_ids: IdArray

    @cached_property
    def content_hash(self) -> str:
        """Hash of playlists, categories and sets of tracks, whatever the layout of the file; 12 digits."""
        digest = hashlib.sha256()
        bounds = self.indptr.tolist()
        for row, (pid, category) in enumerate(zip(self.pid.tolist(), self.categories, strict=True)):
            tracks = np.unique(self.track_ids[bounds[row] : bounds[row + 1]])
            digest.update(f"{pid} {category} {len(tracks)}\n".encode() + tracks.tobytes())
        return digest.hexdigest()[:_HASH_LENGTH]

    def uris(self, pid: int) -> list[str]:
        """URIs of the held-out tracks of one playlist.

        Raises:
            InputError: no such playlist.
        """
        row = int(np.searchsorted(self.pid, pid))
        if row == len(self.pid) or self.pid[row] != pid:
            raise InputError(f"playlist {pid}: not in the answers")
        ids = self.track_ids[self.indptr[row] : self.indptr[row + 1]]
        return [TRACK_PREFIX + each.decode() for each in ids.tolist()]


def read_ground_truth(path: Path) -> GroundTruth:
    """Read a file such as answers.json, which tells what was held out of each playlist of a challenge set.

    Raises:
        MissingInputError: nothing there.
        FormatError: not such a file, no playlist in it, or a playlist without a proper track.
    """
    content = _decode(path)
    if not content:
        raise FormatError(f"{path}: no playlist in it", hint=_HINT)
    try:
        records = msgspec.convert(content, dict[str, _Record])
    except msgspec.ValidationError as error:
        raise FormatError(f"{path}: {_fault(content)}", hint=_HINT) from error
    for pid, record in records.items():
        _check(path, pid, record)
    return _as_arrays({int(pid): record for pid, record in records.items()})


def _decode(path: Path) -> dict[str, Any]:
    """Decode a file of answers; of what its playlists hold nothing is known yet."""
    kinds = (FileKind.ANSWERS, FileKind.JSON)
    try:
        content = decode_json(read_regular(path, hint=_HINT), str(path), hint=_HINT)
    except FormatError:
        refuse_other_kind(path, "answers", *kinds, hint=_HINT)
        raise
    if not isinstance(content, dict) or "playlists" in content:
        refuse_other_kind(path, "answers", *kinds, hint=_HINT)
    if not isinstance(content, dict):
        found = f"not answers: expected a JSON object, found {_json_kind(content)}"
        raise FormatError(f"{path}: {found}", hint=_HINT)
    return content


def _fault(content: dict[str, Any]) -> str:
    """Where JSON that could not be read as answers departs from them."""
    for pid, record in content.items():
        where = f"playlist {quoted(pid)}"
        if not isinstance(record, dict) or "holdout" not in record:
            return f'{where}: expected an object with "holdout", found {_json_kind(record)}'
        holdout, category = record["holdout"], record.get("category", _UNNAMED)
        if not isinstance(holdout, list) or not all(isinstance(uri, str) for uri in holdout):
            return f'{where}: "holdout" is not a list of track URIs'
        if not isinstance(category, str):
            return f'{where}: "category" is {_json_kind(category)}; expected a name'
    return "not answers"


def _json_kind(value: object) -> str:
    names = {
        dict: "another object",
        list: "a list",
        str: "a string",
        bool: "true or false",
        type(None): "null",
    }
    return names.get(type(value), "a number")


def _check(path: Path, pid: str, record: _Record) -> None:
    if not _PID.fullmatch(pid) or int(pid) > _MAX_PID:
        found = f"pid {quoted(pid)} is not a whole number from 0 to {_MAX_PID}"
        raise FormatError(f"{path}: {found}", hint=_HINT)
    if len(record.category) > _MAX_NAME or printable(record.category) != record.category:
        expected = f"expected a name of at most {_MAX_NAME} characters"
        raise FormatError(
            f"{path}, playlist {pid}: category {quoted(record.category)}; {expected}", hint=_HINT
        )
    if not record.holdout:
        raise FormatError(
            f"{path}, playlist {pid}: nothing held out; expected at least one track", hint=_HINT
        )
    for position, uri in enumerate(record.holdout):
        if not _URI.fullmatch(uri):
            found = (
                f"holdout[{position}] is {quoted(uri)}; expected {TRACK_PREFIX!r} + {ID_LENGTH} characters"
            )
            raise FormatError(f"{path}, playlist {pid}: {found}", hint=_HINT)


def _as_arrays(records: dict[int, _Record]) -> GroundTruth:
    ordered = dict(sorted(records.items()))
    sizes = [len(record.holdout) for record in ordered.values()]
    return GroundTruth(
        np.array(list(ordered), np.int32),
        tuple(record.category for record in ordered.values()),
        indptr_from_lengths(sizes),
        ids_of((uri for record in ordered.values() for uri in record.holdout), TRACK_PREFIX),
    )
