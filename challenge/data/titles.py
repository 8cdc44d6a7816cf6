"""The one place that knows how titles are normalised."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from itertools import groupby
from typing import Final

_OFFICIAL_SEPARATORS: Final = re.compile(r"[.,/#!$%^*;:{}=_`~()@]")
_SPACES: Final = re.compile(r"\s+")
_APOSTROPHES: Final = str.maketrans("", "", "'’‘ʼ`´")
_JOINERS: Final = frozenset("\u200d\ufe0e\ufe0f\u20e3")
_SKIN_TONES: Final = range(0x1F3FB, 0x1F400)


def official_title(title: str) -> str:
    """Normalise a title as the organisers do; may come out empty.

    Source: the dataset's statistics script: lower case, the listed signs become spaces, runs of spaces
    become one, and the ends are cut.
    """
    return _SPACES.sub(" ", _OFFICIAL_SEPARATORS.sub(" ", title.lower())).strip()


@lru_cache(maxsize=65536)
def tokens(title: str) -> tuple[str, ...]:
    """Words of a title for matching: folded words and numbers, and every emoji by itself.

    Case, accents, compatibility variants (full-width letters, ligatures), apostrophes, skin tones and
    variation selectors are dropped; digits and years are kept. Empty where a title is punctuation only.
    """
    words: list[str] = []
    for kind, characters in groupby(_fold(title), _kind):
        if kind == "word":
            words.append("".join(characters))
        elif kind == "symbol":
            words += characters
    return tuple(words)


def title_key(title: str) -> str:
    """Return the richer key by which titles count as equal: :func:`tokens` joined by single spaces."""
    return " ".join(tokens(title))


def title_tokens(title: str) -> tuple[str, ...]:
    """Tokens by which titles relate playlists in a graph: the whole key, marked by "=", and its words."""
    words = tokens(title)
    return (f"={' '.join(words)}", *dict.fromkeys(words)) if words else ()


def _fold(text: str) -> str:
    """Fold case and compatibility variants and drop accents, until nothing changes any more."""
    # Folding can uncover a decomposable letter and the reverse, so one pass is not always the fixed point.
    for _ in range(4):
        folded = _fold_once(text)
        if folded == text:
            break
        text = folded
    return text


def _fold_once(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text.translate(_APOSTROPHES)).casefold()
    plain = unicodedata.normalize("NFKD", plain)
    kept = "".join(c for c in plain if not _is_mark(c))
    return unicodedata.normalize("NFKC", kept)


def _is_mark(character: str) -> bool:
    """Accents, joiners, variation selectors and skin tones: they vary without changing what is meant."""
    return (
        character in _JOINERS
        or ord(character) in _SKIN_TONES
        or unicodedata.category(character) in ("Mn", "Cf", "Sk", "Lm")
    )


def _kind(character: str) -> str:
    """Tell letters and numbers from emoji and their like, and both from what only separates."""
    category = unicodedata.category(character)
    if category[0] in "LNM":
        return "word"
    # Symbols ("So"), and what they are made of when still unassigned or private.
    return "symbol" if category in ("So", "Co", "Cn") or character in "+&♯<>" else "separator"
