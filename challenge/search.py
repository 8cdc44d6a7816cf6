"""Finds tracks, artists and titles by name: by the words in it, or misspelt where no name has them.

Capitals and accents make no difference: "beyonce" finds Beyoncé.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from challenge import progress
from challenge.data.dataset import Dataset
from challenge.data.strings import StringTable
from challenge.errors import InputError
from challenge.playlist import TRACK_FORM
from challenge.quoting import quoted
from challenge.sources.postings import PlaylistIndex
from challenge.types import Int64Array

_MISSPELT_AMONG: Final = 200_000
"""The most popular names that a misspelt one is compared with."""
_LOOKED_AT: Final = 200
"""Tracks among which one is looked for that has just the name it is asked by."""
_CHOICES: Final = 8
"""Tracks that an error offers where a name does not tell which is meant."""
_MIN_LIKENESS: Final = 70.0
"""Likeness of two names from 0 to 100 below which they are others."""
_FAVOURITE: Final = 5
"""A track in so many times as many playlists as any other song of the same words is the one that is meant."""
_BASE_LETTERS: Final = {
    "ø": "o",
    "ł": "l",
    "đ": "d",
    "ð": "d",
    "ħ": "h",
    "ı": "i",
    "’": "'",
    "‘": "'",
    "`": "'",
}
"""What people type for characters that Unicode does not take apart."""


@dataclass(frozen=True)
class Found:
    """The name of a track, artist or title that was found; a title has no URI, only a track has an artist.

    ``playlists`` are the rows that hold the track, any track of the artist, or have the title; ``exact``
    tells whether the words that were looked for stand in it; otherwise it is only spelt alike.
    """

    kind: str
    name: str
    artist: str
    uri: str
    playlists: int
    exact: bool


class NameSearch:
    """Searches the names of a dataset; the more popular of several comes first."""

    def __init__(self, dataset: Dataset, index: PlaylistIndex) -> None:
        self._catalog, self._playlists, self._index = dataset.catalog, dataset.playlists, index

    def tracks(self, text: str, n: int = 20) -> list[Found]:
        """Find up to ``n`` tracks whose name and artist together have all words of ``text``."""
        catalog, popularity = self._catalog, self._index.popularity
        with_words = [
            np.union1d(
                self._track_names.having(word),
                np.flatnonzero(np.isin(catalog.track_artist, self._artist_names.having(word))),
            )
            for word in _words(text)
        ]
        return self._described(*_best(text, n, _all_of(with_words), popularity, lambda: self._common_tracks))

    def popular_tracks(self, n: int = 20) -> list[Found]:
        """The ``n`` tracks in most playlists."""
        return self._described(np.argsort(-self._index.popularity, kind="stable")[:n], exact=True)

    def _described(self, tracks: Int64Array, exact: bool) -> list[Found]:
        catalog, popularity = self._catalog, self._index.popularity
        uris = catalog.tracks.uris(tracks.astype(np.int32))
        return [
            Found("track", catalog.track_names[i], self._artist_of(i), uri, int(popularity[i]), exact)
            for i, uri in zip(tracks.tolist(), uris, strict=True)
        ]

    def artists(self, text: str, n: int = 20) -> list[Found]:
        """Find up to ``n`` artists whose name has all words of ``text``."""
        names, popularity = self._catalog.artist_names, self._index.artist_popularity
        with_words = [self._artist_names.having(word) for word in _words(text)]
        found, exact = _best(text, n, _all_of(with_words), popularity, lambda: self._common_artists)
        uris = self._catalog.artists.uris(found.astype(np.int32))
        return [
            Found("artist", names[i], "", uri, int(popularity[i]), exact)
            for i, uri in zip(found.tolist(), uris, strict=True)
        ]

    def titles(self, text: str, n: int = 20) -> list[Found]:
        """Find up to ``n`` titles of training playlists that have all words of ``text``."""
        titles, count = self._playlists.titles, self._title_count
        found = _all_of([self._titles.having(word) for word in _words(text)])
        found, exact = _best(text, n, found[count[found] > 0], count, lambda: self._common_titles)
        return [Found("title", titles[i], "", "", int(count[i]), exact) for i in found.tolist()]

    def one_track(self, text: str) -> str:
        """Return the URI of the track that ``text`` names, be it a URI, a link, an id or a name.

        Raises:
            InputError: nothing is named so, or several are and none is in many times as many playlists as the
                others; the error lists them.
        """
        if TRACK_FORM.fullmatch(text.strip()):
            return text
        found = self.tracks(text, n=_LOOKED_AT)
        exact = [each for each in found if each.exact]
        named = [each for each in exact if folded(each.name) == folded(text.strip())] or exact
        if named and _is_favourite(named):
            chosen = named[0]
            if len(named) > 1:
                told = f"{chosen.name} by {chosen.artist} ({chosen.uri}), the one in most playlists"
                progress.message(f"track {quoted(text)}: {told}")
            return chosen.uri
        choices = [f"{each.name} by {each.artist} ({each.uri})" for each in (named or found)[:_CHOICES]]
        if exact:
            hint = "add a word of its name or artist, or choose one by its URI:"
            raise InputError(f"track {quoted(text)}: several are named so", hint=hint, choices=choices)
        hint = "did you mean one of these?" if found else "name it by its URI"
        raise InputError(f"track {quoted(text)}: nothing is named so", hint=hint, choices=choices)

    def _artist_of(self, track: int) -> str:
        return self._catalog.artist_names[int(self._catalog.track_artist[track])]

    @cached_property
    def _track_names(self) -> _FoldedNames:
        return _FoldedNames(self._catalog.track_names)

    @cached_property
    def _artist_names(self) -> _FoldedNames:
        return _FoldedNames(self._catalog.artist_names)

    @cached_property
    def _titles(self) -> _FoldedNames:
        return _FoldedNames(self._playlists.titles)

    @cached_property
    def _title_count(self) -> Int64Array:
        """How many playlists have each title."""
        known = self._playlists.title_index
        return np.bincount(known[known >= 0], minlength=len(self._playlists.titles))

    @cached_property
    def _common_tracks(self) -> _CommonNames:
        names = self._catalog.track_names
        return _CommonNames(self._index.popularity, lambda track: f"{names[track]} {self._artist_of(track)}")

    @cached_property
    def _common_artists(self) -> _CommonNames:
        return _CommonNames(self._index.artist_popularity, self._catalog.artist_names.__getitem__)

    @cached_property
    def _common_titles(self) -> _CommonNames:
        return _CommonNames(self._title_count, self._playlists.titles.__getitem__)


def _is_favourite(named: Sequence[Found]) -> bool:
    """Tell whether the first of these, the most popular first, is clearly meant: other releases aside."""

    def song(track: Found) -> tuple[str, str]:
        return folded(track.name).split(" - ")[0].split(" (")[0], track.artist

    others = [each.playlists for each in named[1:] if song(each) != song(named[0])]
    return not others or named[0].playlists >= _FAVOURITE * max(1, *others)


def folded(text: str) -> str:
    """The text in lower case and without accents, of as many characters."""
    return "".join(map(_folded_character, unicodedata.normalize("NFC", text)))


@cache
def _folded_character(character: str) -> str:
    lower = character.lower()
    base = [each for each in unicodedata.normalize("NFKD", lower) if not unicodedata.combining(each)]
    kept = base[0] if len(base) == 1 else lower if len(lower) == 1 else character
    return _BASE_LETTERS.get(kept, kept)


class _FoldedNames:
    """All names end to end, :func:`folded`, in which a word is found at the speed of memory."""

    def __init__(self, names: StringTable) -> None:
        text = names.blob.tobytes().decode("utf-8", "replace")
        table = {ord(each): _folded_character(each) for each in set(text)}
        before, self._text = _begins(names.blob), text.translate(table).encode()
        # A character stays one, but may take other bytes.
        characters = np.concatenate([[0], np.cumsum(before)])[names.offsets]
        begins = np.flatnonzero(_begins(np.frombuffer(self._text, np.uint8)))
        self._offsets = np.append(begins, len(self._text))[characters]

    def having(self, word: str) -> Int64Array:
        """Names in which ``word`` (:func:`folded`) stands, ascending; int64."""
        pattern, begins, at = word.encode(), [], 0
        while (at := self._text.find(pattern, at)) >= 0:
            begins.append(at)
            at += 1  # what reaches over the end of a name may hide what begins inside it
        places = np.array(begins, np.int64)
        name = np.searchsorted(self._offsets, places, "right") - 1
        inside = places + len(pattern) <= self._offsets[np.minimum(name + 1, len(self._offsets) - 1)]
        return np.unique(name[inside]).astype(np.int64)


def _begins(blob: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Tell which bytes of UTF-8 begin a character."""
    begins: NDArray[np.bool_] = (blob & 0xC0) != 0x80
    return begins


