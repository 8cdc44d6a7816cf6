"""The manifest of a run: everything needed to make its submission again, and what it cost.

It may be shared: files are told by their names, and the e-mail is left out; :class:`Private` is the rest, in
a file of its own. Both are JSON. A later version of the package may add fields, which are ignored here;
``manifest_version`` goes up when a field changes its meaning or goes away.
"""

from __future__ import annotations

import hashlib
import shlex
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import msgspec
import orjson

from challenge.errors import FormatError
from challenge.files import read_json
from challenge.machine import processor_model
from challenge.profile import Profile
from challenge.quoting import quoted
from challenge.sealed import read_sealed, unseal, write_sealed
from challenge.threads import thread_count
from challenge.versions import package_versions

MANIFEST_VERSION: Final = 2
PRIVATE_VERSION: Final = 1
_DECIDES_NOTHING: Final = ("team", "email", "device")
"""Settings that change nothing in what is trained; a device does by rounding only."""


class Command(msgspec.Struct, dict=True):
    """One command that worked on a run.

    Attributes:
        line: the command line, without addresses and the folders that files lie in.
        date: when it began, UTC in ISO 8601.
        seconds: from then until it last wrote the manifest.
    """

    line: str
    date: str
    seconds: float = 0.0

    @classmethod
    def begin(cls) -> Command:
        """The command that this process was started with, beginning now."""
        line = shlex.join(map(_public, sys.argv))
        command = cls(line, datetime.now(UTC).isoformat(timespec="seconds"))
        command.stop()  # so that its clock starts
        return command

    def stop(self) -> None:
        """Take the time that has passed; may be called again later."""
        begun = self._begun
        self.seconds = time.monotonic() - begun

    @cached_property
    def _begun(self) -> float:
        """By a clock that nobody sets; known to this process only."""
        return time.monotonic()


def _public(argument: str) -> str:
    """An argument without what is nobody else's business: an address, and the folders that a file lies in."""
    option, separator, value = argument.rpartition("=") if argument.startswith("--") else ("", "", argument)
    if "@" in value:
        value = "ADDRESS"
    return option + separator + (Path(value).name or value)


class Input(msgspec.Struct, frozen=True):
    """An input of a run.

    Attributes:
        name: of the file or folder.
        kind: ``zip``, ``folder`` or ``store`` of an MPD; the suffix of another file.
        hash: of the content, with the name of the algorithm before it, as in ``md5:…``.
    """

    name: str
    kind: str
    hash: str


class Inputs(msgspec.Struct, frozen=True):
    """What a run read.

    Attributes:
        mpd: the MPD; its hash is over the names and JSON of the slices, also where they are packed.
        challenge_set: the playlists to continue; its hash is of the JSON, also where that is packed.
    """

    mpd: Input
    challenge_set: Input


class Private(msgspec.Struct, frozen=True):
    """What a run needs to be repeated on this machine, and nobody else need know.

    Attributes:
        run: id of the run.
        email: address in the submission.
        mpd, challenge_set: where the inputs lie.
        store: folder of the MPD's store, in which tracks are looked up later.
        private_version: version of these fields.
    """

    run: str
    email: str
    mpd: str
    challenge_set: str
    store: str
    private_version: int = PRIVATE_VERSION

    def save(self, path: Path) -> None:
        """Write as JSON that this user alone may read."""
        write_sealed(path, self, private=True)

    @classmethod
    def load(cls, path: Path) -> Private:
        """Read what :meth:`save` wrote.

        Raises:
            MissingInputError: nothing there.
            FormatError: damaged, or of another version.
        """
        return read_sealed(path, cls, version=("private_version", PRIVATE_VERSION), hint=_AGAIN)


class SeedReport(msgspec.Struct, frozen=True):
    """How far an MPD knows the seeds of a challenge set.

    Attributes:
        seeds: all seeds, repeats included.
        unknown_seeds: those whose track no training playlist holds.
        unknown_tracks: the distinct tracks among them.
        playlists_without_known_seed: playlists that have seeds, none of them known.
    """

    seeds: int
    unknown_seeds: int
    unknown_tracks: int
    playlists_without_known_seed: int


