"""Where output goes: results to stdout, progress and messages to stderr.

A command ends with one of :func:`show_json` or :func:`show`. How progress is shown is chosen in
:mod:`challenge.cli.progress_console`.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from challenge.cli.streams import tolerant_stderr
from challenge.quoting import printable, printable_json

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.table import Table

    from challenge.profile import Profile


def stdout_console() -> Console:
    """The console for results; 80 columns wide where stdout is no terminal."""
    from rich.console import Console

    console = Console(highlight=False, width=None if sys.stdout.isatty() else _file_width())
    console.on_broken_pipe = _tell_broken_pipe  # type: ignore[method-assign]
    return console


def _tell_broken_pipe() -> None:
    """Let the command end as it does on other errors, where the library would end the process by itself."""
    raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))


def stderr_console() -> Console:
    """The console for progress, messages and errors."""
    from rich.console import Console

    return Console(file=tolerant_stderr(), highlight=False)


def _file_width() -> int:
    """Columns for output into files and pipes: what COLUMNS says, otherwise 80."""
    named = os.environ.get("COLUMNS", "")
    return int(named) if named.isdigit() and int(named) > 0 else 80


def show(*renderables: RenderableType) -> None:
    """Print results for a person on stdout; text is not wrapped, so that it can be copied.

    Text may hold names of other people's: no character in it acts on the terminal.
    """
    from rich.text import Text

    console = stdout_console()
    for renderable in renderables:
        if isinstance(renderable, str | Text):
            text = renderable.copy() if isinstance(renderable, Text) else Text(renderable)
            text.plain = printable(text.plain)
            console.print(text, soft_wrap=True)
        else:
            console.print(renderable)


def show_json(value: object) -> None:
    """Print a result for scripts on stdout: one JSON document, of dataclasses and arrays too."""
    import orjson

    _print_json(value, orjson.OPT_INDENT_2)


def show_json_lines(values: Iterable[object]) -> None:
    """Print results for scripts on stdout, each as JSON on a line of its own."""
    for value in values:
        _print_json(value, 0)


def _print_json(value: object, options: int) -> None:
    import orjson

    options |= orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_APPEND_NEWLINE | orjson.OPT_NON_STR_KEYS
    text = orjson.dumps(value, default=str, option=options).decode()
    # JSON is in UTF-8, whatever the terminal's encoding.
    sys.stdout.buffer.write(printable_json(text).encode())
    sys.stdout.flush()


def make_table(
    title: str | None,
    columns: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    left: int = 1,
    gap: int = 2,
    whole: str = "id",
) -> Table:
    """A table in the house style: the first ``left`` columns to the left, figures to the right.

    What stands in the column ``whole`` is never broken, so that it can be copied.
    """
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(
        title=None if title is None else Text(printable(title), style="bold"),
        box=box.SIMPLE_HEAD,
        title_justify="left",
        pad_edge=False,
        padding=(0, gap - 1, 0, 0),
    )
    for number, name in enumerate(columns):
        side = "left" if number < left else "right"
        table.add_column(name, justify=side, overflow="fold", no_wrap=name == whole)  # type: ignore[arg-type]
    for row in rows:
        # Titles and paths may hold square brackets, which are no markup here.
        table.add_row(*(cell if isinstance(cell, Text) else Text(printable(_cell(cell))) for cell in row))
    return table


def cost_table(title: str, profile: Profile) -> Table:
    """Time and peak memory of each stage and of its larger sections."""
    rows = [
        (f"  {name}" if is_section else name, seconds_text(cost.seconds), size_text(cost.peak_bytes))
        for name, cost, is_section in profile.rows()
    ]
    return make_table(title, ("stage", "time", "peak memory"), rows, left=1)


def show_written(contents: Mapping[Path, str]) -> None:
    """Print the files that were written into one folder: what each holds, and its size."""
    rows = [(path.name, what, size_text(path.stat().st_size)) for path, what in contents.items()]
    show(make_table(f"Written to {next(iter(contents)).parent}", ("file", "holds", "size"), rows, left=2))


def _cell(value: object) -> str:
    """A value as a table shows it: thousands separated, nothing for None."""
    if value is None:
        return ""
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def size_text(count: float) -> str:
    """Bytes in the unit that fits, such as "61.3 MB" (decimal units)."""
    for unit in ("B", "kB", "MB"):
        if abs(count) < 1000:
            return f"{count:.0f} {unit}" if unit == "B" or count >= 100 else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} GB" if count < 1000 else f"{count / 1000:.1f} TB"


def seconds_text(seconds: float) -> str:
    """A duration, such as "0.4 s", "48 s", "3 min 05 s" or "2 h 07 min"."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def count_text(amount: float) -> str:
    """A count of work: whole where it is, to three figures where it is not."""
    return f"{amount:,.0f}" if amount >= 100 or float(amount).is_integer() else f"{amount:.3g}"


def amount_text(done: float, total: float | None, unit: str) -> str:
    """How much of a task is done, such as "3,400 of 10,000 playlists"."""
    if unit == "B":
        return size_text(done) if total is None else f"{size_text(done)} of {size_text(total)}"
    if total is None:
        return f"{count_text(done)} {unit_text(done, unit)}".rstrip()
    return f"{count_text(done)} of {count_text(total)} {unit_text(total, unit)}".rstrip()


def unit_text(amount: float, unit: str) -> str:
    """A unit as it stands behind an amount: it is given in the plural, and one has the singular."""
    if amount != 1:
        return unit
    for plural, singular in (("ies", "y"), ("ches", "ch"), ("s", "")):
        if unit.endswith(plural):
            return unit.removesuffix(plural) + singular
    return unit


def rate_text(done: float, seconds: float, unit: str) -> str:
    """Work per second, or per minute or hour where that reads better."""
    if done <= 0 or seconds <= 0:
        return ""
    rate = done / seconds
    if unit == "B":
        return f"{size_text(rate)}/s"
    for name, factor in (("s", 1), ("min", 60), ("h", 3600)):
        if rate * factor >= 1 or name == "h":
            rounded = float(f"{rate * factor:.3g}")
            return f"{count_text(rounded)} {unit_text(rounded, unit)}".rstrip() + f"/{name}"
    return ""
