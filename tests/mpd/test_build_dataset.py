import subprocess
import sys
from pathlib import Path

import numpy as np

from challenge.manifest import SeedReport
from challenge.mpd.build_dataset import build_dataset, seed_report
from challenge.mpd.challenge_set import read_challenge_set
from challenge.mpd.store import prepare_store


def test_unknown_seeds_join_the_catalog_behind_the_known_tracks(
    tiny_mpd: Path, tiny_challenge_set: Path, tmp_path: Path
) -> None:
    store = prepare_store(tiny_mpd, cache_dir=tmp_path / "cache")
    dataset = build_dataset(store, read_challenge_set(tiny_challenge_set))
    catalog = dataset.catalog
    # The MPD knows rock1 to rock3; the challenge set adds rock4 to rock100 and new1.
    assert dataset.n_tracks == 7 + 97 + 1
    assert catalog.tracks.ids[:7].tolist() == store.catalog.tracks.ids.tolist()
    assert [catalog.track_names[i] for i in (7, 8, 9, 10)] == [
        "Song rock4",
        "Song rock5",
        "Song new1",
        "Song rock6",
    ]
    assert catalog.track_artist[[7, 8, 9]].tolist() == [0, 0, 3]
    assert catalog.track_album[[7, 8, 9]].tolist() == [0, 0, 3]
    assert catalog.artist_names[3] == "The new"
    assert len(catalog.track_duration_ms) == len(catalog.track_names) == dataset.n_tracks
    assert dataset.queries.seeds.row(1).tolist() == [3]
    assert dataset.queries.seeds.row(2).tolist() == [0, 1, 2, 7, 8]
    assert dataset.queries.num_holdouts[0] == 6


def test_unknown_seeds_are_counted(tiny_mpd: Path, tiny_challenge_set: Path, tmp_path: Path) -> None:
    store = prepare_store(tiny_mpd, cache_dir=tmp_path / "cache")
    challenge = read_challenge_set(tiny_challenge_set)
    # 281 seeds; known are jazz1, and rock1 to rock3 in each of the eight others.
    assert seed_report(store.catalog, challenge) == SeedReport(281, 281 - 1 - 8 * 3, 98, 0)


def test_a_catalog_that_knows_all_stays_as_it_is(
    tiny_mpd: Path, tiny_challenge_set: Path, tmp_path: Path
) -> None:
    store = prepare_store(tiny_mpd, cache_dir=tmp_path / "cache")
    challenge = read_challenge_set(tiny_challenge_set)
    once = build_dataset(store, challenge)
    again = build_dataset(once, challenge)
    assert again.catalog is once.catalog
    assert np.array_equal(again.queries.seeds.track_index, once.queries.seeds.track_index)


def test_ctrl_c_while_a_worker_is_forked_is_not_lost() -> None:
    code = """
import os, signal
from challenge.mpd.build import in_order

signal.signal(signal.SIGINT, signal.default_int_handler)
os.register_at_fork(after_in_parent=lambda: os.kill(os.getpid(), signal.SIGINT))
try:
    list(in_order(abs, range(-20, 0), workers=2))
except KeyboardInterrupt:
    print("stopped")
else:
    print("went on")
"""
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert found.stdout == "stopped\n", found.stderr
