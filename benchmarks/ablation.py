"""What each source and each group of features is worth to the learned ranking.

Run: python -m benchmarks.ablation MPD CHALLENGE ANSWERS [--num-queries N] [--num-iterations N]
     [--num-leaves N] [--learning-rate X] [--only NAME ...] [--threads N] [--seed N] [--cache FOLDER]
     [--markdown FILE]

MPD, CHALLENGE and ANSWERS are the files of a split (``challenge split``). All sources are fitted once, as in
a run, to the training queries and to the challenge's playlists, and their candidates are kept in memory with
their pair features. Then, for each removal, the features are made anew, the ranker is trained anew, and
its lists are scored. A source is removed as if it had never been configured: its scores and ranks, its part
in the fused ranks, and the candidates that nobody else proposes. What titles say of a query, and the filling
of lists that run short, stay. Features are removed by their columns, by name or in groups. Names joined
by "+" are removed together.

Differences from the whole are paired by playlist, with 95 % intervals; * marks p < .05. They hold for one
training of the trees: ``nothing_but_the_seed`` shows what another seed of theirs does.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from benchmarks._ablation_tables import Result, category_table, recall_table, removal_table
from benchmarks._described import DescribedQueries, describe, kept_rows, mean_candidates, rank_without
from benchmarks._recall import Recall, recalls
from benchmarks._removals import Removal, all_removals
from challenge import progress
from challenge.config import RunConfig, override
from challenge.data.dataset import Dataset
from challenge.data.interactions import Interactions
from challenge.evaluation.ground_truth import read_ground_truth
from challenge.evaluation.metrics import evaluate
from challenge.evaluation.scorecard import PlaylistScores, compare_paired, in_order
from challenge.evaluation.variants import Variants
from challenge.files import write_text
from challenge.ranking.fill import fill
from challenge.ranking.ranker import RankerConfig, TrainingRows, train_ranker
from challenge.sources.base import FitContext
from challenge.sources.registry import FittedSources, fit_sources
from challenge.split.training_queries import draw_training_queries
from challenge.threads import thread_count, use_threads
from challenge.workflows.compare import holdout_of_ground_truth
from challenge.workflows.inputs import load_inputs


@dataclass(frozen=True, eq=False)
class Described:
    """Everything that the removals share.

    Attributes:
        dataset: training playlists and the challenge's.
        training_queries: queries to learn from, by fold.
        queries: the challenge's playlists, with the sources that were asked.
        holdout: their held-out tracks.
    """

    dataset: Dataset
    training_queries: tuple[DescribedQueries, ...]
    queries: DescribedQueries
    holdout: Interactions

    @property
    def categories(self) -> tuple[str, ...]:
        """Category of each of the challenge's playlists."""
        return tuple(category.value for category in self.dataset.queries.categories)

    def recalls(self) -> list[Recall]:
        """What the sources find, by category."""
        groups = in_order(set(self.categories))
        return list(recalls(self.queries, self.holdout, self.categories, groups))


def describe_all(dataset: Dataset, holdout: Interactions, config: RunConfig) -> Described:
    """Fit all sources to the folds of training queries and to the dataset, and keep what they propose."""
    ranker, described = config.ranker, []
    drawn = draw_training_queries(dataset, ranker.num_queries, folds=ranker.num_folds, seed=config.seed)
    for number, fold in enumerate(drawn.folds):
        progress.message(f"training queries, fold {number + 1} of {len(drawn.folds)}: {len(fold.holdout):,}")
        sources, seed = fit(fold.dataset, config), config.seed + number
        described.append(
            describe(sources, fold.holdout, ranker, seed=seed, first=fold.first, left_out=fold.validation)
        )
    progress.message(f"the challenge's {len(dataset.queries):,} playlists")
    if not drawn.joint:
        sources = fit(drawn.serving, config)
    queries = describe(sources, holdout, ranker, seed=config.seed)
    return Described(dataset, tuple(described), queries, holdout)


def fit(dataset: Dataset, config: RunConfig) -> FittedSources:
    """Fit the sources as a run does."""
    context = FitContext(dataset, config.sources.settings, seed=config.seed, device=config.device)
    return fit_sources(context, config.sources)


