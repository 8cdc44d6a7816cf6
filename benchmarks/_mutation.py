"""Mutants of files: their bytes, tokens, lines and JSON changed, as broken or hostile files are."""

from __future__ import annotations

import gzip
import json
import re
import zlib
from collections.abc import Callable, Sequence
from random import Random
from typing import Any, Final

_TOKEN: Final = re.compile(rb'"(?:[^"\\]|\\.)*"|-?[0-9][0-9.eE+-]*|[A-Za-z_]+|[^\sA-Za-z0-9"]')
_DEEP: Final = 100_000
NUMBERS: Final = [
    b"0", b"-0", b"-1", b"1", b"2", b"2.0", b"1.5", b"1e2", b"1e309", b"-1e309", b"2147483647",
    b"2147483648", b"-2147483649", b"9223372036854775807", b"9223372036854775808", b"1" * 20, b"9" * 400,
    b"9" * 5000, b"0x10", b"1_000", b"01", b"+1", b".5", b"1.", b"NaN", b"Infinity", b"-Infinity", b"nan",
    b"inf", b"1979-05-27",
]  # fmt: skip
STRINGS: Final = [
    b'""', rb'"\ud800"', rb'"\udfff\ud83d"', rb'"\ud83d\ude00"', rb'"\u0000"', rb'"\u001b[2J"',
    rb'"\u202e"', rb'"\x"', rb'"\u12g4"', b'"\x00"', b'"\x1b"', b'"\xff"', b'"\xed\xa0\x80"', b'"\n"',
    b'"' + b"x" * 3000 + b'"', b'"=1+1"', b'"playlists"', b'"tracks"', b'"pid"',
    b'"spotify:track:0000000000000000000000"', rb'"\u0070laylists"',
]  # fmt: skip
OTHERS: Final = [
    b"null", b"true", b"false", b"[]", b"{}", b"[[]]", b'{"": {}}', b"[" * 60, b"]", b"}", b",", b":", b"=",
    b"[", b"{", b"\xef\xbb\xbf", b"\0", b"\r", b"\n", b"\t", b" ", b"\xff", b"#", b"\x1b[31m",
    b"\xe2\x80\xae", b"//", b"'", b'"',
]  # fmt: skip
_VALUES: Final[list[Any]] = [
    None, True, False, 0, -1, 1, 2, 2**31 - 1, 2**31, 2**63, 10**30, 1.0, 1.5, 1e308, "", "x", "true",
    "a\0", "\ud800", "\x1b[2J\n", "1", [], {}, [[]], [None], {"pid": 1}, "spotify:track:" + "a" * 22,
    "spotify:album:" + "a" * 22, "é😀",
]  # fmt: skip


def mutate(data: bytes, others: Sequence[bytes], random: Random) -> bytes:
    """Change a file in one to four places; ``others`` are files to take pieces from.

    What is gzipped is mostly changed inside.
    """
    if data[:2] == b"\x1f\x8b" and random.random() < 0.7:
        try:
            return gzip.compress(mutate(gzip.decompress(data), others, random), 1, mtime=0)
        except (OSError, EOFError, ValueError, zlib.error):
            pass
    for _ in range(random.choice([1, 1, 1, 2, 3, 4])):
        way = random.choice(_WAYS)
        data = way(data, others, random)
    return data


def _bytes(data: bytes, others: Sequence[bytes], random: Random) -> bytes:
    at = random.randint(0, len(data))
    end = min(at + random.choice([0, 1, 1, 1, 2, 4, 8, 100, 10_000]), len(data))
    piece = random.choice([b"", random.randbytes(random.choice([1, 1, 2, 8])), random.choice(OTHERS)])
    return data[:at] + piece + data[end:]


def _bit(data: bytes, others: Sequence[bytes], random: Random) -> bytes:
    if not data:
        return b"\0"
    changed = bytearray(data)
    changed[random.randrange(len(data))] ^= 1 << random.randrange(8)
    return bytes(changed)


