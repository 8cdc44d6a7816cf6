"""``challenge compare``: named systems on one split."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from challenge.cli.console import make_table, show, show_json
from challenge.cli.options import CacheOption, ConfigOption, JsonFlag, MpdOption
from challenge.cli.settings import EpochsOption, RunDeviceOption, RunSeedOption, load_config, with_options
from challenge.cli.split import SplitKindName, SplitKindOption
from challenge.errors import ConfigError

if TYPE_CHECKING:
    from challenge.workflows.compare import Comparison


def compare(
    *,
    mpd: MpdOption,
    challenge: Annotated[
        Path | None,
        typer.Option(
            "--challenge",
            metavar="PATH",
            help="Challenge set: with --answers the one to score on, else whose lengths the split follows.",
            show_default=False,
        ),
    ] = None,
    answers: Annotated[
        Path | None,
        typer.Option("--answers", metavar="PATH", help="Held-out tracks of --challenge.", show_default=False),
    ] = None,
    systems: Annotated[
        str, typer.Option("--systems", metavar="A,B,…", help="Which systems to run.")
    ] = "popularity,title,knn,ials,lightgcn,blend,full",
    kind: SplitKindOption = SplitKindName.TUNING,
    draw: Annotated[int, typer.Option("--draw", min=0, metavar="N", help="Number of the tuning split.")] = 0,
    per_category: Annotated[
        int,
        typer.Option("--per-category", min=1, metavar="N", help="Playlists to hold out in each category."),
    ] = 1000,
    model: Annotated[
        Path | None,
        typer.Option(
            "--model",
            metavar="DIR",
            help="Folder of a run on this challenge, whose models and settings to use instead of training.",
            show_default=False,
        ),
    ] = None,
    config: ConfigOption = None,
    cache: CacheOption = None,
    seed: RunSeedOption = None,
    device: RunDeviceOption = None,
    epochs: EpochsOption = None,
    by_category: Annotated[
        bool, typer.Option("--by-category", help="Show each metric by category as well.")
    ] = False,
    json: JsonFlag = False,
) -> None:
    """Run several systems on the same held-out playlists and show their scores in one table.

    Reads the MPD and either a challenge set with its answers, or holds out a split of the MPD itself. Writes
    nothing. A star marks a difference from the best system that chance would make in less than one of twenty
    cases (paired sign-flip test).
    """
    from challenge.recommender import saved_config
    from challenge.run_folder import RunFolder
    from challenge.workflows.compare import compare as compare_systems

    if model is None:
        settings = load_config(config, seed=seed, device=device, epochs=epochs)
    else:
        if config is not None or epochs is not None:
            raise ConfigError("--model has settings of its own; leave out --config and --epochs")
        settings = with_options(saved_config(RunFolder(model).recommender), seed=seed, device=device)
    result = compare_systems(
        mpd,
        settings,
        systems=[name.strip() for name in systems.split(",")],
        challenge=challenge,
        answers=answers,
        kind=kind.value,
        draw=draw,
        per_category=per_category,
        run=model,
        cache=cache,
    )
    if json:
        show_json(_as_dict(result))
    else:
        _show(result, by_category=by_category)


def _as_dict(result: Comparison) -> dict[str, object]:
    return {
        "best": result.best,
        "systems": {name: card.to_dict() for name, card in result.cards.items()},
        "differences": {
            name: {
                category: {metric: vars(found) for metric, found in metrics.items()}
                for category, metrics in categories.items()
            }
            for name, categories in result.differences.items()
        },
    }


def _show(result: Comparison, *, by_category: bool) -> None:
    heads = ("system", "R-precision", "95 %", "NDCG", "95 %", "clicks", "95 %")
    rows = [(name, *_overall(result, name)) for name in result.cards]
    show(make_table(None, heads, rows, left=1))
    if by_category:
        for metric, title in (("r_precision", "R-precision"), ("ndcg", "NDCG"), ("clicks", "clicks")):
            _show_categories(result, metric, title)
    show(f"* differs from {result.best} with p < .05, paired")
    show(f"signature {result.cards[result.best].signature}")


def _overall(result: Comparison, name: str) -> list[str]:
    cells = []
    for metric in ("r_precision", "ndcg", "clicks"):
        estimate, digits = result.cards[name].overall[metric], 3 if metric == "clicks" else 4
        cells.append(f"{estimate.mean:.{digits}f}{_star(result, name, 'all', metric)}")
        cells.append(f"{estimate.low:.{digits}f}–{estimate.high:.{digits}f}")
    return cells


def _show_categories(result: Comparison, metric: str, title: str) -> None:
    digits = 3 if metric == "clicks" else 4
    rows = [
        (
            category.replace("_", " "),
            *(
                f"{card.by_category[category][metric].mean:.{digits}f}{_star(result, name, category, metric)}"
                for name, card in result.cards.items()
            ),
        )
        for category in result.cards[result.best].by_category
    ]
    show(make_table(title, ("category", *result.cards), rows, left=1))


def _star(result: Comparison, name: str, category: str, metric: str) -> str:
    if name == result.best:
        return " "
    return "*" if result.differences[name][category][metric].significant else " "
