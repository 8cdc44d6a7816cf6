"""What each stage of a run costs at 10,000, 100,000 and 1,000,000 playlists, and how fast costs grow.

Run: python -m benchmarks.scale FOLDER [--sizes 10000 100000 1000000] [--markdown FILE]

For each size a synthetic MPD is written into ``FOLDER/SIZE`` (not counted), and ``challenge run`` with its
default settings takes it from the zip to the validated submission, as a process of its own with an empty
cache. A size whose run has ended is not run again, so that the large one may go on another day: the table is
made of the manifests in ``FOLDER/SIZE/run``.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from challenge.files import write_text
from challenge.profile import StageCost
from challenge.run_folder import RunFolder
from challenge.threads import thread_count

LONGEST_MINUTES, LARGEST_GB = 30, 12


@dataclass(frozen=True)
class Size:
    """A finished run: its rows of the dataset, and costs by stage; names of sections begin with a dot."""

    playlists: int
    rows: int
    costs: dict[str, StageCost]

    @property
    def seconds(self) -> float:
        """From zip to validated submission; sections are inside their stages."""
        return sum(cost.seconds for name, cost in self.costs.items() if not name.startswith("·"))


def make_run(folder: Path, playlists: int) -> None:
    """Write the sample and run on it, where that was not done before."""
    if RunFolder(folder / "run").validation.exists():
        return
    if not (folder / "mpd.zip").exists():
        _challenge("sample", "--playlists", str(playlists), "--output", str(folder))
    inputs = ["--mpd", str(folder / "mpd.zip"), "--challenge", str(folder / "challenge_set.json")]
    _challenge("run", *inputs, "--output", str(folder / "run"), "--cache", str(folder / "cache"))


def _challenge(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "challenge", *arguments], check=True)


def read_run(folder: Path, playlists: int) -> Size:
    """Read what a finished run cost; the stage that scores is left out."""
    manifest = RunFolder(folder / "run").load_manifest()
    rows = manifest.dataset.rows if manifest.dataset else 0
    costs: dict[str, StageCost] = {}
    for name, cost, is_section in manifest.profile.rows(min_share=0):
        costs[f"· {name}" if is_section else name] = cost
    costs.pop("score", None)
    return Size(playlists, rows, costs)


def table(sizes: Sequence[Size]) -> str:
    """Seconds and peak memory of each stage, and the growth of both against that of the rows."""
    names = list(dict.fromkeys(name for size in reversed(sizes) for name in size.costs))
    head = [f"{size.playlists:,} playlists, {size.rows / 1e6:.1f} M rows" for size in sizes]
    growth = [f"× {b.playlists // a.playlists:,}" for a, b in pairwise(sizes)]
    lines = [f"| | {' | '.join(head + growth)} |", "|---" * (1 + len(head) + len(growth)) + "|"]
    lines += [f"| {name} | {' | '.join(_cells(name, sizes))} |" for name in names]
    totals = [
        f"{size.seconds / 60:.1f} min, {max(c.peak_bytes for c in size.costs.values()) / 1e9:.1f} GB"
        for size in sizes
    ]
    pairs = pairwise(sizes)
    totals += [f"{b.seconds / a.seconds:.1f}, rows {b.rows / a.rows:.1f}" for a, b in pairs]
    lines.append(f"| **all** | {' | '.join(totals)} |")
    return "\n".join(lines)


def _cells(name: str, sizes: Sequence[Size]) -> list[str]:
    found = [size.costs.get(name) for size in sizes]
    cells = [f"{c.seconds:,.1f} s, {c.peak_bytes / 1e9:.1f} GB" if c else "" for c in found]
    for before, after in pairwise(found):
        cells.append(f"{after.seconds / before.seconds:.1f}" if before and after and before.seconds else "")
    return cells


def verdict(largest: Size) -> str:
    """Compare the largest run with the bars, which are for the whole MPD's size."""
    minutes = largest.seconds / 60
    memory = max(cost.peak_bytes for cost in largest.costs.values()) / 1e9
    return (
        f"{largest.playlists:,} playlists, from zip to validated submission: {minutes:.0f} minutes "
        f"({minutes / LONGEST_MINUTES:.2f} of {LONGEST_MINUTES}), at most {memory:.1f} GB "
        f"({memory / LARGEST_GB:.2f} of {LARGEST_GB})."
    )


def main() -> None:
    """Parse the command line, make the runs that are missing, and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--markdown", type=Path, help="write the table here too")
    options = parser.parse_args()
    for playlists in options.sizes:
        make_run(options.folder / str(playlists), playlists)
    sizes = [read_run(options.folder / str(playlists), playlists) for playlists in options.sizes]
    text = f"{table(sizes)}\n\n{verdict(sizes[-1])} {thread_count()} threads."
    print(text)
    if options.markdown:
        command = f"python -m benchmarks.scale FOLDER --sizes {' '.join(map(str, options.sizes))}"
        write_text(options.markdown, f"# Cost by size\n\n`{command}`\n\n{text}\n")


if __name__ == "__main__":
    main()
