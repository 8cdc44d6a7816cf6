"""``challenge describe``: what is in a dataset, beside the official totals."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import msgspec
import typer

from challenge.cli.console import make_table, show, show_json
from challenge.cli.options import CacheOption, JsonFlag, path_option

if TYPE_CHECKING:
    from challenge.manifest import SeedReport
    from challenge.mpd.describe import Fact
    from challenge.workflows.describe import ChallengeDescription, Description, MpdDescription

_LABELS: Final = {
    "normalised_titles": "titles after normalisation",
    "without_title": "playlists without title",
    "with_description": "playlists with description",
    "collaborative": "collaborative playlists",
    "shortest": "tracks of the shortest playlist",
    "longest": "tracks of the longest playlist",
    "mean_length": "tracks of a playlist, mean",
    "commonest_track_playlists": "playlists with the commonest track",
    "commonest_artist_rows": "rows of the commonest artist",
    "repeated_rows": "rows that repeat a track in a playlist",
    "holdouts": "held-out rows",
}
_NO_SHARE: Final = ("shortest", "longest")


def describe(
    path: Annotated[
        Path,
        typer.Argument(
            metavar="PATH", help="An MPD, a prepared store, or a challenge set.", show_default=False
        ),
    ],
    *,
    challenge: Annotated[
        Path | None,
        path_option(
            "challenge",
            "Describe this challenge set too, and how far the MPD at PATH knows its seeds.",
            metavar="FILE",
        ),
    ] = None,
    mpd: Annotated[
        Path | None,
        path_option("mpd", "Where PATH is a challenge set: the MPD to look its seeds up in."),
    ] = None,
    cache: CacheOption = None,
    json: JsonFlag = False,
) -> None:
    """Tell what is in a dataset, beside the official totals.

    Reads PATH: an MPD (zip, folder or any part of the slices), a prepared store, or a challenge set (its
    JSON, zip or gz), whose categories are told and whose official file is recognised. Writes the MPD's store
    into the cache unless it is there already, and nothing else.
    """
    from challenge.workflows.describe import describe as look

    found = look(path, challenge=challenge, mpd=mpd, cache=cache)
    if json:
        show_json(_as_json(found))
        return
    if found.mpd is not None:
        _show_mpd(path, found.mpd)
    if found.challenge_set is not None:
        _show_challenge(found.challenge_set)


def _as_json(found: Description) -> dict[str, Any]:
    """The description with facts by name."""
    document: dict[str, Any] = msgspec.to_builtins(found, enc_hook=str)
    for part, described in (("mpd", found.mpd), ("challenge_set", found.challenge_set)):
        if described is not None:
            document[part]["facts"] = {
                fact.name: {"value": fact.value, "official": fact.official, "agrees": fact.agrees}
                for fact in described.facts
            }
    return document


def _show_mpd(path: Path, described: MpdDescription) -> None:
    show(_facts_table(str(path), described.facts))
    show(_verdict(described.facts))
    show(f"Store {described.store}")


def _facts_table(title: str, facts: tuple[Fact, ...]) -> Any:
    rows = [(_label(fact.name), fact.value, fact.official, _share(fact)) for fact in facts]
    return make_table(title, ("", "here", "official", "share"), rows)


def _label(name: str) -> str:
    if name.startswith("tracks_seen_"):
        return f"tracks seen at least {name.split('_')[2]} times"
    return _LABELS.get(name, name.replace("_", " "))


def _share(fact: Fact) -> str:
    """How much of the official number it is, in per cent."""
    if not fact.official or fact.name in _NO_SHARE:
        return ""
    return "100 %" if fact.agrees else f"{100 * fact.value / fact.official:.3g} %"


def _verdict(facts: tuple[Fact, ...]) -> str:
    """Whether this is the whole MPD."""
    compared = [fact.agrees for fact in facts if fact.agrees is not None]
    if all(compared):
        return "All official totals agree: this is the whole MPD."
    agreeing = f"{sum(compared)} of {len(compared)} official totals agree"
    return f"Not the whole MPD: {agreeing}."


def _show_challenge(described: ChallengeDescription) -> None:
    show(_facts_table(str(described.path), described.facts))
    rows = [
        (
            facts.category.value.replace("_", " "),
            facts.playlists,
            facts.category.seed_count,
            facts.seeds,
            facts.holdouts,
            f"{facts.shortest}–{facts.longest}",
            f"{facts.mean_length:.1f}",
        )
        for facts in described.categories
    ]
    columns = ("category", "playlists", "seeds each", "seeds", "held out", "lengths", "mean")
    show(make_table(None, columns, rows))
    kind = "the official challenge set of 2018" if described.official else "not the official file of 2018"
    show(f"md5 {described.md5}: {kind}")
    known = described.known
    show("Name the MPD to learn whether it knows the seeds." if known is None else _known(known))


def _known(known: SeedReport) -> str:
    """How far the MPD knows the seeds."""
    if known.unknown_seeds == 0:
        return f"The MPD knows all {known.seeds:,} seeds."
    return (
        f"The MPD does not know {known.unknown_seeds:,} of {known.seeds:,} seeds "
        f"({known.unknown_tracks:,} tracks); of {known.playlists_without_known_seed:,} playlists "
        "it knows no seed at all."
    )
