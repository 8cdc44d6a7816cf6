"""The sources: the one place that names them, and the fitting of all to one dataset."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from challenge.errors import ConfigError, suggestion
from challenge.profile import section
from challenge.quoting import printable
from challenge.sources.artist_album import ArtistAlbum
from challenge.sources.artists_in_title import ArtistsInTitle
from challenge.sources.base import FitContext, FittedSource, IndexedQueries, QueryBatch, Source
from challenge.sources.cooccurrence import Cooccurrence
from challenge.sources.ials import Ials
from challenge.sources.ials_knn import IalsKnn
from challenge.sources.lightgcn import LightGCN
from challenge.sources.merge import Candidates, merge_candidates
from challenge.sources.playlist_knn import PlaylistKnn
from challenge.sources.plugins import installed_sources, named_source
from challenge.sources.popularity import Popularity
from challenge.sources.postings import PlaylistIndex
from challenge.sources.title_knn import FittedTitleKnn, TitleKnn

SOURCES: Final[Mapping[str, Source]] = MappingProxyType(
    {
        "playlist_knn": PlaylistKnn(),
        "cooccurrence": Cooccurrence(),
        "title_knn": TitleKnn(),
        "artists_in_title": ArtistsInTitle(),
        "ials": Ials(),
        "ials_knn": IalsKnn(),
        "lightgcn": LightGCN(),
        "artist_album": ArtistAlbum(),
        "popularity": Popularity(),
        "lightgcn_paper": LightGCN.of_paper(),
    }
)
"""All sources with their default settings, in the order of their features.

To add one, write its module and name it here: settings, features, blend and ablation follow.
"""

_FOR_COMPARISON: Final = ("cooccurrence", "lightgcn_paper")
USUAL: Final = tuple(name for name in SOURCES if name not in _FOR_COMPARISON)
"""Sources in use unless others are named; what the two others add to them: docs/experiments.md."""

_MAX_SHOWN: Final = 200
_TAKEN: Final = frozenset({*SOURCES, "names", "modules", "settings"})
"""Names that no source from outside may have: those of other sources, and of settings beside theirs."""

_FITTED_FIRST: Final = ("lightgcn",)
"""Its training takes the most memory, so it had better not lie beside what the others leave."""


@dataclass(frozen=True)
class SourcesConfig:
    """Which sources to ask, and how each is configured.

    Attributes:
        names: sources in use, in the order of their features; those of ``modules`` are added to them.
        modules: further sources as ``name=module:factory``; see :mod:`challenge.sources.plugins`.
        settings: settings of every source by name, in use or not.
    """

    names: tuple[str, ...] = field(default_factory=lambda: (*USUAL, *installed_sources(_TAKEN)))
    modules: tuple[str, ...] = ()
    settings: Mapping[str, Source] = field(default_factory=lambda: {**SOURCES, **installed_sources(_TAKEN)})

    def __post_init__(self) -> None:
        taken = set(_TAKEN)
        for spec in self.modules:
            name, source = named_source(spec)
            if name in taken:
                hint = f"give it another: NAME={spec.rpartition('=')[2]}"
                raise ConfigError(f"source {spec!r}: the name {name} is taken", hint=hint)
            taken.add(name)
            if name not in self.settings:
                object.__setattr__(self, "settings", {**self.settings, name: source})
            if name not in self.names:
                object.__setattr__(self, "names", (*self.names, name))
        unknown = [name for name in self.names if name not in self.settings]
        if unknown or not self.names:
            raise ConfigError(
                f"sources: found {_listed(unknown) or 'none'}; expected some of {', '.join(self.settings)}",
                hint=suggestion(unknown[0], self.settings) if unknown else None,
            )
        twice = sorted({name for name in self.names if self.names.count(name) > 1})
        if twice:
            raise ConfigError(f"sources: found {_listed(twice)} more than once; expected each once")


def _listed(names: Sequence[str]) -> str:
    return printable(", ".join(names))[:_MAX_SHOWN]


@dataclass(frozen=True, eq=False)
class FittedSources:
    """All sources in use, fitted to one dataset.

    Attributes:
        context: what they were fitted to.
        fitted: the sources in use by name, in the order of their features.
        num_candidates: how many of its best tracks for a query become candidates, by name.
        title: the source of similar titles, which also describes queries and fills lists that run short.
    """

    context: FitContext
    fitted: Mapping[str, FittedSource]
    num_candidates: Mapping[str, int]
    title: FittedTitleKnn

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the sources in order."""
        return tuple(self.fitted)

    @property
    def index(self) -> PlaylistIndex:
        """Playlists by track and tracks by playlist."""
        return self.context.index

    def queries(self) -> IndexedQueries:
        """Return the queries of the dataset, ready to be scored."""
        return IndexedQueries.of_index(self.index, self.context.dataset.queries)

    def candidates(self, batch: QueryBatch) -> Candidates:
        """Unite the best tracks of all sources for the queries of a batch."""
        counts = [self.num_candidates[name] for name in self.fitted]
        return merge_candidates(batch, list(self.fitted.values()), counts)


def fit_sources(context: FitContext, config: SourcesConfig) -> FittedSources:
    """Fit the configured sources to a dataset.

    Raises:
        ConfigError: no such device.
        ResourceError: memory or disk would not do; what is known beforehand shows before anything is fitted.
    """
    with section("index and graph"):
        _ = context.index
        for name in config.names:
            check = getattr(config.settings[name], "require_memory", None)
            if check is not None:
                check(context)
    for name in sorted(config.names, key=lambda name: name not in _FITTED_FIRST):
        context.fitted(name)
    title = context.fitted("title_knn")
    assert isinstance(title, FittedTitleKnn)
    return FittedSources(
        context,
        {name: context.fitted(name) for name in config.names},
        {name: config.settings[name].num_candidates for name in config.names},
        title,
    )
