"""The official files as arrays: playlists, tracks, challenge set, splits and samples. Knows no torch."""
