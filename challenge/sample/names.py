"""Invented ids and names: everything is a function of a number, so nothing needs to be stored."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from challenge.data.catalog import Catalog
from challenge.data.strings import StringTable
from challenge.data.vocabulary import Vocabulary
from challenge.sample.catalogue import SyntheticCatalogue
from challenge.types import ALBUM_PREFIX, ARTIST_PREFIX, ID_LENGTH, TRACK_PREFIX, IdArray, Int32Array

Bits = TypeVar("Bits", int, NDArray[np.uint64])

_ALPHABET: Final = np.frombuffer(b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", np.uint8)
_HALF: Final = ID_LENGTH // 2
_MASK: Final = 2**64 - 1
_ONSETS: Final = (
    *("b", "br", "c", "ch", "d", "dr", "f", "fl", "g", "gr", "h", "j", "k", "l", "m", "n"),
    *("p", "pr", "r", "s", "sh", "st", "t", "tr", "v", "w", "z"),
)
_VOWELS: Final = ("a", "e", "i", "o", "u", "ai", "ee", "ou")
_CODAS: Final = ("", "", "n", "r", "l", "s", "m", "x", "nd", "sk")
_ACCENTED: Final = str.maketrans({"e": "é", "o": "ö", "n": "ñ", "u": "ü"})

# Forms of names, each as often as it stands here; {0}, {1} and {2} are words, {lower} is {1} in lower case.
_ARTISTS: Final = ("The {0}s", "DJ {0}{lower}", "{0} & the {1}s", "{0} {1} {2}", *["{0} {1}"] * 8)
_TRACKS: Final = (
    *("{0} (feat. {1})", "{0} - {1} Remix", '"{0}" {1}'),
    *["{0}"] * 6,
    *["{0} {1} {2}"] * 3,
    *["{0} {1}"] * 12,
)
_ALBUMS: Final = ("{0} (Deluxe Edition)", "{0} - EP", "Live at the {0}", *["{0}"] * 13)
_LONG_ALBUMS: Final = tuple(form.replace("{0}", "{0} {1}") for form in _ALBUMS)


def mix(values: Bits, key: int) -> Bits:
    """Scramble 64-bit numbers one to one: an int, or uint64 of any shape.

    Source: the finaliser of SplitMix64 (Steele, Lea, Flood 2014).
    """
    z: Any = (values + (key * 0x9E3779B97F4A7C15 & _MASK)) & _MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
    mixed: Bits = z ^ (z >> 31)
    return mixed


def spotify_ids(numbers: Int32Array, key: int) -> IdArray:
    """Ids of 22 characters, distinct for distinct numbers under one key; dtype S22, shape (n,)."""
    text = np.empty((len(numbers), ID_LENGTH), np.uint8)
    wide = numbers.astype(np.uint64)
    # 62^11 > 2^64, so the first half alone already tells any two numbers apart.
    for half in range(2):
        rest = mix(wide, 2 * key + half + 1)
        for digit_index in range(_HALF):
            rest, digit = np.divmod(rest, np.uint64(62))
            text[:, half * _HALF + digit_index] = _ALPHABET[digit.astype(np.intp)]
    return text.view(f"S{ID_LENGTH}").ravel()


def durations_ms(tracks: Int32Array, seed: int) -> Int32Array:
    """Milliseconds of each track, bell-shaped round 3 min 50 s; int32, shape (n,)."""
    bits = mix(tracks.astype(np.uint64), 4 * seed + 4)
    spread = sum(((bits >> np.uint64(16 * part)) & np.uint64(0xFFFF)).astype(np.int64) for part in range(4))
    return np.maximum(230_000 + (spread - 131_072) * 3 // 2, 31_000).astype(np.int32)


@lru_cache(maxsize=8192)
def word(number: int) -> str:
    """An invented word, capitalised, of one to three syllables."""
    bits = mix(number, 77)
    parts = []
    for _ in range(1 + bits % 7 // 3):
        bits, onset = divmod(bits >> 3, len(_ONSETS))
        bits, vowel = divmod(bits, len(_VOWELS))
        bits, coda = divmod(bits, len(_CODAS))
        parts.append(_ONSETS[onset] + _VOWELS[vowel] + _CODAS[coda])
    text = "".join(parts)
    return (text.translate(_ACCENTED) if bits % 23 == 0 else text).capitalize()


def _named(patterns: tuple[str, ...], bits: int) -> str:
    """A name in one of the patterns, with words that the bits choose."""
    words = [word(bits >> shift & 4095) for shift in (0, 12, 32)]
    return patterns[(bits >> 24) % len(patterns)].format(*words, lower=words[1].lower())


def artist_name(artist: int, seed: int) -> str:
    """Name of an artist, such as "The Brounds" or "DJ Teeska"."""
    return _named(_ARTISTS, mix(artist, 4 * seed + 1))


def album_name(album: int, seed: int) -> str:
    """Name of an album, of one word or two, sometimes an edition."""
    bits = mix(album, 4 * seed + 2)
    return _named(_LONG_ALBUMS if bits >> 63 else _ALBUMS, bits)


def track_name(track: int, seed: int) -> str:
    """Name of a track; a few hold quotation marks, a guest or a remix."""
    return _named(_TRACKS, mix(track, 4 * seed + 3))


def named_catalog(
    catalogue: SyntheticCatalogue, tracks: Int32Array, seed: int
) -> tuple[Catalog, StringTable]:
    """Return some tracks of a catalogue with ids and names, in their order; and the names of their albums."""
    albums, album = np.unique(catalogue.track_album[tracks], return_inverse=True)
    artists, artist = np.unique(catalogue.album_artist[albums[album]], return_inverse=True)
    catalog = Catalog(
        Vocabulary(spotify_ids(tracks, 3 * seed), TRACK_PREFIX),
        Vocabulary(spotify_ids(artists, 3 * seed + 1), ARTIST_PREFIX),
        Vocabulary(spotify_ids(albums, 3 * seed + 2), ALBUM_PREFIX),
        artist.astype(np.int32),
        album.astype(np.int32),
        durations_ms(tracks, seed),
        StringTable.from_strings(track_name(number, seed) for number in tracks.tolist()),
        StringTable.from_strings(artist_name(number, seed) for number in artists.tolist()),
    )
    return catalog, StringTable.from_strings(album_name(number, seed) for number in albums.tolist())
