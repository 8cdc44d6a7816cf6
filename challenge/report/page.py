"""Puts what a run left behind into one HTML page that needs no other file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from challenge import __version__
from challenge.artifacts import read_json, write_text
from challenge.errors import FormatError, MissingInputError
from challenge.evaluation.scorecard import Scorecard
from challenge.evaluation.variants import METRICS
from challenge.report.charts import (
    TITLES,
    BarPanel,
    LinePanel,
    readable,
    score_panels,
    source_panel,
    training_panels,
)
from challenge.report.leaderboard_2018 import WINNER

REPORT_NAME: Final = "report.html"
_TEMPLATE: Final = "page.html.j2"
_SOURCE_KEYS: Final = ("sources", "filled_by_source", "fill")
_TRAINING_KEYS: Final = ("training", "history")
_STEP_NAMES: Final = ("epoch", "step")
_CURVES: Final = ("loss", "ndcg")


@dataclass(frozen=True)
class RunFacts:
    """What could be read from a run's folder.

    Attributes:
        name: name of the folder.
        manifest: contents of manifest.json.
        validation: contents of validation.json, empty where there is none.
        card: the scorecard, None where the run was not scored.
    """

    name: str
    manifest: dict[str, Any]
    validation: dict[str, Any] = field(default_factory=dict)
    card: Scorecard | None = None

    @property
    def official(self) -> bool:
        """Whether it was the official challenge set: only then does the leaderboard of 2018 compare."""
        return (self.manifest.get("results") or {}).get("official_challenge_set") is True


def render_report(run_dir: Path) -> Path:
    """Write ``report.html`` into the folder of a run and return its path.

    Raises:
        MissingInputError: the folder has no manifest.
        FormatError: a file in it is not what it should be.
    """
    facts = read_run(run_dir)
    path = run_dir / REPORT_NAME
    write_text(path, render_page(facts))
    return path


def read_run(run_dir: Path) -> RunFacts:
    """Read a run's manifest, and its validation and scorecard where there are any.

    Raises:
        MissingInputError: the folder has no manifest.
        FormatError: a file in it is not what it should be.
    """
    path = run_dir / "manifest.json"
    if not path.exists():
        hint = "name the folder that 'challenge run --output' wrote"
        raise MissingInputError(f"{run_dir}: not the folder of a run: manifest.json is missing", hint=hint)
    manifest = read_json(path)
    if not isinstance(manifest, dict):
        raise FormatError(f"{path}: expected a JSON object, found {type(manifest).__name__}")
    scored, checked = run_dir / "scorecard.json", run_dir / "validation.json"
    return RunFacts(
        run_dir.resolve().name,
        manifest,
        read_json(checked) if checked.exists() else {},
        Scorecard.load(scored) if scored.exists() else None,
    )


def render_page(facts: RunFacts) -> str:
    """Return the page as HTML."""
    from jinja2 import Environment, PackageLoader, select_autoescape

    environment = Environment(
        loader=PackageLoader("challenge.report", "."),
        autoescape=select_autoescape(["html", "j2"]),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["readable"] = readable
    return environment.get_template(_TEMPLATE).render(
        run=facts,
        version=__version__,
        metrics=METRICS,
        titles=TITLES,
        winner=WINNER,
        stages=_stages(facts.manifest),
        config=flatten(facts.manifest.get("config") or {}),
        results=_plain_results(facts.manifest),
        charts=_charts(facts),
    )


def _charts(facts: RunFacts) -> dict[str, Sequence[BarPanel | LinePanel]]:
    counts, curves = source_counts(facts.manifest), training_curves(facts.manifest)
    return {
        "scores": [] if facts.card is None else score_panels(facts.card, official=facts.official),
        "sources": [source_panel(counts)] if counts else [],
        "training": [] if curves is None else training_panels(*curves),
    }


def _stages(manifest: Mapping[str, Any]) -> list[tuple[str, float, float, bool]]:
    """Name, seconds and peak GB of each stage and its parts, and whether it is a part."""
    rows = []
    for stage, cost in (manifest.get("stages") or {}).items():
        rows.append((stage, cost, False))
        rows += [(name, own, True) for name, own in (manifest.get("sections") or {}).get(stage, {}).items()]
    return [
        (name, cost.get("seconds", 0.0), cost.get("peak_bytes", 0) / 1e9, part) for name, cost, part in rows
    ]


def source_counts(manifest: Mapping[str, Any]) -> dict[str, float]:
    """How many tracks each source filled, summed over whatever groups they were counted in."""
    results = manifest.get("results") or {}
    raw: Mapping[str, Any] = next(
        (results[key] for key in _SOURCE_KEYS if isinstance(results.get(key), dict)), {}
    )
    counts: dict[str, float] = {}
    for name, value in raw.items():
        parts = value.items() if isinstance(value, dict) else [(name, value)]
        for source, count in parts:
            if isinstance(count, int | float):
                counts[source] = counts.get(source, 0) + count
    return counts


def training_curves(manifest: Mapping[str, Any]) -> tuple[dict[str, list[tuple[float, float]]], str] | None:
    """Loss and NDCG as (step, value) pairs and the name of a step, from a list of records.

    A record need not hold both: before the first epoch there is no loss. A curve has two points at least;
    None where there is none.
    """
    results = manifest.get("results") or {}
    raw = next((results[key] for key in _TRAINING_KEYS if key in results), None)
    records = raw.get("epochs", raw.get("history")) if isinstance(raw, dict) else raw
    if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
        return None
    step_name = next((name for name in _STEP_NAMES if all(name in record for record in records)), "record")
    steps = [float(record.get(step_name, place)) for place, record in enumerate(records, 1)]
    found = {name: list(_points(steps, records, name)) for name in _CURVES}
    curves = {name: points for name, points in found.items() if len(points) > 1}
    return (curves, step_name) if curves else None


def _points(steps: list[float], records: list[dict[str, Any]], name: str) -> Iterator[tuple[float, float]]:
    for step, record in zip(steps, records, strict=True):
        if type(record.get(name)) in (int, float):
            yield step, float(record[name])


def _plain_results(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Results without those that have a picture."""
    results = manifest.get("results") or {}
    drawn = {*_SOURCE_KEYS, *_TRAINING_KEYS}
    return flatten({key: value for key, value in results.items() if key not in drawn})


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
