"""What an ablation found, as Markdown."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from benchmarks._recall import Recall
from benchmarks._removals import WHOLE, Removal
from challenge.evaluation.scorecard import OVERALL
from challenge.evaluation.significance import PairedDifference
from challenge.evaluation.variants import METRICS


@dataclass(frozen=True, eq=False)
class Result:
    """What is left without something.

    Attributes:
        removal: what is left out.
        features: how many columns are left.
        candidates: how many candidates a query are left, on average.
        against: category (or "all") → metric → what the removal changes.
    """

    removal: Removal
    features: int
    candidates: float
    against: Mapping[str, Mapping[str, PairedDifference]]


def removal_table(results: Sequence[Result]) -> Iterator[str]:
    """Scores without each thing, and how they differ from the whole."""
    heading = (
        "removed",
        "features",
        "candidates",
        "R",
        "NDCG",
        "clicks",
        "change of R",
        "of NDCG",
        "of clicks",
    )
    yield "| " + " | ".join(heading) + " |"
    yield "|---" * len(heading) + "|"
    for result in results:
        found, name = result.against[OVERALL], result.removal.name
        cells = [number(found[metric].second, decimals(metric)) for metric in METRICS]
        cells += ["" if name == WHOLE else change(found[metric], decimals(metric)) for metric in METRICS]
        yield f"| {name} | {result.features} | {result.candidates:,.0f} | " + " | ".join(cells) + " |"


def category_table(results: Sequence[Result]) -> Iterator[str]:
    """NDCG by category without each thing; * where it differs from the whole with p < .05."""
    groups = [name for name in results[0].against if name != OVERALL]
    yield "| removed | " + " | ".join(groups) + " |"
    yield "|---" * (len(groups) + 1) + "|"
    for result in results:
        found = [result.against[group]["ndcg"] for group in groups]
        cells = (number(cell.second, 4) + "*" * cell.significant for cell in found)
        yield f"| {result.removal.name} | " + " | ".join(cells) + " |"


def recall_table(rows: Sequence[Recall], groups: Sequence[str]) -> Iterator[str]:
    """Recall of all, what is found by nobody else, and recall by category."""
    yield "| candidates of | a query | recall | only it finds | " + " | ".join(groups) + " |"
    yield "|---" * (len(groups) + 4) + "|"
    for row in rows:
        many = "" if math.isnan(row.candidates) else f"{row.candidates:,.0f}"
        first, *others = (number(share, 3) for share in row.shares)
        cells = (row.name, many, first, number(row.alone, 4), *others)
        yield "| " + " | ".join(cells) + " |"


def decimals(metric: str) -> int:
    """How many decimals a metric is shown with."""
    return 3 if metric == "clicks" else 4


def number(value: float, places: int, *, sign: str = "") -> str:
    """Write without a zero before the point; nothing for NaN."""
    text = "" if math.isnan(value) else f"{value:{sign}.{places}f}"
    return text.replace("0.", ".", 1) if abs(value) < 1 else text


def change(found: PairedDifference, places: int) -> str:
    """Write a difference with its interval; * where p < .05."""
    ends = (found.difference.mean, found.difference.low, found.difference.high)
    mean, low, high = (number(value, places, sign="+") for value in ends)
    return f"{mean}{'*' * found.significant} ({low}, {high})"
