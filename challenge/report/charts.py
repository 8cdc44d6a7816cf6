"""What the report's pictures show and how values become places; ``charts.svg.j2`` draws it.

A panel is 360 units wide and text 13 high: a phone shows one panel in its full width, a wide screen three.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil, floor, log10
from typing import Final, NamedTuple

from challenge.evaluation.scorecard import Scorecard
from challenge.evaluation.variants import METRICS
from challenge.report.leaderboard_2018 import BEST_CELLS
from challenge.types import Category

_CURVES: Final = {"ndcg": "NDCG of the playlists it watched", "loss": "Loss"}
TITLES: Final = {"r_precision": "R-precision", "ndcg": "NDCG", "clicks": "Clicks"}
_RIGHT: Final = 346  # the last tick's label, in the middle of which this is, needs the rest
_TOP: Final = 34
_LINES_BOTTOM: Final = 190
_CHARACTER: Final = 7.2  # rather more than the average of letters and digits in usual fonts
_MAX_NAME: Final = 30  # the template cuts longer ones


class Scale(NamedTuple):
    """Places values where the first tick stands at ``start`` and the last at ``stop``."""

    ticks: list[float]
    start: float
    stop: float

    def __call__(self, value: float) -> float:
        """Place of a value, to a hundredth."""
        first, last = self.ticks[0], self.ticks[-1]
        return round(self.start + (value - first) / (last - first) * (self.stop - self.start), 2)

    def label(self, tick: float) -> str:
        """Write a tick with as many decimals as its distance to the next has."""
        return f"{tick:,.{_decimals(self.ticks[1] - self.ticks[0])}f}"


class Bar(NamedTuple):
    """One row: ``text`` says its value in words, ``best`` is a value to mark beside it."""

    name: str
    text: str
    value: float
    interval: tuple[float, float] | None = None
    best: float | None = None


class BarPanel(NamedTuple):
    """Horizontal bars with a common axis or, if ``labelled``, each with its text at its end."""

    key: str
    heading: str
    x: Scale
    bars: list[Bar]
    labelled: bool


class LinePanel(NamedTuple):
    """One curve through points (x, y); ``x_name`` is what x counts."""

    key: str
    heading: str
    x: Scale
    y: Scale
    points: Sequence[tuple[float, float]]
    x_name: str


def readable(name: str) -> str:
    """Turn a name in code into words, such as "title first 5"."""
    return name.replace("_", " ").replace("-", " ")


def score_panels(card: Scorecard, *, official: bool) -> list[BarPanel]:
    """A panel for each metric; with the best of 2018 only beside scores on the official challenge set."""
    return [_score_panel(card, metric, column, official) for column, metric in enumerate(METRICS)]


def _score_panel(card: Scorecard, metric: str, column: int, official: bool) -> BarPanel:
    bars, digits = [], 3 if metric == "clicks" else 4
    for name, score in card.by_category.items():
        found = score[metric]
        text = f"{found.mean:.{digits}f}, 95 %: {found.low:.{digits}f} to {found.high:.{digits}f}"
        best = BEST_CELLS[name][column] if official and name in BEST_CELLS else None
        text += "" if best is None else f", best of 2018: {best}"
        bars.append(Bar(readable(name), text, found.mean, (found.low, found.high), best))
    reach = max((max(bar.value, bar.best or 0, *(bar.interval or ())) for bar in bars), default=0)
    heading = TITLES[metric] + (" (lower is better)" if metric == "clicks" else "")
    scale = Scale(nice_ticks(0, reach), _names_width(bars), _RIGHT)
    return BarPanel(f"scores-{metric}", heading, scale, bars, labelled=False)


def source_panel(counts: Mapping[str, float]) -> BarPanel:
    """How many tracks each source filled and what share of all that is, the most first."""
    total = sum(counts.values()) or 1
    ordered = sorted(counts.items(), key=lambda item: -item[1])
    bars = [Bar(readable(name), f"{count:,.0f} ({count / total:.1%})", count) for name, count in ordered]
    return _labelled_panel("sources", "Tracks", bars)


def importance_panel(shares: Mapping[str, float], most: int = 20) -> BarPanel:
    """The features that the ranker gains most by, each with its share of the whole gain."""
    ordered = sorted(shares.items(), key=lambda item: -item[1])[:most]
    return _labelled_panel(
        "importance", "Share of the gain", [Bar(readable(n), f"{s:.1%}", s) for n, s in ordered]
    )


def recall_panel(recall: Mapping[str, float]) -> BarPanel:
    """The share of held-out tracks that were among the candidates, by category in the challenge's order."""
    named = [(each.value, recall[each.value]) for each in Category if each.value in recall]
    return _labelled_panel("recall", "Recall", [Bar(readable(n), f"{r:.1%}", r) for n, r in named])


def _labelled_panel(key: str, heading: str, bars: list[Bar]) -> BarPanel:
    texts = _CHARACTER * max((len(bar.text) for bar in bars), default=0)
    most = max((bar.value for bar in bars), default=0) or 1
    return BarPanel(key, heading, Scale([0, most], _names_width(bars), _RIGHT - texts), bars, labelled=True)


def _names_width(bars: Sequence[Bar]) -> float:
    return round(_CHARACTER * min(_MAX_NAME, max((len(bar.name) for bar in bars), default=0)) + 8, 1)


def training_panels(curves: Mapping[str, Sequence[tuple[float, float]]], step_name: str) -> list[LinePanel]:
    """A panel for each curve of (step, value) pairs."""
    panels = []
    for name, points in curves.items():
        steps, values = zip(*points, strict=True)
        y = Scale(nice_ticks(min(values), max(values)), _LINES_BOTTOM, _TOP)
        left = round(_CHARACTER * max(len(y.label(tick)) for tick in y.ticks) + 12, 1)
        x = Scale(nice_ticks(min(steps), max(steps), min_step=1), left, _RIGHT)
        panels.append(
            LinePanel(f"training-{name}", _CURVES.get(name, readable(name)), x, y, points, step_name)
        )
    return panels


def nice_ticks(low: float, high: float, *, most: int = 5, min_step: float = 0) -> list[float]:
    """Multiples of 1, 2 or 5 times a power of ten that enclose low and high, in about ``most`` steps."""
    min_step = max(min_step, 1e-9 * max(abs(low), abs(high), 1))  # finer ones are not told apart
    rough = max(((high - low) or abs(high) or 1) / most, min_step)
    power = 10.0 ** floor(log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * (1 - 1e-9))
    first = floor(low / step + 1e-9)
    last = max(ceil(high / step - 1e-9), first + 1)
    return [round(number * step, _decimals(step)) for number in range(first, last + 1)]


def _decimals(step: float) -> int:
    return max(0, -floor(log10(step) + 1e-9))
