"""Writes the pages of docs/reference from the code: the command line, the settings, the Python interface.

Run by ``make docs``; a test compares the pages with what the code says.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, get_args, get_type_hints

from rich.text import Text
from typer.main import get_command

import challenge
from challenge.cli.app import COMMANDS, build_app
from challenge.cli.errors import EXIT_CODES
from challenge.cli.settings import PANEL, SETTINGS, show_defaults
from challenge.data.catalog import Catalog
from challenge.data.dataset import Queries
from challenge.data.playlists import Playlists
from challenge.lightgcn.embeddings import Embeddings
from challenge.manifest import Manifest, Private
from challenge.mpd.store import StoreManifest
from challenge.presets import PRESETS
from challenge.recommender import RecommenderFacts
from challenge.setting_list import list_settings, same_kind, value_text
from challenge.sources.held_columns import HeldColumns
from challenge.sources.ials import IalsArrays
from challenge.sources.postings import PlaylistIndex

FOLDER: Final = Path(__file__).parent / "reference"
_MADE: Final = "<!-- Made from the code by make docs; change the code instead. -->\n"
_RECORDS: Final = {
    "manifest.json of a run": (Manifest,),
    "private.json of a run": (Private,),
    "manifest.json of a store": (StoreManifest,),
    "recommender.json of a recommender": (RecommenderFacts,),
    "Arrays of a store and a recommender": (Playlists, Catalog, Queries),
    "Arrays of a recommender alone": (PlaylistIndex, HeldColumns, IalsArrays, Embeddings),
}
_LINE: Final = 88
"""Longest signature that stands on one line."""
_SECTION: Final = re.compile(r"^(Args|Attributes|Raises):\n((?:    .*(?:\n|$)|\n)*)", re.MULTILINE)


def pages() -> dict[str, str]:
    """Text of each page by the name of its file."""
    made = {"cli": _command_line(), "settings": _settings(), "python": _python(), "records": _records()}
    text = {f"{name}.md": "\n".join(lines).strip() for name, lines in made.items()}
    return {name: _MADE + re.sub(r"\n{3,}", "\n\n", each) + "\n" for name, each in text.items()}


def _command_line() -> Iterator[str]:
    commands: dict[str, Any] = get_command(build_app()).commands  # type: ignore[attr-defined]
    yield "# Command line\n\n`challenge COMMAND --help` shows the same. Options that"
    yield "[all commands share](#shared-by-all-commands) stand at the end. The commands by purpose:\n"
    for heading in dict.fromkeys(COMMANDS.values()):
        names = (f"[{name}](#challenge-{name})" for name in COMMANDS if COMMANDS[name] == heading)
        yield f"- {heading}: {', '.join(names)}"
    for name in COMMANDS:
        yield from _command(name, commands[name])
    shared = [each for each in commands["run"].params if each.rich_help_panel == "Shared"]
    yield "\n## Shared by all commands\n"
    yield from _table(("option", "meaning", "default"), map(_option, shared))
    yield "\n## Exit codes\n"
    yield from _table(("code", "meaning"), ((str(code), meaning) for code, meaning in EXIT_CODES.items()))


def _command(name: str, command: Any) -> Iterator[str]:
    show_defaults(command.params)
    arguments = [each for each in command.params if each.param_type_name == "argument"]
    words = [each.metavar if each.required else f"[{each.metavar}]" for each in arguments]
    yield f"\n## challenge {name}\n\n{Text.from_markup(command.help).plain}\n"
    yield f"```text\nchallenge {' '.join([name, *words, '[OPTIONS]'])}\n```\n"
    of_settings = [each for each in command.params if each.rich_help_panel == PANEL]
    own = [each for each in command.params if each.rich_help_panel is None]
    yield from _table(("argument or option", "meaning", "default"), map(_option, own))
    if of_settings:
        yield "\nOptions that change [settings](settings.md), over `--config`:\n"
        yield from _table(("option", "meaning", "default"), map(_option, of_settings))


def _option(parameter: Any) -> tuple[str, str, str]:
    """Name, meaning and default of a parameter, as cells of a table."""
    plain = parameter.is_flag if parameter.param_type_name == "option" else True
    word = "" if plain else f" {parameter.metavar or 'N'}"
    names = "/".join([", ".join(sorted(parameter.opts, key=len)), *parameter.secondary_opts])
    if parameter.param_type_name == "argument":
        names = parameter.metavar
    default = parameter.show_default if isinstance(parameter.show_default, str) else parameter.default
    if parameter.required:
        default = "required"
    elif default is None or default is False or default in ("", ()):
        default = ""
    return f"`{names}{word}`", Text.from_markup(parameter.help or "").plain, _default(default)


def _default(value: Any) -> str:
    return "yes" if value is True else str(value)


def _settings() -> Iterator[str]:
    found = list_settings()
    options = {each.key: f"`--{name}`" for name, each in SETTINGS.items()}
    yield "# Settings\n\nOf a TOML file for `--config`, with the option that changes each where there is one."
    yield "`challenge settings` shows the same.\n"
    for table in dict.fromkeys(each.table for each in found):
        mine, like = [each for each in found if each.table == table], same_kind(found, table)
        yield f"\n## {f'[{table}]' if table else 'Before any table'}\n"
        if like is not None:
            usual = {each.key: each.value for each in found if each.table == like}
            mine = [each for each in mine if each.value != usual[each.key]]
            yield f"As `[{like}]`, but for these:\n"
        rows = (
            (f"`{each.key}`", value_text(each.value), each.explained, options.get(each.name, ""))
            for each in mine
        )
        yield from _table(("setting", "default", "meaning", "option"), rows)
    yield "\n## Presets\n"
    yield "`--config NAME` takes one as it is, `challenge settings --preset NAME` prints it.\n"
    for name, path in PRESETS.items():
        yield f"`{name}`:\n\n```toml\n{path.read_text('utf-8').strip()}\n```\n"


def _python() -> Iterator[str]:
    yield "# Python\n\nWhat `import challenge` offers; each name is imported when it is first asked for.\n"
    names = [name for name in challenge.__all__ if not name.startswith("__")]
    inside = [name for name in names if getattr(challenge, name).__module__.startswith("challenge.sources")]
    outside = [name for name in names if name not in inside]
    for purpose, some in (("To recommend, check and score", outside), ("To write a source", inside)):
        yield f"- {purpose}: " + ", ".join(f"[`{name}`](#{name.lower()})" for name in some)
    for name in [*outside, *inside]:
        value = getattr(challenge, name)
        yield f"\n## {name}\n"
        yield from _described(f"challenge.{name}", value)
        if inspect.isclass(value):
            for member, each in vars(value).items():
                call = each.__func__ if isinstance(each, classmethod | staticmethod) else each
                if not member.startswith("_") and inspect.isfunction(call):
                    yield f"\n### {name}.{member}\n"
                    yield from _described(f"{name}.{member}", getattr(value, member))
                elif not member.startswith("_") and _is_computed(each):
                    yield f"\n`{name}.{member}`: {_prose(inspect.getdoc(each) or '')}"


def _records() -> Iterator[str]:
    yield "# Records\n\nFields of kept JSON files, and arrays; [formats](../formats.md) has the rest."
    yield "Each of the JSON files has its own SHA-256 under `sha256` too."
    for title, kinds in _RECORDS.items():
        yield f"\n## {title}"
        for each in dict.fromkeys(each for kind in kinds for each in _kinds(kind)):
            yield f"\n### {each.__name__}\n\n{_prose(inspect.getdoc(each) or '')}"


def _kinds(kind: Any) -> Iterator[type]:
    """The class of a record, its bases, and those of the records in it."""
    own = getattr(kind, "__module__", "").startswith("challenge.") and isinstance(kind, type)
    if own:
        yield from (each for each in kind.__mro__ if each.__module__.startswith("challenge."))
    inner = get_type_hints(kind).values() if own else get_args(kind)
    for each in inner:
        yield from _kinds(each)


def _is_computed(member: object) -> bool:
    return isinstance(member, property) or type(member).__name__ == "cached_property"


def _described(name: str, value: Any) -> Iterator[str]:
    signature = inspect.signature(value)
    parameters = [each for each in signature.parameters.values() if each.name != "self"]
    returned = signature.return_annotation
    end = "" if returned in (None, "None", signature.empty) else f" -> {returned}"
    lines = list(_parameters(parameters))
    call = f"{name}({', '.join(lines)}){end}"
    if len(call) > _LINE:
        call = f"{name}(\n" + "".join(f"    {line},\n" for line in lines) + f"){end}"
    yield f"```text\n{call}\n```\n"
    yield _prose(inspect.getdoc(value) or "")


def _parameters(parameters: list[inspect.Parameter]) -> Iterator[str]:
    """Parameters as they are written, one a line."""
    starred = False
    for each in parameters:
        if each.kind is each.KEYWORD_ONLY and not starred:
            starred = True
            yield "*"
        default = "…" if "factory" in str(each.default) else repr(each.default)
        yield f"{each.name}: {each.annotation}" + ("" if each.default is each.empty else f" = {default}")


def _prose(docstring: str) -> str:
    """A docstring as Markdown: sections as lists, roles as code."""
    plain = re.sub(r":\w+:`~?([^`]+)`", r"`\1`", docstring.replace("``", "`"))
    return _SECTION.sub(lambda found: f"{found[1]}:\n\n{_items(found[2])}\n\n", plain).strip()


def _items(block: str) -> str:
    found = re.findall(r"^    (\S.*(?:\n {5,}.*)*)", block, re.MULTILINE)
    return "\n".join("- " + re.sub(r"^([\w, ]+):", r"`\1`:", " ".join(each.split())) for each in found)


def _table(heads: tuple[str, ...], rows: Any) -> Iterator[str]:
    yield "| " + " | ".join(heads) + " |\n|" + "---|" * len(heads)
    for row in rows:
        yield "| " + " | ".join(re.sub(r"([|<])", r"\\\1", cell) for cell in row) + " |"


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for page, text in pages().items():
        (FOLDER / page).write_text(text, "utf-8")
