"""Settings files that come with the package, by name: what ``--config NAME`` reads."""

from __future__ import annotations

from pathlib import Path
from typing import Final

PRESETS: Final = {path.stem: path for path in sorted(Path(__file__).parent.glob("*.toml"))}
"""The file of each preset."""


def settings_file(named: Path) -> Path:
    """Return the preset of that name unless there is such a file; what is no preset comes back as it is."""
    return named if named.exists() else PRESETS.get(str(named), named)
