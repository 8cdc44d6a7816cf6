"""Sources of candidate tracks: each scores every track for a tile of queries, and their best are united."""