def score_without(described: Described, removal: Removal, config: RunConfig) -> PlaylistScores:
    """Train without what is removed, and score the lists."""
    queries, dataset = described.queries, described.dataset
    rows = TrainingRows.concatenate([kept_rows(fold, removal) for fold in described.training_queries])
    names = removal.kept_features(queries.names)
    ranker = train_ranker(rows, names, config.ranker, seed=config.seed + removal.other_seed)
    own = queries.sources.queries().take(range(len(queries)))
    lists = fill(queries.sources, rank_without(queries, removal, ranker), own)
    values = evaluate(lists.track, described.holdout, dataset.catalog.track_artist, Variants())
    return PlaylistScores(dataset.queries.pid, described.categories, values)


def ablate(described: Described, config: RunConfig, removals: Sequence[Removal]) -> Iterator[Result]:
    """Score without each thing and compare with the first, which removes nothing."""
    whole = None
    for removal in removals:
        scores = score_without(described, removal, config)
        whole = whole or scores
        against = compare_paired(whole, scores, seed=config.seed)
        features = len(removal.kept_features(described.queries.names))
        means = ", ".join(f"{metric} {found.second:.4f}" for metric, found in against["all"].items())
        progress.message(f"without {removal.name}: {means}")
        yield Result(removal, features, mean_candidates(described.queries, removal), against)


def report(
    described: Described, found: Sequence[Recall], results: Sequence[Result], config: RunConfig
) -> str:
    """All tables as Markdown."""
    training_queries, ranker = sum(map(len, described.training_queries)), config.ranker
    heading = (
        f"{len(described.queries):,} playlists scored, {training_queries:,} training queries learned from, "
        f"{ranker.num_iterations} trees of {ranker.num_leaves} leaves, "
        f"learning rate {ranker.learning_rate:g}."
    )
    recall = recall_table(found, in_order(set(described.categories)))
    titles = ("Recall, the share of held-out tracks that are among the candidates:", "NDCG by category:")
    parts = [[heading], removal_table(results), titles[:1], recall, titles[1:], category_table(results)]
    return "\n\n".join("\n".join(part) for part in parts)


class Log:
    """Writes what happens to standard error, with the seconds since the start."""

    def __init__(self) -> None:
        self._start = time.perf_counter()

    def message(self, text: str) -> None:
        """Write one line."""
        print(f"{time.perf_counter() - self._start:6.0f} s  {text}", file=sys.stderr, flush=True)

    def task(self, label: str, total: float | None, unit: str) -> AbstractContextManager[progress.Advance]:
        """Tell that a task begins."""
        self.message(label)
        return nullcontext(lambda amount=1, *, note="": None)


def run(options: argparse.Namespace, config: RunConfig) -> str:
    """Read, describe, and remove one thing after the other; what is kept grows with each."""
    dataset = load_inputs(options.mpd, options.challenge, cache=options.cache).dataset
    removals = all_removals(config.sources.names, options.only)
    described = describe_all(
        dataset, holdout_of_ground_truth(read_ground_truth(options.answers), dataset), config
    )
    found, results, text = described.recalls(), [], ""
    for result in ablate(described, config, removals):
        results.append(result)
        text = report(described, found, results, config)
        if options.markdown:
            write_text(options.markdown, text + "\n")
    return text


def parse(arguments: Sequence[str] | None = None) -> tuple[argparse.Namespace, RunConfig]:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name in ("mpd", "challenge", "answers"):
        parser.add_argument(name, type=Path)
    few = RankerConfig().num_queries
    parser.add_argument("--num-queries", type=int, default=few, help="training queries to learn from")
    parser.add_argument("--num-iterations", type=int, default=150, help="trees")
    parser.add_argument("--num-leaves", type=int, default=47, help="leaves of a tree")
    parser.add_argument("--learning-rate", type=float, default=0.1)
    parser.add_argument("--only", nargs="+", metavar="NAME", help="sources, features or groups to remove")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cache", type=Path, help="where the MPD is kept once read")
    parser.add_argument("--markdown", type=Path, help="write the tables here too")
    options = parser.parse_args(arguments)
    names = ("num_queries", "num_iterations", "num_leaves", "learning_rate")
    chosen = {f"ranker.{name}": getattr(options, name) for name in names}
    return options, override(RunConfig(seed=options.seed), chosen)


def main() -> None:
    """Parse the command line and print the tables."""
    import torch

    options, config = parse()
    use_threads(options.threads)
    torch.set_num_threads(thread_count())
    with progress.use_backend(Log()):
        print(run(options, config))


if __name__ == "__main__":
    main()
