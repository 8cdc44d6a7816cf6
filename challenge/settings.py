"""Settings that refuse what cannot work, wherever it comes from: a file, an option or a program."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Any, Literal, get_args, get_origin, get_type_hints

import msgspec
import numpy as np

from challenge.errors import ConfigError
from challenge.quoting import quoted


class Settings:
    """Base of the frozen dataclasses of settings: values must fit the types of their fields.

    Types may have ranges, such as those of :mod:`challenge.types`.
    """

    def __post_init__(self) -> None:
        """Check every field, and turn a whole number into a float where that is the type.

        Raises:
            ConfigError: naming the setting, its value and what is expected.
        """
        kind: Any = type(self)
        for name, hint in _ranged(kind).items():
            object.__setattr__(self, name, convert(getattr(self, name), hint, name))


@cache
def _ranged(kind: Any) -> dict[str, Any]:
    """Types of the fields with their ranges, but for those that are tables of their own."""
    hints = get_type_hints(kind, include_extras=True)
    fields = {name: hints[name] for name in kind.__dataclass_fields__}
    return {name: hint for name, hint in fields.items() if not _is_table(hint)}


def _is_table(hint: Any) -> bool:
    return hasattr(hint, "__dataclass_fields__") or get_origin(hint) is Mapping


def convert(value: Any, hint: Any, name: str) -> Any:
    """Return ``value`` as the type of a field, which ``name`` says in the message.

    Raises:
        ConfigError: a value of the wrong type or out of range.
    """
    plain = value.item() if isinstance(value, np.generic) else value
    try:
        return msgspec.convert(plain, hint, strict=True)
    except msgspec.ValidationError as error:
        allowed = [repr(each) for each in get_args(hint)] if get_origin(hint) is Literal else []
        expected = f"one of {', '.join(allowed)}" if allowed else _in_words(str(error))
        raise ConfigError(f"{name} is {quoted(value)}; expected {expected}") from None


_WORDS = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "str": "text in quotes",
    "array": "a list",
    "object": "a table",
    "null": "nothing",
}


def _in_words(message: str) -> str:
    """Take from an error of msgspec what was expected, such as "a whole number >= 1"."""
    found = re.match(r"Expected (.*?)(?:, got .*)?(?: - at .*)?$", message)
    expected = found.group(1) if found else message
    return re.sub(r"`([^`]*)`", lambda m: _kinds(m.group(1)), expected)


def _kinds(text: str) -> str:
    kinds = [_WORDS.get(kind.strip(), kind.strip()) for kind in text.split("|") if kind.strip() != "null"]
    return " or ".join(kinds)
