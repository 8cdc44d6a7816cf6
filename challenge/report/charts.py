"""The report's pictures, as SVG text that depends on the data only."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from io import StringIO
from typing import TYPE_CHECKING, Any, Final

from challenge.evaluation.scorecard import Scorecard
from challenge.evaluation.variants import METRICS
from challenge.report.leaderboard_2018 import BEST_CELLS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TITLES: Final = {"r_precision": "R-precision", "ndcg": "NDCG", "clicks": "Clicks"}
_BAR: Final = "#3b6ea8"
_INK: Final = "#222222"
_FAINT: Final = "#d8d8d8"
_SECOND: Final = "#c2571a"
_STYLE: Final = {
    "svg.hashsalt": "challenge",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#888888",
    "text.color": _INK,
}


def readable(name: str) -> str:
    """Turn a name in code into words, such as "title first 5"."""
    return name.replace("_", " ").replace("-", " ")


def score_chart(card: Scorecard) -> str:
    """Draw each metric by category, with its interval and the best cell of 2018 beside."""

    def draw(figure: Figure) -> None:
        panels = figure.subplots(1, len(METRICS), sharey=True)
        for column, (metric, axes) in enumerate(zip(METRICS, panels, strict=True)):
            _score_panel(axes, card, metric, column)
        handles, labels = panels[0].get_legend_handles_labels()
        figure.legend(handles[::-1], labels[::-1], loc="lower center", ncols=2, frameon=False)
        figure.tight_layout(rect=(0, 0.06, 1, 1))

    return _svg(draw, width=10, height=1.4 + 0.34 * len(card.by_category))


def _score_panel(axes: Axes, card: Scorecard, metric: str, column: int) -> None:
    names = list(card.by_category)
    places = range(len(names))
    found = [card.by_category[name][metric] for name in names]
    means = [estimate.mean for estimate in found]
    spread = [[e.mean - e.low for e in found], [e.high - e.mean for e in found]]
    axes.barh(places, means, height=0.62, color=_BAR, label="this run, with 95 % interval")
    axes.errorbar(means, places, xerr=spread, fmt="none", ecolor=_INK, elinewidth=1)
    known = [
        (BEST_CELLS[name][column], place)
        for place, name in zip(places, names, strict=True)
        if name in BEST_CELLS
    ]
    if known:
        x, y = zip(*known, strict=True)
        axes.plot(
            x,
            y,
            "D",
            color=_SECOND,
            markersize=5,
            clip_on=False,
            label="best of 113 teams in 2018 (official answers)",
        )
    axes.set_title(
        TITLES[metric] + (" (lower is better)" if metric == "clicks" else ""), loc="left", fontsize=10
    )
    axes.set_yticks(list(places), [readable(name) for name in names])
    axes.set_xlim(left=0)
    _plain(axes)
    if column == 0:
        axes.invert_yaxis()


def source_chart(counts: Mapping[str, float]) -> str:
    """Draw how many tracks each source filled, the most first."""
    ordered = sorted(counts.items(), key=lambda item: -item[1])
    total = sum(counts.values()) or 1

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        places = range(len(ordered))
        axes.barh(places, [count for _, count in ordered], height=0.62, color=_BAR)
        axes.set_yticks(list(places), [readable(name) for name, _ in ordered])
        axes.invert_yaxis()
        for place, (_, count) in zip(places, ordered, strict=True):
            axes.text(count, place, f"  {count:,.0f} ({count / total:.1%})", va="center")
        axes.set_xlim(0, 1.25 * max((count for _, count in ordered), default=1))
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        _plain(axes)
        figure.tight_layout()

    return _svg(draw, width=10, height=0.8 + 0.3 * len(ordered))


def training_chart(steps: Sequence[float], curves: Mapping[str, Sequence[float]], step_name: str) -> str:
    """Draw each curve of a training run over its steps, one panel each."""

    def draw(figure: Figure) -> None:
        panels = figure.subplots(1, len(curves), squeeze=False)[0]
        for axes, (name, values) in zip(panels, curves.items(), strict=True):
            axes.plot(steps, values, color=_BAR, marker="o", markersize=3)
            axes.set_title(readable(name), loc="left", fontsize=10)
            axes.set_xlabel(step_name)
            _plain(axes, grid="y")
        figure.tight_layout()

    return _svg(draw, width=10, height=2.8)


def _plain(axes: Axes, grid: str = "x") -> None:
    axes.grid(axis=grid, color=_FAINT, linewidth=0.6)  # type: ignore[arg-type]
    axes.set_axisbelow(True)
    axes.tick_params(length=0)


def _svg(draw: Callable[[Any], None], *, width: float, height: float) -> str:
    """Render without a display or any state that outlives the call."""
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(width, height))
        draw(figure)
        text = StringIO()
        figure.savefig(text, format="svg", metadata={"Date": None})
    svg = text.getvalue()
    return svg[svg.index("<svg") :]
