"""Options that change settings of a run, shared by the commands that take them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

if TYPE_CHECKING:
    from challenge.config import RunConfig

PANEL = "Settings (over --config)"

TeamOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--team",
        metavar="NAME",
        help="Team name in the submission.",
        rich_help_panel=PANEL,
        show_default="my team",
    ),
]
EmailOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--email",
        metavar="ADDRESS",
        help="Contact address in the submission.",
        rich_help_panel=PANEL,
        show_default="team@example.org",
    ),
]
RunSeedOption: TypeAlias = Annotated[
    int | None,
    typer.Option("--seed", min=0, help="Seed of all randomness.", rich_help_panel=PANEL, show_default="0"),
]
RunDeviceOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--device",
        metavar="auto|cpu|cuda",
        help="Where to train LightGCN; auto tells why.",
        rich_help_panel=PANEL,
        show_default="auto",
    ),
]
SourcesOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--sources",
        metavar="A,B,…",
        help="Sources of candidates: neighbours, close_neighbours, cooccurrence, title, title_names, "
        "factors, latent_neighbours, lightgcn, continuation, popularity.",
        rich_help_panel=PANEL,
        show_default="all",
    ),
]
RankingOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--ranking",
        metavar="learned|blend",
        help="Order candidates by a ranker trained on training queries, or by fixed weights.",
        rich_help_panel=PANEL,
        show_default="learned",
    ),
]
EpochsOption: TypeAlias = Annotated[
    int | None,
    typer.Option(
        "--epochs",
        min=0,
        help="Epochs of LightGCN at most.",
        rich_help_panel=PANEL,
        show_default="of the config",
    ),
]
DimOption: TypeAlias = Annotated[
    int | None,
    typer.Option(
        "--dim", min=1, help="LightGCN's embedding size.", rich_help_panel=PANEL, show_default="of the config"
    ),
]
LayersOption: TypeAlias = Annotated[
    int | None,
    typer.Option(
        "--layers", min=0, help="LightGCN's layers.", rich_help_panel=PANEL, show_default="of the config"
    ),
]
StorageOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--storage",
        metavar="fp32|bf16",
        help="Number format of what LightGCN propagates.",
        rich_help_panel=PANEL,
        show_default="fp32",
    ),
]


def load_config(file: Path | None, **options: Any) -> RunConfig:
    """Read the settings file, if any, and let options override it.

    Raises:
        MissingInputError: no such file.
        ConfigError: an unknown setting (with a suggestion) or a value that does not fit.
    """
    from challenge.config import RunConfig
    from challenge.config_file import load_toml, override

    config = RunConfig() if file is None else load_toml(file, RunConfig)
    if options.get("sources") is not None:
        options["sources"] = tuple(name.strip() for name in options["sources"].split(","))
    keys = {
        "sources": "sources.names",
        "epochs": "lightgcn.epochs",
        "dim": "lightgcn.embedding_size",
        "layers": "lightgcn.layers",
        "storage": "lightgcn.storage",
    }
    return override(config, {keys.get(name, name): value for name, value in options.items()})
