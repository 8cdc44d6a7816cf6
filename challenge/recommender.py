"""The recommender: sources of candidates and the order of what they propose, fitted to one dataset."""

from __future__ import annotations

import gc
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, TypeVar

import msgspec
import numpy as np

from challenge import progress
from challenge.config import RunConfig, dump, load
from challenge.data.archive import load_record, save_record
from challenge.data.catalog import Catalog
from challenge.data.dataset import Dataset, Queries
from challenge.data.interactions import Interactions
from challenge.data.playlists import Playlists
from challenge.data.titles import tokens
from challenge.errors import ConfigError, FormatError, MissingInputError
from challenge.files import replacing_directory, write_text
from challenge.manifest import TrainingFacts, Trial, ValidationScores
from challenge.playlist import Playlist, Recommendation, as_queries, track_indices
from challenge.profile import section
from challenge.ranking.features import feature_names
from challenge.ranking.fill import FilledLists, fill
from challenge.ranking.rank import Scorer, blended_scorer, learned_scorer, rank_queries, training_rows
from challenge.ranking.ranker import Ranker, TrainingRows, train_ranker
from challenge.ranking.recommend import describe, recommend
from challenge.ranking.validation import validation_scores
from challenge.sealed import hashes_of, read_sealed, require_unchanged, write_sealed
from challenge.sources.base import FitContext, IndexedQueries, SavedContext
from challenge.sources.held_columns import HeldColumns
from challenge.sources.ials import FittedIals
from challenge.sources.lightgcn import FittedLightGCN, LightGCN
from challenge.sources.postings import PlaylistIndex
from challenge.sources.registry import FittedSources, fit_sources
from challenge.sources.tuning import tune
from challenge.split.training_queries import TrainingFold, TrainingQueries, draw_training_queries
from challenge.types import LIST_LENGTH, FloatArray
from challenge.versions import package_versions

Part = TypeVar("Part")
FORMAT_VERSION: Final = 4
_FACTS: Final = "recommender.json"
_CONFIG: Final = "config.toml"
_RANKER: Final = "ranker.txt"
_SOURCES: Final = "sources"
_AGAIN: Final = "fit it again: challenge train --output DIR"


@dataclass(frozen=True)
class TrainingSummary:
    """What fitting did.

    Attributes:
        lightgcn: reports of LightGCN's trainings, the last one on what the challenge is continued from.
        ranker_queries: training queries, those that the ranker is validated on included.
        ranker_rows: candidates that it learned from.
        importance: share of the ranker's gain by feature, greatest first.
        candidate_recall: mean share of a training query's held-out tracks that were among its candidates, by
            category.
        validation: what the lists of training queries score that the ranker did not learn from.
        trials: settings of sources that were tried on the data at hand.
    """

    lightgcn: tuple[TrainingFacts, ...] = ()
    ranker_queries: int = 0
    ranker_rows: int = 0
    importance: dict[str, float] = field(default_factory=dict)
    candidate_recall: dict[str, float] = field(default_factory=dict)
    validation: ValidationScores | None = None
    trials: tuple[Trial, ...] = ()

    @property
    def device(self) -> str:
        """Where LightGCN was trained, "none" where it is not among the sources."""
        return self.lightgcn[-1].device if self.lightgcn else "none"


