"""How often chance is asked; imports nothing slow, so that the command line can tell these numbers."""

from __future__ import annotations

from typing import Final

RESAMPLES: Final = 1000
"""Draws of the bootstrap."""
PERMUTATIONS: Final = 10_000
"""Draws of the paired randomisation test."""
CONFIDENCE: Final = 0.95
"""Share of the bootstrap's means that an interval holds; one minus it is the level of the paired test."""
