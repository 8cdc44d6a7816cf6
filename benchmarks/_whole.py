"""Whether what killed commands left is whole, and in the end what an uninterrupted command leaves."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from challenge.files import UNFINISHED
from challenge.manifest import Manifest
from challenge.workflows.verify import verify_run

_OF_TIMES: Final = ("manifest.json", "report.html", "checkpoint.json", "checkpoint.safetensors")
"""Files of a run that hold seconds or dates."""
_OF_SCORES: Final = ("examples.json",)
"""Files of a run that are written once more when it is scored."""
_ENDS: Final = {".json": "}\n", ".html": "</html>"}
_NOT_YET: Final = ("manifest", "recommender", "submission")
"""What ``challenge doctor --run`` may miss between kills: it is not there yet, or of the command before."""


def broken(case: Path, whole: Path, *, at_the_end: bool = False) -> Iterator[str]:
    """What stands under its name in the folders of the case and is not whole."""
    may_differ = _OF_TIMES if at_the_end else _OF_TIMES + _OF_SCORES
    for path in sorted(path for path in case.rglob("*") if path.is_file()):
        name = path.relative_to(case)
        if UNFINISHED in str(name) or path.suffix == ".lock" or path.name == ".lock":
            continue
        kept = whole / name
        if not kept.exists():
            yield f"{name}: no uninterrupted run leaves it"
        elif path.name not in may_differ or name.parts[0] == "cache":
            if path.read_bytes() != kept.read_bytes():
                yield f"{name}: is another"
        elif path.suffix in _ENDS and not path.read_text().endswith(_ENDS[path.suffix]):
            yield f"{name}: has no end"
    for finding in verify_run(case / "run"):
        if not finding.ok and finding.topic not in _NOT_YET:
            yield f"{finding.topic}: {finding.found}"


def unlike(case: Path, whole: Path) -> Iterator[str]:
    """What is not as the uninterrupted run left it."""
    yield from broken(case, whole, at_the_end=True)
    here, there = ({str(path.relative_to(each)) for path in each.rglob("*")} for each in (case, whole))
    if here != there:
        yield f"left: {sorted(here - there)[:5]}, missing: {sorted(there - here)[:5]}"
        return
    for finding in verify_run(case / "run"):
        if not finding.ok:
            yield f"{finding.topic}: {finding.found}"
    one, two = (_facts(Manifest.load(each / "run" / "manifest.json")) for each in (case, whole))
    for name in one:
        if one[name] != two[name]:
            yield f"manifest.json: {name} is {one[name]!r:.300}, without interruption {two[name]!r:.300}"


def _facts(manifest: Manifest) -> dict[str, object]:
    """What a manifest tells that no clock decides."""
    names = ("run", "config", "seed", "device", "inputs", "dataset", "ranker", "submission")
    epochs = [[(epoch.epoch, epoch.ndcg) for epoch in each.epochs] for each in manifest.lightgcn]
    return {name: getattr(manifest, name) for name in names} | {"epochs": epochs}
