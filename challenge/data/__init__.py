"""A dataset as arrays: playlists, tracks, titles and queries, read from no particular format."""
