"""``challenge compare``: two runs or submissions, or named systems on one split."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from challenge import progress
from challenge.cli.console import make_table, seconds_text, show, show_json, size_text
from challenge.cli.metric_text import INTERVAL_NOTE, METRIC_TITLES, estimate_text, mean_text
from challenge.cli.options import CacheOption, ConfigOption, JsonFlag, path_option
from challenge.cli.settings import load_config, with_options, with_settings
from challenge.cli.split import DRAW, KIND, PER_CATEGORY
from challenge.errors import ConfigError
from challenge.evaluation.defaults import CONFIDENCE
from challenge.split.options import SplitKind, SplitOptions
from challenge.workflows.systems import USUAL, require_systems, systems_with

if TYPE_CHECKING:
    from challenge.evaluation.significance import PairedDifference
    from challenge.workflows.compare import Comparison
    from challenge.workflows.runs import RunComparison


@with_settings("seed", "device", "source", "epochs")
def compare(
    context: typer.Context,
    runs: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="RUN_A RUN_B",
            help="Two runs or submission files, instead of --mpd.",
            show_default=False,
        ),
    ] = None,
    *,
    mpd: Annotated[
        Path | None, path_option("mpd", "The MPD to try systems on, in any form that challenge run takes.")
    ] = None,
    challenge: Annotated[
        Path | None,
        path_option(
            "challenge",
            "Challenge set: with --answers the one to score on, else whose lengths the split follows.",
        ),
    ] = None,
    answers: Annotated[Path | None, path_option("answers", "Held-out tracks.")] = None,
    systems: Annotated[
        str,
        typer.Option(
            "--systems", metavar="A,B,…", help="Which systems to run; a source's name means it alone."
        ),
    ] = ",".join(USUAL),
    kind: Annotated[SplitKind | None, KIND] = None,
    draw: Annotated[int | None, DRAW] = None,
    per_category: Annotated[int | None, PER_CATEGORY] = None,
    model: Annotated[
        Path | None,
        path_option(
            "model",
            "Folder of a run on this challenge, whose models and settings to use instead of training.",
            metavar="DIR",
        ),
    ] = None,
    config: ConfigOption = None,
    cache: CacheOption = None,
    by_category: Annotated[
        bool, typer.Option("--by-category", help="Show each metric by category as well.")
    ] = False,
    json: JsonFlag = False,
    **changes: Any,
) -> None:
    """Compare two runs or submissions, or train several systems and compare them on the same playlists.

    With RUN_A RUN_B it shows what the second has over the first, by category, and the settings that differ.
    Reads the scores of each playlist that the runs keep or, for other answers and any submission file,
    --answers. No other option but --json goes with them.

    With --mpd it trains systems. Reads the MPD and either a challenge set with its answers, or holds out a
    split of the MPD itself. Writes nothing. A star marks a difference that a paired
    sign-flip test calls significant.
    """
    from challenge.recommender import saved_config
    from challenge.run_folder import RunFolder
    from challenge.workflows.compare import compare as compare_systems

    if runs:
        _compare_runs(context, runs, answers, json=json)
        return
    if mpd is None:
        hint = "challenge compare RUN_A RUN_B compares two runs, challenge compare --mpd PATH trains systems"
        raise ConfigError("nothing to compare: neither two runs nor --mpd are named", hint=hint)
    chosen = {"kind": kind, "draw": draw, "per_category": per_category}
    given = {name: value for name, value in chosen.items() if value is not None}
    if model is None:
        settings = load_config(config, **changes)
    else:
        if config is not None or changes["epochs"] is not None or changes["source"] is not None:
            raise ConfigError("--model has settings of its own; leave out --config, --source and --epochs")
        settings = with_options(saved_config(RunFolder(model).recommender), **changes)
    named = [name.strip() for name in systems.split(",") if name.strip()]
    names = require_systems(named, systems_with(settings.sources.settings))
    result = compare_systems(
        mpd,
        settings,
        systems=names,
        challenge=challenge,
        answers=answers,
        split=replace(SplitOptions(seed=settings.seed), **given) if given else None,  # type: ignore[arg-type]
        run=model,
        cache=cache,
    )
    if json:
        show_json(_as_dict(result))
    else:
        _show(result, by_category=by_category)


def _compare_runs(context: typer.Context, paths: list[Path], answers: Path | None, *, json: bool) -> None:
    from challenge.workflows.runs import compare_runs

    fitting = ("runs", "answers", "json", "quiet", "threads", "traceback")
    others = [
        f"--{name.replace('_', '-')}"
        for name in context.params
        if name not in fitting and str(context.get_parameter_source(name)).endswith("COMMANDLINE")
    ]
    if others:
        hint = "leave them out, or the runs"
        raise ConfigError(f"{', '.join(others)}: of no use where two runs are compared", hint=hint)
    result = compare_runs(paths, answers=answers)
    if json:
        show_json(
            {
                "runs": {str(path): card.to_dict() for path, card in zip(paths, result.cards, strict=True)},
                "differences": _plain(result.differences),
                "conditions": result.conditions,
            }
        )
    else:
        _show_runs([str(path) for path in paths], result)


def _show_runs(names: list[str], result: RunComparison) -> None:
    titles = [f"{title} ±" for title in METRIC_TITLES.values()]
    means = [
        (f"{letter} {name}", *(estimate_text(metric, card.overall[metric]) for metric in METRIC_TITLES))
        for letter, name, card in zip("AB", names, result.cards, strict=True)
    ]
    show(make_table(None, ("run", *titles), means))
    rows = [
        (
            category.replace("_", " "),
            *(
                estimate_text(m, found[m].difference, "*" if found[m].significant else " ", signed=True)
                for m in METRIC_TITLES
            ),
        )
        for category, found in result.differences.items()
    ]
    show(make_table("What B has over A", ("category", *titles), rows))
    show(INTERVAL_NOTE)
    show(f"* p < {1 - CONFIDENCE:.2g}, paired sign-flip test")
    show(f"signature {result.cards[0].signature}")
    for each in result.conditions or ():
        show(f"differs: {each.what}: {each.then} → {each.now}")
    for note in dict.fromkeys(note for card in result.cards for note in card.notes):
        progress.message(f"Note: {note}")


def _plain(differences: dict[str, dict[str, PairedDifference]]) -> dict[str, object]:
    return {
        category: {metric: vars(found) for metric, found in metrics.items()}
        for category, metrics in differences.items()
    }


def _as_dict(result: Comparison) -> dict[str, object]:
    return {
        "best": result.best,
        "costs": {name: vars(cost) for name, cost in result.costs.items()},
        "seconds_per_epoch": result.seconds_per_epoch,
        "systems": {name: card.to_dict() for name, card in result.cards.items()},
        "differences": {name: _plain(found) for name, found in result.differences.items()},
    }


def _show(result: Comparison, *, by_category: bool) -> None:
    rows = [(name, *_overall(result, name)) for name in result.cards]
    show(make_table(None, ("system", *(f"{title} ±" for title in METRIC_TITLES.values())), rows))
    if by_category:
        for metric, title in METRIC_TITLES.items():
            _show_categories(result, metric, title)
    if result.costs:
        epochs = {name.replace("_", " "): text for name, text in result.seconds_per_epoch.items()}
        costs = [
            (name, seconds_text(cost.seconds), size_text(cost.peak_bytes), _seconds(epochs.get(name)))
            for name, cost in result.costs.items()
        ]
        show(make_table("fitting", ("", "time", "peak memory", "an epoch"), costs, left=1))
    show(INTERVAL_NOTE)
    if len(result.cards) > 1:
        show(f"* differs from {result.best} with p < {1 - CONFIDENCE:.2g}, paired sign-flip test")
    show(f"signature {result.cards[result.best].signature}")


def _seconds(seconds: float | None) -> str:
    return "" if seconds is None else seconds_text(seconds)


def _overall(result: Comparison, name: str) -> list[str]:
    overall = result.cards[name].overall
    return [
        estimate_text(metric, overall[metric], _star(result, name, "all", metric)) for metric in METRIC_TITLES
    ]


def _show_categories(result: Comparison, metric: str, title: str) -> None:
    rows = [
        (
            category.replace("_", " "),
            *(
                mean_text(metric, card.by_category[category][metric].mean)
                + _star(result, name, category, metric)
                for name, card in result.cards.items()
            ),
        )
        for category in result.cards[result.best].by_category
    ]
    # Each cell ends with a star or a blank, so one more blank is gap enough, and seven systems fit.
    show(make_table(title, ("category", *result.cards), rows, gap=1))


def _star(result: Comparison, name: str, category: str, metric: str) -> str:
    if name == result.best:
        return " "
    return "*" if result.differences[name][category][metric].significant else " "
