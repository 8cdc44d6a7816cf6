"""The feature table, the ranks of sources, and the order of candidates."""

from __future__ import annotations

import threading
import time
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from challenge.data.dataset import Dataset
from challenge.data.interactions import Interactions
from challenge.errors import InvariantError
from challenge.ranking import rank as rank_module
from challenge.ranking.features import (
    QUERY_FEATURES,
    RANK_FUSION,
    feature_names,
    make_features,
    query_features,
)
from challenge.ranking.pair_features import pair_features
from challenge.ranking.rank import (
    RankedLists,
    Scorer,
    batch_size,
    blended_scorer,
    iterate_batches,
    label_candidates,
    learned_scorer,
    rank_queries,
    training_rows,
)
from challenge.ranking.ranker import Ranker, RankerConfig, TrainingRows, train_ranker
from challenge.sources.base import QueryBatch
from challenge.sources.merge import Candidates
from challenge.sources.registry import FittedSources
from challenge.sources.title_knn import TitleKnn
from challenge.threads import thread_count, use_threads
from challenge.types import Category, FloatArray
from tests.fitted import fit, lone_leaf
from tests.toy_dataset import (
    Question,
    ToyDataset,
    catalog_of,
    playlists_of,
    queries_of,
    random_dataset,
    tracks_of,
)

COUNTING = ("playlist_knn", "cooccurrence", "title_knn", "artist_album", "popularity")


pytestmark = pytest.mark.usefixtures("single_thread")


@pytest.fixture(scope="module")
def fitted(toy: ToyDataset) -> FittedSources:
    return fit(toy.dataset, *COUNTING)


@pytest.fixture(scope="module")
def described(fitted: FittedSources) -> tuple[Candidates, dict[str, FloatArray]]:
    """Candidates of all queries, and their features by name."""
    batch = fitted.queries().batch(0, 15)
    candidates = fitted.candidates(batch)
    table = make_features(fitted, batch, candidates)
    names = feature_names(fitted.names)
    assert table.shape == (len(candidates.track), len(names))
    assert len(set(names)) == len(names)
    assert np.isfinite(table).all()
    return candidates, dict(zip(names, table.T, strict=True))


def candidates_of(scores: list[list[list[float]]], tracks: list[list[int]] | None = None) -> Candidates:
    """Candidates by query, each with its scores by source."""
    counts = [len(row) for row in scores]
    flat = [values for row in scores for values in row]
    numbers = tracks if tracks is not None else [list(range(count)) for count in counts]
    return Candidates(
        np.cumsum([0, *counts]),
        np.array([track for row in numbers for track in row], np.int32),
        np.array(flat, np.float32).reshape(len(flat), len(flat[0]) if flat else 2),
    )


# -- ranks ----------------------------------------------------------------------------------------


@settings(deadline=None)
@given(
    st.lists(
        st.lists(st.tuples(st.sampled_from([0.0, -1.0, 1.0, 2.0]), st.sampled_from([0.0, 3.0])), max_size=6),
        max_size=4,
    )
)
def test_ranks_by_source(rows: list[list[tuple[float, float]]]) -> None:
    candidates = candidates_of([[list(values) for values in row] for row in rows])
    ranks = candidates.rank
    for query, row in enumerate(rows):
        for source in range(2):
            found = ranks[candidates.indptr[query] : candidates.indptr[query + 1], source]
            known = [i for i in range(len(row)) if row[i][source] > 0]
            order = sorted(known, key=lambda i: (-row[i][source], i))
            # Candidates that the source says nothing of share the rank behind all others.
            expected = [order.index(i) if i in known else len(known) for i in range(len(row))]
            assert found.tolist() == expected


# -- the table ------------------------------------------------------------------------------------


