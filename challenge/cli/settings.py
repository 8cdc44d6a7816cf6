"""Options that change settings of a run, shared by the commands that take them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeAlias

import typer

if TYPE_CHECKING:
    from challenge.config import RunConfig

PANEL: Final = "Settings (over --config)"

KEYS: Final = {
    "team": "team",
    "email": "email",
    "seed": "seed",
    "device": "device",
    "ranking": "ranking",
    "sources": "sources.names",
    "epochs": "sources.lightgcn.epochs",
    "dim": "sources.lightgcn.embedding_size",
    "layers": "sources.lightgcn.layers",
    "storage": "sources.lightgcn.storage",
}
"""The setting that each option changes."""


def show_defaults(parameters: Iterable[Any]) -> None:
    """Let the help of these options show the defaults of the settings, which are slow to import."""
    mine = [each for each in parameters if getattr(each, "rich_help_panel", None) == PANEL]
    if not mine:
        return
    from challenge.config import RunConfig, as_dict

    for parameter in mine:
        value: Any = as_dict(RunConfig())
        for name in KEYS[parameter.name].split("."):
            value = value[name]
        parameter.show_default = (
            "all of " + ", ".join(value) if isinstance(value, list | tuple) else str(value)
        )


def _option(name: str, help_text: str, **settings: Any) -> Any:
    return typer.Option(f"--{name}", help=help_text, rich_help_panel=PANEL, **settings)


TeamOption: TypeAlias = Annotated[str | None, _option("team", "Team name in the submission.", metavar="NAME")]
EmailOption: TypeAlias = Annotated[
    str | None, _option("email", "Contact address in the submission.", metavar="ADDRESS")
]
RunSeedOption: TypeAlias = Annotated[int | None, _option("seed", "Seed of all random draws.", min=0)]
RunDeviceOption: TypeAlias = Annotated[
    str | None, _option("device", "Where to train LightGCN; auto tells why.", metavar="auto|cpu|cuda")
]
SourcesOption: TypeAlias = Annotated[
    str | None, _option("sources", "Sources of candidates, in the order of their features.", metavar="A,B,…")
]
RankingOption: TypeAlias = Annotated[
    str | None,
    _option(
        "ranking",
        "Order candidates by a ranker that learns from training queries, or by fixed weights.",
        metavar="learned|blend",
    ),
]
EpochsOption: TypeAlias = Annotated[int | None, _option("epochs", "Epochs of LightGCN at most.", min=0)]
DimOption: TypeAlias = Annotated[int | None, _option("dim", "LightGCN's embedding size.", min=1)]
LayersOption: TypeAlias = Annotated[int | None, _option("layers", "LightGCN's layers.", min=0)]
StorageOption: TypeAlias = Annotated[
    str | None,
    _option("storage", "Number format of what LightGCN propagates.", metavar="fp32|bf16"),
]


def load_config(file: Path | None, **options: Any) -> RunConfig:
    """Read the settings file, if any, and let options override it; see :func:`with_options`.

    Raises:
        MissingInputError: no such file.
        ConfigError: an unknown setting (with a suggestion) or a value that does not fit.
    """
    from challenge.config import RunConfig, load

    return with_options(RunConfig() if file is None else load(file), **options)


def with_options(config: RunConfig, **options: Any) -> RunConfig:
    """Change the settings that options of the command line name; those that are None change nothing.

    Raises:
        ConfigError: a value that does not fit.
    """
    from challenge.config import override

    if options.get("sources") is not None:
        options["sources"] = [name.strip() for name in options["sources"].split(",")]
    return override(config, {KEYS[name]: value for name, value in options.items()})