def _moved(data: bytes, others: Sequence[bytes], random: Random) -> bytes:
    """A piece of this or another file put in somewhere, or all that follows left out."""
    other = random.choice([data, *others])
    begin = random.randint(0, len(other))
    piece = other[begin : begin + random.choice([1, 4, 20, 200, 2000])]
    at = random.randint(0, len(data))
    return data[:at] if random.random() < 0.2 else data[:at] + piece + data[at:]


def _token(data: bytes, others: Sequence[bytes], random: Random) -> bytes:
    found = list(_TOKEN.finditer(data[:100_000]))
    if not found:
        return data
    token = random.choice(found)
    kind = {34: STRINGS}.get(token[0][0], NUMBERS if token[0][:1] in b"-0123456789" else OTHERS)
    new = random.choice(random.choice([kind, NUMBERS, STRINGS, OTHERS]))
    if random.random() < 0.3:
        new = random.choice(found)[0]
    if random.random() < 0.01:
        new = random.choice([b"[", b'{"a":', b"(", b"a."]) * _DEEP
    return data[: token.start()] + new + data[token.end() :]


def _line(data: bytes, others: Sequence[bytes], random: Random) -> bytes:
    lines = data.split(b"\n")
    at, other = random.randrange(len(lines)), random.randrange(len(lines))
    way = random.randrange(4)
    if way == 0:
        del lines[at]
    elif way == 1:
        lines.insert(at, lines[other])
    elif way == 2:
        lines[at], lines[other] = lines[other], lines[at]
    else:
        fields = lines[at].split(b",")
        fields[random.randrange(len(fields))] = random.choice([*fields, *OTHERS])
        lines[at] = b",".join(fields)
    return b"\n".join(lines)


def _json(data: bytes, others: Sequence[bytes], random: Random) -> bytes:
    try:
        content = json.loads(data)
    except (ValueError, RecursionError):
        return _token(data, others, random)
    places = list(_places(content))
    if not places:
        return data
    parent, key = random.choice(places)
    way = random.random()
    if way < 0.4:
        parent[key] = _like(parent[key], random)
    elif way < 0.5:
        del parent[key]
    elif way < 0.65 and isinstance(parent, dict):
        # A key that is there already gets a mark, which is taken off the text.
        parent[f"{key}\N{WHITE SMILING FACE}"] = random.choice([parent[key], *_VALUES])
    elif way < 0.7:
        parent[key] = random.choice(places)[0]
    elif way < 0.75:
        parent[key] = [parent[key]]
    else:
        parent[key] = random.choice(_VALUES)
    try:
        text = json.dumps(content, ensure_ascii=random.random() < 0.5, indent=random.choice([None, 0, 4]))
    except (ValueError, RecursionError):  # it holds itself
        return data
    return re.sub("\N{WHITE SMILING FACE}|\\\\u263a", "", text).encode("utf-8", "surrogatepass")


def _like(value: Any, random: Random) -> Any:
    """Another value of the same type, which may be just as proper."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return random.choice([0, 1, 7, 249, value + 1, 2**31 - 1])
    if isinstance(value, str) and not value.startswith("spotify:"):
        return random.choice(
            ["", "Café 😀", "a\n\t\x1b", "=1", "true", "\ud800", value * 2, "title_only", "\u202e"]
        )
    if isinstance(value, list):
        return random.sample(value, len(value)) + value[: random.choice([0, 0, 1])]
    return dict(random.sample(list(value.items()), len(value))) if isinstance(value, dict) else value


def _places(content: Any) -> list[tuple[Any, Any]]:
    """Every list or object with each of its keys."""
    found: list[tuple[Any, Any]] = []
    waiting = [content]
    while waiting and len(found) < 5000:
        each = waiting.pop()
        items = each.items() if isinstance(each, dict) else enumerate(each) if isinstance(each, list) else ()
        for key, value in items:
            found.append((each, key))
            waiting.append(value)
    return found


_WAYS: Final[list[Callable[[bytes, Sequence[bytes], Random], bytes]]] = [
    _bytes, _bit, _moved, _token, _token, _line, _json, _json, _json,
]  # fmt: skip
