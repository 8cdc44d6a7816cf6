"""Puts what a run left behind into one HTML page that needs no other file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any, Final

import msgspec
from jinja2 import BaseLoader, ChoiceLoader, Environment, PackageLoader, Template

from challenge import __version__
from challenge.config import RunConfig, as_dict
from challenge.errors import FormatError
from challenge.evaluation.scorecard import Scorecard
from challenge.evaluation.variants import METRICS
from challenge.files import write_text
from challenge.manifest import Manifest
from challenge.report.charts import (
    TITLES,
    BarPanel,
    LinePanel,
    importance_panel,
    readable,
    recall_panel,
    score_panels,
    source_panel,
    training_panels,
)
from challenge.report.examples import Example, read_examples
from challenge.report.leaderboard_2018 import WINNER
from challenge.run_folder import RunFolder
from challenge.setting_list import value_text
from challenge.types import Category

_TEMPLATE: Final = "page.html.j2"


class Verdict(msgspec.Struct, frozen=True):
    """What the page says of a validation: whether all is well, playlists, violations of each broken rule."""

    valid: bool
    playlists: int = 0
    counts: dict[str, int] = msgspec.field(default_factory=dict)


@dataclass(frozen=True)
class RunFacts:
    """What could be read from the folder of a run, ``name``.

    ``validation`` and ``card`` are None where the submission was not checked or scored, ``examples`` are some
    of its playlists; ``notes`` tell what is there but of another submission.
    """

    name: str
    manifest: Manifest
    validation: Verdict | None = None
    card: Scorecard | None = None
    examples: tuple[Example, ...] = ()
    notes: tuple[str, ...] = field(default=())

    @property
    def official(self) -> bool:
        """Whether it was the official challenge set: only then does the leaderboard of 2018 compare."""
        return self.manifest.dataset is not None and self.manifest.dataset.official_challenge_set


def render_report(run_dir: Path, *, playlists: bool = True) -> Path:
    """Write ``report.html`` into the folder of a run and return its path.

    Args:
        run_dir: the folder.
        playlists: whether to show some of the challenge's playlists, which may not be passed on.

    Raises:
        MissingInputError: the folder has no manifest.
        FormatError: a file in it is not what it should be.
    """
    facts = read_run(run_dir)
    if not playlists:
        facts = replace(facts, examples=())
    path = RunFolder(run_dir).report
    write_text(path, render_page(facts))
    return path


def read_run(run_dir: Path) -> RunFacts:
    """Read a run's manifest, and the validation and scorecard of its submission where there are any.

    Raises:
        MissingInputError: the folder has no manifest.
        FormatError: a file in it is not what it should be.
    """
    folder = RunFolder(run_dir)
    manifest = folder.load_manifest()
    checked = folder.read_of_submission(folder.validation)
    scored = folder.read_of_submission(folder.scorecard)
    examples = read_examples(folder)
    found = {folder.validation: checked, folder.scorecard: scored, folder.examples: examples}
    others = [path.name for path, own in found.items() if own is None and path.exists()]
    return RunFacts(
        run_dir.resolve().name,
        manifest,
        None if checked is None else _verdict(folder.validation, checked),
        None if scored is None else Scorecard.load(folder.scorecard),
        () if examples is None else examples.playlists,
        tuple(f"{name} is not of the submission in this folder and is not shown" for name in others),
    )


def _verdict(path: Path, content: Mapping[str, Any]) -> Verdict:
    try:
        return msgspec.convert(content, Verdict)
    except msgspec.ValidationError as error:
        raise FormatError(f"{path}: not a validation ({error})") from error


def templates(*more: BaseLoader) -> Environment:
    """Return the templates of the page; those of ``more`` may extend them and go before them."""
    environment = Environment(
        loader=ChoiceLoader([*more, PackageLoader("challenge.report", ".")]),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"readable": readable, "moment": moment}
    return environment


@cache
def _page_template() -> Template:
    return templates().get_template(_TEMPLATE)


def render_page(facts: RunFacts, template: Template | None = None) -> str:
    """Return the page as HTML; by a ``template`` that extends it, where one is given."""
    template = template or _page_template()
    return template.render(
        run=facts,
        version=__version__,
        metrics=METRICS,
        titles=TITLES,
        winner=WINNER,
        costs=list(facts.manifest.profile.rows()),
        listings=_listings(facts.manifest),
        charts=_charts(facts),
        validation=facts.manifest.ranker.validation if facts.manifest.ranker else None,
        groups=seed_groups(facts.manifest.submission.sources if facts.manifest.submission else {}),
        changed=changed_settings(facts.manifest),
        value_text=value_text,
    )


def _charts(facts: RunFacts) -> dict[str, Sequence[BarPanel | LinePanel]]:
    counts, curves = source_counts(facts.manifest), training_curves(facts.manifest)
    ranker = facts.manifest.ranker
    return {
        "scores": [] if facts.card is None else score_panels(facts.card, official=facts.official),
        "sources": [source_panel(counts)] if counts else [],
        "training": training_panels(curves, "epoch"),
        "importance": [importance_panel(ranker.importance)] if ranker and ranker.importance else [],
        "recall": [recall_panel(ranker.candidate_recall)] if ranker and ranker.candidate_recall else [],
    }


def source_counts(manifest: Manifest) -> dict[str, int]:
    """How many tracks each source filled, over all categories."""
    total: Counter[str] = Counter()
    for counts in manifest.submission.sources.values() if manifest.submission else ():
        total.update(counts)
    return dict(total)


def seed_groups(sources: dict[str, dict[str, int]]) -> dict[str, Counter[str]]:
    """Sum the places filled by each source over the categories with as many seeds, and over all."""
    seeds_of = {each.value: each.seed_count for each in Category}
    groups: dict[str, Counter[str]] = {}
    for name, counts in sources.items():
        seeds = seeds_of.get(name, name)
        groups.setdefault(str(seeds), Counter()).update(counts)
        groups.setdefault("all", Counter()).update(counts)
    groups["all"] = groups.pop("all", Counter())
    return groups


def changed_settings(manifest: Manifest) -> dict[str, tuple[Any, Any]]:
    """Settings of a run that are not the defaults: what they are by default, and what they were there."""
    # A manifest that was read has lists where settings have tuples.
    usual, own = (
        {name: tuple(value) if isinstance(value, list) else value for name, value in flatten(config).items()}
        for config in (as_dict(RunConfig()), manifest.config)
    )
    return {
        name: (usual.get(name), value)
        for name, value in own.items()
        if name not in ("team", "seed") and usual.get(name) != value
    }


def training_curves(manifest: Manifest) -> dict[str, list[tuple[float, float]]]:
    """Loss and NDCG of LightGCN's last training as (epoch, value) pairs; a curve has two points at least."""
    epochs = manifest.lightgcn[-1].epochs if manifest.lightgcn else ()
    curves = {
        name: [(float(each.epoch), value) for each in epochs if (value := getattr(each, name)) is not None]
        for name in ("loss", "ndcg")
    }
    return {name: points for name, points in curves.items() if len(points) > 1}


