"""Ranks the candidates of the challenge playlists and writes the submission."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from challenge.config import RunConfig
from challenge.data.dataset import Dataset
from challenge.errors import MissingInputError
from challenge.graph import BipartiteGraph
from challenge.ranking.fill import FilledLists, fill
from challenge.ranking.rank import Order, blended_order, learned_order, rank_queries
from challenge.ranking.ranker import Ranker
from challenge.sources.embedding import EmbeddingGenerator
from challenge.sources.lightgcn import LightGCNEmbedder
from challenge.sources.registry import Embedder, SourceSet
from challenge.submission.csv_format import write_submission
from challenge.submission.submission import Submission
from challenge.submission.team import TeamInfo
from challenge.workflows.train import EMBEDDINGS_DIR, RANKER_FILE, fit_all, serving_dataset

SUBMISSION_FILE = "submission.csv.gz"


@dataclass(frozen=True)
class FillSummary:
    """What filled the lists.

    Attributes:
        submission: the file written.
        n_playlists: lists in it.
        sources: places filled by each source, by category.
    """

    submission: Path
    n_playlists: int
    sources: dict[str, dict[str, int]]


def recommend(
    dataset: Dataset, config: RunConfig, folder: Path, sources: SourceSet | None = None
) -> FilledLists:
    """Answer the dataset's queries with the models in ``folder``.

    ``sources`` are those that training them left, where it was just done; otherwise they are fitted anew.

    Raises:
        MissingInputError: a model is missing, or a playlist has too few tracks to choose from.
    """
    if sources is None:
        answering = serving_dataset(dataset, config)
        sources = fit_all(answering, config, saved_embedder(config, folder))
    order = _order(sources, config, folder)
    return fill(sources, rank_queries(sources, order, total=len(dataset.queries)))


def fill_submission(
    dataset: Dataset, config: RunConfig, folder: Path, output: Path, sources: SourceSet | None = None
) -> FillSummary:
    """Answer the challenge and write ``submission.csv.gz`` into ``output``; see :func:`recommend`.

    Raises:
        MissingInputError: a model is missing, or a playlist has too few tracks to choose from.
        ConfigError: team or e-mail do not fit the format.
        ResourceError: the disk is full.
    """
    team = TeamInfo(config.team, config.email)
    lists = recommend(dataset, config, folder, sources)
    path = output / SUBMISSION_FILE
    write_submission(Submission(team, dataset.queries.pid, dataset.catalog.tracks.ids[lists.track]), path)
    return FillSummary(path, len(lists.track), lists.counts(dataset.queries.categories))


def _order(sources: SourceSet, config: RunConfig, folder: Path) -> Order:
    if config.ranking == "blend":
        return blended_order(sources, config.blend.weights(sources.names))
    path = folder / RANKER_FILE
    if not path.exists():
        raise MissingInputError(f"{path}: no trained ranker", hint="run 'challenge train' with this output")
    return learned_order(sources, Ranker.load(path))


def saved_embedder(config: RunConfig, folder: Path) -> Embedder | None:
    """Give LightGCN's saved embeddings in place of a training; None where it is not among the sources.

    Raises:
        MissingInputError: none are saved in ``folder``, or those of another graph.
    """
    if "lightgcn" not in config.sources.names:
        return None
    path = folder / EMBEDDINGS_DIR
    if not path.exists():
        raise MissingInputError(f"{path}: LightGCN is not trained", hint="run 'challenge train' first")

    def embed(graph: BipartiteGraph) -> EmbeddingGenerator:
        from challenge.lightgcn.embeddings import Embeddings

        embeddings = Embeddings.load(path, graph_fingerprint=graph.fingerprint)
        embedder = LightGCNEmbedder(
            config.lightgcn, num_candidates=config.sources.lightgcn_candidates, device=config.device
        )
        return embedder.generator(graph, embeddings)

    return embed
