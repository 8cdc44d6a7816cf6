"""``challenge doctor``: whether this machine can do the work, and whether what is kept is whole."""

from __future__ import annotations

import os
import platform
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from challenge import __version__, progress
from challenge.cli.console import make_table, show, show_json, size_text
from challenge.cli.options import CacheOption, JsonFlag, path_option
from challenge.errors import FormatError, ResourceError
from challenge.workflows.verify import Finding, verify_run, verify_store

if TYPE_CHECKING:
    from types import ModuleType

_PACKAGES: Final = ("numpy", "scipy", "numba", "torch", "lightgbm", "msgspec",
                    "orjson", "isal", "safetensors")  # fmt: skip
_MIN_MEMORY: Final = 4_000_000_000
_MIN_DISK: Final = 2_000_000_000
_MISSING: Final = "Something vital is missing."
_NOT_WHOLE: Final = "Something is not as it was written."


def doctor(
    cache: CacheOption = None,
    store: Annotated[Path | None, path_option("store", "Verify this store instead.", metavar="DIR")] = None,
    run: Annotated[
        Path | None, path_option("run", "Verify this run's folder instead.", metavar="DIR")
    ] = None,
    json: JsonFlag = False,
) -> None:
    """Check versions, device, threads, memory, disk and caches; or what is kept of earlier work.

    With --store or --run every file is compared with the hash that was kept of it. Writes nothing. Ends with
    exit code 5 where this machine lacks something vital, and with 3 where a store or run is not whole.
    """
    kept = [*([] if store is None else verify_store(store)), *([] if run is None else verify_run(run))]
    findings = kept or examine(cache)
    well = all(finding.ok for finding in findings)
    if json:
        show_json({"ok": well, "findings": findings})
    else:
        _show(findings, "All is well." if well else _NOT_WHOLE if kept else _MISSING, well=well)
    if not well:
        raise typer.Exit(FormatError.exit_code if kept else ResourceError.exit_code)


def examine(cache: Path | None) -> list[Finding]:
    """Look at everything that the commands need."""
    packages = progress.track(_PACKAGES, "import packages", unit="packages")
    findings = [Finding("challenge", __version__), _python(), *map(_package, packages)]
    return [*findings, _device(), _threads(), _memory(), *_disks(cache), _kernels()]


def _python() -> Finding:
    """The interpreter."""
    ok = sys.version_info >= (3, 11)
    return Finding(
        "Python", f"{platform.python_version()} ({sys.executable})", ok, "use Python 3.11 or later"
    )


def _package(name: str) -> Finding:
    """One package, really imported: an installed one may still lack a library."""
    try:
        module = import_module(name)
    except ImportError as error:
        return Finding(name, f"cannot be imported: {error}", ok=False, advice="run make setup")
    return Finding(name, str(getattr(module, "__version__", "present")))


def _device() -> Finding:
    """What would compute, and why."""
    try:
        import torch
    except ImportError:
        return Finding("device", "unknown without torch", ok=False, advice="run make setup")
    return Finding("device", _device_text(torch))


def _device_text(torch: ModuleType) -> str:
    """The GPU with its memory, or why there is none."""
    if torch.cuda.is_available():
        free, total = torch.cuda.mem_get_info()
        name = torch.cuda.get_device_name()
        return f"cuda: {name}, {size_text(free)} of {size_text(total)} free"
    why = "this torch is built without CUDA" if torch.version.cuda is None else "no usable GPU found"
    return f"cpu ({why})"


def _threads() -> Finding:
    """Threads in use, and of how many processors."""
    from challenge.threads import available_cpus, thread_count

    return Finding(
        "threads", f"{thread_count()} in use; {available_cpus()} of {os.cpu_count()} processors granted"
    )


def _memory() -> Finding:
    """Memory that may still be taken."""
    from challenge.machine import memory

    found = memory()
    text = f"{size_text(found.available)} of {size_text(found.total)} free"
    return Finding("memory", text, found.available >= _MIN_MEMORY, "close other programs: 4 GB are needed")


def _disks(cache: Path | None) -> list[Finding]:
    """Room in the present folder and in the cache, and whether the cache may be written."""
    from challenge.files import default_cache_dir
    from challenge.machine import disk_free

    folders = {"working folder": Path.cwd(), "cache folder": cache or default_cache_dir()}
    findings = []
    for topic, folder in folders.items():
        free = disk_free(folder)
        parent = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
        writable = os.access(parent, os.W_OK)
        text = f"{folder}, {size_text(free)} free" + ("" if writable else ", not writable")
        advice = "name another folder, with --cache or $CHALLENGE_CACHE for the cache"
        findings.append(Finding(topic, text, writable and free >= _MIN_DISK, advice))
    return findings


def _kernels() -> Finding:
    """Where compiled loops are kept; without such a folder each process compiles them again."""
    try:
        from challenge.compiled import cache_folder
    except ImportError:
        return Finding("compiled kernels", "unknown without numba", ok=False, advice="run make setup")
    folder = cache_folder()
    if folder is None:
        return Finding("compiled kernels", "not kept: no folder for them can be written")
    sizes = [path.stat().st_size for path in folder.glob("*.kernel")]
    return Finding("compiled kernels", f"{folder}, {len(sizes):,} files, {size_text(sum(sizes))}")


def _show(findings: list[Finding], verdict: str, *, well: bool) -> None:
    """Print the findings and a verdict."""
    from rich.text import Text

    marks = {True: Text("✓", style="green"), False: Text("✗", style="bold red")}
    rows = [(marks[finding.ok], finding.topic, finding.found) for finding in findings]
    show(make_table(None, ("", "what", "found"), rows, left=3))
    for finding in findings:
        if not finding.ok:
            show(Text.assemble((f"{finding.topic}: ", "bold"), finding.advice))
    show(Text(verdict, style="green" if well else "bold red"))
