"""Keeps the playlists that the page of a run shows."""

from __future__ import annotations

import msgspec
import numpy as np

from challenge.data.archive import load_record
from challenge.data.catalog import Catalog
from challenge.data.dataset import Dataset, Queries
from challenge.evaluation.ground_truth import GroundTruth
from challenge.evaluation.scorecard import PlaylistScores
from challenge.ranking.fill import FilledLists
from challenge.recommender import saved_facts
from challenge.report.examples import (
    Examples,
    by_score,
    make_examples,
    of_all_categories,
    proposers_of,
    read_examples,
)
from challenge.run_folder import RunFolder
from challenge.submission.reader import read_submission
from challenge.submission.submission import Submission


def keep_filled(
    folder: RunFolder, lists: FilledLists, submission: Submission, queries: Queries, catalog: Catalog
) -> None:
    """Keep examples of a submission that was just written, from all categories."""
    kept = Examples(sources=lists.names, proposers=proposers_of(lists.source))
    chosen = [(row, "") for row in of_all_categories(queries.categories)]
    _write(folder, make_examples(chosen, submission, queries, catalog, kept))


def keep_scored(
    folder: RunFolder,
    truth: GroundTruth,
    scores: PlaylistScores,
    dataset: Dataset | None = None,
    lists: Submission | None = None,
) -> None:
    """Choose the examples anew by score, and mark the hits.

    Names are those of ``dataset``, or else of the recommender in the folder. Without either, or where the
    sources of the lists are not known, nothing changes. ``lists`` are those of the submission in the folder,
    where they were read.

    Raises:
        FormatError: a file is damaged.
    """
    kept = read_examples(folder)
    if kept is None or (dataset is None and not folder.recommender.exists()):
        return
    catalog, queries = _saved(folder) if dataset is None else (dataset.catalog, dataset.queries)
    row_of = {pid: row for row, pid in enumerate(queries.pid.tolist())}
    rows = np.array([row_of.get(pid, -1) for pid in scores.pid.tolist()])
    known = np.flatnonzero(rows >= 0)
    chosen = [(int(rows[known[index]]), place) for index, place in by_score(scores.values.ndcg[known])]
    submission = read_submission(folder.submission) if lists is None else lists
    _write(folder, make_examples(chosen, submission, queries, catalog, kept, truth=truth, scores=scores))


def _saved(folder: RunFolder) -> tuple[Catalog, Queries]:
    """Names, and the challenge's playlists, of the recommender in the folder."""
    facts = saved_facts(folder.recommender)
    catalog = load_record(Catalog, folder.recommender / "catalog", of=facts.fingerprint)
    queries = load_record(Queries, folder.recommender / "queries", of=facts.fingerprint)
    return catalog, queries.take(range(facts.queries))


def _write(folder: RunFolder, examples: Examples) -> None:
    folder.write_of_submission(folder.examples, msgspec.to_builtins(examples))
