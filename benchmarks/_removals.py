"""What an ablation may leave out: sources, features, groups of features, and several of them together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from challenge.errors import ConfigError
from challenge.ranking.cosine_features import WITH_EMBEDDINGS, cosine_names
from challenge.ranking.features import CANDIDATE_FEATURES, QUERY_FEATURES, feature_names

_FUSED: Final = ("fused_rank", "best_rank", "artist_candidates", "artist_fused_rank", "album_fused_rank")
_PAIR_COUNTS: Final = (
    "confidence_sum",
    "confidence_max",
    "cosine_sum",
    "cosine_max",
    "seeds_sharing",
    "short_list_sum",
    "damped_sum",
)
_PAIR_ORDER: Final = (
    "recency_sum",
    "last_seeds_sum",
    "next_sum",
    "next_last_seeds",
    "near_sum",
    "first_seed",
)
_PAIR_MAKERS: Final = (
    "same_artist",
    "same_album",
    "since_artist",
    "since_album",
    "first_of_artist",
    "artist_share",
    "album_share",
    "share_of_artist",
    "share_of_album",
)
_MEANS: Final = ("confidence_mean", "cosine_mean", "sharing_share", "next_mean", "near_mean", "title_share")
"""Candidate features that belong to a pair group, or to the source of titles."""

GROUPS: Final[dict[str, tuple[str, ...]]] = {
    "pair_cooccurrence": (*(f"pair_{name}" for name in _PAIR_COUNTS), *_MEANS[:3]),
    "pair_order": (*(f"pair_{name}" for name in _PAIR_ORDER), *_MEANS[3:5]),
    "pair_makers": tuple(f"pair_{name}" for name in _PAIR_MAKERS),
    "seed_cosines": tuple(cosine_names(WITH_EMBEDDINGS)),
    "candidate_facts": tuple(name for name in CANDIDATE_FEATURES if name not in (*_FUSED, *_MEANS)),
    "query_facts": QUERY_FEATURES,
    "fused_ranks": _FUSED,
}
"""Groups of features by name."""

FAMILIES: Final = (
    "title_knn+artists_in_title",
    "ials+ials_knn",
    "ials+ials_knn+lightgcn",
)
"""Sources that say much the same and are also left out together."""

WHOLE: Final = "nothing"
OTHER_SEED: Final = "nothing_but_the_seed"


@dataclass(frozen=True)
class Removal:
    """What is left out.

    Attributes:
        name: names of sources, features and groups, joined by "+".
        sources: sources that are not asked.
        features: columns left out besides those that come of these sources.
        other_seed: whether the trees get another seed, which shows how much of a difference is chance.
    """

    name: str
    sources: tuple[str, ...] = ()
    features: tuple[str, ...] = ()
    other_seed: bool = False

    def kept_sources(self, sources: Sequence[str]) -> tuple[str, ...]:
        """Sources still asked, in order."""
        return tuple(source for source in sources if source not in self.sources)

    def kept_features(self, sources: Sequence[str]) -> list[str]:
        """Names of the features left, in order."""
        names = feature_names(self.kept_sources(sources))
        return [name for name in names if name not in self.features]


def parse_removal(name: str, sources: Sequence[str]) -> Removal:
    """Read names of sources, features and groups joined by "+".

    Raises:
        ConfigError: a name is none of these, or no source would be left.
    """
    parts = [part for part in name.split("+") if part not in (WHOLE, OTHER_SEED)]
    gone = tuple(part for part in parts if part in sources)
    names = feature_names(sources)
    features = tuple(
        feature
        for part in parts
        if part not in sources
        for feature in (filter(names.__contains__, GROUPS[part]) if part in GROUPS else (part,))
    )
    if not set(features) <= set(names) or len(gone) == len(sources):
        expected = ", ".join((*sources, *GROUPS))
        raise ConfigError(f"removal {name!r}: expected features or some of {expected}, but not all sources")
    return Removal(name, gone, features, other_seed=name == OTHER_SEED)


def all_removals(sources: Sequence[str], only: Sequence[str] | None = None) -> list[Removal]:
    """Nothing removed, then each source, family and group in turn, or ``only`` what is named."""
    families = [family for family in FAMILIES if set(family.split("+")) < set(sources)]
    alone = sources if len(sources) > 1 else ()
    names = only or [OTHER_SEED, *alone, *families, *GROUPS]
    return [parse_removal(name, sources) for name in dict.fromkeys((WHOLE, *names))]
