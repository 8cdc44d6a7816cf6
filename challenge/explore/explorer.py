"""A finished run, loaded once, that answers one question at a time."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Final

from challenge.errors import InputError, MissingInputError
from challenge.evaluation.ground_truth import GroundTruth
from challenge.evaluation.scorecard import PlaylistScores
from challenge.explore.challenge_playlists import ChallengePlaylists, ShownPlaylist
from challenge.explore.draft import Draft, track_id
from challenge.playlist import TRACK_FORM, Playlist, Recommendation, track_indices
from challenge.ranking.recommend import describe
from challenge.recommender import Recommender
from challenge.search import Found, NameSearch

CONTINUED_BY: Final = 50
"""Tracks that a playlist is continued with."""
_FOUND: Final = 10
"""Tracks shown of those that are named as was looked for."""
_LINK: Final = re.compile("https?://|spotify:", re.IGNORECASE)
_REMEMBERED: Final = 64
"""Answers kept: a step in the search asks for the same continuation again, and the other way round."""


def is_link(words: str) -> bool:
    """Tell a track's URI, link or id, and any other link, from words to look for."""
    return bool(TRACK_FORM.fullmatch(words.strip()) or _LINK.match(words.strip()))


class Explorer:
    """Answers what the pages ask of a run.

    Pages are made in several threads, and a recommender works for one at a time.
    """

    def __init__(
        self,
        run: Path,
        recommender: Recommender,
        truth: GroundTruth | None = None,
        scores: PlaylistScores | None = None,
    ) -> None:
        self.run, self.answered = run, truth is not None
        self.challenge = ChallengePlaylists(recommender, truth, scores)
        self._recommender, self._lock = recommender, Lock()
        self._names = NameSearch(recommender.dataset, recommender.sources.index)
        self._continued = lru_cache(_REMEMBERED)(self._continue)
        self._found = lru_cache(_REMEMBERED)(self._names.tracks)

    def warm_up(self) -> None:
        """Ask once, so that what is made when it is first needed does not keep the first person waiting."""
        self.find("qqqq vvvv")  # misspelt, as it were: the names that are compared are put together
        popular = self.find("a")[:1]
        self.recommended(Draft("a", tuple(track_id(each.uri) for each in popular)))

    def find(self, words: str) -> list[Found]:
        """Find tracks by words of their name and artist, misspelt ones too, or by URI, link or id."""
        if not is_link(words):
            return self._found(words, _FOUND)
        try:
            named = self.described([words])
        except InputError:  # no track, or one of another dataset
            return []
        return [Found("track", each.track, each.artist, each.uri, 0, True) for each in named]

    def popular(self) -> list[Found]:
        """The tracks in most playlists."""
        return self._names.popular_tracks(_FOUND)

    def described(self, tracks: Sequence[str]) -> list[Recommendation]:
        """Give tracks their names; each one's rank is its place from 1.

        Raises:
            InputError: one is no track of the dataset.
        """
        catalog = self._recommender.dataset.catalog
        found = track_indices(tracks, catalog).tolist()
        return [describe(catalog, rank, track, float("nan")) for rank, track in enumerate(found, start=1)]

    def recommended(self, draft: Draft, *, explain: bool = False) -> Sequence[Recommendation]:
        """Continue a draft; nothing where it is empty.

        Raises:
            InputError: one of its tracks is not of the dataset, or there are too many.
        """
        if draft.is_empty:
            return ()
        with self._lock:
            return self._continued(draft.playlist(), explain)

    def knows_title(self, draft: Draft) -> bool:
        """Whether its title says anything; one without a title says all it can."""
        return not draft.title or self._recommender.knows_title(draft.title)

    def reason(self, draft: Draft, track: str) -> Recommendation:
        """Return one track of a continuation with its reason.

        Raises:
            InputError: the track is not in the continuation.
        """
        for each in self.recommended(draft, explain=True):
            if track_id(each.uri) == track_id(track):
                return each
        raise MissingInputError(
            f"track {track!r}: not among the {CONTINUED_BY} recommended for this playlist"
        )

    def show(self, pid: int, count: int) -> ShownPlaylist:
        """Continue a playlist of the challenge, see :meth:`ChallengePlaylists.show`."""
        with self._lock:
            return self.challenge.show(pid, count)

    def _continue(self, playlist: Playlist, explain: bool) -> tuple[Recommendation, ...]:
        return tuple(self._recommender.recommend([playlist], CONTINUED_BY, explain=explain)[0])
