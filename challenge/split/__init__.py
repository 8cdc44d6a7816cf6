"""Held-out playlists cut like the challenge's: splits to score on, and the ranker's training queries."""