class Recommender:
    """Continues playlists; fitted once by :meth:`fit`.

    Attributes:
        config: its settings.
        sources: fitted to training playlists and the seeds of the dataset's queries.
        ranker: orders their candidates; None where they are blended by weights.
        summary: what fitting did.
        run: id of the run that it is of; empty where it is of none.
    """

    run: str = ""

    def __init__(
        self,
        config: RunConfig,
        sources: FittedSources,
        ranker: Ranker | None,
        n_queries: int,
        summary: TrainingSummary,
    ) -> None:
        self.config, self.sources, self.ranker, self.summary = config, sources, ranker, summary
        self._n_queries = n_queries

    @classmethod
    def fit(
        cls,
        dataset: Dataset,
        config: RunConfig | None = None,
        *,
        checkpoint_dir: Path | None = None,
        resume: bool = False,
    ) -> Recommender:
        """Fit the sources and learn the ranking.

        Args:
            dataset: training playlists and the queries to continue, of which only titles and seeds are seen.
            config: settings; the defaults unless given.
            checkpoint_dir: where LightGCN keeps the state of its training; None for nowhere.
            resume: go on from the state that is there.

        Raises:
            ConfigError: an impossible setting, such as a device that is not there.
            MissingInputError: no training query can be drawn, or none has a held-out track among candidates.
            ResourceError: memory or disk would not do.
        """
        config = config or RunConfig()
        return _Fit(config, checkpoint_dir, resume).recommender(dataset)

    @classmethod
    def assist(
        cls, dataset: Dataset, config: RunConfig, *, checkpoint_dir: Path | None = None, resume: bool = False
    ) -> None:
        """Train LightGCN together with the process in which :meth:`fit` is called with the same arguments."""
        names = [name for name in config.sources.names if isinstance(config.sources.settings[name], LightGCN)]
        if not names:
            return
        alone = replace(config, sources=replace(config.sources, names=tuple(names)))
        fit = _Fit(alone, checkpoint_dir, resume)
        datasets = [dataset] if config.ranking == "blend" else _drawn(dataset, config).datasets
        for each in datasets:
            fit.sources(fit.context(each))

    @property
    def dataset(self) -> Dataset:
        """What it was fitted to."""
        return self.sources.context.dataset

    def queries(self) -> IndexedQueries:
        """Return the queries of the dataset that it was fitted to."""
        return self.sources.queries().take(range(self._n_queries))

    @property
    def weights(self) -> dict[str, float]:
        """What each source weighs where they are blended."""
        return {name: self.config.sources.settings[name].weight for name in self.sources.names}

    def fill(self, queries: IndexedQueries | None = None) -> FilledLists:
        """Continue queries, those of the dataset unless others are given, with exactly 500 tracks each.

        Raises:
            MissingInputError: a playlist has fewer than 500 tracks to choose from.
        """
        queries = self.queries() if queries is None else queries
        return fill(
            self.sources,
            rank_queries(self.sources, scorer_of(self.sources, self.config, self.ranker), queries),
            queries,
        )

    def recommend(
        self, playlists: Sequence[Playlist], n: int = 20, *, explain: bool = False
    ) -> list[list[Recommendation]]:
        """Continue any playlists with ``n`` tracks each, best first, none of those they hold.

        Args:
            playlists: titles, tracks or both; they need not be of the dataset.
            n: 1 to 500.
            explain: give each track's sources, the seeds and words that speak for it, and the groups of
                features that make its score.

        Raises:
            ConfigError: ``n`` is out of range.
            InputError: a playlist has neither title nor track, or an unknown track.
            MissingInputError: there are fewer than ``n`` tracks to choose from.
        """
        if not 1 <= n <= LIST_LENGTH:
            raise ConfigError(f"n is {n}; expected 1 to {LIST_LENGTH}")
        queries = as_queries(playlists, self.dataset)
        strangers = IndexedQueries.strangers(self.sources.index, queries)
        return recommend(self.sources, self.ranker, self.weights, strangers, n, explain=explain)

    def knows_title(self, title: str) -> bool:
        """Whether a playlist that it learned from has this title, one like it, or one of its words."""
        groups = self.sources.context.titles
        known = any(len(groups.rows_with_word(word)) > 0 for word in tokens(title))
        return known or bool(self.sources.title.support((title,))[0] > 0)

    def similar(self, track: str, n: int = 20) -> list[Recommendation]:
        """Return the ``n`` tracks nearest to one (URI, link or id), by the cosine of their embeddings.

        Raises:
            ConfigError: fewer than one are asked for, or no source has embeddings.
            InputError: no such track.
        """
        if n < 1:
            raise ConfigError(f"n is {n}; expected 1 or more")
        dataset, vectors = self.dataset, self._track_vectors()
        index = int(track_indices([track], dataset.catalog, where="track")[0])
        own = vectors[index]
        cosine = vectors @ own / np.maximum(np.linalg.norm(vectors, axis=1) * np.linalg.norm(own), 1e-12)
        cosine[index] = -np.inf
        nearest = np.argsort(-cosine, kind="stable")[: min(n, len(cosine) - 1)]
        return [
            describe(dataset.catalog, rank, int(found), float(cosine[found]))
            for rank, found in enumerate(nearest, start=1)
        ]

    def embedding(self, track: str) -> FloatArray:
        """Return the embedding of one track (URI, link or id): LightGCN's, else iALS's; float32, shape (D,).

        Raises:
            InputError: no such track.
        """
        catalog = self.dataset.catalog
        return np.array(self._track_vectors()[track_indices([track], catalog, where="track")[0]])

    def _track_vectors(self) -> FloatArray:
        """Embeddings of all tracks without biases; float32, shape (T, D)."""
        for name in ("lightgcn", "ials"):
            source = self.sources.fitted.get(name)
            if isinstance(source, FittedLightGCN | FittedIals):
                return source.track_embeddings
        raise ConfigError(
            "no embeddings: neither lightgcn nor ials is among the sources", hint="fit with one of them"
        )

    def save(self, folder: Path | str) -> None:
        """Write all that answering needs into ``folder``, in place of what was there.

        Raises:
            ResourceError: the disk is full.
        """
        folder, context = Path(folder), self.sources.context
        fingerprint = context.dataset.fingerprint()
        with replacing_directory(folder) as temporary:
            write_text(temporary / _CONFIG, dump(self.config))
            if self.ranker is not None:
                self.ranker.save(temporary / _RANKER)
            for name, record in (
                ("catalog", context.dataset.catalog),
                ("playlists", replace(context.dataset.playlists, interactions=Interactions.from_rows([]))),
                ("queries", context.dataset.queries),
                ("index", context.index),
                ("columns", context.columns),
            ):
                save_record(record, temporary / name, of=fingerprint)
            for name in context.fitted_names():
                save = getattr(context.fitted(name), "save", None)
                if save is not None:
                    save(temporary / _SOURCES / name, fingerprint)
            # Arrays are in the seals of their records, which are among these files.
            files = [path for path in temporary.rglob("*") if path.is_file() and path.suffix != ".npy"]
            facts = RecommenderFacts(
                fingerprint=fingerprint,
                queries=self._n_queries,
                run=self.run,
                files=hashes_of(temporary, (path.relative_to(temporary).as_posix() for path in files)),
                versions=package_versions(),
            )
            write_sealed(temporary / _FACTS, facts)

    @classmethod
    def load(cls, folder: Path | str, *, device: str | None = None) -> Recommender:
        """Read what :meth:`save` wrote; arrays are mapped into memory after every byte was compared.

        Raises:
            MissingInputError: nothing there, or a part is missing.
            FormatError: of another version, or damaged.
            ConfigError: no such device.
        """
        with progress.task("load what was learned"):
            return cls._load(Path(folder), device)

    @classmethod
    def _load(cls, folder: Path, device: str | None) -> Recommender:
        facts = saved_facts(folder)
        config = _settings(folder)
        if device is not None:
            config = replace(config, device=device)
        fingerprint = facts.fingerprint
        index = load_record(PlaylistIndex, folder / "index", of=fingerprint, hint=_AGAIN)
        columns = load_record(HeldColumns, folder / "columns", of=fingerprint, hint=_AGAIN)
        dataset = _saved_dataset(folder, fingerprint, index)
        if columns.n_tracks != index.n_tracks or not 0 <= facts.queries <= len(dataset.queries):
            raise FormatError(f"{folder}: its parts do not fit each other", hint=_AGAIN)
        saved = SavedContext(folder / _SOURCES, index, columns, fingerprint)
        context = FitContext(
            dataset, config.sources.settings, seed=config.seed, device=config.device, saved=saved
        )
        sources = fit_sources(context, config.sources)
        ranker = _saved_ranker(folder, sources, config) if _RANKER in facts.files else None
        recommender = cls(config, sources, ranker, facts.queries, TrainingSummary())
        recommender.run = facts.run
        return recommender


