"""Settings of sources chosen on the data at hand, by how well each source alone continues training queries.

The best settings move with the number of playlists, so that what was chosen on few need not hold for many.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from types import MappingProxyType
from typing import Annotated, Any, Final

import msgspec
import numpy as np
from msgspec import Meta

from challenge import progress
from challenge.blocks import each_block_alone
from challenge.data.interactions import Interactions
from challenge.evaluation.metrics import Holdouts, hit_matrix, ndcg
from challenge.manifest import Trial
from challenge.settings import Settings
from challenge.sources.base import FitContext, FittedSource, IndexedQueries, Source
from challenge.sources.factorise import FactorisationConfig
from challenge.sources.merge import without_seeds
from challenge.sources.registry import SOURCES, SourcesConfig
from challenge.types import LIST_LENGTH, Float64Array, Int32Array, Int64Array, NonNegativeInt, PositiveInt

STEPS: Final[Mapping[str, Mapping[str, tuple[float, ...]]]] = MappingProxyType(
    {
        "playlist_knn": {
            "num_neighbours": (75, 150, 300, 600, 1200, 2400, 4800),
            "popularity_damping": (0.2, 0.3, 0.4, 0.5, 0.6),
        },
        "cooccurrence": {
            "seed_damping": (0.4, 0.5, 0.6, 0.7, 0.8),
            "track_damping": (0.1, 0.2, 0.3, 0.4, 0.5),
        },
        "title_knn": {"amplification": (1.5, 2.0, 3.0, 4.0, 5.0)},
        "ials": {
            "confidence": (2.5, 5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 320.0),
            "regularisation": (2.5, 5.0, 10.0, 20.0, 40.0, 80.0),
        },
    }
)
"""What is tried of each setting, the default among it; in this order, each beside what was chosen before."""
_BATCH: Final = 64


@dataclass(frozen=True)
class TuningConfig(Settings):
    """How settings that depend on the size of the data are chosen.

    A setting that differs from its default was chosen already, and stays as it is.

    Attributes:
        num_queries: training queries that settings are compared on; 0 leaves all settings as they are.
        embedding_size: factors of a trial factorisation.
        iterations: alternations of a trial factorisation.
        max_playlists: of more playlists an even sample of this many takes part in a trial factorisation.
        min_gain: NDCG that another value must gain, in standard errors of the paired difference.
    """

    num_queries: NonNegativeInt = 500
    embedding_size: PositiveInt = 128
    iterations: PositiveInt = 3
    max_playlists: PositiveInt = 100_000
    min_gain: Annotated[float, Meta(ge=0, le=100)] = 2.0


def tune(
    context: FitContext,
    sources: SourcesConfig,
    holdout: Interactions,
    config: TuningConfig,
    *,
    first: int = 0,
    left_out: Sequence[int] | Int64Array = (),
) -> tuple[SourcesConfig, tuple[Trial, ...]]:
    """Choose settings of the sources in use, one after the other, by climbing from their defaults.

    From the value that a setting has, the next lower and the next higher one are tried; while one is better,
    the next in that direction is. Deterministic: the queries are an even sample of the training queries.

    Args:
        context: what the sources are fitted to; its queries from ``first`` on are training queries.
        sources: settings to begin with.
        holdout: held-out tracks of each training query.
        config: how to choose.
        first: the query that is the first training query.
        left_out: rows of ``holdout`` that are kept for validation.

    Returns:
        The settings with those chosen, and what was tried, in order.
    """
    rows = np.setdiff1d(np.arange(len(holdout)), left_out)
    rows = rows[np.linspace(0, len(rows) - 1, min(config.num_queries, len(rows))).astype(np.int64)]
    queries = _TrainingQueries(context, holdout.take(rows), (rows + first).tolist(), config)
    settings, trials = dict(sources.settings), list[Trial]()
    names = [name for name in sources.names if name in STEPS]
    with progress.task("choose settings", len(names), unit="sources") as advance:
        for name in names:
            settings[name], tried = climb(name, settings[name], queries.evaluate, config.min_gain)
            trials += tried
            advance()
    for trial in trials:
        if trial.chosen:
            progress.message(
                f"{trial.source}: {trial.setting} {trial.value:g} instead of "
                f"{getattr(SOURCES[trial.source], trial.setting):g}, NDCG {trial.ndcg:.4f} alone"
            )
    return replace(sources, settings=settings), tuple(trials)


@dataclass(frozen=True, eq=False)
class _TrainingQueries:
    """Scores settings of a source on the chosen training queries."""

    context: FitContext
    holdout: Interactions
    rows: Sequence[int]
    config: TuningConfig

    def evaluate(self, source: Source) -> tuple[Float64Array, float]:
        """NDCG of each query by the source alone, float64, shape (Q,), and the mean recall of its lists."""
        small, context = source, self.context
        if isinstance(source, FactorisationConfig):
            size = min(source.embedding_size, self.config.embedding_size)
            trial: Any = source
            small = replace(trial, embedding_size=size, iterations=self.config.iterations)
            context = self._sampled
        held_out = Holdouts.of(self.holdout)
        hits = hit_matrix(self._lists(small.fit(context), context), held_out)
        return ndcg(hits, held_out.sizes), float((hits.sum(axis=1) / held_out.sizes).mean())

    @cached_property
    def _sampled(self) -> FitContext:
        """What trial factorisations are fitted to: the same queries beside at most so many playlists."""
        dataset, most = self.context.dataset, self.config.max_playlists
        if len(dataset.playlists) <= most:
            return self.context
        rows = np.linspace(0, len(dataset.playlists) - 1, most).astype(np.int64)
        sample = replace(dataset, playlists=dataset.playlists.take(rows))
        return FitContext(sample, self.context.sources, seed=self.context.seed, device=self.context.device)

    def _lists(self, fitted: FittedSource, context: FitContext) -> Int32Array:
        """The 500 best tracks of each query but its seeds, -1 behind the last; int32, shape (Q, 500)."""
        queries = IndexedQueries.of_index(context.index, context.dataset.queries).take(self.rows)
        lists = np.full((len(queries), LIST_LENGTH), -1, np.int32)

        def continue_batch(start: int, stop: int) -> None:
            batch = queries.batch(start, stop)
            most = int(np.diff(batch.seed_indptr).max(initial=0))
            best = fitted.score(batch).best(LIST_LENGTH + most)
            for query, tracks in enumerate(best):
                row = without_seeds(tracks, batch.seeds(query))[:LIST_LENGTH]
                lists[start + query, : len(row)] = row

        if context.torch_device() == "cpu":
            each_block_alone(continue_batch, len(queries), _BATCH)
        else:  # a GPU is shared
            for start in range(0, len(queries), _BATCH):
                continue_batch(start, min(start + _BATCH, len(queries)))
        return lists


def climb(
    name: str, source: Any, evaluate: Callable[[Any], tuple[Float64Array, float]], min_gain: float
) -> tuple[Any, list[Trial]]:
    """Choose the settings of one source; also return what was tried.

    ``evaluate`` tells the NDCG of each query, float64, shape (Q,), and the mean recall of a source of other
    settings; ``min_gain`` is that of :class:`TuningConfig`.
    """
    trials: list[Trial] = []
    keys = [key for key in STEPS[name] if getattr(source, key) == getattr(SOURCES[name], key)]
    if not keys:
        return source, trials
    best, recall = evaluate(source)
    for key in keys:
        default = getattr(source, key)
        trials.append(Trial(name, key, float(default), float(best.mean()), recall))
        for values in _directions(STEPS[name][key], default):
            for value in values:
                changed = replace(source, **{key: type(default)(value)})
                found, recall_now = evaluate(changed)
                trials.append(Trial(name, key, float(value), float(found.mean()), recall_now))
                if not _better(found - best, min_gain):
                    break
                source, best, recall = changed, found, recall_now
            if getattr(source, key) != default:
                break  # what is better in one direction is not looked for in the other
    chosen = {key: value for key in keys if (value := getattr(source, key)) != getattr(SOURCES[name], key)}
    return source, [
        msgspec.structs.replace(trial, chosen=chosen.get(trial.setting) == trial.value) for trial in trials
    ]


def _directions(steps: tuple[float, ...], default: float) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """The greater values and the smaller ones, nearest first; the default is among the steps."""
    position = steps.index(default)
    return steps[position + 1 :], steps[:position][::-1]


def _better(gains: Float64Array, min_gain: float) -> bool:
    """Tell whether the mean of paired differences is so many standard errors above 0."""
    error = float(gains.std()) / max(len(gains), 1) ** 0.5
    return bool(float(gains.mean()) > min_gain * error)