class DatasetFacts(SeedReport, frozen=True):
    """How large the dataset was, and how far the MPD knew the seeds.

    Attributes:
        playlists, rows: training playlists and their tracks, repeats included.
        tracks: different tracks, those that only seeds name included.
        official_challenge_set: whether it is the challenge set of 2018.
    """

    playlists: int
    rows: int
    tracks: int
    official_challenge_set: bool


class Epoch(msgspec.Struct, frozen=True):
    """One epoch of a training; 0 stands for the parameters before it. None is what was not measured."""

    epoch: int
    loss: float | None = None
    ndcg: float | None = None
    seconds: float | None = None


class TrainingFacts(msgspec.Struct):
    """What one training of LightGCN did and what it cost.

    Attributes:
        device: where it ran.
        device_reason: why there.
        kernel: which gathers and sums, and why.
        epochs: what was measured after each.
        best_epoch: whose parameters were kept; 0 for the initial ones.
        stopped: why it ended.
        steps: steps of this process.
        seconds: of this process.
        seconds_per_step: mean.
        edges_per_second: edges summed in all passes of a step, forward and backward.
        bandwidth_share: bytes that propagation must read, uncached, over what a copy moves in the same time;
            above 1 where caches serve.
        memory_estimate: bytes reckoned before the start.
    """

    device: str = ""
    device_reason: str = ""
    kernel: str = ""
    epochs: tuple[Epoch, ...] = ()
    best_epoch: int = 0
    stopped: str = ""
    steps: int = 0
    seconds: float = 0.0
    seconds_per_step: float = 0.0
    edges_per_second: float = 0.0
    bandwidth_share: float = 0.0
    memory_estimate: int = 0


class MeanScore(msgspec.Struct, frozen=True):
    """A mean over queries, with its standard error."""

    mean: float
    standard_error: float


class ValidationScores(msgspec.Struct, frozen=True):
    """What the lists of training queries score that the ranker did not learn from.

    Attributes:
        queries: how many they are.
        r_precision, ndcg, clicks: the challenge's metrics, in the leaderboard's variants.
    """

    queries: int
    r_precision: MeanScore
    ndcg: MeanScore
    clicks: MeanScore


class RankerFacts(msgspec.Struct, frozen=True):
    """What the ranker learned from.

    Attributes:
        queries: training queries, those that it is validated on included.
        rows: candidates that it learned from.
        importance: share of the ranker's gain by feature, greatest first.
        candidate_recall: mean share of a training query's held-out tracks that were among its candidates, by
            category: what the best of rankings could have found.
        validation: None where there were too few training queries, or too few tracks to fill a list.
    """

    queries: int = 0
    rows: int = 0
    importance: dict[str, float] = msgspec.field(default_factory=dict)
    candidate_recall: dict[str, float] = msgspec.field(default_factory=dict)
    validation: ValidationScores | None = None


class Trial(msgspec.Struct, frozen=True):
    """A value of a setting of a source, tried on the data at hand.

    Attributes:
        source, setting, value: what was tried.
        ndcg: mean NDCG of the source alone on training queries, other settings as chosen until then; of a
            smaller factorisation where that is one.
        recall: mean share of the held-out tracks in its 500 best.
        chosen: whether it took the place of the default.
    """

    source: str
    setting: str
    value: float
    ndcg: float
    recall: float
    chosen: bool = False


class Coverage(msgspec.Struct, frozen=True):
    """Which part of the catalogue the lists hold, and how popular it is.

    Attributes:
        tracks: different tracks in the lists.
        catalogue: different tracks that they could hold.
        recommended: of all places in the lists, the quartiles of how many playlists hold the track.
        training: the same of all places in the training playlists and among the seeds.
    """

    tracks: int
    catalogue: int
    recommended: tuple[float, float, float]
    training: tuple[float, float, float]


class SubmissionFacts(msgspec.Struct, frozen=True):
    """The submission of a run.

    Attributes:
        file: its name in the folder of the run.
        sha256: of the file as it was written.
        sources: places filled by each source, by category.
        lists_sha256: of the playlists and their tracks alone, whoever submits them.
        coverage: None where it was not looked at.
    """

    file: str
    sha256: str
    sources: dict[str, dict[str, int]]
    lists_sha256: str = ""
    coverage: Coverage | None = None


