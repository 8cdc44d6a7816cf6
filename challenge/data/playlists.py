"""The playlists of an MPD: facts, titles and tracks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

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
    collaborative: np.ndarray
    has_description: np.ndarray
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
