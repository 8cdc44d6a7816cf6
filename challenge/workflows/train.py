"""Trains what a run needs: the ranker on training queries, and LightGCN on everything."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from challenge import progress
from challenge.artifacts import write_text
from challenge.config import RunConfig
from challenge.config_file import dump_toml
from challenge.data.dataset import Dataset
from challenge.profile import section
from challenge.ranking.features import feature_names
from challenge.ranking.rank import training_rows
from challenge.ranking.ranker import TrainingRows, train_ranker
from challenge.sources.lightgcn import LightGCNEmbedder
from challenge.sources.registry import NEED_FACTORS, Embedder, SourceSet, fit_sources
from challenge.split.training_queries import TrainingQueries, draw_training_queries

if TYPE_CHECKING:
    from challenge.lightgcn.embeddings import Embeddings

MODEL_DIR: Final = "model"
RANKER_FILE: Final = "ranker.txt"
EMBEDDINGS_DIR: Final = "lightgcn"
CHECKPOINT_DIR: Final = "checkpoint"
CONFIG_FILE: Final = "config.toml"


@dataclass(frozen=True)
class TrainingSummary:
    """What training did, for the manifest.

    Attributes:
        device: where LightGCN was trained, "none" where it is not among the sources.
        lightgcn: reports of its trainings, the last one on all data.
        ranker_queries: training queries that the ranker learned from.
        ranker_rows: candidates among them.
        importance: share of the ranker's gain by feature, greatest first.
    """

    device: str
    lightgcn: tuple[dict[str, Any], ...]
    ranker_queries: int = 0
    ranker_rows: int = 0
    importance: dict[str, float] | None = None

    @property
    def epochs(self) -> list[dict[str, Any]]:
        """Epochs of LightGCN's training on all data."""
        return list(self.lightgcn[-1]["epochs"]) if self.lightgcn else []


@dataclass(frozen=True, eq=False)
class Trained:
    """What training leaves in memory.

    Attributes:
        summary: for the manifest.
        sources: fitted to the dataset that answers the challenge.
    """

    summary: TrainingSummary
    sources: SourceSet


def train_models(dataset: Dataset, config: RunConfig, folder: Path, *, resume: bool = False) -> Trained:
    """Train the ranker and LightGCN, and write them and the settings into ``folder``.

    Raises:
        ConfigError: an impossible setting, such as a device that is not there.
        ResourceError: memory or disk would not do.
    """
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / CONFIG_FILE, dump_toml(config))
    embedder = new_embedder(config, checkpoint_dir=folder / CHECKPOINT_DIR, resume=resume)
    sources, facts = fit_and_learn(dataset, config, folder, embedder)
    if embedder is not None and embedder.embeddings is not None:
        _replace_embeddings(embedder.embeddings, folder / EMBEDDINGS_DIR)
    reports = tuple(asdict(report) for report in embedder.reports) if embedder else ()
    return Trained(TrainingSummary(reports[-1]["device"] if reports else "none", reports, **facts), sources)


def new_embedder(
    config: RunConfig, *, checkpoint_dir: Path | None = None, resume: bool = False
) -> LightGCNEmbedder | None:
    """Make LightGCN ready to be trained; None where it is not among the sources.

    Raises:
        ConfigError: no such device.
    """
    if "lightgcn" not in config.sources.names:
        return None
    from challenge.lightgcn.device import choose_device

    choose_device(config.device)  # tells of a device that is not there before the other sources are made
    return LightGCNEmbedder(
        config.lightgcn,
        num_candidates=config.sources.lightgcn_candidates,
        seed=config.seed,
        device=config.device,
        checkpoint_dir=checkpoint_dir,
        resume=resume,
    )


def fit_and_learn(
    dataset: Dataset, config: RunConfig, folder: Path, embedder: LightGCNEmbedder | None
) -> tuple[SourceSet, dict[str, Any]]:
    """Fit the sources that answer the dataset's queries; where ranking is learned, write a ranker too.

    Returns the sources and facts for the manifest.
    """
    if config.ranking != "learned":
        return fit_all(dataset, config, embedder), {}
    training_queries = _training_queries(dataset, config)
    parts: list[TrainingRows] = []
    for number, fold in enumerate(training_queries.folds):
        progress.message(
            f"training queries, part {number + 1} of {len(training_queries.folds)}: {len(fold.holdout):,} "
            "training playlists cut like the challenge's"
        )
        sources = fit_all(fold.dataset, config, embedder)
        seed = config.seed + number
        parts.append(training_rows(sources, fold.holdout, config.ranker, seed=seed, first=fold.first))
    rows = TrainingRows.concatenate(parts)
    parts.clear()
    with section("learn to rank"), progress.task(f"learn to rank {len(rows.label):,} candidates"):
        ranker = train_ranker(rows, feature_names(sources.names), config.ranker, seed=config.seed)
    ranker.save(folder / RANKER_FILE)
    facts = {
        "ranker_queries": sum(len(fold.holdout) for fold in training_queries.folds),
        "ranker_rows": len(rows.label),
        "importance": ranker.importance(),
    }
    del rows
    if not training_queries.joint:
        progress.message("all sources on all playlists and seeds")
        sources = fit_all(training_queries.answering, config, embedder)
    return sources, facts


def fit_all(dataset: Dataset, config: RunConfig, embedder: Embedder | None) -> SourceSet:
    """Fit the sources of a run; vectors are searched on the device that LightGCN is trained on.

    Raises:
        ConfigError: no such device.
    """
    device = "cpu"
    if NEED_FACTORS.intersection(config.sources.names):
        from challenge.lightgcn.device import choose_device

        device = str(choose_device(config.device)[0])
    return fit_sources(dataset, config.sources, embedder=embedder, device=device)


def serving_dataset(dataset: Dataset, config: RunConfig) -> Dataset:
    """Return what :func:`fit_and_learn` answers from: a dataset whose first queries are those of this one."""
    return _training_queries(dataset, config).answering if config.ranking == "learned" else dataset


def _training_queries(dataset: Dataset, config: RunConfig) -> TrainingQueries:
    return draw_training_queries(dataset, config.ranker.queries, folds=config.ranker.folds, seed=config.seed)


def _replace_embeddings(embeddings: Embeddings, folder: Path) -> None:
    """Write the embeddings in place of those of an earlier training."""
    import shutil

    shutil.rmtree(folder, ignore_errors=True)
    embeddings.save(folder)
