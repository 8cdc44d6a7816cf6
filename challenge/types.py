"""Identifiers, index types and the vocabulary of the challenge, shared by every module."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Final, TypeAlias

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

Int32Array: TypeAlias = NDArray[np.int32]
"""Dense indices (of tracks, playlists, artists …), pids and positions; -1 stands for "unknown"."""
Int64Array: TypeAlias = NDArray[np.int64]
"""Row pointers and counts that may pass 2^31."""
FloatArray: TypeAlias = NDArray[np.float32]
"""Scores, embeddings and features."""
Float64Array: TypeAlias = NDArray[np.float64]
"""Metrics, and sums that must not lose digits."""
IdArray: TypeAlias = NDArray[np.bytes_]
"""Spotify ids without their prefix, dtype S22."""

MAX_INT: Final = 2**31 - 1
PositiveInt: TypeAlias = Annotated[int, Meta(ge=1, le=MAX_INT)]
"""A setting that is at least 1; :class:`challenge.settings.Settings` checks the ranges of settings."""
NonNegativeInt: TypeAlias = Annotated[int, Meta(ge=0, le=MAX_INT)]
"""A setting that is 0 or more, and fits into 32 bits."""
NonNegative: TypeAlias = Annotated[float, Meta(ge=0, le=1e9)]
"""A setting that is 0 or more; neither infinite nor so large that sums in float32 would be."""
Share: TypeAlias = Annotated[float, Meta(ge=0, le=1)]
"""A setting from 0 to 1."""
Exponent: TypeAlias = Annotated[float, Meta(ge=0, le=5)]
"""A setting that counts of playlists or tracks are raised to; float32 holds the fifth power of millions."""
CandidateCount: TypeAlias = Annotated[int, Meta(ge=1, le=10_000)]
"""How many candidates a source puts forward for a query: 500 are wanted in the end."""
EmbeddingSize: TypeAlias = Annotated[int, Meta(ge=1, le=4096)]
"""Dimensions of an embedding, D: tables of D × D are solved."""

LIST_LENGTH: Final = 500
"""How many tracks each submitted playlist holds, exactly."""
ID_LENGTH: Final = 22
"""Characters of a Spotify id, after ``spotify:track:`` and its like."""
ID_PATTERN: Final = r"[0-9A-Za-z]{22}"
TRACK_PREFIX: Final = "spotify:track:"
ARTIST_PREFIX: Final = "spotify:artist:"
ALBUM_PREFIX: Final = "spotify:album:"


class Category(StrEnum):
    """The ten kinds of challenge playlists, by what is given of them.

    Sources number the categories differently, so they are named here and never numbered.
    """

    TITLE_ONLY = "title_only"
    TITLE_FIRST_1 = "title_first_1"
    TITLE_FIRST_5 = "title_first_5"
    FIRST_5 = "first_5"
    TITLE_FIRST_10 = "title_first_10"
    FIRST_10 = "first_10"
    TITLE_FIRST_25 = "title_first_25"
    TITLE_RANDOM_25 = "title_random_25"
    TITLE_FIRST_100 = "title_first_100"
    TITLE_RANDOM_100 = "title_random_100"

    @property
    def seed_count(self) -> int:
        """How many tracks are given: 0, 1, 5, 10, 25 or 100."""
        last = self.value.rsplit("_", 1)[-1]
        return int(last) if last.isdigit() else 0

    @property
    def has_title(self) -> bool:
        """Whether the title is given."""
        return self.value.startswith("title")

    @property
    def is_random(self) -> bool:
        """Whether the seeds are drawn at random from the playlist rather than its first tracks."""
        return "random" in self.value
