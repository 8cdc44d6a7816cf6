import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from challenge.data.distinct import playlists_of_each_track
from challenge.data.interactions import Interactions
from challenge.errors import ConfigError, MissingInputError
from challenge.mpd.challenge_set import ChallengeSet, read_challenge_set
from challenge.mpd.describe import describe_store
from challenge.mpd.store import Store, prepare_store
from challenge.mpd.writer import answers_of
from challenge.split.holdout import target_lengths
from challenge.split.options import SplitKind, SplitOptions
from challenge.split.split import Split, split_holdout, write_split
from challenge.types import Category
from tests.official_files import playlist_record, write_mpd_zip

PLAYLISTS = 600
FINAL = SplitOptions(SplitKind.FINAL, seed=3)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """600 playlists of 6 to 160 of 900 tracks, some rare, some repeated; every 7th has no title."""
    rng = np.random.default_rng(0)
    folder = tmp_path_factory.mktemp("mpd")
    weights = 1.0 / np.arange(1, 901)
    playlists = []
    for pid in range(PLAYLISTS):
        length = int(rng.integers(6, 160))
        tracks = [f"t{i}" for i in rng.choice(900, length, p=weights / weights.sum())]
        playlists.append(playlist_record(pid, "" if pid % 7 == 0 else f"mix {pid % 20}", tracks))
    slices = {"0-299": playlists[:300], "300-599": playlists[300:]}
    return prepare_store(write_mpd_zip(folder / "mpd.zip", slices), cache_dir=folder / "cache")


@pytest.fixture(scope="module")
def split(store: Store) -> Split:
    return split_holdout(store, FINAL)


def answers_of_split(split: Split) -> dict[str, dict[str, Any]]:
    return answers_of(split.queries, split.holdout, split.source.catalog.tracks)


def occurs_in_training(split: Split) -> np.ndarray:
    occurs = np.zeros(split.source.catalog.n_tracks, np.bool_)
    occurs[split.train_playlists.interactions.track_index] = True
    return occurs


def test_playlists_of_each_track_counts_repeats_once() -> None:
    counts = playlists_of_each_track(Interactions.from_rows([[0, 0, 1], [0], [2, 2]]), 4)
    assert counts.tolist() == [2, 1, 1, 0]


def test_each_category_has_its_share_and_seed_count(split: Split, store: Store) -> None:
    # 514 titled playlists, nearly all eligible: 6 % of them over ten categories make 3 each.
    assert [split.queries.categories.count(category) for category in Category] == [3] * 10
    expected = [category.seed_count for category in split.queries.categories]
    assert split.queries.seeds.lengths.tolist() == expected
    assert split.queries.num_holdouts.tolist() == split.holdout.lengths.tolist()
    assert split.holdout.lengths.min() >= 5
    for category, title, row in zip(
        split.queries.categories, split.queries.titles, split.query_rows, strict=True
    ):
        assert title == (store.playlists.title(int(row)) if category.has_title else None)
        assert store.playlists.title(int(row)) is not None


def test_held_out_playlists_leave_training_but_their_tracks_stay(split: Split) -> None:
    both = np.concatenate([split.train_rows, split.query_rows])
    assert sorted(both.tolist()) == list(range(PLAYLISTS))
    occurs = occurs_in_training(split)
    assert occurs[split.holdout.track_index].all()
    assert occurs[split.queries.seeds.track_index].all()


def test_first_seeds_begin_the_playlist_and_random_ones_do_not(split: Split) -> None:
    for i, category in enumerate(split.queries.categories):
        places = split.queries.seeds.row_positions(i)
        if category.is_random:
            assert places.max() >= category.seed_count
            assert (np.diff(places) > 0).all()
        else:
            assert places.tolist() == list(range(category.seed_count))
            assert split.holdout.row_positions(i).min() >= category.seed_count


def test_seeds_and_holdout_are_the_playlist_without_what_would_vanish(split: Split, store: Store) -> None:
    occurs = occurs_in_training(split)
    for i, row in enumerate(split.query_rows):
        kept = [t for t in store.playlists.interactions.row(int(row)).tolist() if occurs[t]]
        seeds, holdout = split.queries.seeds, split.holdout
        assert [kept[p] for p in seeds.row_positions(i)] == seeds.row(i).tolist()
        assert [kept[p] for p in holdout.row_positions(i)] == holdout.row(i).tolist()
        assert not set(seeds.row(i).tolist()) & set(holdout.row(i).tolist())
        assert set(kept) == set(seeds.row(i).tolist()) | set(holdout.row(i).tolist())


def test_a_seed_decides_everything(split: Split, store: Store) -> None:
    again = split_holdout(store, FINAL)
    other = split_holdout(store, replace(FINAL, seed=4))
    assert answers_of_split(again) == answers_of_split(split)
    assert again.query_rows.tolist() == split.query_rows.tolist()
    assert other.query_rows.tolist() != split.query_rows.tolist()


def test_tuning_never_touches_the_final_playlists(split: Split, store: Store) -> None:
    final = set(split.query_rows.tolist())
    draws = [split_holdout(store, SplitOptions(seed=3, draw=draw)) for draw in (0, 1)]
    for tuning in draws:
        assert not final & set(tuning.query_rows.tolist())
        assert not final & set(tuning.train_rows.tolist())
        assert occurs_in_training(tuning)[tuning.holdout.track_index].all()
    assert draws[0].query_rows.tolist() != draws[1].query_rows.tolist()


def lengths_of(split: Split, category: Category) -> list[int]:
    total = split.queries.seeds.lengths + split.holdout.lengths
    return sorted(int(n) for n, c in zip(total, split.queries.categories, strict=True) if c is category)


