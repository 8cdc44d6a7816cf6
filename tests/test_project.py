"""What the project's files say of each other; tests/test_docs.py has the documentation."""

from __future__ import annotations

import os
import re
import subprocess
import tomllib
from pathlib import Path
from shutil import which

import pytest
from packaging.requirements import Requirement

from challenge import __version__
from challenge.cli.app import COMMANDS

ROOT = Path(__file__).parent.parent
MAKEFILE = (ROOT / "Makefile").read_text()
TARGETS = re.findall(r"^([a-z][a-z-]*):", MAKEFILE, re.MULTILINE)


def test_readme_names_every_command() -> None:
    text = (ROOT / "README.md").read_text()
    assert [command for command in COMMANDS if f"`challenge {command}" not in text] == []


def test_every_target_has_its_line_of_help() -> None:
    described = set(re.findall(r"^([a-z][a-z-]*):.*## \S", MAKEFILE, re.MULTILINE))
    assert set(TARGETS) == described
    assert set(re.findall(r"^\.PHONY: ([a-z-]+)$", MAKEFILE, re.MULTILINE)) == described


def test_every_benchmark_has_a_target() -> None:
    scripts = {path.stem for path in (ROOT / "benchmarks").glob("*.py") if not path.name.startswith("_")}
    assert scripts == set(re.findall(r"-m benchmarks\.(\w+)", MAKEFILE))


def make(*arguments: str) -> subprocess.CompletedProcess[str]:
    # Already set up, so that no recipe but the one asked for would run.
    ready = ("--old-file=.venv/.ready", "--old-file=.venv/.ready-dev")
    command = ["make", f"--directory={ROOT}", *ready, *arguments]
    # The tests may themselves run under make, whose options must not reach this one.
    names = ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MPD", "CHALLENGE", "TEAM", "EMAIL", "RUN")
    environment = {name: value for name, value in os.environ.items() if name not in names}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


@pytest.mark.skipif(which("make") is None, reason="no make on this machine")
def test_make_passes_paths_with_spaces_on_and_tells_what_is_missing() -> None:
    missing = make("submission", "MPD=my mpd.zip", "TEAM=Us")
    assert missing.returncode == 2
    assert "make: CHALLENGE= is missing; expected: make submission MPD=" in missing.stderr
    planned = make("--dry-run", "submission", "MPD=a b.zip", "CHALLENGE=c.json", "TEAM=T", "EMAIL=e@f.gh")
    assert planned.returncode == 0
    assert '--mpd "$MPD" --challenge "$CHALLENGE"' in planned.stdout
    assert "challenge sample" not in planned.stdout
    assert "make submission" in make().stdout


def prerequisites(target: str) -> set[str]:
    found = re.search(rf"^{target}: ([a-z -]+) ##", MAKEFILE, re.MULTILINE)
    assert found is not None
    return set(found[1].split())


def test_git_hooks_and_ci_run_the_checks_of_make_check() -> None:
    hooks = re.findall(r"^ +entry: (.*)$", (ROOT / ".pre-commit-config.yaml").read_text(), re.MULTILINE)
    assert set(hooks) == {f"make {target}" for target in prerequisites("check") - {"test"}}
    script = (ROOT / ".ci" / "run").read_text()
    in_turn = re.findall(r"^for step in (.*); do run", script, re.MULTILINE)
    steps = {step for each in in_turn for step in each.split()} | set(
        re.findall(r"^run (\S+) >", script, re.MULTILINE)
    )
    assert prerequisites("check") | {"wheel-test"} <= steps <= set(TARGETS)


def test_versions_of_ci_lie_in_the_ranges_of_users_and_name_no_place() -> None:
    lines = (ROOT / "constraints.txt").read_text().splitlines()[1:]
    pins = dict(line.split("==") for line in lines)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    groups = project["dependency-groups"]
    dependencies = project["project"]["dependencies"] + project["project"]["optional-dependencies"]["explore"]
    named = [*dependencies, *groups["test"], *groups["lint"], groups["dev"][-1]]
    for requirement in map(Requirement, named):
        assert requirement.specifier.contains(pins[requirement.name]), requirement
    assert [line for line in lines if not re.fullmatch(r"[a-z0-9-]+==[0-9a-z.]+", line)] == []


def test_version_is_the_same_where_it_must_be_repeated() -> None:
    cited = re.search(r"^version: (.+)$", (ROOT / "CITATION.cff").read_text(), re.MULTILINE)
    assert cited is not None
    assert cited[1] == __version__