def test_features_of_queries_by_hand() -> None:
    """Tracks 0 and 1 by artist 0 from albums 0 and 1; 2 by artist 1, album 2; 3 in no playlist."""
    dataset = Dataset(
        catalog_of([0, 0, 1, 2], [0, 1, 2, 3]),
        playlists_of([[0, 1], [0, 1, 2]], ["a", "A!"]),
        queries_of(
            [
                Question(Category.TITLE_RANDOM_25, "a", [0, 1, 0, 3], [1, 4, 5, 9], num_holdouts=7),
                Question(Category.TITLE_ONLY, "b", [], num_holdouts=40),
            ]
        ),
    )
    sources = fit(dataset, "popularity", title_knn=TitleKnn(min_similarity=0.99))
    table = query_features(sources, sources.queries().batch(0, 2))
    assert table.dtype == np.float32
    first, second = (dict(zip(QUERY_FEATURES, row.tolist(), strict=True)) for row in table)
    numbers = list(Category)
    assert first.pop("query_popularity") == pytest.approx(np.log([4, 4, 2]).mean())
    assert first.pop("query_mean_playlist_age") == pytest.approx(0.5 / 365.25, rel=1e-5)
    assert first == {
        "query_category": numbers.index(Category.TITLE_RANDOM_25),
        "query_seeds": 3,
        "query_holdouts": 7,
        "query_span": 10,
        "query_artist_diversity": pytest.approx(2 / 3),
        "query_album_diversity": 1,
        "query_mean_playlist_length": 2.5,
        "query_same_title_count": 2,
        "query_title_support": pytest.approx(2),
    }
    assert second == dict.fromkeys(QUERY_FEATURES, 0) | {"query_holdouts": 40}


def test_what_sources_say(fitted: FittedSources, described: tuple[Candidates, dict[str, FloatArray]]) -> None:
    candidates, columns = described
    ranks = candidates.rank
    for number, name in enumerate(COUNTING):
        score = candidates.score[:, number]
        np.testing.assert_array_equal(columns[f"{name}_score"], score)
        np.testing.assert_array_equal(columns[f"{name}_rank"], ranks[:, number])
        best = np.array([score[candidates.query == query].max() for query in range(15)])[candidates.query]
        relative = np.where(best > 0, score / np.maximum(best, 1e-9), 0)
        np.testing.assert_allclose(columns[f"{name}_relative"], relative, rtol=1e-5)
    fused = (1 / (RANK_FUSION + ranks)).sum(axis=1)
    np.testing.assert_allclose(columns["fused_rank"], fused, rtol=1e-5)
    np.testing.assert_array_equal(columns["best_rank"], ranks.min(axis=1))


def test_what_is_known_of_candidates(
    toy: ToyDataset, fitted: FittedSources, described: tuple[Candidates, dict[str, FloatArray]]
) -> None:
    candidates, columns = described
    index, catalog = fitted.index, toy.dataset.catalog
    fused = columns["fused_rank"].astype(float)
    support = fitted.title.support(toy.dataset.queries.titles)
    of_query = query_features(fitted, fitted.queries().batch(0, 15))
    for n in range(0, len(candidates.track), 37):
        query, track = int(candidates.query[n]), int(candidates.track[n])
        seeds = index.tracks_of(index.n_playlists + query)
        many = max(len(seeds), 1)
        value = {name: float(column[n]) for name, column in columns.items()}
        here = candidates.query == query
        of_artist = here & (catalog.track_artist[candidates.track] == catalog.track_artist[track])
        of_album = here & (catalog.track_album[candidates.track] == catalog.track_album[track])
        mean = np.log1p(index.popularity[seeds]).mean() if len(seeds) else 0
        duration = catalog.track_duration_ms[seeds].mean() / 1000 if len(seeds) else 0
        known = {
            "popularity": index.popularity[track],
            "artist_popularity": index.artist_popularity[catalog.track_artist[track]],
            "album_popularity": index.album_popularity[catalog.track_album[track]],
            "duration": catalog.track_duration_ms[track] / 1000,
            "popularity_gap": np.log1p(index.popularity[track]) - mean,
            "duration_gap": abs(catalog.track_duration_ms[track] / 1000 - duration),
            "title_share": value["title_knn_score"] / (support[query] + 1),
            "confidence_mean": value["pair_confidence_sum"] / many,
            "cosine_mean": value["pair_cosine_sum"] / many,
            "sharing_share": value["pair_seeds_sharing"] / many,
            "next_mean": value["pair_next_sum"] / many,
            "near_mean": value["pair_near_sum"] / many,
            "artist_candidates": of_artist.sum(),
            "artist_fused_rank": fused[of_artist].sum(),
            "album_fused_rank": fused[of_album].sum(),
            "mean_playlist_age": index.mean_playlist_age[track],
            "mean_playlist_length": index.mean_playlist_length[track],
            "mean_playlist_age_gap": index.mean_playlist_age[track] - value["query_mean_playlist_age"],
            "mean_playlist_length_gap": (
                index.mean_playlist_length[track] - value["query_mean_playlist_length"]
            ),
            "length_gap": index.mean_playlist_length[track] - toy.dataset.queries.num_tracks[query],
            "query_seeds": len(seeds),
        }
        for name, wanted in known.items():
            assert value[name] == pytest.approx(float(wanted), rel=1e-4, abs=1e-5), name
        assert of_query[query].tolist() == [value[name] for name in QUERY_FEATURES]


