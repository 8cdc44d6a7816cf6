"""The learned ranking: gradient-boosted trees on candidates of training queries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from challenge import progress
from challenge.errors import MissingInputError
from challenge.files import write_text
from challenge.ranking.forest import join_trees
from challenge.ranking.model_text import read_model
from challenge.settings import Settings
from challenge.threads import thread_count
from challenge.types import (
    FloatArray,
    Int32Array,
    Int64Array,
    NonNegative,
    NonNegativeInt,
    PositiveInt,
    Share,
)

_Part = Annotated[float, Meta(ge=0.01, le=1)]
"""A share of which LightGBM finds something left."""


@dataclass(frozen=True)
class RankerConfig(Settings):
    """Configuration of the trees and their training data.

    Attributes:
        num_queries: training queries.
        num_folds: folds they are divided into; the sources are fitted anew for each. With 0 few of them
            beside many training playlists join the challenge, so that one fit does; otherwise there are three
            to five.
        negative_share: share of candidates that are no hits which is kept for training.
        num_iterations: trees.
        learning_rate: shrinkage of each tree.
        num_leaves: leaves of a tree.
        min_data_in_leaf: fewest candidates in a leaf.
        feature_fraction: share of features tried for a tree.
        bagging_fraction: share of candidates seen by a tree.
        lambda_l2: L2 on leaf values.
    """

    num_queries: PositiveInt = 9000
    num_folds: Annotated[int, Meta(ge=0, le=100)] = 0
    negative_share: Share = 0.15
    num_iterations: Annotated[int, Meta(ge=1, le=10_000)] = 500
    learning_rate: Annotated[float, Meta(gt=0, le=1)] = 0.05
    num_leaves: Annotated[int, Meta(ge=2, le=131_072)] = 63
    min_data_in_leaf: NonNegativeInt = 150
    feature_fraction: _Part = 0.5
    bagging_fraction: _Part = 0.8
    lambda_l2: NonNegative = 5.0


@dataclass(frozen=True, eq=False)
class TrainingRows:
    """Described candidates with labels; N rows of consecutive queries.

    Attributes:
        tables: features of all rows in order, each float32, shape (n, F). They are the largest thing that
            training needs, and never joined.
        label: 1 for a held-out track, else 0, int8, shape (N,).
        group: candidates of each query, int64.
        recall: share of each query's held-out tracks that are candidates, by the query's category; also of
            queries that have no rows.
    """

    tables: Sequence[FloatArray]
    label: np.ndarray
    group: Int64Array
    recall: Mapping[str, FloatArray] = field(default_factory=dict)

    @property
    def features(self) -> FloatArray:
        """All tables as one, a copy; float32, shape (N, F)."""
        return np.concatenate(self.tables)

    @classmethod
    def concatenate(cls, parts: Sequence[TrainingRows]) -> TrainingRows:
        """Put the rows of several parts one behind the other."""
        return cls(
            [table for part in parts for table in part.tables],
            np.concatenate([part.label for part in parts]),
            np.concatenate([part.group for part in parts]),
            {
                name: np.concatenate([part.recall[name] for part in parts if name in part.recall])
                for name in dict.fromkeys(name for part in parts for name in part.recall)
            },
        )


def sample_rows(
    features: FloatArray,
    label: np.ndarray,
    query: Int32Array,
    share: float,
    drawn: NDArray[np.float64],
) -> TrainingRows:
    """Keep all hits, and of the rest those for which less than ``share`` was drawn.

    ``drawn`` are numbers in [0, 1), one for each candidate. Queries without a hit teach nothing and go.
    """
    has_hit = np.zeros(int(query.max()) + 1 if len(query) else 0, bool)
    has_hit[query[label > 0]] = True
    keep = has_hit[query] & ((label > 0) | (drawn < share))
    counts = np.bincount(query[keep], minlength=len(has_hit))
    return TrainingRows([features[keep]], label[keep].astype(np.int8), counts[counts > 0].astype(np.int64))


class Ranker:
    """Scores candidates by their features: log-odds of a hit, higher is better.

    Attributes:
        names: of its features, in order.
        negative_share: share of the candidates without a hit that it learned from, so that its odds are
            too high by one over this.
    """

    def __init__(self, text: str, negative_share: float = 1.0) -> None:
        """Take the model as the text that LightGBM writes.

        Raises:
            FormatError: not the text of a ranker, or its numbers do not make trees.
        """
        model = read_model(text)
        self._text, self._checked = text, model.text
        self._forest = join_trees(model.trees)
        self.names, self.negative_share = model.names, negative_share

    @cached_property
    def _model(self) -> Any:
        """The model in LightGBM, which only explaining needs."""
        import lightgbm as lgb

        return lgb.Booster(model_str=self._checked)

    def scores(self, features: FloatArray) -> FloatArray:
        """Score each candidate, float32, shape (N,)."""
        return self._forest.scores(features).astype(np.float32)

    def contributions(self, features: FloatArray) -> np.ndarray:
        """What each feature adds to the score of each candidate, and last what all start from; (N, F + 1)."""
        return np.asarray(self._model.predict(features, pred_contrib=True))

    def importance(self) -> dict[str, float]:
        """Share of the total gain by feature, greatest first."""
        gain = np.asarray(self._model.feature_importance("gain"), float)
        order = np.argsort(-gain)
        return {self.names[i]: float(gain[i] / max(gain.sum(), 1e-12)) for i in order}

    def save(self, path: Path) -> None:
        """Write as LightGBM text, atomically."""
        write_text(path, self._text)

    @classmethod
    def load(cls, path: Path, negative_share: float = 1.0) -> Ranker:
        """Read what :meth:`save` wrote.

        Raises:
            FormatError: it is not that.
        """
        return cls(path.read_text("utf-8", errors="replace"), negative_share)


def train_ranker(rows: TrainingRows, names: Sequence[str], config: RankerConfig, *, seed: int) -> Ranker:
    """Train trees on training query candidates, deterministic for a seed and number of threads.

    Raises:
        MissingInputError: no rows to learn from.
    """
    import lightgbm as lgb

    if len(rows.label) == 0:
        raise MissingInputError(
            "no held-out track of any training query is among its candidates: there is no ranking to learn",
            hint="name more --sources, take more slices of the MPD, or rank with --ranking blend",
        )
    parameters = {
        # As good as LambdaRank here and many times faster: see docs/experiments.md.
        "objective": "binary",
        "num_leaves": config.num_leaves,
        "learning_rate": config.learning_rate,
        "min_data_in_leaf": config.min_data_in_leaf,
        "feature_fraction": config.feature_fraction,
        "bagging_fraction": config.bagging_fraction,
        "bagging_freq": 1,
        "lambda_l2": config.lambda_l2,
        "seed": seed,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": thread_count(),
        "verbosity": -1,
    }
    tables = [table for table in rows.tables if len(table)]
    data = lgb.Dataset(tables, rows.label, feature_name=list(names))
    with progress.task("learn to rank", config.num_iterations, unit="trees") as advance:
        callbacks = [lambda _: advance(note=f"{len(rows.label):,} candidates")]
        text = lgb.train(parameters, data, config.num_iterations, callbacks=callbacks).model_to_string()
    return Ranker(text, config.negative_share)
