"""Sources from outside the package: installed ones by entry point, others by module and factory."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import is_dataclass
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Final, cast

from challenge import progress
from challenge.errors import ConfigError
from challenge.sources.base import Source

GROUP: Final = "challenge.sources"
"""The group of entry points: name = module:factory, the factory called without arguments."""


@cache
def installed_sources(taken: frozenset[str] = frozenset()) -> dict[str, Source]:
    """Return the sources that installed packages offer, by name; what does not work is told and left out.

    So is a source whose name is ``taken``.
    """
    found: dict[str, Source] = {}
    for entry in sorted(entry_points(group=GROUP), key=lambda each: each.name):
        try:
            if entry.name in taken or entry.name in found:
                raise ConfigError(f"the name {entry.name} is taken")
            found[entry.name] = _made(entry.name, entry.load())
        except Exception as error:  # whatever somebody else's package may raise
            progress.message(f"source {entry.name} ({entry.value}) is left out: {error!r}")
    return found


def named_source(spec: str) -> tuple[str, Source]:
    """Return name and source of ``module:factory`` or ``name=module:factory``; the current folder counts.

    Raises:
        ConfigError: it cannot be imported, or makes no source.
    """
    name, _, target = spec.rpartition("=")
    module, _, factory = target.partition(":")
    if not module or not factory:
        raise ConfigError(f"source {spec!r}: expected module:factory or name=module:factory")
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.append(here)
    try:
        return name or factory, _made(name or factory, getattr(import_module(module), factory))
    except ConfigError:
        raise
    except Exception as error:  # whatever somebody else's module may raise
        raise ConfigError(f"source {spec!r}: cannot be imported: {error!r}") from error


def _made(name: str, factory: Callable[[], Any]) -> Source:
    source = factory()
    if not is_dataclass(source) or isinstance(source, type):
        raise ConfigError(f"source {name}: expected a dataclass of its settings, found {source!r}")
    missing = [each for each in ("num_candidates", "weight", "fit") if not hasattr(source, each)]
    if missing:
        raise ConfigError(f"source {name}: {type(source).__name__} has no {', '.join(missing)}")
    if not name.isidentifier():
        raise ConfigError(f"source {name!r}: expected a name of letters, digits and underscores")
    return cast(Source, source)
