"""Sources of candidate tracks: each scores every track for a batch of queries, and their best are united."""
