"""All settings of a run: defaults, TOML files over them, options of the command line over those.

A table of a file changes what it names and nothing else: every other key keeps the default of its own table.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields, is_dataclass, replace
from pathlib import Path
from typing import Any, Literal, TypeVar, get_type_hints

import msgspec
import tomli_w

from challenge.errors import ConfigError, suggestion
from challenge.inputs import read_regular
from challenge.quoting import printable, quoted
from challenge.ranking.ranker import RankerConfig
from challenge.settings import Settings, convert
from challenge.sources.registry import SourcesConfig
from challenge.sources.tuning import TuningConfig
from challenge.submission.team import TeamInfo
from challenge.types import NonNegativeInt

Config = TypeVar("Config")
_MAX_BYTES = 1 << 18
"""Most that is read of a file of settings; all of them with their defaults take 3,000 bytes."""
_MAX_LINE = 10_000
"""Most characters of a line: reading a dotted key takes the square of its length in memory."""
_MAX_KEY = 80


@dataclass(frozen=True)
class RunConfig(Settings):
    """Settings of a run, saved with its results.

    Attributes:
        team: team name in the submission.
        email: address in the submission.
        seed: of all random draws.
        device: where LightGCN is trained and vectors are searched, ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        ranking: ``learned`` from training queries, or ``blend`` of the sources by their weights.
        sources: where candidates come from.
        tuning: how settings that depend on the size of the data are chosen.
        ranker: the learned ranking.
    """

    team: str = "my team"
    email: str = "team@example.org"
    seed: NonNegativeInt = 0
    device: str = "auto"
    ranking: Literal["learned", "blend"] = "learned"
    sources: SourcesConfig = field(default_factory=SourcesConfig)
    tuning: TuningConfig = field(default_factory=TuningConfig)
    ranker: RankerConfig = field(default_factory=RankerConfig)

    def __post_init__(self) -> None:
        super().__post_init__()
        TeamInfo(self.team, self.email)  # refuses what no submission may say, long before one is written


def load(path: Path, defaults: RunConfig | None = None, *, hint: str | None = None) -> RunConfig:
    """Read settings from a TOML file; keys that are not in it keep their defaults.

    ``hint`` is what to do where there is no such file.

    Raises:
        InputError: no such file, or not a file.
        ConfigError: not TOML, an unknown key (with a suggestion), a value of the wrong type or out of range.
    """
    try:
        text = read_regular(path, limit=_MAX_BYTES, hint=hint).decode()
        longest = max(len(line) for line in text.split("\n"))
        if longest > _MAX_LINE:
            raise ConfigError(f"{path}: a line has {longest:,} characters; expected at most {_MAX_LINE:,}")
        table = tomllib.loads(text)
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not UTF-8 text ({error.reason})") from error
    except RecursionError:
        raise ConfigError(f"{path}: lists or tables are nested too deeply") from None
    except ValueError as error:  # that of a number of thousands of digits too
        raise ConfigError(f"{path}: not TOML: {quoted(str(error), 200)}") from error
    return merge(defaults or RunConfig(), table, where=str(path))


def override(config: Config, changes: Mapping[str, Any], *, where: str = "command line") -> Config:
    """Return ``config`` with dotted keys such as ``"ranker.num_leaves"`` changed; None changes nothing.

    Raises:
        ConfigError: an unknown key, a value of the wrong type or out of range.
    """
    table: dict[str, Any] = {}
    for dotted, value in changes.items():
        *tables, key = dotted.split(".")
        inner = table
        for name in tables:
            inner = inner.setdefault(name, {})
        if value is not None:
            inner[key] = value
    return merge(config, table, where=where)


def dump(config: RunConfig) -> str:
    """Write settings as TOML that :func:`load` reads back as equal ones; keys without value are left out."""
    return tomli_w.dumps(_without_none(as_dict(config)))


def as_dict(config: RunConfig) -> dict[str, Any]:
    """Return settings as nested plain values, tables of sources beside their names as in a file."""
    plain: dict[str, Any] = msgspec.to_builtins(asdict(config))
    settings = plain["sources"].pop("settings")
    return plain | {"sources": plain["sources"] | settings}


def _without_none(table: dict[str, Any]) -> dict[str, Any]:
    return {
        key: _without_none(value) if isinstance(value, dict) else value
        for key, value in table.items()
        if value is not None
    }


def merge(config: Config, table: Mapping[str, Any], *, where: str = "settings") -> Config:
    """Return a dataclass with the keys of nested mappings changed; ``where`` begins each error message.

    Raises:
        ConfigError: an unknown key, a value of the wrong type or out of range.
    """
    merged: Config = _merge(config, table, where, (), dict(_all_keys(config)))
    return merged


def _merge(config: Any, table: Any, where: str, path: tuple[str, ...], keys: dict[str, str]) -> Any:
    if not isinstance(table, Mapping):
        raise ConfigError(f"{where}: {_dotted(path)} is {quoted(table)}; expected a table")
    hints = get_type_hints(type(config), include_extras=True)
    if "modules" in table and isinstance(config, SourcesConfig):  # tables of what they add are known then
        modules = convert(table["modules"], hints["modules"], f"{where}: {_dotted((*path, 'modules'))}")
        config = replace(config, modules=modules)
    members, changed = members_of(config), {}
    for key, value in table.items():
        here = (*path, key)
        if key not in members:
            raise _unknown(here, members, where, keys)
        if is_dataclass(members[key]):
            changed[key] = _merge(members[key], value, where, here, keys)
        else:
            changed[key] = convert(value, hints[key], f"{where}: {_dotted(here)}")
    try:
        return _replace(config, changed)
    except ConfigError as error:
        place = f"[{_dotted(path)}] " if path else ""
        raise ConfigError(f"{where}: {place}{error.message}", hint=error.hint) from error


def _dotted(path: tuple[str, ...]) -> str:
    """A key as it stands in a file, cut where it is very long."""
    return printable(".".join(path)[:_MAX_KEY])


def members_of(config: Any) -> dict[str, Any]:
    """Return the values of a dataclass by key; settings that it holds by name stand beside its fields."""
    own = {each.name: getattr(config, each.name) for each in fields(config)}
    return own | dict(own.pop("settings", {}))


def _replace(config: Any, changed: dict[str, Any]) -> Any:
    if not hasattr(config, "settings"):
        return replace(config, **changed)
    settings = {name: changed.pop(name, default) for name, default in config.settings.items()}
    return replace(config, settings=settings, **changed)


def _all_keys(config: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, str]]:
    """Each key with its dotted name, from last to first, so that the first of equal keys is suggested."""
    for key, value in reversed(members_of(config).items()):
        if is_dataclass(value):
            yield from _all_keys(value, (*path, key))
        yield key, ".".join((*path, key))


def _unknown(
    path: tuple[str, ...], members: Mapping[str, Any], where: str, keys: Mapping[str, str]
) -> ConfigError:
    """Suggest a key of the same table that is spelt alike, or a key of that name in another table."""
    *tables, key = path
    hint = suggestion(key, members)
    if key in keys:
        hint = f"did you mean {keys[key]}?"
    elif hint is not None:
        hint = hint.replace("mean ", "mean " + "".join(f"{table}." for table in tables))
    return ConfigError(
        f"{where}: unknown setting {_dotted(path)}", hint=hint or f"known here: {', '.join(sorted(members))}"
    )
