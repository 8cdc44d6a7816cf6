"""How a candidate relates to the seeds: every column against its definition."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pytest

from challenge.data.dataset import Dataset
from challenge.ranking import pair_features as module
from challenge.ranking.pair_features import NEAR_WINDOW, NEXT_WINDOW, RECENT_SEEDS, Pair, pair_features
from challenge.sources.base import IndexedQueries
from challenge.sources.merge import Candidates
from challenge.sources.postings import PlaylistIndex, build_index
from challenge.threads import use_threads
from challenge.types import Category, FloatArray
from tests.fitted import batch_in
from tests.toy_dataset import Question, catalog_of, playlists_of, queries_of, random_dataset

CORPORA = [random_dataset(seed, playlists=30, tracks=20, queries=12) for seed in range(3)]


@dataclass
class Case:
    """One candidate of one query, with everything as plain lists."""

    index: PlaylistIndex
    rows: list[list[int]]
    own: int
    seeds: list[int]
    candidate: int

    def postings(self, seed: int) -> list[list[int]]:
        return [row for i, row in enumerate(self.rows) if i != self.own and seed in row]

    def popularity(self, track: int) -> int:
        """Rows with a track, the query's own included."""
        return sum(track in row for row in self.rows)

    def confidence(self, seed: int) -> float:
        """Share of the seed's other playlists that hold the candidate, shrunk by two empty ones."""
        postings = self.postings(seed)
        return sum(self.candidate in row for row in postings) / (len(postings) + 2)

    def cosine(self, seed: int) -> float:
        both = sum(self.candidate in row for row in self.postings(seed))
        return both / math.sqrt((self.popularity(seed) + 2) * (self.popularity(self.candidate) + 2))

    def within(self, seed: int, near: Callable[[int], bool]) -> float:
        postings = self.postings(seed)
        distances = [row.index(self.candidate) - row.index(seed) for row in postings if self.candidate in row]
        return sum(map(near, distances)) / (len(postings) + 2)

    def following(self, seed: int) -> float:
        return self.within(seed, lambda distance: 0 < distance <= NEXT_WINDOW)

    def same(self, group: np.ndarray) -> list[int]:
        """Places of the seeds by the candidate's artist or from its album."""
        return [i for i, seed in enumerate(self.seeds) if group[seed] == group[self.candidate]]


def short_lists(case: Case, seed: int) -> float:
    postings = case.postings(seed)
    return sum(1 / math.sqrt(len(row)) for row in postings if case.candidate in row) / (len(postings) + 2)


def damped(case: Case, seed: int) -> float:
    both: float = sum(case.candidate in row for row in case.postings(seed))
    return both / math.pow(case.popularity(seed), 0.6) / math.pow(case.popularity(case.candidate) + 1, 0.2)


def expected(case: Case) -> dict[Pair, float]:
    count, last = len(case.seeds), case.seeds[-RECENT_SEEDS:]
    artist, album = case.index.track_artist, case.index.track_album
    by_artist, from_album = case.same(artist), case.same(album)
    confidence = [case.confidence(seed) for seed in case.seeds]
    cosine = [case.cosine(seed) for seed in case.seeds]
    nearby = [case.within(seed, lambda d: abs(d) <= NEAR_WINDOW) for seed in case.seeds]
    of_artist = sum(case.popularity(t) for t in range(20) if artist[t] == artist[case.candidate])
    of_album = sum(case.popularity(t) for t in range(20) if album[t] == album[case.candidate])
    return {
        Pair.CONFIDENCE_SUM: sum(confidence),
        Pair.CONFIDENCE_MAX: max(confidence, default=0),
        Pair.COSINE_SUM: sum(cosine),
        Pair.COSINE_MAX: max(cosine, default=0),
        Pair.SEEDS_SHARING: sum(value > 0 for value in confidence),
        Pair.SHORT_LIST_SUM: sum(short_lists(case, seed) for seed in case.seeds),
        Pair.RECENCY_SUM: sum(value * (i + 1) / count for i, value in enumerate(confidence)),
        Pair.LAST_SEEDS_SUM: sum(case.confidence(seed) for seed in last),
        Pair.NEXT_SUM: sum(case.following(seed) for seed in case.seeds),
        Pair.NEXT_LAST_SEEDS: sum(case.following(seed) for seed in last),
        Pair.NEAR_SUM: sum(nearby),
        Pair.DAMPED_SUM: sum(damped(case, seed) for seed in case.seeds),
        Pair.FIRST_SEED: confidence[0] if confidence else 0,
        Pair.SAME_ARTIST: len(by_artist),
        Pair.SAME_ALBUM: len(from_album),
        Pair.SINCE_ARTIST: count - by_artist[-1] if by_artist else count + 1,
        Pair.SINCE_ALBUM: count - from_album[-1] if from_album else count + 1,
        Pair.FIRST_OF_ARTIST: by_artist[0] if by_artist else count + 1,
        Pair.ARTIST_SHARE: len(by_artist) / max(count, 1),
        Pair.ALBUM_SHARE: len(from_album) / max(count, 1),
        Pair.SHARE_OF_ARTIST: case.popularity(case.candidate) / (of_artist + 1),
        Pair.SHARE_OF_ALBUM: case.popularity(case.candidate) / (of_album + 1),
    }


