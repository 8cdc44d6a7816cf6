"""The notebook does what stands below its cells."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from challenge.threads import one_thread

NOTEBOOK = Path(__file__).parents[1] / "examples" / "notebook" / "explore_your_playlists.py"
DECIMAL = re.compile(r"\d+\.\d+")
SAME, ALIKE = "# > ", "# ~ "
"""What stands before a line of output: one that is the same everywhere; one of which names may differ."""


def cells() -> list[tuple[str, list[str]]]:
    """Each cell of code with the lines of output that stand below it."""
    found = []
    for cell in re.split(r"^# %%", NOTEBOOK.read_text("utf-8"), flags=re.MULTILINE)[1:]:
        if not cell.startswith(" [markdown]"):
            lines = cell.splitlines()
            found.append(("\n".join(lines[1:]), [line for line in lines if line.startswith((SAME, ALIKE))]))
    return found


def agrees(line: str, expected: str) -> bool:
    """Whether a line is what stands there: word for word, or in its form and nearly in its decimals."""
    mark, text = expected[: len(SAME)], expected[len(SAME) :]
    if mark == SAME:
        return line == text
    decimals = [[float(each) for each in DECIMAL.findall(some)] for some in (line, text)]
    signs = [re.findall(r"^\d\. | by | → |[:%]", some) for some in (line, text)]
    return signs[0] == signs[1] and decimals[0] == pytest.approx(decimals[1], abs=0.1, rel=0.2)


def test_its_cells_print_what_stands_below_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CHALLENGE_CACHE", "set, so that it is as before when the test is over")
    names: dict[str, object] = {}
    assert len(cells()) >= 9
    with one_thread():
        for code, expected in cells():
            exec(compile(code, NOTEBOOK.name, "exec"), names)
            lines = capsys.readouterr().out.splitlines()
            assert len(lines) == len(expected), lines
            assert [each for each in zip(lines, expected, strict=True) if not agrees(*each)] == []


def test_a_wrong_output_is_found() -> None:
    assert agrees("in 3 playlists: A by B", "# > in 3 playlists: A by B")
    assert not agrees("in 3 playlists: A by C", "# > in 3 playlists: A by B")
    assert agrees("0.93  A by C", "# ~ 0.97  A by B")
    assert not agrees("0.53  A by B", "# ~ 0.97  A by B")
    assert not agrees("0.97  A", "# ~ 0.97  A by B")