class RecommenderFacts(msgspec.Struct, kw_only=True, frozen=True):
    """What a saved recommender says of itself.

    Attributes:
        fingerprint: of the dataset that it was fitted to.
        queries: how many of its queries are the challenge's.
        run: id of the run that it is of; empty where it is of none.
        files: SHA-256 of each of its files, those of arrays apart, which stand in the seals of their records.
        versions: of Python and packages.
        format: version of its layout.
    """

    fingerprint: str
    queries: int
    run: str
    files: dict[str, str]
    versions: dict[str, str]
    format: int = FORMAT_VERSION


def _saved_dataset(folder: Path, fingerprint: str, index: PlaylistIndex) -> Dataset:
    """Load the dataset; its playlists hold what the index tells, each track once."""
    entries = int(index.row_indptr[index.n_playlists])
    rows = Interactions(
        index.row_indptr[: index.n_playlists + 1],
        index.row_track[:entries],
        np.broadcast_to(np.int32(-1), entries),
    )
    n_artists, n_albums = len(index.artist_popularity), len(index.album_popularity)
    tracks = {"tracks": index.n_tracks, "artists": n_artists, "albums": n_albums}
    playlists, queries = {"pid": index.n_playlists}, {"pid": index.n_queries}

    def load(kind: type[Part], name: str, lengths: Mapping[str, int]) -> Part:
        return load_record(kind, folder / name, of=fingerprint, lengths=lengths, hint=_AGAIN)

    dataset = Dataset(
        load(Catalog, "catalog", tracks),
        replace(load(Playlists, "playlists", playlists), interactions=rows),
        load(Queries, "queries", queries),
    )
    fault = next(dataset.faults(), None)
    if fault is not None:
        raise FormatError(f"{folder}: {fault}", hint=_AGAIN)
    return dataset


