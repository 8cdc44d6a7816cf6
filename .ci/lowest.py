"""Write the lowest versions that pyproject.toml allows, as constraints for pip.

Run by ``make lowest-test``: python .ci/lowest.py CONSTRAINTS [PACKAGE ...]
"""

from __future__ import annotations

import sys
import tomllib
from itertools import chain
from pathlib import Path

from packaging.requirements import Requirement


def main() -> None:
    """Pin each package that users get to its lower bound, but for those that are named."""
    path, *free = sys.argv[1:]
    project = tomllib.loads(Path("pyproject.toml").read_text())["project"]
    wanted = chain(project["dependencies"], *project["optional-dependencies"].values())
    lines = []
    for requirement in map(Requirement, wanted):
        (lowest,) = (each.version for each in requirement.specifier if each.operator == ">=")
        if requirement.name not in free:
            lines.append(f"{requirement.name}=={lowest}\n")
    Path(path).write_text("".join(lines))


if __name__ == "__main__":
    main()
