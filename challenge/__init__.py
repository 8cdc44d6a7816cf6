"""From the Spotify Million Playlist Dataset to a validated, winning submission."""

from __future__ import annotations

__version__ = "0.1.0"
