"""Playlist continuation on the Spotify Million Playlist Dataset, from its files to a checked submission."""

from __future__ import annotations

__version__ = "0.1.0"
