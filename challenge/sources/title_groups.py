"""Training playlists grouped by title."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from challenge.data.playlists import Playlists
from challenge.data.titles import title_key
from challenge.types import Int32Array, Int64Array


@dataclass(frozen=True, eq=False)
class TitleGroups:
    """Training playlists grouped by the key of their title; letter K keys.

    Attributes:
        keys: distinct non-empty keys, sorted.
        group_indptr: where the playlists of each key begin, int64, shape (K + 1,).
        group_row: playlists by key, int32.
    """

    keys: tuple[str, ...]
    group_indptr: Int64Array
    group_row: Int32Array

    @property
    def sizes(self) -> Int64Array:
        """Playlists of each key, int64, shape (K,)."""
        return np.diff(self.group_indptr)

    @cached_property
    def _keys_with_word(self) -> dict[str, list[int]]:
        found: dict[str, list[int]] = {}
        for number, key in enumerate(self.keys):
            for word in dict.fromkeys(key.split(" ")):
                found.setdefault(word, []).append(number)
        return found

    def rows_with_key(self, number: int) -> Int32Array:
        """Playlists of a key, by its number, int32."""
        return self.group_row[self.group_indptr[number] : self.group_indptr[number + 1]]

    def rows_with_word(self, word: str) -> Int32Array:
        """Playlists in whose normalised title ``word`` stands, int32."""
        rows = [self.rows_with_key(number) for number in self._keys_with_word.get(word, ())]
        return np.concatenate(rows) if rows else np.empty(0, np.int32)

    @cached_property
    def number(self) -> dict[str, int]:
        """The number of each key."""
        return {key: number for number, key in enumerate(self.keys)}


def group_titles(playlists: Playlists) -> TitleGroups:
    """Group playlists whose titles normalise to the same key; those without a title are left out."""
    key_of_title = [title_key(title) for title in playlists.titles]
    used = np.unique(playlists.title_index[playlists.title_index >= 0])
    keys = sorted({key_of_title[title] for title in used} - {""})
    number = {key: i for i, key in enumerate(keys)}
    group_of_title = np.array([number.get(key, -1) for key in key_of_title] + [-1], np.int64)
    group = group_of_title[playlists.title_index]
    titled = np.flatnonzero(group >= 0)
    order = titled[np.argsort(group[titled], kind="stable")]
    start = np.concatenate([[0], np.cumsum(np.bincount(group[titled], minlength=len(keys)))])
    return TitleGroups(tuple(keys), start.astype(np.int64), order.astype(np.int32))