class Manifest(msgspec.Struct, kw_only=True):
    """How a run came about.

    Attributes:
        run: id of the run: stands for the settings and inputs that decide what is trained; empty before they
            were read. The recommender has it too.
        kind: tells it from other manifests.
        manifest_version: version of these fields.
        commands: what was run, the last one last.
        config: the effective settings but for the e-mail, by the tables of their file.
        seed: of all randomness.
        device: where LightGCN was trained; ``none`` where it was not.
        threads: how many were used.
        processor: its model.
        versions: of Python and packages.
        not_repeatable: why another run of the same may end otherwise; empty where there is no reason.
        inputs: what was read; None before that.
        dataset: facts of it; None before it was read.
        lightgcn: its trainings, the last one on all data.
        trials: settings of sources that were tried on the data at hand.
        ranker: None where none was trained.
        submission: None before it was written.
        profile: what each stage cost.
    """

    run: str = ""
    kind: str = "run"
    manifest_version: int = MANIFEST_VERSION
    commands: list[Command] = msgspec.field(default_factory=lambda: [Command.begin()])
    config: dict[str, object] = msgspec.field(default_factory=dict)
    seed: int = 0
    device: str = "none"
    threads: int = msgspec.field(default_factory=thread_count)
    processor: str = msgspec.field(default_factory=processor_model)
    versions: dict[str, str] = msgspec.field(default_factory=package_versions)
    not_repeatable: str = ""
    inputs: Inputs | None = None
    dataset: DatasetFacts | None = None
    lightgcn: tuple[TrainingFacts, ...] = ()
    trials: tuple[Trial, ...] = ()
    ranker: RankerFacts | None = None
    submission: SubmissionFacts | None = None
    profile: Profile = msgspec.field(default_factory=Profile)

    @property
    def date(self) -> str:
        """When the last command began, UTC in ISO 8601."""
        return self.commands[-1].date if self.commands else ""

    def name_run(self) -> None:
        """Give the run its id, once its settings and inputs are known; neither team nor device is in it."""
        assert self.inputs is not None
        decisive = {key: value for key, value in self.config.items() if key not in _DECIDES_NOTHING}
        facts = [decisive, self.inputs.mpd.hash, self.inputs.challenge_set.hash]
        self.run = hashlib.sha256(orjson.dumps(facts, option=orjson.OPT_SORT_KEYS)).hexdigest()[:16]

    def go_on(self) -> None:
        """Note that this process works on the run that another one began."""
        self.commands.append(Command.begin())
        self.threads, self.versions = thread_count(), package_versions()
        self.processor = processor_model()

    def save(self, path: Path) -> None:
        """Write as JSON, atomically, everything in its own order."""
        if self.commands:
            self.commands[-1].stop()
        write_sealed(path, self)

    @classmethod
    def load(cls, path: Path) -> Manifest:
        """Read what :meth:`save` wrote.

        Raises:
            MissingInputError: nothing there.
            FormatError: damaged, not of a run, or of another version of these fields.
        """
        raw = read_json(path)
        if not isinstance(raw, dict):
            raise FormatError(f"{path}: expected a JSON object, found {type(raw).__name__}")
        _require_version(path, raw)
        try:
            return msgspec.convert(unseal(raw, path, hint=_AGAIN), cls)
        except msgspec.ValidationError as error:
            raise FormatError(f"{path}: damaged ({error})", hint=_AGAIN) from error


_AGAIN: Final = "make the run again, or read it with the version of this package that made it"


def _require_version(path: Path, raw: Mapping[str, Any]) -> None:
    found = raw.get("manifest_version")
    if raw.get("kind", "run") != "run":
        raise FormatError(f"{path}: expected the manifest of a run, found that of a {quoted(raw['kind'])}")
    if found != MANIFEST_VERSION:
        version = "none" if found is None else quoted(found)
        when = "a later" if isinstance(found, int) and found > MANIFEST_VERSION else "an earlier"
        raise FormatError(
            f"{path}: written by {when} version of this package: manifest_version is {version}, "
            f"expected {MANIFEST_VERSION}",
            hint=_AGAIN,
        )
