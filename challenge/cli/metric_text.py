"""Scores as tables show them, short enough for a terminal of 80 columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from challenge.evaluation.defaults import CONFIDENCE

if TYPE_CHECKING:
    from challenge.evaluation.significance import Estimate
    from challenge.manifest import Manifest

METRIC_TITLES: Final = {"r_precision": "R-precision", "ndcg": "NDCG", "clicks": "clicks"}
INTERVAL_NOTE: Final = (
    f"± half the width of the {100 * CONFIDENCE:.0f} % bootstrap interval; --json tells its ends"
)


def mean_text(metric: str, mean: float) -> str:
    """A mean with the digits that suit its metric."""
    return f"{mean:.{_digits(metric)}f}"


def estimate_text(metric: str, estimate: Estimate, mark: str = "", *, signed: bool = False) -> str:
    """A mean, a mark behind it, and half the width of its interval; ``signed`` is for differences."""
    half_width = (estimate.high - estimate.low) / 2
    mean = f"{estimate.mean:+.{_digits(metric)}f}" if signed else mean_text(metric, estimate.mean)
    return f"{mean}{mark} ±{half_width:.{_digits(metric)}f}"


def validation_lines(manifest: Manifest) -> list[str]:
    """What the lists of training queries score that the ranker did not learn from; nothing where unknown."""
    scores = None if manifest.ranker is None else manifest.ranker.validation
    if scores is None:
        return []
    parts = []
    for metric, title in METRIC_TITLES.items():
        found = getattr(scores, metric)
        parts.append(f"{title} {mean_text(metric, found.mean)} ±{mean_text(metric, found.standard_error)}")
    return [
        f"Estimated on {scores.queries:,} training playlists kept from the ranker, ± standard error:",
        "  " + ", ".join(parts),
    ]


def _digits(metric: str) -> int:
    return 3 if metric == "clicks" else 4
