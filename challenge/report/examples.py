"""A few of the challenge's playlists with the first tracks recommended for each, as a page shows them.

They are chosen when the lists are written, from all categories, and anew when these are scored, by their
scores. Which sources put the first tracks of every list forward is kept with them, as no other file tells it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec
import numpy as np

from challenge.data.catalog import Catalog
from challenge.data.dataset import Queries
from challenge.data.vocabulary import ids_of
from challenge.errors import FormatError
from challenge.evaluation.ground_truth import GroundTruth
from challenge.evaluation.scorecard import PlaylistScores
from challenge.evaluation.variants import METRICS
from challenge.quoting import printable
from challenge.run_folder import RunFolder
from challenge.submission.submission import Submission
from challenge.types import TRACK_PREFIX, Category

SHOWN_TRACKS: Final = 10
SHOWN_SEEDS: Final = 5
COUNT: Final = 10
BEST: Final = 3
WORST: Final = 3
_LONGEST: Final = 100
"""Characters of a name or title that are shown."""


class NamedTrack(msgspec.Struct, frozen=True):
    """A track by its names, those of its artist and, of one recommended, the source that put it forward."""

    track: str
    artist: str
    source: str = ""
    hit: bool | None = None


class Example(msgspec.Struct, frozen=True):
    """A challenge playlist and the first tracks recommended for it.

    Attributes:
        pid: playlist id.
        title: None where it has none.
        category: of the challenge.
        place: where it stands by NDCG: ``best``, ``median`` or ``worst``; empty without scores.
        num_seeds: seeds, of which ``seeds`` are the first.
        num_holdouts: tracks held out.
        seeds: the first of them.
        recommended: the first tracks of its list; each a hit or not, None without answers.
        scores: by metric; empty without answers.
    """

    pid: int
    title: str | None
    category: str
    place: str
    num_seeds: int
    num_holdouts: int
    seeds: tuple[NamedTrack, ...]
    recommended: tuple[NamedTrack, ...]
    scores: dict[str, float] = msgspec.field(default_factory=dict)


class Examples(msgspec.Struct, frozen=True):
    """What is kept of a submission to show some of it.

    Attributes:
        playlists: the examples.
        sources: names of the sources and of what fills lists up.
        proposers: for each list of the submission, in its order, the indices into ``sources`` of what put its
            first tracks forward, separated by spaces.
    """

    playlists: tuple[Example, ...] = ()
    sources: tuple[str, ...] = ()
    proposers: tuple[str, ...] = ()


def read_examples(folder: RunFolder) -> Examples | None:
    """Read the examples of the submission in a folder; None where there are none of it.

    Raises:
        FormatError: damaged.
    """
    content = folder.read_of_submission(folder.examples)
    if content is None:
        return None
    try:
        return msgspec.convert(content, Examples)
    except msgspec.ValidationError as error:
        raise FormatError(f"{folder.examples}: not examples of a run ({error})") from error


def proposers_of(source: np.ndarray) -> tuple[str, ...]:
    """Write the sources of all tracks, integers of shape (Q, 500), as :class:`Examples` tell them."""
    return tuple(" ".join(map(str, row)) for row in source[:, :SHOWN_TRACKS].tolist())


def of_all_categories(categories: Sequence[Category], count: int = COUNT) -> list[int]:
    """Choose rows, one of each category in turn, the first ones of each."""
    turn: list[tuple[int, int, int]] = []
    seen: dict[Category, int] = {}
    order = {category: place for place, category in enumerate(Category)}
    for row, category in enumerate(categories):
        seen[category] = seen.get(category, 0) + 1
        turn.append((seen[category], order[category], row))
    chosen = sorted(turn)[:count]
    return [row for _, _, row in sorted(chosen, key=lambda each: (each[1], each[2]))]


def by_score(ndcg: np.ndarray, count: int = COUNT) -> list[tuple[int, str]]:
    """Choose playlists by their NDCG, float64, shape (Q,): the best, some about the median, and the worst.

    Returns:
        Index and place of each, best first; all of them where there are no more than ``count``.
    """
    order = np.argsort(-ndcg, kind="stable").tolist()
    best, worst = min(BEST, len(order)), min(WORST, max(0, len(order) - BEST))
    between = order[best : len(order) - worst]
    wanted = min(count - best - worst, len(between))
    first = (len(between) - wanted) // 2
    parts = (
        (order[:best], "best"),
        (between[first : first + wanted], "median"),
        (order[len(order) - worst :] if worst else [], "worst"),
    )
    return [(index, place) for rows, place in parts for index in rows]


def make_examples(
    chosen: Sequence[tuple[int, str]],
    submission: Submission,
    queries: Queries,
    catalog: Catalog,
    kept: Examples,
    *,
    truth: GroundTruth | None = None,
    scores: PlaylistScores | None = None,
) -> Examples:
    """Describe the chosen lists of a submission to the challenge whose playlists are ``queries``.

    Args:
        chosen: row of the submission and place by score of each.
        submission: its rows are those of ``queries``.
        queries: the challenge's playlists.
        catalog: the names.
        kept: the sources of all lists.
        truth: marks hits.
        scores: of playlists, by their pids.
    """
    playlists = tuple(_example(*each, submission, queries, catalog, kept, truth, scores) for each in chosen)
    return Examples(playlists, kept.sources, kept.proposers)


def _example(
    row: int,
    place: str,
    submission: Submission,
    queries: Queries,
    catalog: Catalog,
    kept: Examples,
    truth: GroundTruth | None,
    scores: PlaylistScores | None,
) -> Example:
    pid = int(queries.pid[row])
    listed = catalog.tracks.index_of(submission.track_ids[row, :SHOWN_TRACKS])
    sources = [kept.sources[int(number)] for number in kept.proposers[row].split()]
    hits: list[bool | None] = [None] * len(listed)
    if truth is not None:
        held_out = catalog.tracks.index_of(ids_of(truth.uris(pid), TRACK_PREFIX))
        hits = [bool(track >= 0 and track in held_out) for track in listed.tolist()]
    seeds = queries.seeds.row(row)
    title = queries.titles[row]
    return Example(
        pid,
        None if title is None else _shown(title),
        queries.categories[row].value,
        place,
        len(seeds),
        int(queries.num_holdouts[row]),
        tuple(_named(catalog, track) for track in seeds[:SHOWN_SEEDS].tolist()),
        tuple(
            _named(catalog, track, source, hit)
            for track, source, hit in zip(listed.tolist(), sources, hits, strict=True)
        ),
        _scores_of(pid, scores),
    )


def _scores_of(pid: int, scores: PlaylistScores | None) -> dict[str, float]:
    if scores is None:
        return {}
    (row,) = np.flatnonzero(scores.pid == pid).tolist()
    return dict(zip(METRICS, scores.values.matrix[row].tolist(), strict=True))


def _named(catalog: Catalog, track: int, source: str = "", hit: bool | None = None) -> NamedTrack:
    artist = catalog.artist_names[int(catalog.track_artist[track])]
    return NamedTrack(_shown(catalog.track_names[track]), _shown(artist), source, hit)


def _shown(text: str) -> str:
    """One line of bounded length, in which no character acts on what stands around it."""
    text = printable(text)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
