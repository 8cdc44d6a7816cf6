"""The workflow that continues the challenge with a saved recommender and writes the submission."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import msgspec

from challenge.config import override
from challenge.errors import FormatError
from challenge.manifest import Manifest, Private
from challenge.recommender import Recommender
from challenge.run_folder import RunFolder
from challenge.submission.submission import Submission
from challenge.submission.team import TeamInfo
from challenge.submission.writer import write_submission
from challenge.workflows.examples import keep_filled
from challenge.workflows.record import coverage_of, new_manifest, public_settings, record_fill
from challenge.workflows.together import connect, fill_together


@dataclass(frozen=True)
class FillSummary:
    """The submission written, how many lists it has, and the ranks filled by each source, by category."""

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
        FormatError: it, or the manifest, is damaged or of another version.
        ConfigError: team or e-mail do not fit the format, or no such device.
    """
    folder = RunFolder(output)
    with folder.locked():
        recommender = Recommender.load(folder.recommender, device=device)
        connect(recommender.config)
        recommender.config = override(recommender.config, {"team": team, "email": email})
        manifest = _manifest(folder, recommender)
        folder.begin_filling()
        filled = write_lists(recommender, folder, manifest)
        manifest.save(folder.manifest)
    return filled


def _manifest(folder: RunFolder, recommender: Recommender) -> Manifest:
    """The manifest of the run, to go on with; one of another run than the recommender's is refused."""
    if folder.manifest.exists():
        manifest = folder.load_manifest()
        manifest.go_on()
    else:
        manifest = new_manifest(recommender.config)
        manifest.run = recommender.run
    if manifest.run != recommender.run:
        raise FormatError(
            f"{folder.recommender}: is of run {recommender.run or 'unknown'}, "
            f"{folder.manifest.name} beside it of run {manifest.run or 'unknown'}",
            hint="bring back the folder that both are from, or train again",
        )
    manifest.config = public_settings(recommender.config)
    manifest.profile.drop("fill", "validate", "score")
    if folder.private.exists():
        known = Private.load(folder.private)
        msgspec.structs.replace(known, email=recommender.config.email).save(folder.private)
    return manifest


def write_lists(recommender: Recommender, folder: RunFolder, manifest: Manifest) -> FillSummary:
    """Continue the challenge's playlists and write the submission, as a stage of a run.

    Raises:
        MissingInputError: a playlist has too few tracks to choose from.
        ResourceError: the disk is full.
    """
    config = recommender.config
    with manifest.profile.stage("fill"):
        queries = recommender.queries()
        lists = fill_together(recommender)
        team, vocabulary = TeamInfo(config.team, config.email), recommender.dataset.catalog.tracks
        submission = Submission.for_challenge(team, queries.queries, lists.track, vocabulary)
        write_submission(submission, folder.submission)
        keep_filled(folder, lists, submission, queries.queries, recommender.dataset.catalog)
    folder.keep_only_of_submission()
    filled = lists.counts(queries.queries.categories)
    coverage = coverage_of(lists.track, recommender.sources.index.popularity)
    record_fill(manifest, folder.submission, submission, filled, coverage)
    return FillSummary(folder.submission, len(submission), filled)
