"""The workflow that continues the challenge with a saved recommender and writes the submission."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from challenge.artifacts import RunManifest
from challenge.config import as_dict, override
from challenge.errors import MissingInputError
from challenge.recommender import Recommender
from challenge.submission.csv_format import write_submission
from challenge.submission.submission import Submission
from challenge.submission.team import TeamInfo
from challenge.workflows.train import MANIFEST_FILE, RECOMMENDER_DIR

SUBMISSION_FILE: Final = "submission.csv.gz"


@dataclass(frozen=True)
class FillSummary:
    """What filled the lists.

    Attributes:
        submission: the file written.
        n_playlists: lists in it.
        sources: ranks filled by each source, by category.
    """

    submission: Path
    n_playlists: int
    sources: dict[str, dict[str, int]]


def fill(
    output: Path, *, team: str | None = None, email: str | None = None, device: str | None = None
) -> FillSummary:
    """Fill the lists with the recommender that :func:`challenge.workflows.train.train` saved in ``output``.

    What is given takes the place of the setting that was saved, so that another machine may fill.

    Raises:
        MissingInputError: no recommender there.
        FormatError: it is damaged, or of another version.
        ConfigError: team or e-mail do not fit the format, or no such device.
    """
    manifest = _earlier_manifest(output)
    with manifest.stage("open"):
        recommender = Recommender.load(output / RECOMMENDER_DIR, device=device)
    recommender.config = override(recommender.config, {"team": team, "email": email})
    manifest.config, manifest.seed = as_dict(recommender.config), recommender.config.seed
    filled = write_lists(recommender, output, manifest)
    manifest.save(output / MANIFEST_FILE)
    return filled


def _earlier_manifest(output: Path) -> RunManifest:
    try:
        return RunManifest.load(output / MANIFEST_FILE)
    except MissingInputError:
        return RunManifest()


def write_lists(recommender: Recommender, output: Path, manifest: RunManifest) -> FillSummary:
    """Continue the challenge's playlists and write ``submission.csv.gz``, as a stage of a run.

    Raises:
        MissingInputError: a playlist has too few tracks to choose from.
        ResourceError: the disk is full.
    """
    config, path = recommender.config, output / SUBMISSION_FILE
    with manifest.stage("fill"):
        queries = recommender.queries()
        lists = recommender.fill(queries)
        ids = recommender.sources.context.dataset.catalog.tracks.ids[lists.track]
        write_submission(Submission(TeamInfo(config.team, config.email), queries.queries.pid, ids), path)
    summary = FillSummary(path, len(lists.track), lists.counts(queries.queries.categories))
    manifest.results["submission"] = path.name
    manifest.results["sources"] = summary.sources
    return summary