def test_lengths_follow_the_challenge_set(store: Store, tiny_challenge_set: Path) -> None:
    challenge = read_challenge_set(tiny_challenge_set)
    split = split_holdout(store, FINAL, challenge_set=challenge)
    # Repeats of seeds leave the holdout, so a playlist may come out somewhat shorter than drawn.
    kept = [len(set(lengths_of(split, c))) for c in Category]
    assert max(kept) <= 3
    assert max(lengths_of(split, Category.TITLE_ONLY)) <= 8
    assert max(lengths_of(split, Category.TITLE_FIRST_5)) <= 14


def test_target_lengths_are_quantiles_of_the_category(tiny_challenge_set: Path) -> None:
    challenge = read_challenge_set(tiny_challenge_set)
    assert target_lengths(Category.TITLE_FIRST_25, 2, challenge).tolist() == [60, 60]  # type: ignore[union-attr]
    assert target_lengths(Category.TITLE_ONLY, 3, None) is None
    without = ChallengeSet(**{**vars(challenge), "categories": (Category.TITLE_RANDOM_25,) * 10})
    assert target_lengths(Category.TITLE_FIRST_25, 5, without).tolist() == [7, 12, 21, 61, 151]  # type: ignore[union-attr]
    assert target_lengths(Category.TITLE_ONLY, 5, without) is None


def test_written_files_are_what_the_readers_expect(split: Split, store: Store, tmp_path: Path) -> None:
    paths = write_split(split, tmp_path / "split")
    train = prepare_store(paths["mpd"], cache_dir=tmp_path / "cache")
    expected = split.train_playlists
    assert train.playlists.pid.tolist() == expected.pid.tolist()
    uris = store.catalog.tracks.uris
    for row in range(0, len(expected), 50):
        assert train.playlists.title(row) == expected.title(row)
        mine = train.catalog.tracks.uris(train.playlists.interactions.row(row))
        assert mine == uris(expected.interactions.row(row))
    assert train.catalog.artist_names[0] == store.catalog.artist_names[0]
    assert sorted(train.album_names) == sorted(store.album_names)
    challenge = read_challenge_set(paths["challenge_set"])
    assert challenge.categories == split.queries.categories
    assert challenge.titles == split.queries.titles
    assert challenge.pid.tolist() == split.queries.pid.tolist()
    assert challenge.position.tolist() == split.queries.seeds.position.tolist()
    assert challenge.track_ids.tolist() == store.catalog.tracks.ids[split.queries.seeds.track_index].tolist()
    answers = json.loads(paths["answers"].read_text())
    assert answers == answers_of_split(split)
    assert answers[str(challenge.pid[0])]["category"] == "title_only"
    assert answers[str(challenge.pid[0])]["holdout"] == uris(split.holdout.row(0))


def test_equal_splits_give_equal_files(split: Split, tmp_path: Path) -> None:
    one, two = write_split(split, tmp_path / "1"), write_split(split, tmp_path / "2")
    assert all(one[name].read_bytes() == two[name].read_bytes() for name in one)


def test_corpus_holds_training_playlists_and_queries(split: Split) -> None:
    dataset = split.dataset()
    assert dataset.n_tracks == split.source.catalog.n_tracks
    assert len(dataset.playlists) == PLAYLISTS - len(dataset.queries)


def test_a_category_has_as_many_as_asked_for_where_there_are_enough(store: Store) -> None:
    two = split_holdout(store, replace(FINAL, per_category=2))
    assert [two.queries.categories.count(category) for category in Category] == [2] * 10


def test_of_few_playlists_each_category_has_one_where_that_is_possible(store: Store) -> None:
    """Of 100 six hundredths would be none in each."""
    few = replace(store, playlists=store.playlists.take(np.arange(100)))
    found = split_holdout(few, FINAL)
    assert max(found.queries.categories.count(category) for category in Category) == 1
    assert len(found.queries.categories) >= 5


def test_what_cannot_be_split_is_refused(tiny_mpd: Path, tmp_path: Path) -> None:
    tiny = prepare_store(tiny_mpd, cache_dir=tmp_path / "cache")
    with pytest.raises(MissingInputError, match="none of 6 playlists can be held out"):
        split_holdout(tiny, SplitOptions())
    with pytest.raises(ConfigError, match="per_category is 0"):
        SplitOptions(per_category=0)
    assert SplitOptions(per_category=1).per_category == 1
    with pytest.raises(ConfigError, match="kind of split is 'test'"):
        SplitOptions(kind="test")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="there is one final split only"):
        replace(FINAL, draw=1)
    with pytest.raises(ConfigError, match="draw is -1"):
        SplitOptions(draw=-1)


def test_description_counts_by_hand(tiny_mpd: Path, tmp_path: Path) -> None:
    facts = {fact.name: fact for fact in describe_store(prepare_store(tiny_mpd, cache_dir=tmp_path / "c"))}
    values = {name: fact.value for name, fact in facts.items()}
    assert values == {
        "playlists": 6, "rows": 14, "tracks": 7, "albums": 3, "artists": 3, "titles": 4,
        "normalised_titles": 3, "without_title": 1, "with_description": 1, "collaborative": 1,
        "shortest": 1, "longest": 3, "mean_length": 2.33, "tracks_seen_2_times": 6,
        "tracks_seen_3_times": 1, "tracks_seen_5_times": 0, "tracks_seen_10_times": 0,
        "tracks_seen_20_times": 0, "tracks_seen_50_times": 0, "commonest_track_playlists": 2,
        "commonest_artist_rows": 7, "repeated_rows": 1,
    }  # fmt: skip
    assert facts["playlists"].official == 1_000_000
    assert facts["playlists"].agrees is False
    assert facts["repeated_rows"].agrees is None
