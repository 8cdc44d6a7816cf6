"""How long an MPD takes from zip to store, against only inflating the same zip on the same cores.

Run: python -m benchmarks.ingest MPD.zip [--workers N] [--repeat N] [--markdown FILE]

Both are measured in turn in one run, with the same number of worker processes; the least of each counts.
Inflating is measured twice over: with the zlib that Python's zipfile uses, and with the much faster
decompressor that the ingest itself uses.
"""

from __future__ import annotations

import argparse
import tempfile
import zlib
from collections.abc import Callable
from pathlib import Path

from challenge.files import write_text
from challenge.mpd.build import in_order
from challenge.mpd.slices import SliceFile, find_slices, read_slice
from challenge.mpd.store import prepare_store
from challenge.profile import StageCost, measure
from challenge.threads import thread_count

TARGET_RATE = 185e6
"""Bytes of JSON that each worker should read in a second: the whole MPD in a minute and a half by two."""


def inflate_fast(file: SliceFile) -> int:
    """Inflate with the decompressor of the ingest, checksum included."""
    return len(read_slice(file))


def inflate_zlib(file: SliceFile) -> int:
    """Inflate with zlib, checksum included, as zipfile does."""
    with file.path.open("rb") as zipped:
        zipped.seek(file.offset)
        header = zipped.read(30)
        zipped.seek(int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:30], "little"), 1)
        packed = zipped.read(file.packed_size)
    data = zlib.decompress(packed, -15, file.size) if file.method else packed
    if zlib.crc32(data) != file.crc32:
        raise SystemExit(f"{file.name}: damaged")
    return len(data)


def time_inflating(work: Callable[[SliceFile], int], slices: list[SliceFile], workers: int) -> StageCost:
    """Inflate every slice in ``workers`` processes."""
    with measure() as cost:
        total = sum(in_order(work, slices, workers=workers))
    if total != sum(file.size for file in slices):
        raise SystemExit("inflated to another size")
    return cost


def time_ingest(path: Path, workers: int) -> StageCost:
    """Make a store in a fresh folder."""
    with tempfile.TemporaryDirectory() as folder, measure() as cost:
        prepare_store(path, cache_dir=folder, workers=workers)
    return cost


def least(costs: list[StageCost]) -> StageCost:
    """The quickest of several measurements."""
    return min(costs, key=lambda cost: cost.seconds)


def table(costs: dict[str, StageCost], json_bytes: int) -> str:
    """Times, rates and the ratios to both ways of inflating, as Markdown."""
    ingest = costs["ingest"].seconds
    lines = ["| | seconds | JSON, MB/s | peak, MB | ingest takes |", "|---|---|---|---|---|"]
    for name, cost in costs.items():
        rate, peak = json_bytes / cost.seconds / 1e6, cost.peak_bytes / 1e6
        lines.append(
            f"| {name} | {cost.seconds:.2f} | {rate:,.0f} | {peak:,.0f} | {ingest / cost.seconds:.2f} x |"
        )
    return "\n".join(lines)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("mpd", type=Path)
    parser.add_argument("--workers", type=int, default=thread_count())
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--markdown", type=Path)
    arguments = parser.parse_args()
    slices = find_slices(arguments.mpd)
    workers = min(arguments.workers, len(slices))
    runs: dict[str, list[StageCost]] = {"inflate (zlib)": [], "inflate (isal)": [], "ingest": []}
    for _ in range(arguments.repeat):
        runs["inflate (zlib)"].append(time_inflating(inflate_zlib, slices, workers))
        runs["inflate (isal)"].append(time_inflating(inflate_fast, slices, workers))
        runs["ingest"].append(time_ingest(arguments.mpd, workers))
    costs = {name: least(measured) for name, measured in runs.items()}
    json_bytes = sum(file.size for file in slices)
    text = table(costs, json_bytes)
    head = f"{len(slices)} slices, {json_bytes / 1e9:.2f} GB of JSON, {workers} workers"
    head += f", best of {arguments.repeat}"
    print(f"{head}\n\n{text}\n\nTarget: at least {workers * TARGET_RATE / 1e6:,.0f} MB/s")
    if arguments.markdown:
        write_text(arguments.markdown, f"{head}\n\n{text}\n")


if __name__ == "__main__":
    main()
