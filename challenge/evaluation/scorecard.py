"""Scores of a system by category and over all, with confidence intervals and a signature."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

from challenge.errors import FormatError
from challenge.evaluation.defaults import RESAMPLES
from challenge.evaluation.metrics import MetricValues
from challenge.evaluation.significance import (
    Estimate,
    PairedDifference,
    estimates,
    paired_differences,
    pooled,
    stratified_means,
)
from challenge.evaluation.variants import METRICS
from challenge.files import read_json, write_json, write_text
from challenge.quoting import table_cell
from challenge.types import Category, Int32Array

OVERALL: Final = "all"


@dataclass(frozen=True, eq=False)
class PlaylistScores:
    """The metrics of each of Q playlists, with their pids, int32, and the names of their categories."""

    pid: Int32Array
    categories: tuple[str, ...]
    values: MetricValues

    def save(self, path: Path) -> None:
        """Write as CSV: pid, category and the metrics of each playlist."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["pid", "category", *METRICS])
        for pid, category, (r, n, c) in zip(
            self.pid.tolist(), self.categories, self.values.matrix.tolist(), strict=True
        ):
            writer.writerow([pid, table_cell(category), f"{r:.6f}", f"{n:.6f}", f"{c:.0f}"])
        write_text(path, text.getvalue())

    @classmethod
    def load(cls, path: Path) -> PlaylistScores:
        """Read what :meth:`save` wrote, to six decimals.

        Raises:
            FormatError: not such a file.
        """
        rows = list(csv.reader(io.StringIO(path.read_text("utf-8"))))[1:]
        try:
            values = np.array([row[2:] for row in rows], np.float64)
            pid = np.array([row[0] for row in rows], np.int32)
            return cls(pid, tuple(row[1] for row in rows), MetricValues(*values.T))
        except (ValueError, TypeError, IndexError) as error:
            raise FormatError(f"{path}: not scores of playlists ({error})") from error


@dataclass(frozen=True)
class Score:
    """Means over some playlists with confidence intervals; see :class:`MetricValues` for their ranges."""

    n_playlists: int
    r_precision: Estimate
    ndcg: Estimate
    clicks: Estimate

    def __getitem__(self, metric: str) -> Estimate:
        found: Estimate = getattr(self, metric)
        return found

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON: each metric's mean, and its interval beside."""
        means = {metric: self[metric].mean for metric in METRICS}
        intervals = {metric: [self[metric].low, self[metric].high] for metric in METRICS}
        return {"playlists": self.n_playlists, **means, "interval": intervals}

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> Score:
        """Read what :meth:`to_dict` made."""
        return cls(raw["playlists"], *(Estimate(raw[metric], *raw["interval"][metric]) for metric in METRICS))


@dataclass(frozen=True)
class Scorecard:
    """Scores of one system on one ground truth.

    Attributes:
        signature: all that the scores depend on, see :func:`challenge.evaluation.evaluate.make_signature`.
        overall: over all playlists.
        by_category: for each category that occurs.
        notes: what a reader should know, such as tracks without a known artist.
    """

    signature: str
    overall: Score
    by_category: dict[str, Score]
    notes: tuple[str, ...] = field(default=())

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON: the overall score at the top level, the categories below."""
        return {
            "signature": self.signature,
            **self.overall.to_dict(),
            "categories": {name: score.to_dict() for name, score in self.by_category.items()},
            "notes": list(self.notes),
        }

    def save(self, path: Path) -> None:
        """Write as JSON, atomically."""
        write_json(path, self.to_dict())

    @classmethod
    def load(cls, path: Path) -> Scorecard:
        """Read what :meth:`save` wrote.

        Raises:
            MissingInputError: nothing there.
            FormatError: not a scorecard.
        """
        raw = read_json(path)
        try:
            scores = {name: Score.from_dict(value) for name, value in raw["categories"].items()}
            ordered = {name: scores[name] for name in in_order(scores)}
            return cls(raw["signature"], Score.from_dict(raw), ordered, tuple(raw.get("notes", ())))
        except (KeyError, TypeError, AttributeError) as error:
            raise FormatError(f"{path}: not a scorecard ({error!r})") from error


def in_order(names: Mapping[str, Any] | set[str]) -> list[str]:
    """The challenge's ten categories in their order, then any others by name."""
    known = [category.value for category in Category if category.value in names]
    return known + sorted(set(names).difference(known))


def make_scorecard(
    scores: PlaylistScores,
    signature: str,
    *,
    seed: int = 0,
    resamples: int = RESAMPLES,
    notes: tuple[str, ...] = (),
) -> Scorecard:
    """Average over playlists, by category and over all, with 95 % bootstrap intervals."""
    matrix, labels = scores.values.matrix, np.array(scores.categories)
    drawn = stratified_means(matrix, scores.categories, seed=seed, resamples=resamples)
    by_category = {name: _score(matrix[labels == name], drawn[name]) for name in in_order(drawn)}
    return Scorecard(signature, _score(matrix, pooled(drawn, scores.categories)), by_category, notes)


def _score(matrix: np.ndarray, drawn: np.ndarray) -> Score:
    return Score(len(matrix), *estimates(matrix, drawn))


def compare_paired(
    first: PlaylistScores, second: PlaylistScores, *, seed: int = 0
) -> dict[str, dict[str, PairedDifference]]:
    """Compare two systems on the same playlists: category (or "all") → metric → difference.

    Raises:
        ValueError: the playlists differ.
    """
    if not np.array_equal(first.pid, second.pid) or first.categories != second.categories:
        raise ValueError("the two systems were scored on different playlists")
    labels = np.array(first.categories)
    chosen = {OVERALL: np.ones(len(labels), bool)} | {
        name: labels == name for name in in_order(set(first.categories))
    }
    return {name: _compare(first, second, rows, seed) for name, rows in chosen.items()}


def _compare(
    first: PlaylistScores, second: PlaylistScores, rows: np.ndarray, seed: int
) -> dict[str, PairedDifference]:
    strata = [category for category, chosen in zip(first.categories, rows, strict=True) if chosen]
    found = paired_differences(first.values.matrix[rows], second.values.matrix[rows], strata, seed=seed)
    return dict(zip(METRICS, found, strict=True))
