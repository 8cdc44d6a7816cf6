"""Writes a split in the official formats, so that any tool can be trained and scored on it."""

from __future__ import annotations

from pathlib import Path

from challenge.files import write_bytes, write_json
from challenge.mpd.outputs import dataset_paths
from challenge.mpd.writer import TrackJson, challenge_set_json, write_mpd
from challenge.split.split import Split


def write_split(split: Split, folder: Path | str) -> dict[str, Path]:
    """Write ``mpd.zip`` (training), ``challenge_set.json`` and ``answers.json``.

    Equal splits give equal bytes. The training playlists keep their pids; descriptions, which the store does
    not keep, are missing.

    Returns:
        The three paths by "mpd", "challenge_set" and "answers".

    Raises:
        ResourceError: the disk is full; none of the files is left half written.
    """
    paths = dataset_paths(Path(folder))
    tracks = TrackJson(split.source.catalog, getattr(split.source, "album_names", None))
    write_mpd(split.source.playlists, split.train_rows, tracks, paths["mpd"])
    write_bytes(paths["challenge_set"], challenge_set_json(split.queries, tracks))
    write_json(paths["answers"], split.answers())
    return paths
