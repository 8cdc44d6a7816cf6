"""``challenge run``: the whole path."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

from challenge import processes as group
from challenge.cli import options
from challenge.cli.console import cost_table, make_table, show, show_json, size_text
from challenge.cli.metric_text import validation_lines
from challenge.cli.settings import SETTINGS, load_config, with_settings
from challenge.errors import ConfigError
from challenge.manifest import Manifest
from challenge.threads import threads_chosen, use_threads

if TYPE_CHECKING:
    from challenge.workflows.repeat import Repetition
    from challenge.workflows.run import RunResult

_MPD: Final = "The MPD: the official zip, an unpacked folder, any part of the slices, or a store of it."
_CHALLENGE: Final = "The challenge set: challenge_set.json, or its zip or gz."
_FROM: Final = "Repeat the run whose manifest this is, and say whether the submission is the same."
_NO_REASON: Final = (
    "Another submission, though inputs, settings, versions, threads, device and processor are the same"
)


@with_settings(*SETTINGS)
def run(
    *,
    output: options.OutputOption,
    mpd: Annotated[Path | None, options.path_option("mpd", _MPD)] = None,
    challenge: Annotated[Path | None, options.path_option("challenge", _CHALLENGE)] = None,
    from_manifest: Annotated[Path | None, options.path_option("from-manifest", _FROM, metavar="FILE")] = None,
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
    hashes, seconds and memory of each stage), DIR/validation.json, DIR/report.html, DIR/recommender/ and,
    with --answers, DIR/scorecard.json and DIR/scores.csv, those of each playlist. A second run on the same
    MPD starts from its store. With --from-manifest the inputs, settings and threads are those of an earlier
    run, which is repeated.
    """
    from challenge.workflows.run import run as run_all
    from challenge.workflows.together import assist

    repetition = None
    if from_manifest is None:
        mpd, challenge = _required("mpd", mpd), _required("challenge", challenge)
        settings = load_config(config, **changes)
    else:
        repetition = _repetition(from_manifest, mpd, challenge, cache, config=config, **changes)
        mpd, challenge, settings = repetition.mpd, repetition.challenge, repetition.config
    group.start(processes)
    if group.rank() > 0:
        assist(mpd, challenge, output, settings, cache=cache, resume=resume)
        return
    result = run_all(mpd, challenge, output, settings, cache=cache, answers=answers, resume=resume)
    told = None if repetition is None else _verdict(repetition.manifest, result.manifest)
    if json:
        show_json(summary(result) | ({} if told is None else {"repetition": told}))
        return
    _show(result)
    for line in told or ():
        show(line)


def _required(name: str, value: Path | None) -> Path:
    if value is None:
        raise ConfigError(f"--{name} is missing", hint="name it, or a run to repeat with --from-manifest")
    return value


def _repetition(
    path: Path, mpd: Path | None, challenge: Path | None, cache: Path | None, **given: Any
) -> Repetition:
    """Read a manifest, and use as many threads as it says unless another number was asked for."""
    own = [name for name, value in given.items() if value is not None and name != "email"]
    if own:
        raise ConfigError(
            f"--from-manifest has settings of its own; leave out {', '.join(f'--{name}' for name in own)}"
        )
    manifest = path / "manifest.json" if path.is_dir() else path
    if not threads_chosen():
        use_threads(Manifest.load(manifest).threads)  # before anything is imported that has threads
    from challenge.workflows.repeat import plan_repetition

    return plan_repetition(path, mpd=mpd, challenge=challenge, email=given["email"], cache=cache)


def _verdict(then: Manifest, now: Manifest) -> list[str]:
    """Say whether the submission is that of the run before, and if not what is not as it was."""
    from challenge.workflows.repeat import differences, same_lists

    assert then.submission is not None
    assert now.submission is not None
    if then.submission.sha256 == now.submission.sha256:
        return [f"The same submission, byte for byte: sha256 {now.submission.sha256}"]
    if same_lists(then, now):
        return ["The same lists; only the line of the team, or how the file is packed, differs"]
    found = [f"  {each.what}: {each.then} → {each.now}" for each in differences(then, now)]
    return ["Another submission. What is not as it was:", *found] if found else [_NO_REASON]


def summary(result: RunResult) -> dict[str, object]:
    """What a script wants to know of a run."""
    from msgspec import to_builtins

    ranker = result.manifest.ranker
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
        "ranker_validation": to_builtins(ranker.validation) if ranker else None,
        "scorecard": result.scorecard.to_dict() if result.scorecard else None,
    }


def _show(result: RunResult) -> None:
    show_sources(result.fill.sources)
    show(cost_table("What it cost", result.manifest.profile))
    if result.scorecard is not None:
        from challenge.cli.score import show_card

        show_card(result.scorecard)
    else:
        for line in validation_lines(result.manifest):
            show(line)
    show(
        f"valid {result.fill.submission}: {result.fill.n_playlists:,} playlists of 500 tracks, "
        f"{size_text(result.fill.submission.stat().st_size)}"
    )
    show(f"next  open {result.output / 'report.html'}, or ask it: challenge explore {result.output}")


def show_sources(sources: dict[str, dict[str, int]]) -> None:
    """Show which source filled what share of the places, by how many seeds were given."""
    from challenge.report.page import seed_groups

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
