"""The stage that checks a submission file: load the challenge set and the store, then check."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Final

from challenge.mpd.challenge_set import ChallengeSet, read_challenge_set
from challenge.submission.lines import require_file
from challenge.submission.rules import Rule
from challenge.submission.validator import ValidationReport, validate_file
from challenge.workflows.catalog_source import CatalogSource, find_catalog, require_one

_WHOLE_MPD: Final = 1_000_000


def validate(
    submission: Path | str,
    challenge: Path | str | ChallengeSet,
    *,
    store: Path | str | None = None,
    mpd: Path | str | None = None,
) -> ValidationReport:
    """Check ``submission`` against every rule of the challenge.

    Args:
        submission: .csv or .csv.gz file.
        challenge: challenge_set.json, its zip or gz; or what was read of it.
        store: store of the MPD, to look tracks up in.
        mpd: the MPD itself, where there is no store yet.

    Raises:
        ConfigError: both a store and an MPD are named.
        MissingInputError: a file is not there.
        FormatError: the challenge set or the store is not what it should be, or the submission is plainly
            another kind of file.
    """
    require_one(store=store, mpd=mpd)
    submission = Path(submission)
    require_file(submission)
    challenge_set = challenge if isinstance(challenge, ChallengeSet) else read_challenge_set(challenge)
    source = find_catalog(submission, store=store, mpd=mpd)
    if source is None:
        return validate_file(submission, challenge_set)
    exists = source.with_seeds(challenge_set).exists
    return _with_note(validate_file(submission, challenge_set, track_exists=exists), source)


def _with_note(report: ValidationReport, source: CatalogSource) -> ValidationReport:
    if Rule.UNKNOWN_TRACK not in report.counts or source.n_playlists >= _WHOLE_MPD:
        return report
    note = (
        f"tracks were looked up in {source.store}, which has {source.n_playlists:,} of the MPD's "
        f"{_WHOLE_MPD:,} playlists: a track that it lacks may occur in the others"
    )
    return replace(report, notes=(*report.notes, note))