def test_sources_other_than_the_title_get_along_without_it(toy: ToyDataset) -> None:
    sources = fit(toy.dataset, "popularity")
    batch = sources.queries().batch(0, 2)
    table = make_features(sources, batch, sources.candidates(batch))
    columns = dict(zip(feature_names(sources.names), table.T, strict=True))
    assert not columns["title_share"].any()
    assert "title_knn_score" not in columns
    assert columns["query_title_support"].any(), "titles describe queries all the same"


def test_pair_features_may_be_known_already(fitted: FittedSources) -> None:
    batch = fitted.queries().batch(2, 5)
    candidates = fitted.candidates(batch)
    pairs = pair_features(fitted.index, batch, candidates)
    table = make_features(fitted, batch, candidates)
    np.testing.assert_array_equal(make_features(fitted, batch, candidates, pairs=pairs), table)
    assert (make_features(fitted, batch, candidates, pairs=pairs + 1) != table).any()


# -- batches ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 4, 15, 50])
@pytest.mark.parametrize("first", [0, 3, 15])
def test_batches_cover_everything_once(
    fitted: FittedSources, size: int, first: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rank_module, "batch_size", lambda *_: size)
    covered: list[int] = []
    for start, batch, candidates in iterate_batches(fitted, fitted.queries(), "rank", first=first):
        assert 1 <= len(batch) <= size
        assert batch.index_row.tolist() == [80 + start + i for i in range(len(batch))]
        assert len(candidates.indptr) == len(batch) + 1
        covered += range(start, start + len(batch))
    assert covered == list(range(first, 15))


def test_batch_size_keeps_to_its_memory(fitted: FittedSources, monkeypatch: pytest.MonkeyPatch) -> None:
    assert batch_size(fitted) == rank_module.MAX_BATCH
    monkeypatch.setattr(rank_module, "BATCH_BYTES", 4 * fitted.index.n_tracks * 10)
    assert batch_size(fitted) == 10
    monkeypatch.setattr(rank_module, "BATCH_BYTES", 1)
    assert batch_size(fitted) == 4


def features_scorer(sources: FittedSources) -> Scorer:
    """A scorer that uses every feature."""
    rng = np.random.default_rng(0)
    weight = rng.standard_normal(len(feature_names(sources.names))).astype(np.float32)

    def score(batch: QueryBatch, candidates: Candidates) -> FloatArray:
        table = make_features(sources, batch, candidates)
        return (table.astype(float) @ weight).astype(np.float32)

    return score


def ranked(sources: FittedSources, scorer: Scorer) -> RankedLists:
    return rank_queries(sources, scorer, sources.queries())


def ranked_with(sources: FittedSources, size: int, monkeypatch: pytest.MonkeyPatch) -> RankedLists:
    monkeypatch.setattr(rank_module, "batch_size", lambda *_: size)
    return ranked(sources, features_scorer(sources))


