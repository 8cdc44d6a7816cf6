"""A synthetic MPD and challenge set in the official formats, with the MPD's shape.

Popularity falls as a power. Tracks belong to albums and artists, artists to circles, scenes and genres. A
playlist mixes a few circles, and its title tells which, more or less. So what helps on the real dataset helps
here: neighbours, the continuation of artists and albums, titles, and the order of tracks.
"""
