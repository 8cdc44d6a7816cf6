"""Finds the catalog that a submission was made from, to evaluate it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from challenge import progress
from challenge.data.catalog import Catalog
from challenge.errors import ConfigError, FormatError, MissingInputError
from challenge.manifest import Private
from challenge.mpd.build_dataset import extend_catalog
from challenge.mpd.challenge_set import ChallengeSet
from challenge.mpd.store import is_store, open_store, prepare_store
from challenge.permissions import foreign_hands
from challenge.run_folder import RunFolder
from challenge.types import IdArray, Int32Array


@dataclass(frozen=True, eq=False)
class CatalogSource:
    """Tracks known to the MPD at hand, and the store they were found in with its number of playlists."""

    catalog: Catalog
    store: Path
    n_playlists: int

    def with_seeds(self, challenge: ChallengeSet) -> CatalogSource:
        """Add the tracks that only the challenge set names; all of its seeds are in the whole MPD."""
        return replace(self, catalog=extend_catalog(self.catalog, challenge))

    def exists(self, ids: IdArray) -> np.ndarray:
        """Tell which track ids (S22) the catalog has; bool, same shape."""
        known: np.ndarray = self.catalog.tracks.index_of(ids) >= 0
        return known

    def artist_of(self, ids: IdArray) -> Int32Array:
        """Give the artist index of each track id (S22), -1 where the track is unknown; int32."""
        index = self.catalog.tracks.index_of(ids)
        return np.where(index >= 0, self.catalog.track_artist[index], -1).astype(np.int32)


def require_one(*, store: Path | str | None, mpd: Path | str | None) -> None:
    """Refuse two sources of the same facts, of which one would be left unread.

    Raises:
        ConfigError: both are named.
    """
    if store is not None and mpd is not None:
        raise ConfigError("--store and --mpd both name the MPD", hint="leave one of them out")


def find_catalog(
    submission: Path, *, store: Path | str | None = None, mpd: Path | str | None = None
) -> CatalogSource | None:
    """Open the store that is named, or that of the MPD, or that of the run in whose folder this is.

    Returns None where nothing is named and no run there names a store that still exists.

    Raises:
        MissingInputError: what is named is not there.
        FormatError: what is named is no store or no MPD.
    """
    if store is not None:
        opened = open_store(store)
    elif mpd is not None:
        opened = prepare_store(mpd)
    else:
        recorded = _recorded_store(RunFolder(submission.parent))
        if recorded is None:
            return None
        opened = open_store(recorded)
    return CatalogSource(opened.catalog, opened.path, len(opened.playlists))


def _recorded_store(folder: RunFolder) -> Path | None:
    try:
        return _trusted(Path(Private.load(folder.private).store))
    except MissingInputError:
        return None
    except FormatError as error:
        progress.message(f"Note: the store is not known: {error.message}")
        return None


def _trusted(store: Path) -> Path | None:
    """A store that nobody named, unless whoever made the submission may have made it up."""
    if not is_store(store):
        return None
    reason = foreign_hands(store) or foreign_hands(store.parent)
    if reason is None:
        return store
    progress.message(f"Note: the store {store} is not looked at: {reason}; name --mpd or --store")
    return None