def _words(text: str) -> list[str]:
    words = folded(text).split()
    if not words:
        raise InputError("nothing to look for: the text is empty")
    return words


def _all_of(found: Sequence[Int64Array]) -> Int64Array:
    common = found[0]
    for other in found[1:]:
        common = np.intersect1d(common, other, assume_unique=True)
    return common


class _CommonNames:
    """The most popular names, as they are compared with one that is misspelt."""

    def __init__(self, popularity: np.ndarray, name: Callable[[int], str]) -> None:
        from rapidfuzz.utils import default_process

        common = np.argsort(-popularity, kind="stable")[:_MISSPELT_AMONG]
        self._index = common[popularity[common] > 0].astype(np.int64)
        self._names = [default_process(folded(name(i))) for i in self._index.tolist()]

    def spelt_like(self, text: str, n: int) -> Int64Array:
        """The ``n`` that are spelt most like ``text``, the most alike first; int64."""
        from rapidfuzz import fuzz, process, utils

        asked = utils.default_process(folded(text))
        alike = process.extract(
            asked, self._names, scorer=fuzz.WRatio, limit=4 * n, score_cutoff=_MIN_LIKENESS
        )
        # A name of a letter or two is part of any text: one so short is like none.
        found = [place for name, _, place in alike if 2 * len(name) >= len(asked)]
        return self._index[found[:n]]


def _best(
    text: str, n: int, found: Int64Array, popularity: np.ndarray, common: Callable[[], _CommonNames]
) -> tuple[Int64Array, bool]:
    """The ``n`` most popular of what was found, and True; else those spelt most like ``text``, and False."""
    if len(found):
        return found[np.argsort(-popularity[found], kind="stable")][:n], True
    return common().spelt_like(text, n), False
