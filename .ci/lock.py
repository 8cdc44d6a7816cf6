"""Write constraints.txt from pip's report of what it would install.

Run by ``make lock``: python .ci/lock.py REPORT CONSTRAINTS
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from packaging.utils import canonicalize_name

HEADER = """\
# The versions that .ci/run installs; users get the ranges of pyproject.toml. Renew with: make lock
"""
# torch pins these itself, and which of them it wants depends on the machine.
PINNED_BY_TORCH = ("cuda-", "nvidia-", "triton")


def main() -> None:
    """Keep names and versions, without the local part that tells one build of a version from another."""
    report, constraints = (Path(argument) for argument in sys.argv[1:])
    found = [item["metadata"] for item in json.loads(report.read_text())["install"]]
    pins = {canonicalize_name(item["name"]): item["version"].partition("+")[0] for item in found}
    lines = [
        f"{name}=={version}\n"
        for name, version in sorted(pins.items())
        if name != "mpd-challenge" and not name.startswith(PINNED_BY_TORCH)
    ]
    constraints.write_text(HEADER + "".join(lines))


if __name__ == "__main__":
    main()
