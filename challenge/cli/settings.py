"""``challenge settings``, and the options that change settings, shared by the commands that take them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, NamedTuple

import typer

from challenge.cli.console import make_table, show, show_json
from challenge.cli.options import JsonFlag
from challenge.errors import ConfigError, suggestion
from challenge.presets import PRESETS, settings_file

if TYPE_CHECKING:
    from challenge.config import RunConfig
    from challenge.setting_list import Setting

PANEL: Final = "Settings (over --config)"


class SettingOption(NamedTuple):
    """An option that changes a setting: the setting's dotted key, and the option's type, help and limits."""

    key: str
    kind: type
    help: str
    limits: dict[str, Any]

    def annotation(self, name: str) -> Any:
        """Return the type of a command's parameter for it."""
        option = typer.Option(f"--{name}", help=self.help, rich_help_panel=PANEL, **self.limits)
        return Annotated[self.kind | None, option]


SETTINGS: Final = {
    "team": SettingOption("team", str, "Team name in the submission.", {"metavar": "NAME"}),
    "email": SettingOption("email", str, "Contact address in the submission.", {"metavar": "ADDRESS"}),
    "seed": SettingOption("seed", int, "Seed of all random draws.", {"min": 0}),
    "device": SettingOption(
        "device",
        str,
        "Where to train LightGCN; auto takes a GPU where there is one, and tells why not.",
        {"metavar": "auto|cpu|cuda"},
    ),
    "sources": SettingOption(
        "sources.names", str, "Sources of candidates, in the order of their features.", {"metavar": "A,B,…"}
    ),
    "source": SettingOption(
        "sources.modules",
        str,
        "Sources of your own beside these, as [NAME=]MODULE:FACTORY.",
        {"metavar": "A,B,…"},
    ),
    "ranking": SettingOption(
        "ranking",
        str,
        "Order candidates by a ranker that learns from training queries, or by fixed weights.",
        {"metavar": "learned|blend"},
    ),
    "epochs": SettingOption("sources.lightgcn.epochs", int, "Epochs of LightGCN at most.", {"min": 0}),
    "dim": SettingOption("sources.lightgcn.embedding_size", int, "LightGCN's embedding size.", {"min": 1}),
    "layers": SettingOption("sources.lightgcn.layers", int, "LightGCN's layers.", {"min": 0}),
    "storage": SettingOption(
        "sources.lightgcn.storage",
        str,
        "Number format of what LightGCN propagates.",
        {"metavar": "fp32|bf16"},
    ),
}
"""By the name of the option."""


def with_settings(*names: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command the options of these settings; it takes them as ``**changes``, None where not given."""

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        signature = inspect.signature(command, eval_str=True)
        own = [each for each in signature.parameters.values() if each.kind is not each.VAR_KEYWORD]
        added = [
            inspect.Parameter(
                name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=SETTINGS[name].annotation(name)
            )
            for name in names
        ]
        command.__signature__ = signature.replace(parameters=[*own, *added])  # type: ignore[attr-defined]
        return command

    return decorate


def show_defaults(parameters: Iterable[Any]) -> None:
    """Let the help of these options show the defaults of the settings, which are slow to import."""
    mine = [each for each in parameters if getattr(each, "rich_help_panel", None) == PANEL]
    if not mine:
        return
    from challenge.config import RunConfig, as_dict

    for parameter in mine:
        value: Any = as_dict(RunConfig())
        for name in SETTINGS[parameter.name].key.split("."):
            value = value[name]
        if isinstance(value, list | tuple):
            value = f"all of {', '.join(value)}" if value else "none"
        parameter.show_default = str(value)


def settings(
    table: Annotated[
        str | None,
        typer.Argument(metavar="TABLE", help="One table of them, such as ranker.", show_default="all"),
    ] = None,
    *,
    preset: Annotated[
        str | None,
        typer.Option(
            "--preset",
            metavar="NAME",
            help=f"Print this preset as TOML: {', '.join(PRESETS)}.",
            show_default=False,
        ),
    ] = None,
    json: JsonFlag = False,
) -> None:
    """List every setting with its default and meaning, or print a preset, to begin a file of one's own with.

    Reads nothing and writes nothing. A preset's name may stand wherever --config takes a file.
    """
    from challenge.setting_list import list_settings

    if preset is not None:
        _show_preset(preset, json=json)
        return
    found = list_settings()
    tables = {each.table for each in found}
    if table is not None and table.removeprefix("sources.") not in {
        each.removeprefix("sources.") for each in tables
    }:
        raise ConfigError(f"no table {table} of settings", hint=suggestion(table, tables - {""}))
    if table is not None:
        found = [each for each in found if each.table in (table, f"sources.{table}")]
    if json:
        show_json([{"name": each.name, **each._asdict()} for each in found])
        return
    for name in dict.fromkeys(each.table for each in found):
        _show_settings(name, found)


def _show_preset(name: str, *, json: bool) -> None:
    if name not in PRESETS:
        raise ConfigError(
            f"no preset {name}", hint=suggestion(name, PRESETS) or f"there are {', '.join(PRESETS)}"
        )
    text = PRESETS[name].read_text("utf-8")
    if json:
        import tomllib

        show_json(tomllib.loads(text))
    else:
        show(*text.splitlines())


def _show_settings(table: str, all_settings: list[Setting]) -> None:
    from challenge.setting_list import same_kind, value_text

    mine = [each for each in all_settings if each.table == table]
    like, title = same_kind(all_settings, table), f"[{table}]" if table else "before any table"
    if like is not None:
        title += f" as [{like}], but for these"
        usual = {each.key: each.value for each in all_settings if each.table == like}
        mine = [each for each in mine if each.value != usual[each.key]]
    rows = [(each.key, value_text(each.value), each.explained) for each in mine]
    shown = make_table(title, ("setting", "default", "meaning"), rows, left=3)
    shown.columns[0].no_wrap = True
    shown.columns[1].max_width = 18
    show(shown)


def load_config(file: Path | None, **options: Any) -> RunConfig:
    """Read the settings file or preset, if any, and let options override it; see :func:`with_options`.

    Raises:
        MissingInputError: no such file.
        ConfigError: an unknown setting (with a suggestion) or a value that does not fit.
    """
    from challenge.config import RunConfig, load

    if file is None:
        return with_options(RunConfig(), **options)
    file = settings_file(file)
    # The file may hold settings of a source that only an option names.
    defaults = with_options(RunConfig(), source=options.get("source"))
    hint = f"name a TOML file, or one of the presets {', '.join(PRESETS)}"
    return with_options(load(file, defaults, hint=hint), **options)


def with_options(config: RunConfig, **options: Any) -> RunConfig:
    """Change the settings that options of the command line name; those that are None change nothing.

    Raises:
        ConfigError: a value that does not fit.
    """
    from challenge.config import override

    for name in ("sources", "source"):
        if options.get(name) is not None:
            options[name] = [each.strip() for each in options[name].split(",")]
    return override(config, {SETTINGS[name].key: value for name, value in options.items()})
