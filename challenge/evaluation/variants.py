"""The forms of each metric that are in circulation: a score means little without its form."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from enum import StrEnum
from typing import Final

from challenge.errors import ConfigError

METRICS: Final = ("r_precision", "ndcg", "clicks")
HIGHER_IS_BETTER: Final = {"r_precision": True, "ndcg": True, "clicks": False}


class RPrecisionForm(StrEnum):
    """How R-precision counts artists."""

    LEADERBOARD = "leaderboard"
    """Plus 0.25 for each distinct artist of a missed recommendation that G has (organisers' later code)."""
    TRACKS = "tracks"
    """Tracks only (organisers' first code)."""
    COMMON_ARTISTS = "common-artists"
    """Plus 0.25 for each distinct artist of any recommendation that G has (Zamani et al. 2019)."""


class NdcgForm(StrEnum):
    """How NDCG discounts ranks and what it divides by."""

    LEADERBOARD = "leaderboard"
    """1/log2(rank + 1); ideal: min(|G|, 500) hits at the top."""
    LOG_RANK = "log-rank"
    """1 for rank 1, else 1/log2(rank); ideal: min(|G|, 500) hits at the top."""
    RULES_PAGE = "rules-page"
    """1 for rank 1, else 1/log2(rank); ideal: the hits made, all at the top."""


class ClicksForm(StrEnum):
    """How clicks count a playlist that has no list."""

    LEADERBOARD = "leaderboard"
    """51, as for a list without a hit."""
    MISSING_AS_ZERO = "missing-as-zero"
    """0, as in the organisers' aggregate (a mistake there)."""


@dataclass(frozen=True)
class Forms:
    """One form for each metric; the leaderboard's unless chosen otherwise."""

    r_precision: RPrecisionForm = RPrecisionForm.LEADERBOARD
    ndcg: NdcgForm = NdcgForm.LEADERBOARD
    clicks: ClicksForm = ClicksForm.LEADERBOARD

    def __str__(self) -> str:
        return "|".join(f"{field.name}:{getattr(self, field.name)}" for field in fields(self))

    @property
    def needs_artists(self) -> bool:
        """Whether R-precision asks for the tracks' artists."""
        return self.r_precision is not RPrecisionForm.TRACKS

    def with_choice(self, choice: str) -> Forms:
        """Apply a choice such as "ndcg=rules-page".

        Raises:
            ConfigError: no such metric or form.
        """
        metric, _, name = choice.partition("=")
        try:
            match metric.strip().replace("-", "_"):
                case "r_precision":
                    return replace(self, r_precision=RPrecisionForm(name.strip()))
                case "ndcg":
                    return replace(self, ndcg=NdcgForm(name.strip()))
                case "clicks":
                    return replace(self, clicks=ClicksForm(name.strip()))
        except ValueError:
            pass
        raise ConfigError(f"form {choice!r} is unknown", hint="one of " + ", ".join(CHOICES))


CHOICES: Final = (
    *(f"r_precision={form}" for form in RPrecisionForm),
    *(f"ndcg={form}" for form in NdcgForm),
    *(f"clicks={form}" for form in ClicksForm),
)
"""All that :meth:`Forms.with_choice` takes."""