def _listings(manifest: Manifest) -> dict[str, dict[str, Any]]:
    """What the page lists without a picture, by heading."""
    last = manifest.lightgcn[-1] if manifest.lightgcn else None
    training = {} if last is None else msgspec.to_builtins(last)
    training.pop("epochs", None)
    submission = manifest.submission
    return {
        "Commands": {command.date: command.line for command in manifest.commands},
        "Submission": {} if submission is None else {submission.file: submission.sha256},
        "Dataset": _plain(msgspec.to_builtins(manifest.dataset) or {}),
        "LightGCN": _plain(training),
        "Ranker": {
            name: _plain_text(value)
            for name, value in flatten(msgspec.to_builtins(manifest.ranker) or {}).items()
        },
        "Configuration": _used_settings(manifest),
        "Inputs": flatten(msgspec.to_builtins(manifest.inputs) or {}),
        "Versions": manifest.versions | {"threads": str(manifest.threads)},
    }


def _used_settings(manifest: Manifest) -> dict[str, str]:
    """All settings of a run by dotted name, but those of sources that had no part in it."""
    settings: dict[str, Any] = dict(manifest.config)
    sources: dict[str, Any] = dict(settings.get("sources", {}))
    unused = {name for name, value in sources.items() if isinstance(value, Mapping)}
    unused -= set(sources.get("names", ()))
    settings["sources"] = {name: value for name, value in sources.items() if name not in unused}
    return {name: value_text(value) for name, value in flatten(settings).items()}


def _plain(values: Mapping[str, Any]) -> dict[str, str]:
    """Values as a person reads them, beside their names in words."""
    return {readable(name): _plain_text(value) for name, value in values.items()}


def _plain_text(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return {None: "unknown", True: "yes", False: "no"}[value]
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, int):
        return f"{value:,}"
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def moment(date: str) -> str:
    """Write a moment in UTC, as a manifest has it, for people: to the minute."""
    return f"{date[:16].replace('T', ' ')} UTC"


def flatten(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Turn nested settings into one level with dotted names."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            flat |= flatten(value, f"{name}.")
        else:
            flat[name] = value
    return flat