@pytest.mark.parametrize("size", [1, 2, 7])
def test_lists_do_not_depend_on_the_batch_size(
    fitted: FittedSources, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, parts = ranked_with(fitted, 128, monkeypatch), ranked_with(fitted, size, monkeypatch)
    assert (whole.track >= 0).any()
    np.testing.assert_array_equal(parts.track, whole.track)
    np.testing.assert_array_equal(parts.source, whole.source)


def test_lists_do_not_depend_on_the_number_of_threads(
    fitted: FittedSources, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_threads(1)
    one = ranked_with(fitted, 16, monkeypatch)
    use_threads(3)
    np.testing.assert_array_equal(ranked_with(fitted, 16, monkeypatch).track, one.track)


@pytest.mark.parametrize("foreign", [False, True])
def test_batches_are_ranked_in_threads_unless_a_source_is_from_outside(
    fitted: FittedSources, foreign: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_threads(3)
    monkeypatch.setattr(rank_module, "MAX_BATCH", 4)
    if foreign:
        monkeypatch.setattr(rank_module, "SOURCES", {"playlist_knn": None})
    counts, names = set(), set()

    def score(batch: QueryBatch, candidates: Candidates) -> FloatArray:
        counts.add(thread_count())
        names.add(threading.get_ident())
        time.sleep(0.01)  # so that every thread has its turn
        return np.zeros(len(candidates.track), np.float32)

    rank_module.rank_queries(fitted, score, fitted.queries())
    assert counts == {3 if foreign else 1}
    assert len(names) > 1 or foreign
    assert thread_count() == 3


def test_training_rows_do_not_depend_on_the_batch_size(
    toy: ToyDataset, fitted: FittedSources, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor do the random draws among candidates that are no hits; nor on the threads that take batches."""
    holdout = Interactions.from_rows([tracks_of(g).tolist()[::3] if g else [5] for g in toy.genre_of])
    config = RankerConfig(negative_share=0.4)
    rows = []
    for size, n_threads in ((128, 1), (4, 3)):
        use_threads(n_threads)
        monkeypatch.setattr(rank_module, "batch_size", lambda *_, size=size: size)
        rows.append(training_rows(fitted, holdout, config, seed=3))
    for name in ("features", "label", "group"):
        np.testing.assert_array_equal(getattr(rows[0], name), getattr(rows[1], name))
    assert rows[0].group.sum() == len(rows[0].label)


def test_training_rows_from_a_query_on(toy: ToyDataset, fitted: FittedSources) -> None:
    """Where training queries stand behind the challenge's, the first row of holdout is the first of them."""
    holdout = Interactions.from_rows([tracks_of(g).tolist()[::3] if g else [5] for g in toy.genre_of])
    config = RankerConfig(negative_share=1.0)
    everything = training_rows(fitted, holdout, config, seed=3)
    later = training_rows(fitted, holdout.take(range(6, 15)), config, seed=3, first=6)
    count = len(later.label)
    assert 0 < count < len(everything.label)
    np.testing.assert_array_equal(later.features, everything.features[-count:])
    np.testing.assert_array_equal(later.label, everything.label[-count:])
    assert later.group.tolist() == everything.group[-len(later.group) :].tolist()


@pytest.mark.parametrize("size", [128, 4])
def test_queries_that_are_left_out_teach_nothing(
    size: int, toy: ToyDataset, fitted: FittedSources, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever they hold out, the ranker learns from the same rows; the recall counts them."""
    monkeypatch.setattr(rank_module, "batch_size", lambda *_: size)
    held_out = [tracks_of(g).tolist()[::3] if g else [5] for g in toy.genre_of][6:]
    config = RankerConfig(negative_share=0.4)

    def rows_of(holdout: list[list[int]], left_out: list[int]) -> TrainingRows:
        rows = Interactions.from_rows(holdout)
        return training_rows(fitted, rows, config, seed=3, first=6, left_out=left_out)

    everything, without = rows_of(held_out, []), rows_of(held_out, [1, 4])
    begins = np.cumsum(everything.group) - everything.group
    gone = np.concatenate([np.arange(begins[row], begins[row] + everything.group[row]) for row in (1, 4)])
    np.testing.assert_array_equal(without.features, np.delete(everything.features, gone, axis=0))
    np.testing.assert_array_equal(without.label, np.delete(everything.label, gone))
    assert without.group.tolist() == np.delete(everything.group, [1, 4]).tolist()
    assert {name: shares.tolist() for name, shares in without.recall.items()} == {
        name: shares.tolist() for name, shares in everything.recall.items()
    }
    others = [[7] if row in (1, 4) else tracks for row, tracks in enumerate(held_out)]
    np.testing.assert_array_equal(rows_of(others, [1, 4]).features, without.features)


def test_recall_is_the_share_of_held_out_tracks_among_the_candidates(
    toy: ToyDataset, fitted: FittedSources
) -> None:
    holdout = Interactions.from_rows([tracks_of(g).tolist()[::3] if g else [5] for g in toy.genre_of])
    recall = training_rows(fitted, holdout.take(range(6, 15)), RankerConfig(), seed=3, first=6).recall
    queries = fitted.queries()
    candidates = fitted.candidates(queries.batch(0, 15))
    expected: dict[str, list[float]] = {}
    for query in range(6, 15):
        found = candidates.track[candidates.indptr[query] : candidates.indptr[query + 1]]
        share = float(np.isin(holdout.row(query), found).mean())
        expected.setdefault(queries.queries.categories[query].value, []).append(share)
    assert {name: shares.tolist() for name, shares in recall.items()} == {
        name: pytest.approx(shares) for name, shares in expected.items()
    }
    assert 0 < np.mean(np.concatenate(list(recall.values()))) < 1


# -- orders ---------------------------------------------------------------------------------------


def test_labels() -> None:
    candidates = candidates_of([[[1]] * 3, [], [[1]] * 2], [[2, 4, 6], [], [2, 5]])
    holdout = Interactions.from_rows([[9], [6, 2, 2], [4], [5]])
    assert label_candidates(candidates, holdout, 1).tolist() == [1, 0, 1, 0, 1]


def test_lists_come_in_the_order_of_scores_ties_by_track() -> None:
    dataset = random_dataset(2, queries=3)
    sources = fit(dataset, "popularity")

    def score(batch: QueryBatch, candidates: Candidates) -> FloatArray:
        return (candidates.track % 3).astype(np.float32)

    lists = ranked(sources, score)
    for query in range(3):
        found = lists.track[query][lists.track[query] >= 0].tolist()
        popular = set(np.flatnonzero(sources.index.popularity).tolist())
        expected = popular - set(sources.index.tracks_of(sources.index.n_playlists + query).tolist())
        assert found == sorted(expected, key=lambda track: (-(track % 3), track))
        assert (lists.track[query, len(found) :] == -1).all()
        assert (lists.source[query, : len(found)] == 0).all()
        assert (lists.source[query, len(found) :] == -1).all()


def fitted_opinions(sources: FittedSources, query: int) -> list[bool]:
    """Which sources score any track for a query."""
    batch = sources.queries().batch(query, query + 1)
    return [bool((source.score(batch).best(1) >= 0).any()) for source in sources.fitted.values()]


def popular_first(sources: FittedSources) -> Scorer:
    return blended_scorer({name: float(name == "popularity") for name in sources.names})


def test_each_place_names_the_source_that_ranked_it_best(fitted: FittedSources) -> None:
    lists = ranked(fitted, popular_first(fitted))
    assert lists.names == COUNTING
    candidates = fitted.candidates(fitted.queries().batch(0, 15))
    ranks = np.where(candidates.score > 0, candidates.rank, np.inf)
    for query in (0, 4):
        assert set(lists.source[query].tolist()) <= {-1, *np.flatnonzero(fitted_opinions(fitted, query))}
        for place in (0, 3, 20):
            here = (candidates.query == query) & (candidates.track == lists.track[query, place])
            assert lists.source[query, place] == np.argmin(ranks[here][0])


def test_only_the_queries_asked_for_are_ranked(fitted: FittedSources) -> None:
    whole = ranked(fitted, popular_first(fitted))
    some = rank_queries(fitted, popular_first(fitted), fitted.queries().take(range(4)))
    np.testing.assert_array_equal(some.track, whole.track[:4])


def test_blend_by_hand() -> None:
    """Scores are divided by the best of the query; what is negative counts nothing."""
    dataset = random_dataset(0, queries=2)
    sources = fit(dataset, "title_knn", "popularity")
    candidates = candidates_of([[[2, 10], [1, 20]], [[0, -5], [-1, 4], [-3, 2]]])
    batch = sources.queries().batch(0, 2)
    found = blended_scorer({"title_knn": 1.0, "popularity": 0.5})(batch, candidates)
    np.testing.assert_allclose(found, [1 + 0.25, 0.5 + 0.5, 0, 0.5, 0.25])
    assert not blended_scorer({"title_knn": 0.0, "popularity": 0.0})(batch, candidates).any()


def test_a_source_asked_alone_counts_whatever_its_weight(toy: ToyDataset) -> None:
    sources = fit(toy.dataset, "artist_album")
    batch = sources.queries().batch(1, 3)
    candidates = sources.candidates(batch)
    found = blended_scorer({"artist_album": 0.0})(batch, candidates)
    assert (found > 0).all()
    np.testing.assert_array_equal(found, blended_scorer({"artist_album": 2.0})(batch, candidates))


def first_column(names: list[str], monkeypatch: pytest.MonkeyPatch) -> Ranker:
    """A ranker that scores by the first feature."""
    ranker = lone_leaf(names)
    monkeypatch.setattr(ranker, "scores", lambda features: features[:, 0])
    return ranker


def test_learned_order_asks_the_ranker(fitted: FittedSources, monkeypatch: pytest.MonkeyPatch) -> None:
    ranker = first_column(feature_names(fitted.names), monkeypatch)
    queries = fitted.queries()
    nothing_held_out = replace(queries.queries, num_holdouts=np.zeros(len(queries), np.int32))
    lists = rank_queries(fitted, learned_scorer(fitted, ranker), replace(queries, queries=nothing_held_out))
    weights = {name: float(name == "playlist_knn") for name in COUNTING}
    by_first_source = ranked(fitted, blended_scorer(weights))
    for query in (1, 2, 3):
        np.testing.assert_array_equal(lists.track[query], by_first_source.track[query])


def test_a_ranker_of_other_features_is_refused(
    fitted: FittedSources, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = feature_names(fitted.names)
    expected = rf"knows 2 features, these sources give {len(names)}; they differ in .*"
    with pytest.raises(InvariantError, match=expected):
        learned_scorer(fitted, first_column(["something", "else"], monkeypatch))
    with pytest.raises(InvariantError, match=r"they differ in their order$"):
        learned_scorer(fitted, first_column(names[::-1], monkeypatch))
    with pytest.raises(InvariantError, match=r"they differ in new$"):
        learned_scorer(fitted, first_column([*names, "new"], monkeypatch))


def test_a_batch_without_any_candidate_is_ranked_too(toy: ToyDataset) -> None:
    """Title-only playlists come first in the challenge: with neighbours alone whole batches know nothing."""
    dataset = replace(toy.dataset, queries=toy.dataset.queries.take([0, 6, 13]))
    sources = fit(dataset, "playlist_knn")
    names = feature_names(sources.names)
    rng = np.random.default_rng(0)
    rows = TrainingRows(
        [rng.random((60, len(names))).astype(np.float32)],
        np.tile([0, 1], 30).astype(np.int8),
        np.array([30, 30]),
    )
    ranker = train_ranker(rows, names, RankerConfig(num_iterations=2, min_data_in_leaf=5), seed=0)
    assert (ranked(sources, learned_scorer(sources, ranker)).track == -1).all()
    assert (ranked(sources, blended_scorer({"playlist_knn": 1.0})).track == -1).all()