def every_candidate(index: PlaylistIndex, start: int, stop: int) -> Candidates:
    """All tracks but the seeds; none at all for every fifth query."""
    rows = [
        np.setdiff1d(np.arange(index.n_tracks), index.tracks_of(index.n_playlists + query))
        if query % 5 < 4
        else np.zeros(0, int)
        for query in range(start, stop)
    ]
    bounds = np.cumsum([0, *map(len, rows)])
    return Candidates(bounds, np.concatenate(rows).astype(np.int32), np.zeros((bounds[-1], 0), np.float32))


def features_of(dataset: Dataset, start: int = 0, stop: int = 12) -> tuple[Candidates, FloatArray]:
    index = build_index(dataset)
    candidates = every_candidate(index, start, stop)
    return candidates, pair_features(index, batch_in(index, dataset, start, stop), candidates)


@pytest.fixture(scope="module", params=range(len(CORPORA)))
def compared(request: pytest.FixtureRequest) -> tuple[FloatArray, FloatArray]:
    """Features as computed, and as defined."""
    dataset = CORPORA[request.param]
    index = build_index(dataset)
    bounds = index.row_indptr.tolist()
    rows = [index.row_track[a:b].tolist() for a, b in pairwise(bounds)]
    candidates, features = features_of(dataset)
    wanted = np.zeros((len(candidates.track), len(Pair)))
    for n, (query, track) in enumerate(
        zip(candidates.query.tolist(), candidates.track.tolist(), strict=True)
    ):
        case = Case(index, rows, 30 + query, index.tracks_of(index.n_playlists + query).tolist(), track)
        for column, value in expected(case).items():
            wanted[n, column] = value
    return features, wanted.astype(np.float32)


@pytest.mark.parametrize("column", Pair)
def test_column(compared: tuple[FloatArray, FloatArray], column: Pair) -> None:
    features, wanted = compared
    assert len(np.unique(wanted[:, column])) > 1, "the dataset tells candidates apart by this column"
    np.testing.assert_allclose(features[:, column], wanted[:, column], rtol=1e-4, atol=1e-6)


def test_batches_and_threads_do_not_matter() -> None:
    dataset = CORPORA[0]
    _, whole = features_of(dataset)
    parts = [features_of(dataset, start, min(start + 5, 12))[1] for start in range(0, 12, 5)]
    np.testing.assert_array_equal(np.concatenate(parts), whole)
    for count in (1, 3):
        use_threads(count)
        np.testing.assert_array_equal(features_of(dataset)[1], whole)


def test_a_seed_that_nobody_else_has_says_nothing() -> None:
    dataset = random_dataset(0, playlists=30, tracks=20, queries=4)
    lonely = dataset.queries.seeds.track_index
    lonely[:] = np.array([17, 18, 19, 17, 18, 19], np.int32)
    index = build_index(dataset)
    assert index.popularity[17:].tolist() == [2, 2, 2]
    candidates = every_candidate(index, 1, 2)
    features = pair_features(index, batch_in(index, dataset, 1, 2), candidates)
    with_company = candidates.track >= 18
    assert features[~with_company, Pair.CONFIDENCE_SUM].any() == 0
    assert (features[with_company, Pair.CONFIDENCE_SUM] == np.float32(1 / 3)).all()


def test_popular_seeds_are_sampled_evenly() -> None:
    """Every third of 5,000 postings of track 0 is read. 1 is in all, 2 in even, 3 in every third row."""
    count = 5000
    rows = [[0, 1, *([2] if i % 2 == 0 else []), *([3] if i % 3 == 0 else [])] for i in range(count)]
    dataset = Dataset(
        catalog_of(range(4)),
        playlists_of(rows, [None] * count),
        queries_of([Question(Category.TITLE_FIRST_1, None, [0])]),
    )
    index = build_index(dataset)
    candidates = every_candidate(index, 0, 1)
    found = pair_features(index, batch_in(index, dataset, 0, 1), candidates)
    assert candidates.track.tolist() == [1, 2, 3]
    assert count // 3 < module.MAX_POSTINGS < count // 2
    read = len(range(0, count + 1, 3))  # the query's own row comes last and is not of the sample
    assert (count + 1) % 3 != 1
    shared = np.array([read, (read + 1) // 2, read])
    np.testing.assert_allclose(found[:, Pair.CONFIDENCE_SUM], shared / (read + 2), rtol=1e-5)
    fame = index.popularity[1:]
    cosine = 3 * shared / np.sqrt((count + 3) * (fame + 2.0))
    np.testing.assert_allclose(found[:, Pair.COSINE_SUM], cosine, rtol=1e-5)


def test_a_query_that_is_no_row_relates_like_one_that_has_none_of_its_own() -> None:
    """The playlists of a stranger's seeds are all read, the row of its twin among them."""
    dataset = CORPORA[1]
    index = build_index(dataset)
    candidates = every_candidate(index, 0, 12)
    strangers = IndexedQueries.strangers(index, dataset.queries).batch(0, 12)
    found = pair_features(index, strangers, candidates)
    own = pair_features(index, batch_in(index, dataset), candidates)
    same = [Pair.SAME_ARTIST, Pair.SAME_ALBUM, Pair.SINCE_ARTIST, Pair.SHARE_OF_ALBUM]
    np.testing.assert_array_equal(found[:, same], own[:, same])
    # One more playlist with the seed, which holds no candidate, since seeds are none.
    assert (found[:, Pair.CONFIDENCE_SUM] <= own[:, Pair.CONFIDENCE_SUM]).all()
    assert (found[:, Pair.CONFIDENCE_SUM] < own[:, Pair.CONFIDENCE_SUM]).any()
    np.testing.assert_array_equal(found[:, Pair.COSINE_SUM], own[:, Pair.COSINE_SUM])
