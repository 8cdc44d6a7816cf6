"""What a ranker is worth, on training queries that it did not learn from."""

from __future__ import annotations

import numpy as np

from challenge.errors import MissingInputError
from challenge.evaluation.metrics import evaluate
from challenge.evaluation.variants import METRICS, Variants
from challenge.manifest import MeanScore, ValidationScores
from challenge.ranking.fill import fill
from challenge.ranking.rank import learned_scorer, rank_queries
from challenge.ranking.ranker import Ranker
from challenge.sources.registry import FittedSources
from challenge.split.training_queries import TrainingFold
from challenge.types import Float64Array


def validation_scores(sources: FittedSources, ranker: Ranker, fold: TrainingFold) -> ValidationScores | None:
    """Score the lists that the validation queries of a fold would get in a submission.

    Args:
        sources: fitted to the fold's dataset.
        ranker: trained without these queries.
        fold: a fold with validation queries.

    Returns:
        None where there are fewer than two of them, or too few tracks to fill a list.
    """
    if len(fold.validation) < 2:
        return None
    queries = sources.queries().take((fold.first + fold.validation).tolist())
    scorer = learned_scorer(sources, ranker)
    try:
        lists = fill(sources, rank_queries(sources, scorer, queries, label="validate the ranker"), queries)
    except MissingInputError:
        return None
    artists = sources.context.dataset.catalog.track_artist
    values = evaluate(lists.track, fold.holdout.take(fold.validation.tolist()), artists, Variants())
    return ValidationScores(len(queries), *(_mean(getattr(values, metric)) for metric in METRICS))


def _mean(values: Float64Array) -> MeanScore:
    return MeanScore(float(values.mean()), float(values.std(ddof=1) / np.sqrt(len(values))))
