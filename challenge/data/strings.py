"""Many strings as two arrays, so that titles and names can be memory-mapped."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np
from numpy.typing import NDArray

from challenge.data.faults import indptr_faults, shape_faults
from challenge.data.ragged import indptr_from_lengths
from challenge.types import Int64Array


@dataclass(frozen=True, eq=False)
class StringTable(Sequence[str]):
    """An immutable sequence of strings in UTF-8.

    Attributes:
        blob: all strings end to end, uint8, shape (bytes,).
        offsets: where each begins, int64, shape (n + 1,).
    """

    blob: NDArray[np.uint8]
    offsets: Int64Array

    @classmethod
    def from_strings(cls, strings: Iterable[str]) -> StringTable:
        """Encode ``strings``; lone surrogates, which broken JSON escapes leave behind, become "?"."""
        encoded = [text.encode("utf-8", "replace") for text in strings]
        offsets = indptr_from_lengths([len(text) for text in encoded])
        return cls(np.frombuffer(b"".join(encoded), np.uint8), offsets)

    @classmethod
    def from_joined(cls, text: str, lengths: Sequence[int]) -> StringTable:
        """Cut ``text`` into strings of the given ``lengths``, in characters, and encode them alike."""
        blob = np.frombuffer(text.encode("utf-8", "replace"), np.uint8)
        # In UTF-8 every byte begins a character but those of the form 10xxxxxx.
        begins = np.append(np.flatnonzero((blob & 0xC0) != 0x80), len(blob))
        return cls(blob, begins[indptr_from_lengths(lengths)])

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: int | slice) -> str | list[str]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        if not -len(self) <= index < len(self):
            raise IndexError(f"string {index} of a table of {len(self)}")
        index %= len(self)
        return self.blob[self.offsets[index] : self.offsets[index + 1]].tobytes().decode("utf-8")

    def __iter__(self) -> Iterator[str]:
        data = self.blob.tobytes()
        bounds = self.offsets.tolist()
        return (data[a:b].decode("utf-8") for a, b in itertools.pairwise(bounds))

    def extended(self, strings: Iterable[str]) -> StringTable:
        """Return a table with ``strings`` after the present ones."""
        more = StringTable.from_strings(strings)
        return StringTable(
            np.concatenate([self.blob, more.blob]),
            np.concatenate([self.offsets, self.offsets[-1] + more.offsets[1:]]),
        )

    def faults(self) -> Iterator[str]:
        """Say what is wrong with arrays that were read; see :mod:`challenge.data.faults`."""
        yield from shape_faults((self.blob.size,), blob=self.blob)
        yield from indptr_faults("offsets", self.offsets, self.blob.size)
        begins = self.offsets[self.offsets < self.blob.size]
        if ((self.blob[begins] & 0xC0) == 0x80).any():
            yield "offsets cut a character in two"
        try:
            str(self.blob.data, "utf-8")
        except UnicodeDecodeError as error:
            yield f"blob is not UTF-8 at byte {error.start}"
