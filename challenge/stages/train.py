"""Trains what a run needs: the ranker on look-alike playlists, and LightGCN on everything."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

from challenge import progress
from challenge.artifacts import write_text
from challenge.candidates.lightgcn import LightGCNEmbedder
from challenge.candidates.sources import fit_sources
from challenge.config_file import dump_toml
from challenge.data.corpus import Corpus
from challenge.ranking.features import feature_names
from challenge.ranking.lookalike import draw_lookalikes
from challenge.ranking.ranker import TrainingRows, train_ranker
from challenge.ranking.recommend import training_rows
from challenge.stages.config import RunConfig

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
        ranker_queries: look-alikes that the ranker learned from.
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


def train_models(corpus: Corpus, config: RunConfig, folder: Path, *, resume: bool = False) -> TrainingSummary:
    """Train the ranker and LightGCN, and write them and the settings into ``folder``.

    Raises:
        ConfigError: an impossible setting, such as a device that is not there.
        ResourceError: memory or disk would not do.
    """
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / CONFIG_FILE, dump_toml(config))
    embedder = _embedder(config, folder, resume=resume)
    summary: dict[str, Any] = {}
    if config.ranking == "learned":
        summary = train_ranker_only(corpus, config, folder, embedder)
    if embedder is not None:
        progress.message("LightGCN on all playlists and seeds")
        embedder(corpus)
        if embedder.embeddings is not None:
            _replace_embeddings(embedder, folder / EMBEDDINGS_DIR)
    reports = tuple(asdict(report) for report in embedder.reports) if embedder else ()
    return TrainingSummary(reports[-1]["device"] if reports else "none", reports, **summary)


def _embedder(config: RunConfig, folder: Path, *, resume: bool) -> LightGCNEmbedder | None:
    if "lightgcn" not in config.sources.names:
        return None
    from challenge.model.device import choose_device

    choose_device(config.device)  # tells of a device that is not there before the other sources are made
    return LightGCNEmbedder(
        replace(config.lightgcn, seed=config.seed),
        depth=config.sources.lightgcn_depth,
        device=config.device,
        checkpoint_dir=folder / CHECKPOINT_DIR,
        resume=resume,
    )


def train_ranker_only(
    corpus: Corpus, config: RunConfig, folder: Path, embedder: LightGCNEmbedder | None
) -> dict[str, Any]:
    """Train the ranker on look-alikes of the corpus's queries and write it into ``folder``."""
    folds = draw_lookalikes(corpus, config.ranker.queries, folds=config.ranker.folds, seed=config.seed)
    parts: list[TrainingRows] = []
    names: Sequence[str] = ()
    for number, fold in enumerate(folds):
        progress.message(
            f"look-alikes, part {number + 1} of {len(folds)}: {len(fold.corpus.queries):,} "
            "training playlists cut like the challenge's"
        )
        sources = fit_sources(fold.corpus, config.sources, embedder=embedder)
        names = feature_names(sources.names)
        parts.append(training_rows(sources, fold.holdout, config.ranker, seed=config.seed + number))
    rows = TrainingRows.concatenate(parts)
    with progress.task(f"learn to rank {len(rows.label):,} candidates"):
        ranker = train_ranker(rows, names, config.ranker, seed=config.seed)
    ranker.save(folder / RANKER_FILE)
    return {
        "ranker_queries": sum(len(fold.corpus.queries) for fold in folds),
        "ranker_rows": len(rows.label),
        "importance": ranker.importance(),
    }


def _replace_embeddings(embedder: LightGCNEmbedder, folder: Path) -> None:
    """Write the embeddings in place of those of an earlier training."""
    import shutil

    if embedder.embeddings is None:
        return
    shutil.rmtree(folder, ignore_errors=True)
    embedder.embeddings.save(folder)
