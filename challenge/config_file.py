"""Settings: frozen dataclasses to TOML and back.

A nested dataclass is a table, a field a key. Unknown keys, wrong types and values that the dataclass itself
refuses are errors that name the file, the key and what was expected. Fields not in the file keep their
defaults; options of the command line are applied afterwards with :func:`override`.
"""

from __future__ import annotations

import difflib
import tomllib
import types
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass, replace
from enum import Enum
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from challenge.errors import ConfigError, MissingInputError

Config = TypeVar("Config")


def load_toml(path: Path, kind: type[Config]) -> Config:
    """Read a configuration of dataclass ``kind``; keys left out keep their defaults.

    Raises:
        MissingInputError: no such file.
        ConfigError: not TOML, an unknown key (with a suggestion), a value of the wrong type or out of range.
    """
    try:
        table = tomllib.loads(path.read_text("utf-8"))
    except (FileNotFoundError, IsADirectoryError):
        raise MissingInputError(f"{path}: no such file") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not UTF-8 text ({error.reason})") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: not TOML: {error}") from error
    return from_mapping(table, kind, where=str(path))


def from_mapping(table: Mapping[str, Any], kind: type[Config], *, where: str = "configuration") -> Config:
    """Make a ``kind`` from nested mappings; ``where`` begins each error message.

    Raises:
        ConfigError: an unknown or missing key, a value of the wrong type or out of range.
    """
    return cast(Config, _make(table, kind, where, ()))


def override(config: Config, changes: Mapping[str, Any], *, where: str = "command line") -> Config:
    """Return ``config`` with dotted keys such as ``"training.epochs"`` changed; None changes nothing.

    Raises:
        ConfigError: an unknown key, a value of the wrong type or out of range.
    """
    for dotted, value in changes.items():
        if value is not None:
            config = cast(Config, _with(config, tuple(dotted.split(".")), value, where, dotted))
    return config


def dump_toml(config: Any) -> str:
    """Write a configuration as TOML that reads back as an equal one; keys without value are comments."""
    lines: list[str] = []
    _dump(config, (), lines)
    return "\n".join(lines).strip() + "\n"


def _make(table: Any, kind: Any, where: str, path: tuple[str, ...]) -> Any:
    """A dataclass from a table."""
    if not isinstance(table, Mapping):
        raise ConfigError(f"{where}: {_name(path)} is {table!r}; expected a table")
    hints = get_type_hints(kind)
    known = {field.name: field for field in fields(kind) if field.init}
    for key in table:
        _require_known(key, list(known), where, path)
    values = {key: _convert(value, hints[key], where, (*path, key)) for key, value in table.items()}
    for name, field in known.items():
        if name not in values and field.default is MISSING and field.default_factory is MISSING:
            raise ConfigError(f"{where}: {_name((*path, name))} is missing")
    return _build(lambda: kind(**values), where, path)


def _with(config: Any, path: tuple[str, ...], value: Any, where: str, dotted: str) -> Any:
    """``config`` with the field at ``path`` replaced."""
    names = [field.name for field in fields(config)]
    done = tuple(dotted.split("."))[: -len(path)]
    _require_known(path[0], names, where, done)
    if len(path) > 1:
        inner = _with(getattr(config, path[0]), path[1:], value, where, dotted)
    else:
        inner = _convert(value, get_type_hints(type(config))[path[0]], where, (*done, path[0]))
    return _build(lambda: replace(config, **{path[0]: inner}), where, done)


def _build(make: Any, where: str, path: tuple[str, ...]) -> Any:
    """Construct, and let an error of the dataclass's own checks name the place."""
    try:
        return make()
    except ConfigError as error:
        raise ConfigError(f"{where}: {error.message}", hint=error.hint) from error
    except ValueError as error:
        table = f" [{'.'.join(path)}]" if path else ""
        raise ConfigError(f"{where}:{table} {error}") from error


def _require_known(key: str, known: list[str], where: str, path: tuple[str, ...]) -> None:
    """Raise unless ``key`` is among the ``known`` ones."""
    if key in known:
        return
    close = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
    hint = f"did you mean {_name((*path, close[0]))}?" if close else f"known here: {', '.join(sorted(known))}"
    raise ConfigError(f"{where}: unknown setting {_name((*path, key))}", hint=hint)


