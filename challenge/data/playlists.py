"""The playlists of an MPD: facts, titles and tracks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from challenge.data.faults import index_faults, shape_faults
from challenge.data.interactions import Interactions
from challenge.data.strings import StringTable
from challenge.types import Int32Array, Int64Array


@dataclass(frozen=True, eq=False)
class Playlists:
    """P playlists as columns.

    Attributes:
        pid: official playlist id, int32, shape (P,).
        title_index: index into ``titles``, int32, shape (P,); -1 where there is no title.
        titles: distinct titles as written, not normalised.
        num_followers: followers, int32, shape (P,).
        num_edits: editing sessions, int32, shape (P,).
        modified_at: Unix seconds, int64, shape (P,).
        collaborative: bool, shape (P,).
        has_description: bool, shape (P,).
        interactions: tracks of each playlist in order, P rows.
    """

    pid: Int32Array
    title_index: Int32Array
    titles: StringTable
    num_followers: Int32Array
    num_edits: Int32Array
    modified_at: Int64Array
    collaborative: NDArray[np.bool_]
    has_description: NDArray[np.bool_]
    interactions: Interactions

    def __len__(self) -> int:
        return len(self.pid)

    def title(self, index: int) -> str | None:
        """Title of one playlist as written, or None."""
        title_index = int(self.title_index[index])
        return None if title_index < 0 else self.titles[title_index]

    def take(self, rows: Sequence[int] | Int64Array | Int32Array) -> Playlists:
        """Return the given playlists, in the given order; the titles table stays whole."""
        rows = np.asarray(rows, np.int64)
        return Playlists(
            self.pid[rows],
            self.title_index[rows],
            self.titles,
            self.num_followers[rows],
            self.num_edits[rows],
            self.modified_at[rows],
            self.collaborative[rows],
            self.has_description[rows],
            self.interactions.take(rows),
        )

    def columns(self) -> dict[str, Any]:
        """Columns of all playlists by name, P entries each; ``title`` is None where there is none."""
        titles = [*self.titles, None]
        return {
            "pid": np.asarray(self.pid),
            "title": [titles[i] for i in self.title_index.tolist()],
            "num_followers": np.asarray(self.num_followers),
            "num_edits": np.asarray(self.num_edits),
            "modified_at": np.asarray(self.modified_at),
            "num_tracks": self.interactions.lengths,
        }

    def to_polars(self) -> Any:
        """Return :meth:`columns` as a ``polars.DataFrame``, where polars is installed."""
        return import_module("polars").DataFrame(self.columns())

    def to_arrow(self) -> Any:
        """Return :meth:`columns` as a ``pyarrow.Table``, where pyarrow is installed."""
        return import_module("pyarrow").table(self.columns())

    def faults(self) -> Iterator[str]:
        """Say what is wrong with columns that were read; see :mod:`challenge.data.faults`."""
        yield from shape_faults(
            (self.pid.size,),
            pid=self.pid,
            title_index=self.title_index,
            num_followers=self.num_followers,
            num_edits=self.num_edits,
            modified_at=self.modified_at,
            collaborative=self.collaborative,
            has_description=self.has_description,
        )
        yield from self.titles.faults()
        yield from index_faults("title_index", self.title_index, len(self.titles), least=-1)
