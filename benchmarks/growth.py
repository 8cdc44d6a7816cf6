"""How the lead of the whole system over a plain nearest-neighbour recommender grows with the data.

Run: python -m benchmarks.growth MPD [--parts X ...] [--draw N] [--per-category N] [--config FILE]
     [--threads N] [--seed N] [--cache FOLDER] [--markdown FILE]

A tuning split of the MPD is held out (``challenge split``). Then both systems are fitted to a part of the
training playlists after the other, each within the next, and asked for the same held-out playlists every
time: ``knn``, the playlists most similar to the seeds, and ``full``, all sources and the learned ranking with
settings chosen on that part. Both fall back on titles, then on popularity. A track that a part lacks counts
as missed. A ratio is the full system's mean over that of the neighbours: above 1 is better for R-precision
and NDCG, below 1 for clicks.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from benchmarks._ablation_tables import decimals, number
from benchmarks._command import parser_of
from benchmarks.ablation import Log
from challenge import progress
from challenge.config import RunConfig, load
from challenge.data.dataset import Dataset
from challenge.evaluation.scorecard import Score, Scorecard
from challenge.evaluation.variants import METRICS
from challenge.files import write_text
from challenge.mpd.store import prepare_store
from challenge.split.options import SplitOptions
from challenge.split.split import Split, split_holdout
from challenge.threads import use_threads
from challenge.workflows.compare import compare_on, ground_truth_of

PLAIN, WHOLE = "knn", "full"


def dataset_of_part(split: Split, part: float, seed: int) -> Dataset:
    """Keep this part of a split's training playlists; a smaller part of one seed lies within a larger one."""
    rows = np.random.default_rng(seed).permutation(split.train_rows)
    kept = np.sort(rows[: round(part * len(rows))])
    return Dataset(split.source.catalog, split.source.playlists.take(kept), split.queries)


def grow(
    split: Split, parts: Sequence[float], config: RunConfig
) -> Iterator[tuple[int, dict[str, Scorecard]]]:
    """Fit and score both systems on each part: how many playlists it has, and the scorecards."""
    for part in parts:
        dataset = dataset_of_part(split, part, config.seed)
        progress.message(f"{len(dataset.playlists):,} training playlists")
        truth = ground_truth_of(dataset, split.holdout)
        found = compare_on(dataset, split.holdout, truth, config, (PLAIN, WHOLE))
        yield len(dataset.playlists), found.cards


def tables(results: Mapping[int, Mapping[str, Scorecard]]) -> Iterator[str]:
    """The means and their ratios over all, then the ratios by category, as Markdown."""
    yield from _table(
        [f"{metric}, {name}" for metric in METRICS for name in (PLAIN, WHOLE, "ratio")],
        {size: list(_all_cells(cards)) for size, cards in results.items()},
    )
    categories = list(next(iter(results.values()))[WHOLE].by_category)
    for metric in METRICS:
        yield from ("", f"Ratio of {metric} by category:", "")
        yield from _table(
            categories,
            {
                size: [
                    _ratio(cards[PLAIN].by_category[each], cards[WHOLE].by_category[each], metric)
                    for each in categories
                ]
                for size, cards in results.items()
            },
        )


def _table(columns: Sequence[str], rows: Mapping[int, Sequence[str]]) -> Iterator[str]:
    yield f"| playlists | {' | '.join(columns)} |"
    yield "|---" * (1 + len(columns)) + "|"
    for size, cells in rows.items():
        yield f"| {size:,} | {' | '.join(cells)} |"


def _all_cells(cards: Mapping[str, Scorecard]) -> Iterator[str]:
    plain, whole = cards[PLAIN].overall, cards[WHOLE].overall
    for metric in METRICS:
        yield from (number(score[metric].mean, decimals(metric)) for score in (plain, whole))
        yield _ratio(plain, whole, metric)


def _ratio(plain: Score, whole: Score, metric: str) -> str:
    return f"{whole[metric].mean / plain[metric].mean:.3f}" if plain[metric].mean else ""


def run(options: argparse.Namespace, config: RunConfig) -> str:
    """Split, fit and score; what is kept grows with each part."""
    drawn = SplitOptions(draw=options.draw, per_category=options.per_category, seed=options.seed)
    split = split_holdout(prepare_store(options.mpd, cache_dir=options.cache), drawn)
    results, text = {}, ""
    for size, cards in grow(split, sorted(options.parts), config):
        results[size] = cards
        text = f"{cards[WHOLE].overall.n_playlists:,} held-out playlists.\n\n" + "\n".join(tables(results))
        if options.markdown:
            write_text(options.markdown, text + "\n")
    return text


def main() -> None:
    """Parse the command line and print the tables."""
    parser = parser_of(__doc__)
    parser.add_argument("mpd", type=Path)
    parser.add_argument("--parts", type=float, nargs="+", default=[0.25, 0.5, 1.0], metavar="X")
    parser.add_argument("--draw", type=int, default=0, help="number of the tuning split")
    parser.add_argument("--per-category", type=int, default=100)
    parser.add_argument("--config", type=Path, help="settings in TOML")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cache", type=Path, help="where the MPD is kept once read")
    options = parser.parse_args()
    use_threads(options.threads)
    config = (
        load(options.config, RunConfig(seed=options.seed)) if options.config else RunConfig(seed=options.seed)
    )
    with progress.use_backend(Log()):
        print(run(options, config))


if __name__ == "__main__":
    main()
