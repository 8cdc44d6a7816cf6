"""Spotify ids to dense indices and back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np

from challenge.data.faults import shape_faults
from challenge.types import ID_LENGTH, IdArray, Int32Array, Int64Array


def ids_of(uris: Iterable[str], prefix: str) -> IdArray:
    """Cut ``prefix`` off each URI; shape (n,), dtype S22. The URIs must be well formed."""
    start = len(prefix)
    return np.array([uri[start:] for uri in uris], dtype=f"S{ID_LENGTH}")


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """The ids of one kind of thing (tracks, artists or albums), numbered from 0.

    Attributes:
        ids: dtype S22, shape (n,); the position is the dense index.
        prefix: what stands before an id in its URI, such as ``spotify:track:``.
    """

    ids: IdArray
    prefix: str
    _order: list[Int64Array] = field(default_factory=list, repr=False)

    def __len__(self) -> int:
        return len(self.ids)

    def index_of(self, ids: IdArray) -> Int32Array:
        """Dense indices of ``ids`` (S22), -1 where unknown; int32, same shape."""
        if len(self.ids) == 0:
            return np.full(ids.shape, -1, np.int32)
        if not self._order:
            self._order.append(np.argsort(self.ids, kind="stable"))
        order = self._order[0]
        place = np.searchsorted(self.ids, ids, sorter=order)
        found = order[np.minimum(place, len(order) - 1)]
        return np.where(self.ids[found] == ids, found, -1).astype(np.int32)

    def uris(self, indices: Int32Array) -> list[str]:
        """Full URIs of dense ``indices``."""
        return [self.prefix + raw.decode("ascii") for raw in self.ids[indices].tolist()]

    def extended(self, ids: IdArray) -> Vocabulary:
        """Return a vocabulary with ``ids``, which must be new and distinct, after the present ones."""
        return Vocabulary(np.concatenate([self.ids, ids]), self.prefix)

    def faults(self) -> Iterator[str]:
        """Say what is wrong with ids that were read; see :mod:`challenge.data.faults`."""
        yield from shape_faults((self.ids.size,), ids=self.ids)
        if self.ids.itemsize != ID_LENGTH or not (b"0" + self.ids.tobytes()).isalnum():
            yield f"ids are not all of {ID_LENGTH} letters or digits"
