"""Text of other people, such as titles, names and whatever a broken file holds, where it must not act.

In a message it is quoted and cut (:func:`quoted`), on a terminal it moves no cursor and forges no line
(:func:`printable`, :func:`printable_json`), and in a table it is no formula (:func:`table_cell`).
"""

from __future__ import annotations

import re
import reprlib
from typing import Final

_LIMIT: Final = 60
_MAX_BITS: Final = 200
# Control characters, marks that reverse the order of what is shown, line separators and lone surrogates.
_ACTING: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
_ACTING_IN_JSON: Final = re.compile(_ACTING.pattern.replace("\x00-\x1f", ""))
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


class _Short(reprlib.Repr):
    """Representations in bounded time and length, whatever is nested in a value."""

    def __init__(self) -> None:
        super().__init__()
        self.maxstring = self.maxother = self.maxlong = _LIMIT
        self.maxlevel = self.maxlist = self.maxdict = 3

    def repr_int(self, x: int, level: int) -> str:
        """Python refuses to write out numbers of thousands of digits."""
        if x.bit_length() > _MAX_BITS:
            return f"a number of about {x.bit_length() * 3 // 10:,} digits"
        return super().repr_int(x, level)


_SHORT: Final = _Short()


def quoted(value: object, limit: int = _LIMIT) -> str:
    """Show a value that was found in a file: on one line, in quotes if it is text, and of bounded length.

    Characters that a terminal would act on appear as their escapes; of bytes those that are not UTF-8 appear
    as question marks. Longer text than ``limit`` characters is cut and ends in "…".
    """
    if isinstance(value, bytes):
        value = value[: 4 * limit].decode("utf-8", "replace")
    if not isinstance(value, str):
        return printable(_SHORT.repr(value))
    return repr(value[:limit]) + ("…" if len(value) > limit else "")


def printable(text: str) -> str:
    r"""Return ``text`` with its control characters as escapes such as ``\x1b``, line breaks included."""
    return _ACTING.sub(lambda match: ascii(match[0])[1:-1], text)


def printable_json(text: str) -> str:
    r"""Return the same JSON value with such characters as ``\u`` escapes; its own line breaks stay."""
    return _ACTING_IN_JSON.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def table_cell(text: str) -> str:
    """Return ``text`` as a cell of a CSV file that no spreadsheet takes for a formula.

    What begins with ``=``, ``+``, ``-``, ``@``, a tab or a carriage return gets an apostrophe before it.
    """
    return f"'{text}" if text.startswith(_FORMULA) else text
