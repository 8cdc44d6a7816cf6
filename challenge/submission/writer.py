"""Writes a submission as CSV in the official format, gzipped where the name ends in .gz."""

from __future__ import annotations

from pathlib import Path
from typing import IO, Final, cast

import numpy as np
from isal import igzip

from challenge.files import atomic_file
from challenge.submission.submission import Submission, id_characters
from challenge.types import ID_LENGTH, LIST_LENGTH, TRACK_PREFIX

_SEPARATED_PREFIX: Final = b"," + TRACK_PREFIX.encode()
_COMPRESSION_LEVEL: Final = 2


def write_submission(submission: Submission, path: Path) -> None:
    """Write the file; equal submissions give equal bytes, and no half-written file is ever left.

    Raises:
        ResourceError: the disk is full.
    """
    with atomic_file(path) as file:
        if path.suffix == ".gz":
            # No name and no time in the header, so that the bytes depend on the content only.
            with igzip.IGzipFile("", "wb", _COMPRESSION_LEVEL, fileobj=file, mtime=0) as zipped:
                _write_lines(submission, cast("IO[bytes]", zipped))
        else:
            _write_lines(submission, file)


def _write_lines(submission: Submission, file: IO[bytes]) -> None:
    file.write(submission.team.line().encode() + b"\n")
    fields = np.empty((LIST_LENGTH, len(_SEPARATED_PREFIX) + ID_LENGTH), np.uint8)
    fields[:, : len(_SEPARATED_PREFIX)] = np.frombuffer(_SEPARATED_PREFIX, np.uint8)
    for pid, row in zip(submission.pid.tolist(), submission.track_ids, strict=True):
        fields[:, len(_SEPARATED_PREFIX) :] = id_characters(row)
        file.write(b"%d%s\n" % (pid, fields.tobytes()))
