"""Every setting with its default, range and meaning, read from the dataclasses and their docstrings."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from dataclasses import is_dataclass
from typing import Any, Final, Literal, NamedTuple, get_args, get_origin, get_type_hints

from msgspec import Meta

from challenge.config import RunConfig, members_of
from challenge.sources.base import Source

_LARGE: Final = 10**9
"""An upper limit from here on only keeps arithmetic sound, and is not told."""


class Setting(NamedTuple):
    """A setting: its table and key in a file, its value, what it means, and which values it may have."""

    table: str
    key: str
    value: Any
    meaning: str
    allowed: str

    @property
    def name(self) -> str:
        """Table and key with a dot between, as errors and manifests name it."""
        return f"{self.table}.{self.key}" if self.table else self.key

    @property
    def explained(self) -> str:
        """The meaning with what is allowed, as one sentence without its stop."""
        meaning = self.meaning.rstrip(".")
        return f"{meaning} ({self.allowed})" if self.allowed else meaning


def list_settings(config: RunConfig | None = None) -> list[Setting]:
    """List every setting of every table, sources not in use included; by default the defaults."""
    return list(_settings(config or RunConfig(), ""))


def same_kind(settings: list[Setting], table: str) -> str | None:
    """Name the table before ``table`` that has the same keys with the same meaning, if there is one."""
    keys: dict[str, list[tuple[str, str]]] = {}
    for each in settings:
        keys.setdefault(each.table, []).append((each.key, each.meaning))
    earlier = list(keys)[: list(keys).index(table)]
    return next((name for name in earlier if keys[name] == keys[table]), None)


def value_text(value: Any) -> str:
    """Write a value as TOML does, without the quotes and brackets."""
    if isinstance(value, tuple | list):
        return ", ".join(map(value_text, value))
    return str(value).lower() if isinstance(value, bool | None) else str(value)


def _settings(config: Any, table: str) -> Iterator[Setting]:
    hints, meanings = get_type_hints(type(config), include_extras=True), _meanings(type(config))
    inner = {}
    for key, value in members_of(config).items():
        if is_dataclass(value):
            inner[f"{table}.{key}" if table else key] = value
        else:
            meaning, allowed = meanings.get(key, ""), _allowed(hints[key])
            told = get_origin(hints[key]) is Literal and all(
                str(each) in meaning for each in get_args(hints[key])
            )
            yield Setting(table, key, value, meaning, "" if told else allowed)
    for name, value in inner.items():
        yield from _settings(value, name)


def _meanings(kind: type) -> dict[str, str]:
    """What the "Attributes" sections of a class and its bases, or else of every source, say of each field."""
    found = {name: inspect.getdoc(getattr(Source, name)) or "" for name in ("num_candidates", "weight")}
    found = {name: text[:1].lower() + text[1:] for name, text in found.items()}
    for each in reversed(kind.__mro__):
        _, _, section = inspect.cleandoc(each.__doc__ or "").partition("Attributes:\n")
        for match in re.finditer(r"^    (\w[\w, ]*): (.*(?:\n     .*)*)", section, re.M):
            found |= dict.fromkeys(match[1].split(", "), " ".join(match[2].split()))
    return {name: re.sub(r":\w+:`|`+", "", text) for name, text in found.items()}


def _allowed(hint: Any) -> str:
    """The values that a type admits, in words; empty where all of the kind of the default are."""
    if get_origin(hint) is Literal:
        return " or ".join(map(str, get_args(hint)))
    for meta in (each for each in getattr(hint, "__metadata__", ()) if isinstance(each, Meta)):
        low, high = (meta.ge if meta.gt is None else meta.gt), (meta.le if meta.lt is None else meta.lt)
        least = "" if low is None else f"{'above' if meta.gt is not None else 'at least'} {low:g}"
        if high is None or high >= _LARGE:
            return least
        return f"{low:g} to {high:,.10g}" if meta.gt is None else f"{least}, at most {high:,g}"
    return ""
