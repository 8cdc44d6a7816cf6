"""Invented ids and names: everything is a function of a number, so nothing needs to be stored."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from challenge.types import ID_LENGTH, IdArray, Int32Array

Bits = TypeVar("Bits", int, NDArray[np.uint64])

_ALPHABET: Final = np.frombuffer(b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", np.uint8)
_HALF: Final = ID_LENGTH // 2
_MASK: Final = 2**64 - 1
_ONSETS: Final = (
    "b", "br", "c", "ch", "d", "dr", "f", "fl", "g", "gr", "h", "j", "k", "l", "m", "n",
    "p", "pr", "r", "s", "sh", "st", "t", "tr", "v", "w", "z",
)  # fmt: skip
_VOWELS: Final = ("a", "e", "i", "o", "u", "ai", "ee", "ou")
_CODAS: Final = ("", "", "n", "r", "l", "s", "m", "x", "nd", "sk")
_SPECIAL: Final = {"e": "é", "o": "ö", "n": "ñ", "u": "ü"}


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
    if bits % 23 == 0:
        text = "".join(_SPECIAL.get(letter, letter) for letter in text)
    return text.capitalize()


def artist_name(artist: int, seed: int) -> str:
    """Name of an artist, such as "The Brounds" or "Dj Teeska"."""
    bits = mix(artist, 4 * seed + 1)
    first, second = word(bits & 4095), word((bits >> 12) & 4095)
    match (bits >> 24) % 12:
        case 0:
            return f"The {first}s"
        case 1:
            return f"DJ {first}{second.lower()}"
        case 2:
            return f"{first} & the {second}s"
        case 3:
            return f"{first} {second} {word((bits >> 32) & 4095)}"
        case _:
            return f"{first} {second}"


def album_name(album: int, seed: int) -> str:
    """Name of an album, sometimes an edition."""
    bits = mix(album, 4 * seed + 2)
    name = f"{word(bits & 4095)} {word((bits >> 12) & 4095)}" if bits >> 63 else word(bits & 4095)
    match (bits >> 24) % 16:
        case 0:
            return f"{name} (Deluxe Edition)"
        case 1:
            return f"{name} - EP"
        case 2:
            return f"Live at the {name}"
        case _:
            return name


def track_name(track: int, seed: int) -> str:
    """Name of a track; a few hold quotation marks, a guest or a remix."""
    bits = mix(track, 4 * seed + 3)
    first, second = word(bits & 4095), word((bits >> 12) & 4095)
    match (bits >> 24) % 24:
        case 0:
            return f"{first} (feat. {second})"
        case 1:
            return f"{first} - {second} Remix"
        case 2:
            return f'"{first}" {second}'
        case 3 | 4 | 5 | 6 | 7 | 8:
            return first
        case 9 | 10 | 11:
            return f"{first} {second} {word((bits >> 32) & 4095)}"
        case _:
            return f"{first} {second}"
