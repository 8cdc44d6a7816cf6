"""Checks a submission file against every rule of the challenge and collects all violations.

As strict as the official checker or stricter: what is accepted here is accepted there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from challenge.mpd.challenge_set import ChallengeSet
from challenge.submission.lines import stopped_early
from challenge.submission.parser import PlaylistLine, list_uris, parse_file
from challenge.submission.rules import Rule, Violation, Violations
from challenge.submission.team import TeamInfo
from challenge.types import ID_LENGTH, TRACK_PREFIX, IdArray

SeedsByPid: TypeAlias = Mapping[int, AbstractSet[bytes]]
"""The seed track URIs of each challenge playlist."""
TrackExists: TypeAlias = Callable[[IdArray], NDArray[np.bool_]]
"""Tells of each track id (S22) whether it occurs in the Million Playlist Dataset."""

_MAX_REMEMBERED: Final = 2_000_000
_FORMAT_OF_2018: Final = (
    "team_info is in the format of 2018, with main or creative: its checker wants no spaces round the commas "
    "there, and today's challenge expects 'team_info, team name, email'"
)


@dataclass(frozen=True)
class ValidationReport:
    """What a check found; valid when there is no violation.

    Attributes:
        path: the file.
        team: who submits, where it could be read.
        n_playlists: how many distinct playlists of the challenge have a line.
        n_expected: how many the challenge has.
        tracks_checked: whether tracks were looked up in the dataset.
        counts: number of violations of each broken rule.
        violations: each violation: of the whole file, then by line, then the missing playlists.
        notes: what breaks no rule but deserves a look.
    """

    path: Path
    team: TeamInfo | None
    n_playlists: int
    n_expected: int
    tracks_checked: bool
    counts: dict[Rule, int]
    violations: tuple[Violation, ...]
    notes: tuple[str, ...] = ()

    @property
    def valid(self) -> bool:
        """Whether the file keeps every rule."""
        return not self.counts

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain values for JSON."""
        team = self.team and {"name": self.team.name, "email": self.team.email, "track": self.team.track}
        return {
            "path": str(self.path),
            "valid": self.valid,
            "team": team,
            "playlists": self.n_playlists,
            "expected_playlists": self.n_expected,
            "tracks_checked": self.tracks_checked,
            "counts": {rule.value: count for rule, count in self.counts.items()},
            "rules": {rule.value: rule.description for rule in self.counts},
            "violations": [violation.to_dict() for violation in self.violations],
            "notes": list(self.notes),
        }


def seeds_by_pid(challenge: ChallengeSet) -> SeedsByPid:
    """Return the seeds of each playlist as the URIs that a submission would name."""
    uris = [TRACK_PREFIX.encode() + track_id for track_id in challenge.track_ids.tolist()]
    bounds = challenge.indptr.tolist()
    rows = zip(challenge.pid.tolist(), bounds, bounds[1:], strict=False)
    return {pid: frozenset(uris[start:end]) for pid, start, end in rows}


def validate_file(
    path: Path, challenge: ChallengeSet, *, track_exists: TrackExists | None = None
) -> ValidationReport:
    """Check a .csv or .csv.gz file against a challenge set and collect every violation.

    Args:
        path: the submission.
        challenge: the playlists that must have a list.
        track_exists: tells which tracks the dataset knows; without it this rule goes unchecked.

    Raises:
        MissingInputError: nothing there.
        InputError: not a file that can be read.
    """
    return validate_against(path, seeds_by_pid(challenge), track_exists=track_exists)


def validate_against(
    path: Path, seeds: SeedsByPid, *, track_exists: TrackExists | None = None
) -> ValidationReport:
    """Do the same where the seeds of each playlist are at hand."""
    checker = _Checker(seeds, track_exists)
    for item in parse_file(path, checker.violations):
        if isinstance(item, TeamInfo):
            checker.team = checker.team or item
        else:
            checker.check(item)
    checker.finish()
    return checker.report(path)


@dataclass
class _Checker:
    """What the lines read so far have shown."""

    seeds: SeedsByPid
    track_exists: TrackExists | None
    violations: Violations = field(default_factory=Violations)
    team: TeamInfo | None = None
    _lines: dict[int, int] = field(default_factory=dict)
    _existing: set[bytes] = field(default_factory=set)

    def check(self, line: PlaylistLine) -> None:
        """Check one playlist against the challenge and the dataset."""
        if line.pid is not None:
            self._check_pid(line.pid, line.number)
            self._check_seeds(line.pid, line)
        if self.track_exists is not None:
            self._check_existence(line, self.track_exists)

    def _check_pid(self, pid: int, number: int) -> None:
        if pid not in self.seeds:
            found = f"pid {pid} is none of the challenge's {len(self.seeds):,} playlists"
            self.violations.add(Rule.UNKNOWN_PID, found, line=number, pid=pid)
        elif pid in self._lines:
            found = f"the first is line {self._lines[pid]}"
            self.violations.add(Rule.REPEATED_PID, found, line=number, pid=pid)
        else:
            self._lines[pid] = number

    def _check_seeds(self, pid: int, line: PlaylistLine) -> None:
        given = self.seeds.get(pid, frozenset())
        if not given.isdisjoint(line.uris):
            found = list_uris([uri for uri in line.uris if uri in given])
            self.violations.add(Rule.SEED_INCLUDED, found, line=line.number, pid=pid)

    def _check_existence(self, line: PlaylistLine, track_exists: TrackExists) -> None:
        # Most tracks were met in an earlier line, so that few are left to look up.
        new = [uri for uri in line.uris if uri not in self._existing]
        if not new:
            return
        exists = track_exists(np.array([uri[len(TRACK_PREFIX) :] for uri in new], f"S{ID_LENGTH}"))
        missing = [uri for uri, found in zip(new, exists.tolist(), strict=True) if not found]
        if missing:
            self.violations.add(Rule.UNKNOWN_TRACK, list_uris(missing), line=line.number, pid=line.pid)
        if len(self._existing) > _MAX_REMEMBERED:
            self._existing.clear()
        self._existing.update(set(new).difference(missing))

    def finish(self) -> None:
        """Report the playlists without a line, unless the text could not be read to its end."""
        if stopped_early(self.violations) or (not self._lines and self._is_unreadable()):
            return
        for pid in self.seeds:
            if pid not in self._lines:
                self.violations.add(Rule.MISSING_PID, "the playlist has no line", pid=pid)

    def _is_unreadable(self) -> bool:
        whole_file = (Rule.EMPTY_FILE, Rule.ONLY_COMMENTS, Rule.WRONG_ENCODING)
        return any(self.violations.counts[rule] for rule in whole_file)

    def report(self, path: Path) -> ValidationReport:
        """Sum up."""
        in_order = {rule: self.violations.counts[rule] for rule in Rule if self.violations.counts[rule]}
        notes = (_FORMAT_OF_2018,) if self.team is not None and self.team.track is not None else ()
        return ValidationReport(
            path=path,
            team=self.team,
            n_playlists=len(self._lines),
            n_expected=len(self.seeds),
            tracks_checked=self.track_exists is not None,
            counts=in_order,
            violations=tuple(self.violations),
            notes=notes,
        )
