"""A playlist that is being put together, and the address that tells all of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import urlencode

from challenge.playlist import TRACK_FORM, Playlist

_LONGEST: Final = 200
"""Characters of a title or of words to look for; what comes after is not heeded."""
_BETWEEN: Final = "."
"""What stands between the ids of tracks in an address: needs no escape there and is in no id."""


@dataclass(frozen=True)
class Draft:
    """A playlist that is being put together, as the address of its page tells it.

    Attributes:
        title: may be empty.
        tracks: ids of its tracks, in order, each once; whether they are tracks at all is not known here.
        shuffled: whether they are some of it in any order.
        words: of a track that is looked for.
    """

    title: str = ""
    tracks: tuple[str, ...] = ()
    shuffled: bool = False
    words: str = ""

    @classmethod
    def of_address(cls, parameters: Mapping[str, str]) -> Draft:
        """Read the parameters of an address; whatever they lack is empty."""
        given = parameters.get("tracks", "").split(_BETWEEN)
        return cls(
            parameters.get("title", "").strip()[:_LONGEST],
            tuple(dict.fromkeys(track for track in given if track)),
            bool(parameters.get("shuffled")),
            parameters.get("words", "").strip()[:_LONGEST],
        )

    @property
    def joined(self) -> str:
        """The ids of the tracks as an address has them."""
        return _BETWEEN.join(self.tracks)

    @property
    def is_empty(self) -> bool:
        """Whether nothing can be recommended for it yet."""
        return not self.title and not self.tracks

    def address(self, page: str = "/", **more: str) -> str:
        """Return the address of ``page`` for this draft; empty parameters are left out."""
        given = {
            "title": self.title,
            "tracks": self.joined,
            "shuffled": "1" if self.shuffled else "",
            "words": self.words,
            **more,
        }
        told = urlencode({name: text for name, text in given.items() if text})
        return f"{page}?{told}" if told else page

    def adding(self, uri: str) -> Draft:
        """Return the draft with a track, by URI, link or id, at its end."""
        return replace(self, tracks=tuple(dict.fromkeys((*self.tracks, track_id(uri)))))

    def raising(self, uri: str) -> Draft:
        """Return the draft with a track one place earlier."""
        tracks, own = list(self.tracks), track_id(uri)
        place = tracks.index(own) if own in tracks else 0
        if place:
            tracks[place - 1 : place + 1] = own, tracks[place - 1]
        return replace(self, tracks=tuple(tracks))

    def without(self, uri: str) -> Draft:
        """Return the draft without a track."""
        return replace(self, tracks=tuple(each for each in self.tracks if each != track_id(uri)))

    def playlist(self) -> Playlist:
        """Return it as a playlist to continue."""
        return Playlist(self.title or None, self.tracks, ordered=not self.shuffled)


def track_id(text: str) -> str:
    """Return the id in a URI or link of a track; what is neither stays as it is."""
    form = TRACK_FORM.fullmatch(text.strip())
    return form[1] if form else text