def _convert(value: Any, kind: Any, where: str, path: tuple[str, ...]) -> Any:
    """A TOML value as the type of its field."""
    origin, args = get_origin(kind), get_args(kind)
    if kind is Any or (is_dataclass(kind) and isinstance(value, cast(type, kind))):
        return value
    if is_dataclass(kind):
        return _make(value, kind, where, path)
    if origin in {Union, types.UnionType}:
        return _convert_union(value, args, where, path)
    if origin is Literal:
        _require(value in args, value, f"one of {', '.join(map(repr, args))}", where, path)
        return value
    if origin is not None or kind is dict:
        return _convert_collection(value, origin or kind, args, where, path)
    return _convert_plain(value, kind, where, path)


def _convert_collection(
    value: Any, origin: Any, args: tuple[Any, ...], where: str, path: tuple[str, ...]
) -> Any:
    """A list, tuple or table of values."""
    if origin not in {tuple, list}:
        _require(isinstance(value, Mapping), value, "a table", where, path)
        part = args[1] if args else Any
        return {key: _convert(item, part, where, (*path, key)) for key, item in value.items()}
    _require(isinstance(value, list | tuple), value, "a list", where, path)
    if origin is tuple and args[-1] is not Ellipsis:
        _require(len(value) == len(args), value, f"a list of {len(args)}", where, path)
        return tuple(_convert(item, part, where, path) for item, part in zip(value, args, strict=True))
    return origin(_convert(item, args[0], where, path) for item in value)


def _convert_union(value: Any, kinds: tuple[Any, ...], where: str, path: tuple[str, ...]) -> Any:
    """The first of several types that fits; an error tells of the last."""
    kinds = tuple(kind for kind in kinds if kind is not types.NoneType or value is None)
    if value is None and types.NoneType in kinds:
        return None
    for kind in kinds[:-1]:
        try:
            return _convert(value, kind, where, path)
        except ConfigError:
            continue
    return _convert(value, kinds[-1], where, path)


def _convert_plain(value: Any, kind: Any, where: str, path: tuple[str, ...]) -> Any:
    """A single value: enum, path, number, truth or text."""
    if issubclass(kind, Enum):
        allowed = [member.value for member in kind]
        _require(value in allowed, value, f"one of {', '.join(map(repr, allowed))}", where, path)
        return kind(value)
    if kind is Path:
        _require(isinstance(value, str | Path), value, "a path in quotes", where, path)
        return Path(value)
    # A truth value is an int to Python, but not to a person.
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if kind is float and number:
        return float(value)
    expected = {int: "a whole number", float: "a number", bool: "true or false", str: "text in quotes"}
    fits = isinstance(value, kind) and (kind is bool or not isinstance(value, bool))
    _require(fits, value, expected.get(kind, kind.__name__), where, path)
    return value


def _require(fits: bool, value: Any, expected: str, where: str, path: tuple[str, ...]) -> None:
    """Raise an error that names the key, what was found and what was expected."""
    if not fits:
        raise ConfigError(f"{where}: {_name(path)} is {value!r}; expected {expected}")


def _name(path: tuple[str, ...]) -> str:
    """The dotted name of a setting."""
    return ".".join(path) or "the file"


def _dump(config: Any, path: tuple[str, ...], lines: list[str]) -> None:
    """Append one table, its own keys before the tables inside it."""
    pairs = [(field.name, getattr(config, field.name)) for field in fields(config) if field.init]
    plain = [(key, value) for key, value in pairs if not is_dataclass(value)]
    if path and plain:
        lines += ["", f"[{'.'.join(path)}]"]
    lines += [
        f"{key} = {_literal(value)}" if value is not None else f"# {key} is not set" for key, value in plain
    ]
    for key, value in pairs:
        if is_dataclass(value):
            _dump(value, (*path, key), lines)


def _literal(value: Any) -> str:
    """A value as TOML."""
    if isinstance(value, Enum):
        return _literal(value.value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_literal, value))}]"
    if isinstance(value, Mapping):
        pairs = (f"{_quoted(str(key))} = {_literal(item)}" for key, item in value.items())
        return f"{{ {', '.join(pairs)} }}" if value else "{}"
    return _quoted(str(value))


def _quoted(text: str) -> str:
    """A basic TOML string."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(_escape(letter) for letter in escaped) + '"'


def _escape(letter: str) -> str:
    """A control character as TOML writes it."""
    return f"\\u{ord(letter):04X}" if ord(letter) < 32 or ord(letter) == 127 else letter