def _saved_ranker(folder: Path, sources: FittedSources, config: RunConfig) -> Ranker:
    try:
        ranker = Ranker.load(folder / _RANKER, config.ranker.negative_share)
    except FormatError as error:
        raise FormatError(f"{folder / _RANKER}: {error.message}", hint=_AGAIN) from error
    if ranker.names != tuple(feature_names(sources.names)):
        raise FormatError(f"{folder / _RANKER}: is of other sources than config.toml names", hint=_AGAIN)
    return ranker


def saved_config(folder: Path) -> RunConfig:
    """Read the settings of the recommender that :meth:`Recommender.save` wrote into ``folder``.

    Raises:
        MissingInputError: nothing there.
        FormatError: of another version, or damaged.
    """
    saved_facts(folder)
    return _settings(folder)


def _settings(folder: Path) -> RunConfig:
    """Read settings that were written here, so that only sources from outside can be unknown in them."""
    try:
        return load(folder / _CONFIG)
    except ConfigError as error:
        hint = "install the package of each source that is not challenge's own, or go where its module lies"
        raise ConfigError(f"{folder}: {error.message}", hint=hint) from error


def saved_facts(folder: Path) -> RecommenderFacts:
    """Read what a saved recommender says of itself, and compare all of its files but the arrays.

    Raises:
        MissingInputError: nothing there, or a part is missing.
        FormatError: of another version, or damaged.
    """
    path = folder / _FACTS
    if not path.exists():
        hint = f"{_AGAIN}, or name another folder: challenge runs lists the runs that are there"
        raise MissingInputError(f"{folder}: holds no recommender ({_FACTS} is missing)", hint=hint)
    facts = read_sealed(path, RecommenderFacts, version=("format", FORMAT_VERSION), hint=_AGAIN)
    require_unchanged(folder, facts.files, hint=_AGAIN)
    return facts


def scorer_of(sources: FittedSources, config: RunConfig, ranker: Ranker | None) -> Scorer:
    """Return what orders the candidates of ``sources``: the ranker, or their weights where there is none."""
    if ranker is not None:
        return learned_scorer(sources, ranker)
    return blended_scorer({name: config.sources.settings[name].weight for name in sources.names})


