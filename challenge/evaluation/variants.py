"""The variants of each metric that are in circulation: a score means little without its variant."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from enum import StrEnum
from typing import Any, Final

from challenge.errors import ConfigError, suggestion


class RPrecisionVariant(StrEnum):
    """How R-precision counts artists."""

    LEADERBOARD = "leaderboard"
    """Plus 0.25 for each distinct artist of a missed recommendation that G has (organisers' later code)."""
    TRACKS = "tracks"
    """Tracks only (organisers' first code)."""
    COMMON_ARTISTS = "common-artists"
    """Plus 0.25 for each distinct artist of any recommendation that G has (Zamani et al. 2019)."""


class NdcgVariant(StrEnum):
    """How NDCG discounts ranks and what it divides by."""

    LEADERBOARD = "leaderboard"
    """1/log2(rank + 1); ideal: min(|G|, 500) hits at the top."""
    LOG_RANK = "log-rank"
    """1 for rank 1, else 1/log2(rank); ideal: min(|G|, 500) hits at the top."""
    RULES_PAGE = "rules-page"
    """1 for rank 1, else 1/log2(rank); ideal: the hits made, all at the top."""


class ClicksVariant(StrEnum):
    """How clicks count a playlist that has no list."""

    LEADERBOARD = "leaderboard"
    """51, as for a list without a hit."""
    MISSING_AS_ZERO = "missing-as-zero"
    """0, as in the organisers' aggregate (a mistake there)."""


KINDS: Final[dict[str, type[StrEnum]]] = {
    "r_precision": RPrecisionVariant,
    "ndcg": NdcgVariant,
    "clicks": ClicksVariant,
}
METRICS: Final = tuple(KINDS)


@dataclass(frozen=True)
class Variants:
    """One variant for each metric; the leaderboard's unless chosen otherwise."""

    r_precision: RPrecisionVariant = RPrecisionVariant.LEADERBOARD
    ndcg: NdcgVariant = NdcgVariant.LEADERBOARD
    clicks: ClicksVariant = ClicksVariant.LEADERBOARD

    def __str__(self) -> str:
        return "|".join(f"{field.name}:{getattr(self, field.name)}" for field in fields(self))

    @property
    def needs_artists(self) -> bool:
        """Whether R-precision asks for the tracks' artists."""
        return self.r_precision is not RPrecisionVariant.TRACKS

    def with_choice(self, choice: str) -> Variants:
        """Apply a choice such as "ndcg=rules-page".

        Raises:
            ConfigError: no such metric or variant.
        """
        metric, _, name = (part.strip() for part in choice.partition("="))
        kind = KINDS.get(metric.replace("-", "_"))
        if kind is not None and name in set(kind):
            chosen: dict[str, Any] = {metric.replace("-", "_"): kind(name)}
            return replace(self, **chosen)
        expected = f"expected one of {', '.join(CHOICES)}"
        raise ConfigError(f"variant {choice!r} is unknown; {expected}", hint=suggestion(choice, CHOICES))


CHOICES: Final = tuple(f"{metric}={variant}" for metric, kind in KINDS.items() for variant in kind)
"""All that :meth:`Variants.with_choice` takes."""
