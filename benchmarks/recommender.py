"""What a saved recommender costs to keep, load and ask, and how lists for strangers differ from the run's.

Run: python -m benchmarks.recommender RUN [--answers answers.json] [--markdown FILE]

RUN is the folder of a finished run. Loading is timed with the files out of the system's cache and again with
them in it; then three playlists of each category of the run's challenge set are asked one by one, as
strangers: by title and tracks alone. With answers, all playlists of the challenge set are asked so, and their
lists are compared with those of the run: the tracks that the first 20 share, and the scores by category.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

import numpy as np

from challenge import Playlist, Recommender
from challenge.data.dataset import Queries
from challenge.data.vocabulary import Vocabulary
from challenge.evaluation.evaluate import score_submission
from challenge.evaluation.ground_truth import read_ground_truth
from challenge.evaluation.scorecard import OVERALL, PlaylistScores, compare_paired
from challenge.evaluation.variants import METRICS
from challenge.files import write_text
from challenge.profile import measure
from challenge.run_folder import RunFolder
from challenge.submission.submission import Submission
from challenge.submission.team import TeamInfo
from challenge.types import LIST_LENGTH, TRACK_PREFIX, Category, IdArray, Int32Array

PER_CATEGORY: Final = 3
LOAD: Final = """
import sys, time
from pathlib import Path
from challenge import Recommender
start = time.perf_counter()
Recommender.load(Path(sys.argv[1]))
print(time.perf_counter() - start)
"""
FIRST: Final = 20


def forget(folder: Path) -> None:
    """Ask the system to drop a folder's files from its cache."""
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def as_playlists(queries: Queries, tracks: Vocabulary) -> list[Playlist]:
    """The challenge's playlists as anybody would ask for them."""
    return [
        Playlist(
            queries.titles[row],
            tracks.uris(queries.seeds.row(row)),
            ordered=not category.is_random,
            num_missing=int(queries.num_holdouts[row]),
        )
        for row, category in enumerate(queries.categories)
    ]


def costs(folder: Path) -> str:
    """A Markdown table of size, loading, answers and memory."""
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    forget(folder)
    cold = float(subprocess.check_output([sys.executable, "-c", LOAD, str(folder)]))
    with measure() as everything:
        with measure() as warm:
            recommender = Recommender.load(folder)
        queries, tracks = recommender.queries().queries, recommender.dataset.catalog.tracks
        playlists = as_playlists(queries, tracks)
        rows = {
            category: [row for row, each in enumerate(queries.categories) if each is category][:PER_CATEGORY]
            for category in Category
        }
        chosen = [row for some in rows.values() for row in some]
        seconds = []
        for row in chosen:
            start = time.perf_counter()
            recommender.recommend([playlists[row]])
            seconds.append(time.perf_counter() - start)
        start = time.perf_counter()
        recommender.recommend([playlists[chosen[-1]]], explain=True)
        explained = time.perf_counter() - start
    index = recommender.sources.index
    facts = [
        ("training playlists and queries", f"{index.n_playlists:,}"),
        ("tracks", f"{index.n_tracks:,}"),
        ("size on disk", f"{size / 1e6:,.0f} MB"),
        ("loading, files not in memory", f"{cold:.2f} s"),
        ("loading again", f"{warm.seconds:.2f} s"),
        ("first answer", f"{seconds[0]:.2f} s"),
        (f"{len(seconds) - 1} more, median", f"{statistics.median(seconds[1:]):.3f} s"),
        ("longest of them", f"{max(seconds[1:]):.3f} s"),
        ("one with reasons", f"{explained:.2f} s"),
        ("peak memory", f"{everything.peak_bytes / 1e9:.2f} GB"),
    ]
    return "\n".join(["| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in facts)])


def strangers(folder: Path, answers: Path) -> str:
    """A Markdown table of what changes for playlists that the recommender does not know."""
    recommender = Recommender.load(folder)
    truth = read_ground_truth(answers)
    queries, catalog = recommender.queries().queries, recommender.dataset.catalog
    fitted = catalog.tracks.ids[recommender.fill().track]
    asked = recommender.recommend(as_playlists(queries, catalog.tracks), LIST_LENGTH)
    stranger = np.array([[each.uri.removeprefix(TRACK_PREFIX) for each in row] for row in asked], "S22")

    def artist_of(ids: IdArray) -> Int32Array:
        track = catalog.tracks.index_of(ids)
        return np.where(track >= 0, catalog.track_artist[track], -1).astype(np.int32)

    def scores(lists: IdArray) -> PlaylistScores:
        team = TeamInfo("benchmark", "benchmark@example.org")
        return score_submission(Submission(team, queries.pid, lists), truth, artist_of=artist_of)[1]

    known, unknown = scores(fitted), scores(stranger)
    row_of = {pid: row for row, pid in enumerate(queries.pid.tolist())}
    rows = [row_of[pid] for pid in known.pid.tolist()]
    shared = np.array([len(set(fitted[row, :FIRST]) & set(stranger[row, :FIRST])) / FIRST for row in rows])
    labels = np.array(known.categories)
    head = ["category", f"of the first {FIRST} the same"]
    head += [f"{metric}: {column}" for metric in METRICS for column in ("run", "stranger less run")]
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for name, differences in compare_paired(known, unknown).items():
        chosen = np.ones(len(labels), bool) if name == OVERALL else labels == name
        cells = [name, f"{shared[chosen].mean():.2f}"]
        for difference in (differences[metric] for metric in METRICS):
            change = difference.difference
            cells += [
                f"{difference.first:.4f}",
                f"{change.mean:+.4f} ({change.low:+.4f} to {change.high:+.4f})",
            ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--answers", type=Path)
    parser.add_argument("--markdown", type=Path)
    arguments = parser.parse_args()
    folder = RunFolder(arguments.run).recommender
    parts = [costs(folder)]
    if arguments.answers:
        parts.append(strangers(folder, arguments.answers))
    print("\n\n".join(parts))
    if arguments.markdown:
        write_text(arguments.markdown, "\n\n".join(parts) + "\n")


if __name__ == "__main__":
    main()