def _drawn(dataset: Dataset, config: RunConfig) -> TrainingQueries:
    ranker = config.ranker
    return draw_training_queries(dataset, ranker.num_queries, folds=ranker.num_folds, seed=config.seed)


@dataclass(eq=False)
class _Fit:
    """One fitting; of training queries in folds it fits the sources several times."""

    config: RunConfig
    checkpoint_dir: Path | None
    resume: bool
    reports: list[TrainingFacts] = field(default_factory=list)
    n_fits: int = 0
    trials: tuple[Trial, ...] = ()

    def recommender(self, dataset: Dataset) -> Recommender:
        n_queries = len(dataset.queries)
        if self.config.ranking == "blend":
            sources, ranker, summary = self.sources(self.context(dataset)), None, TrainingSummary()
        else:
            sources, ranker, summary = self.learned(dataset)
        summary = replace(summary, lightgcn=tuple(self.reports), trials=self.trials)
        return Recommender(self.config, sources, ranker, n_queries, summary)

    def learned(self, dataset: Dataset) -> tuple[FittedSources, Ranker, TrainingSummary]:
        """Learn the ranking from training queries; sources never see what these hold out."""
        config = self.config.ranker
        drawn = _drawn(dataset, self.config)
        rows, sources = self.rows(drawn)
        with section("learn to rank"):
            ranker = train_ranker(rows, feature_names(sources.names), config, seed=self.config.seed)
        n_queries, n_rows = sum(len(fold.holdout) for fold in drawn.folds), len(rows.label)
        recall = {name: float(shares.mean()) for name, shares in rows.recall.items()}
        del rows
        validation = validation_scores(sources, ranker, drawn.folds[-1])
        if not drawn.joint:
            del sources
            progress.message("all sources on all playlists and seeds")
            sources = self.sources(self.context(drawn.serving))
        facts = (n_queries, n_rows, ranker.importance(), recall, validation)
        return sources, ranker, TrainingSummary((), *facts)

    def rows(self, drawn: TrainingQueries) -> tuple[TrainingRows, FittedSources]:
        """Describe the candidates of all training queries; also return the last fold's sources."""
        parts: list[TrainingRows] = []
        sources: FittedSources | None = None
        for number, fold in enumerate(drawn.folds):
            sources = None  # no two folds' in memory
            progress.message(
                f"training queries, fold {number + 1} of {len(drawn.folds)}: {len(fold.holdout):,} "
                "training playlists cut like the challenge's"
            )
            context = self.context(fold.dataset)
            if number == 0 and self.config.tuning.num_queries:
                self.choose_settings(context, fold)
            sources = self.sources(context)
            seed = self.config.seed + number
            parts.append(
                training_rows(
                    sources,
                    fold.holdout,
                    self.config.ranker,
                    seed=seed,
                    first=fold.first,
                    left_out=fold.validation,
                )
            )
        assert sources is not None
        return TrainingRows.concatenate(parts), sources

    def context(self, dataset: Dataset) -> FitContext:
        checkpoint_dir = self.checkpoint_dir and self.checkpoint_dir / f"fit-{self.n_fits}"
        self.n_fits += 1
        gc.collect()  # the sources of an earlier fit and their context refer to each other
        return FitContext(
            dataset,
            self.config.sources.settings,
            seed=self.config.seed,
            device=self.config.device,
            checkpoint_dir=checkpoint_dir,
            resume=self.resume,
        )

    def choose_settings(self, context: FitContext, fold: TrainingFold) -> None:
        """Choose settings of sources on the first fold, for it and for all that is fitted after it."""
        with section("choose settings"):
            chosen, self.trials = tune(
                context,
                self.config.sources,
                fold.holdout,
                self.config.tuning,
                first=fold.first,
                left_out=fold.validation,
            )
        self.config = replace(self.config, sources=chosen)
        context.sources = chosen.settings

    def sources(self, context: FitContext) -> FittedSources:
        sources = fit_sources(context, self.config.sources)
        trained = (each for each in sources.fitted.values() if isinstance(each, FittedLightGCN))
        self.reports += [each.report for each in trained if each.report is not None][:1]
        return sources
