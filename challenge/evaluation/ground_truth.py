"""The ground truth and its file, JSON: pid → ``{"category": name, "holdout": [track URI, ...]}``."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

import msgspec
import numpy as np

from challenge.data.ragged import indptr_from_lengths
from challenge.data.vocabulary import ids_of
from challenge.errors import FormatError, MissingInputError
from challenge.mpd.file_kind import FileKind, refuse_other_kind
from challenge.types import ID_LENGTH, ID_PATTERN, TRACK_PREFIX, IdArray, Int32Array, Int64Array

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


def read_ground_truth(path: Path) -> GroundTruth:
    """Read a file such as answers.json, which tells what was held out of each playlist of a challenge set.

    Raises:
        MissingInputError: nothing there.
        FormatError: not such a file, no playlist in it, or a playlist without a proper track.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise MissingInputError(f"{path}: no such file", hint=_HINT) from None
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise MissingInputError(f"{path}: cannot be read ({reason})", hint=_HINT) from error
    try:
        raw = msgspec.json.decode(data, type=dict[str, _Record])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        refuse_other_kind(path, "answers", FileKind.ANSWERS, FileKind.JSON, hint=_HINT)
        raise FormatError(f"{path}: {_fault(data)}", hint=_HINT) from error
    if not raw:
        raise FormatError(f"{path}: no playlist in it", hint=_HINT)
    for pid, record in raw.items():
        _check(path, pid, record)
    return _as_arrays({int(pid): record for pid, record in raw.items()})


def _fault(data: bytes) -> str:
    """Where JSON that could not be read as answers departs from them."""
    try:
        raw = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        byte = re.search(r"byte (\d+)", str(error))
        return "not answers: not JSON" + (f" from byte {byte[1]} on" if byte else ", or cut off")
    if not isinstance(raw, dict):
        return f"not answers: expected a JSON object, found {_json_kind(raw)}"
    for pid, record in raw.items():
        if not isinstance(record, dict) or "holdout" not in record:
            return f'playlist {pid}: expected an object with "holdout", found {_json_kind(record)}'
        holdout, category = record["holdout"], record.get("category", _UNNAMED)
        if not isinstance(holdout, list) or not all(isinstance(uri, str) for uri in holdout):
            return f'playlist {pid}: "holdout" is not a list of track URIs'
        if not isinstance(category, str):
            return f'playlist {pid}: "category" is {_json_kind(category)}; expected a name'
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
    if not re.fullmatch("[0-9]{1,9}", pid):
        raise FormatError(f"{path}: pid {pid!r} is not a whole number", hint=_HINT)
    if not record.holdout:
        raise FormatError(
            f"{path}, playlist {pid}: nothing held out; expected at least one track", hint=_HINT
        )
    for position, uri in enumerate(record.holdout):
        if not _URI.fullmatch(uri):
            found = f"holdout[{position}] is {uri!r}; expected {TRACK_PREFIX!r} + {ID_LENGTH} characters"
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
