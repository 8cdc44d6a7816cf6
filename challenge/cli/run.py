"""``challenge run``: the whole path."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from challenge import processes as group
from challenge.cli import options
from challenge.cli.console import cost_table, make_table, show, show_json, size_text
from challenge.cli.settings import SETTINGS, load_config, with_settings

if TYPE_CHECKING:
    from challenge.workflows.run import RunResult


@with_settings(*SETTINGS)
def run(
    *,
    mpd: options.MpdOption,
    challenge: options.ChallengeOption,
    output: options.OutputOption,
    config: options.ConfigOption = None,
    answers: Annotated[
        Path | None, options.path_option("answers", "Held-out tracks, to score the result.")
    ] = None,
    cache: options.CacheOption = None,
    resume: options.ResumeFlag = False,
    processes: options.ProcessesOption = 1,
    json: options.JsonFlag = False,
    **changes: Any,
) -> None:
    """Make a validated submission from the official files: prepare, train, fill and validate.

    Reads the MPD and the challenge set. Writes DIR/submission.csv.gz, DIR/manifest.json (settings, input
    hashes, seconds and memory of each stage), DIR/validation.json, DIR/recommender/ and, with --answers,
    DIR/scorecard.json. A second run on the same MPD starts from its store.
    """
    from challenge.workflows.run import run as run_all
    from challenge.workflows.together import assist

    settings = load_config(config, **changes)
    group.start(processes)
    if group.rank() > 0:
        assist(mpd, challenge, output, settings, cache=cache, resume=resume)
        return
    result = run_all(mpd, challenge, output, settings, cache=cache, answers=answers, resume=resume)
    if json:
        show_json(summary(result))
    else:
        _show(result)


def summary(result: RunResult) -> dict[str, object]:
    """What a script wants to know of a run."""
    return {
        "output": str(result.output),
        "submission": str(result.fill.submission),
        "playlists": result.fill.n_playlists,
        "sources": result.fill.sources,
        "device": result.manifest.device,
        "stages": {name: vars(cost) for name, cost in result.manifest.profile.stages.items()},
        "sections": {
            stage: {name: vars(cost) for name, cost in sections.items()}
            for stage, sections in result.manifest.profile.sections.items()
        },
        "scorecard": result.scorecard.to_dict() if result.scorecard else None,
    }


def _show(result: RunResult) -> None:
    show_sources(result.fill.sources)
    show(cost_table("What it cost", result.manifest.profile))
    if result.scorecard is not None:
        from challenge.cli.score import show_card

        show_card(result.scorecard)
    show(
        f"valid {result.fill.submission}: {result.fill.n_playlists:,} playlists of 500 tracks, "
        f"{size_text(result.fill.submission.stat().st_size)}"
    )


def show_sources(sources: dict[str, dict[str, int]]) -> None:
    """Show which source filled what share of the places, by how many seeds were given."""
    groups = seed_groups(sources)
    names = list(dict.fromkeys(name for counts in groups.values() for name in counts))
    rows = [
        (
            name.replace("_", " "),
            *(f"{counts[name] / max(counts.total(), 1):.1%}" for counts in groups.values()),
        )
        for name in sorted(names, key=lambda name: -groups["all"][name])
    ]
    show(make_table("Which source put the tracks forward, by seeds given", ("source", *groups), rows, left=1))


def seed_groups(sources: dict[str, dict[str, int]]) -> dict[str, Counter[str]]:
    """Sum the places filled by each source over the categories with as many seeds, and over all."""
    from challenge.types import Category

    groups: dict[str, Counter[str]] = {}
    for name, counts in sources.items():
        seeds = Category(name).seed_count
        groups.setdefault(str(seeds), Counter()).update(counts)
        groups.setdefault("all", Counter()).update(counts)
    groups["all"] = groups.pop("all", Counter())
    return groups
