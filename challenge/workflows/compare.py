"""Scores named systems on one split, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from challenge import progress
from challenge.config import RunConfig
from challenge.data.dataset import Dataset
from challenge.data.interactions import Interactions
from challenge.data.vocabulary import Vocabulary
from challenge.errors import ConfigError, FormatError
from challenge.evaluation.evaluate import make_signature
from challenge.evaluation.ground_truth import GroundTruth, read_ground_truth
from challenge.evaluation.metrics import evaluate
from challenge.evaluation.scorecard import PlaylistScores, Scorecard, compare_paired, make_scorecard
from challenge.evaluation.significance import PairedDifference
from challenge.evaluation.variants import Variants
from challenge.mpd.challenge_set import read_challenge_set
from challenge.mpd.store import prepare_store
from challenge.profile import StageCost, profiled
from challenge.ranking.fill import fill
from challenge.ranking.rank import rank_queries
from challenge.recommender import Recommender, scorer_of
from challenge.run_folder import RunFolder
from challenge.sources.base import FitContext
from challenge.sources.lightgcn import FittedLightGCN
from challenge.sources.registry import USUAL, FittedSources, SourcesConfig
from challenge.split.options import SplitOptions
from challenge.split.split import split_holdout
from challenge.types import LIST_LENGTH, Int32Array
from challenge.workflows.inputs import load_inputs
from challenge.workflows.systems import USUAL as USUAL_SYSTEMS
from challenge.workflows.systems import require_systems, systems_with
from challenge.workflows.train import require_device


@dataclass(frozen=True, eq=False)
class Comparison:
    """Several systems on the same held-out playlists.

    Attributes:
        cards: scores of each system.
        best: the system with the greatest NDCG, which the others are tested against.
        differences: category (or "all") → metric → what the best has over a system, by system.
        costs: what fitting each source took; empty where a run's recommender was used.
        seconds_per_epoch: of the sources that were trained in epochs here.
    """

    cards: dict[str, Scorecard]
    best: str
    differences: dict[str, dict[str, dict[str, PairedDifference]]]
    costs: dict[str, StageCost] = field(default_factory=dict)
    seconds_per_epoch: dict[str, float] = field(default_factory=dict)


def compare(
    mpd: Path,
    config: RunConfig,
    *,
    systems: Sequence[str] = USUAL_SYSTEMS,
    challenge: Path | None = None,
    answers: Path | None = None,
    split: SplitOptions | None = None,
    run: Path | None = None,
    cache: Path | None = None,
) -> Comparison:
    """Train and score the systems on a challenge whose held-out tracks are known, or on a split of the MPD.

    Args:
        mpd: the MPD.
        config: settings of the sources and the ranker; where ``run`` is given, those it was run with.
        systems: names of :data:`challenge.workflows.systems.SYSTEMS` or of sources, which stand alone.
        challenge: with ``answers``, the challenge to score on; alone, whose lengths the split follows.
        answers: held-out tracks of the challenge.
        split: how to hold out a challenge where no answers are given.
        run: folder of a run on this challenge, whose recommender to use instead of fitting one.
        cache: where prepared data is kept.

    Raises:
        ConfigError: an unknown system, a device that is not there, or options that do not go together.
        InputError: a file is missing or not in the official format.
    """
    systems = require_systems(systems, systems_with(config.sources.settings))
    _needed(config, systems)
    _require_together(challenge, answers, split, run)
    require_device(config.device)
    recommender = None if run is None else Recommender.load(RunFolder(run).recommender, device=config.device)
    challenge_set = None if challenge is None else read_challenge_set(challenge)
    if challenge_set is not None and answers is not None:
        truth = read_ground_truth(answers)
        _require_playlists(truth, challenge_set.pid)
        dataset = load_inputs(mpd, challenge_set, cache=cache).dataset
        holdout = holdout_of_ground_truth(truth, dataset)
    else:
        options = split or SplitOptions(seed=config.seed)
        held_out = split_holdout(prepare_store(mpd, cache_dir=cache), options, challenge_set=challenge_set)
        dataset, holdout = held_out.dataset(), held_out.holdout
        truth = ground_truth_of(dataset, holdout)
    return compare_on(dataset, holdout, truth, config, systems, recommender=recommender)


def _require_together(
    challenge: Path | None, answers: Path | None, split: SplitOptions | None, run: Path | None
) -> None:
    """Refuse an option that would have no effect beside the others."""
    if answers is not None and challenge is None:
        hint = "name their challenge set with --challenge, or leave --answers out to score on a split"
        raise ConfigError(f"--answers {answers}: held-out tracks of no challenge", hint=hint)
    if answers is not None and split is not None:
        hint = "leave --kind, --draw and --per-category out, or --answers"
        raise ConfigError("a split is asked for, but --answers name the challenge to score on", hint=hint)
    if run is not None and answers is None:
        hint = "name the challenge of that run with --challenge and --answers"
        raise ConfigError("--model: a run's recommender does not fit a split drawn here", hint=hint)


def compare_on(
    dataset: Dataset,
    holdout: Interactions,
    truth: GroundTruth,
    config: RunConfig,
    systems: Sequence[str],
    *,
    recommender: Recommender | None = None,
) -> Comparison:
    """Score the systems on one dataset whose queries' held-out tracks are known.

    They are fitted here unless a ``recommender`` fitted to this very dataset is given.
    """
    costs: dict[str, StageCost] = {}
    if recommender is not None:
        _require_same(recommender, dataset)
        if "full" in systems and recommender.ranker is None:
            raise ConfigError("system full: that run learned no ranking; leave it out of --systems")
    else:
        needed = replace(
            config,
            sources=_needed(config, systems),
            ranking="learned" if "full" in systems else "blend",
        )
        with profiled() as costs:
            recommender = Recommender.fit(dataset, needed)
    queries = recommender.queries()
    scores = {}
    for name in systems:
        progress.message(f"system {name}")
        with profiled() as more:
            sources = only(recommender.sources, systems_with(config.sources.settings)[name])
        costs |= more
        scorer = scorer_of(sources, config, recommender.ranker if name == "full" else None)
        lists = fill(sources, rank_queries(sources, scorer, queries), queries)
        values = evaluate(lists.track, holdout, dataset.catalog.track_artist, Variants())
        labels = tuple(category.value for category in dataset.queries.categories)
        scores[name] = PlaylistScores(dataset.queries.pid, labels, values)
    compared = _compared(scores, make_signature(Variants(), truth, seed=config.seed), config.seed)
    epochs = _seconds_per_epoch(recommender.sources.context)
    return replace(compared, costs=costs, seconds_per_epoch=epochs)


def _seconds_per_epoch(context: FitContext) -> dict[str, float]:
    """Mean time of an epoch of each source that was trained in epochs."""
    fitted = {name: context.fitted(name) for name in context.fitted_names()}
    reports = {name: each.report for name, each in fitted.items() if isinstance(each, FittedLightGCN)}
    times = {
        name: [each.seconds for each in report.epochs if each.seconds is not None]
        for name, report in reports.items()
        if report is not None
    }
    return {name: sum(each) / len(each) for name, each in times.items() if each}


def _require_same(recommender: Recommender, dataset: Dataset) -> None:
    """Refuse a recommender that was fitted to other tracks, playlists or seeds.

    Raises:
        FormatError: naming what differs.
    """
    known, queries = recommender.sources.context.dataset, recommender.queries().queries
    # Training queries that joined the challenge are training playlists too.
    trained = np.concatenate([known.playlists.pid, known.queries.pid[len(queries) :]])
    for what, ours, theirs in (
        ("tracks", known.catalog.tracks.ids, dataset.catalog.tracks.ids),
        ("training playlists", np.sort(trained), np.sort(dataset.playlists.pid)),
        ("challenge playlists", queries.pid, dataset.queries.pid),
        ("seeds", queries.seeds.track_index, dataset.queries.seeds.track_index),
    ):
        if not np.array_equal(ours, theirs):
            raise FormatError(
                f"the recommender was fitted to {len(ours):,} {what}; found {len(theirs):,} or others here",
                hint="name the MPD and the challenge set of that run",
            )


def _needed(config: RunConfig, systems: Sequence[str]) -> SourcesConfig:
    """Leave out the sources that none of the systems uses."""
    used = [systems_with(config.sources.settings)[name] for name in systems]
    if not all(used):
        return config.sources
    wanted = {source for names in used for source in names}
    _require_in_use(wanted, config.sources)
    return replace(config.sources, names=tuple(name for name in config.sources.settings if name in wanted))


def _require_in_use(wanted: set[str], config: SourcesConfig) -> None:
    missing = wanted.intersection(USUAL).difference(config.names)
    if missing:
        raise ConfigError(f"sources: {', '.join(sorted(missing))} not in use; add to sources.names")


def _compared(scores: dict[str, PlaylistScores], signature: str, seed: int) -> Comparison:
    cards = {name: make_scorecard(each, signature, seed=seed) for name, each in scores.items()}
    best = max(cards, key=lambda name: cards[name].overall.ndcg.mean)
    differences = {
        name: compare_paired(each, scores[best], seed=seed) for name, each in scores.items() if name != best
    }
    return Comparison(cards, best, differences)


def only(sources: FittedSources, names: Sequence[str]) -> FittedSources:
    """Keep the named sources of several, fitted now where they were not; all where none is named."""
    context = sources.context
    kept = {name: context.fitted(name) for name in names or sources.names}
    counts = {name: context.sources[name].num_candidates for name in kept}
    if tuple(kept) == ("popularity",):
        counts["popularity"] = LIST_LENGTH  # nothing but popularity, so no title helps out
    return replace(sources, fitted=kept, num_candidates=counts)


def holdout_of_ground_truth(truth: GroundTruth, dataset: Dataset) -> Interactions:
    """Return the held-out tracks of the dataset's queries as dense indices, -1 where it has no such track.

    Raises:
        FormatError: the ground truth lacks a query.
    """
    _require_playlists(truth, dataset.queries.pid)
    tracks = dataset.catalog.tracks.index_of(truth.track_ids)
    held_out = Interactions(truth.indptr, tracks, np.zeros_like(tracks))
    return held_out.take(np.searchsorted(truth.pid, dataset.queries.pid))


def _require_playlists(truth: GroundTruth, pid: Int32Array) -> None:
    missing = np.setdiff1d(pid, truth.pid)
    if len(missing):
        raise FormatError(
            f"answers: {len(missing):,} playlists of the challenge have none, such as {missing[0]}",
            hint="name the answers that belong to this challenge set",
        )


def ground_truth_of(dataset: Dataset, holdout: Interactions) -> GroundTruth:
    """Return the ground truth of a split, ascending by pid, as reading its answers file would give it."""
    order = np.argsort(dataset.queries.pid, kind="stable")
    rows = holdout.take(order)
    tracks: Vocabulary = dataset.catalog.tracks
    categories = tuple(dataset.queries.categories[i].value for i in order)
    return GroundTruth(dataset.queries.pid[order], categories, rows.indptr, tracks.ids[rows.track_index])
