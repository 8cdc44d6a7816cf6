"""The feature table, the ranks of sources, and the order of candidates."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from challenge.data.dataset import Dataset
from challenge.data.interactions import Interactions
from challenge.ranking import rank as recommend
from challenge.ranking.features import (
    QUERY_FEATURES,
    RANK_FUSION,
    feature_names,
    make_features,
    query_facts,
    ranks_by_source,
)
from challenge.ranking.rank import (
    RankedLists,
    batch_size,
    blended_order,
    facts_of,
    label_candidates,
    learned_order,
    rank_queries,
    source_names,
    training_rows,
)
from challenge.ranking.ranker import Ranker, RankerConfig, TrainingRows, iterate_batches, train_ranker
from challenge.sources.base import QueryBatch, query_batch
from challenge.sources.ials import FactorsConfig
from challenge.sources.merge import Candidates, merge_candidates
from challenge.sources.postings import build_index
from challenge.sources.registry import SourcesConfig, SourceSet, fit_sources
from challenge.types import Category, FloatArray
from tests.tiny_runs import one_thread
from tests.toy_dataset import (
    Question,
    ToyDataset,
    catalog_of,
    playlists_of,
    queries_of,
    random_dataset,
    toy_dataset,
    tracks_of,
)

COUNTING = ("neighbours", "cooccurrence", "title", "continuation", "popularity")
CONFIG = SourcesConfig(names=COUNTING, factors=FactorsConfig(embedding_size=2, iterations=2))


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    with one_thread():
        yield


@pytest.fixture(scope="module")
def toy() -> ToyDataset:
    return toy_dataset()


@pytest.fixture(scope="module")
def fitted(toy: ToyDataset) -> SourceSet:
    return fit_sources(toy.dataset, CONFIG)


@pytest.fixture(scope="module")
def described(fitted: SourceSet) -> tuple[Candidates, dict[str, FloatArray]]:
    """Candidates of all queries, and their features by name."""
    batch = query_batch(fitted.index, 0, 15)
    candidates = merge_candidates(batch, fitted.generators)
    table = make_features(fitted.index, batch, candidates, facts_of(fitted), fitted.names)
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
    ranks = ranks_by_source(candidates)
    for query, row in enumerate(rows):
        for source in range(2):
            found = ranks[candidates.start[query] : candidates.start[query + 1], source]
            known = [i for i in range(len(row)) if row[i][source] > 0]
            order = sorted(known, key=lambda i: (-row[i][source], i))
            # Candidates that the source says nothing of share the rank behind all others.
            expected = [order.index(i) if i in known else len(known) for i in range(len(row))]
            assert found.tolist() == expected


# -- the table ------------------------------------------------------------------------------------


def test_facts_of_queries_by_hand() -> None:
    """Tracks 0 and 1 by artist 0 from albums 0 and 1; 2 by artist 1, album 2; 3 in no playlist."""
    dataset = Dataset(
        catalog_of([0, 0, 1, 2], [0, 1, 2, 3]),
        playlists_of([[0, 1], [0, 1, 2]], ["a", "b"]),
        queries_of(
            [
                Question(Category.TITLE_RANDOM_25, "a", [0, 1, 0, 3], [1, 4, 5, 9], num_holdouts=7),
                Question(Category.TITLE_ONLY, "b", [], num_holdouts=40),
            ]
        ),
    )
    index = build_index(dataset)
    facts = query_facts(index, dataset.queries, np.array([3, 0], np.float32), np.array([0.5, 0], np.float32))
    first, second = (dict(zip(QUERY_FEATURES, row.tolist(), strict=True)) for row in facts.table)
    numbers = list(Category)
    assert first.pop("query_popularity") == pytest.approx(np.log([4, 4, 2]).mean())
    assert first.pop("query_age") == pytest.approx(0.5 / 365.25, rel=1e-5)
    assert first == {
        "query_category": numbers.index(Category.TITLE_RANDOM_25),
        "query_seeds": 3,
        "query_holdouts": 7,
        "query_span": 10,
        "query_artist_diversity": pytest.approx(2 / 3),
        "query_album_diversity": 1,
        "query_company": 2.5,
        "query_namesakes": 3,
        "query_title_support": 0.5,
    }
    assert second == dict.fromkeys(QUERY_FEATURES, 0) | {"query_holdouts": 40}
    assert facts.mean_duration.tolist() == [pytest.approx(201_333.33), 0]


def test_what_sources_say(fitted: SourceSet, described: tuple[Candidates, dict[str, FloatArray]]) -> None:
    candidates, columns = described
    ranks = ranks_by_source(candidates)
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
    toy: ToyDataset, fitted: SourceSet, described: tuple[Candidates, dict[str, FloatArray]]
) -> None:
    candidates, columns = described
    index, catalog = fitted.index, toy.dataset.catalog
    fused = columns["fused_rank"].astype(float)
    support, facts = fitted.title.support, facts_of(fitted)
    for n in range(0, len(candidates.track), 37):
        query, track = int(candidates.query[n]), int(candidates.track[n])
        seeds = index.seeds(query)
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
            "title_share": value["title_score"] / (support[query] + 1),
            "confidence_mean": value["pair_confidence_sum"] / many,
            "cosine_mean": value["pair_cosine_sum"] / many,
            "sharing_share": value["pair_seeds_sharing"] / many,
            "next_mean": value["pair_next_sum"] / many,
            "near_mean": value["pair_near_sum"] / many,
            "artist_candidates": of_artist.sum(),
            "artist_fused_rank": fused[of_artist].sum(),
            "album_fused_rank": fused[of_album].sum(),
            "age": index.track_age[track],
            "company": index.track_company[track],
            "query_seeds": len(seeds),
        }
        for name, wanted in known.items():
            assert value[name] == pytest.approx(float(wanted), rel=1e-4, abs=1e-5), name
        assert facts.table[query].tolist() == [value[name] for name in QUERY_FEATURES]


def test_sources_other_than_the_title_get_along_without_it(toy: ToyDataset) -> None:
    sources = fit_sources(toy.dataset, replace(CONFIG, names=("popularity",)))
    batch = query_batch(sources.index, 0, 2)
    candidates = merge_candidates(batch, sources.generators)
    table = make_features(sources.index, batch, candidates, facts_of(sources), sources.names)
    columns = dict(zip(source_names(sources), table.T, strict=True))
    assert not columns["title_share"].any()
    assert "title_score" not in columns


# -- batches ----------------------------------------------------------------------------------------


@given(st.integers(0, 40), st.integers(1, 50))
def test_tiles_cover_everything_once(total: int, size: int) -> None:
    covered = [query for start, stop in iterate_batches(3, 3 + total, size) for query in range(start, stop)]
    assert covered == list(range(3, 3 + total))


def test_tile_size_keeps_to_its_memory(fitted: SourceSet, monkeypatch: pytest.MonkeyPatch) -> None:
    assert batch_size(fitted) == recommend.MAX_BATCH
    monkeypatch.setattr(recommend, "BATCH_BYTES", 4 * fitted.index.n_tracks * len(COUNTING) * 10)
    assert batch_size(fitted) == 10
    monkeypatch.setattr(recommend, "BATCH_BYTES", 1)
    assert batch_size(fitted) == 4


def features_order(sources: SourceSet) -> recommend.Order:
    """An order that uses every feature."""
    facts = facts_of(sources)
    rng = np.random.default_rng(0)
    weight = rng.standard_normal(len(feature_names(sources.names))).astype(np.float32)

    def order(batch: QueryBatch, candidates: Candidates) -> FloatArray:
        table = make_features(sources.index, batch, candidates, facts, sources.names)
        return (table.astype(float) @ weight).astype(np.float32)

    return order


def ranked_with(sources: SourceSet, size: int, monkeypatch: pytest.MonkeyPatch) -> RankedLists:
    monkeypatch.setattr(recommend, "batch_size", lambda _: size)
    return rank_queries(sources, features_order(sources))


@pytest.mark.parametrize("size", [1, 2, 7])
def test_lists_do_not_depend_on_the_tile_size(
    fitted: SourceSet, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, parts = ranked_with(fitted, 128, monkeypatch), ranked_with(fitted, size, monkeypatch)
    np.testing.assert_array_equal(parts.track, whole.track)
    np.testing.assert_array_equal(parts.source, whole.source)


@pytest.fixture
def restored_threads() -> Iterator[None]:
    before = numba.get_num_threads()
    yield
    numba.set_num_threads(before)


@pytest.mark.skipif(numba.config.NUMBA_NUM_THREADS < 2, reason="one processor only")
def test_lists_do_not_depend_on_the_number_of_threads(
    fitted: SourceSet, restored_threads: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    numba.set_num_threads(1)
    one = ranked_with(fitted, 16, monkeypatch)
    numba.set_num_threads(2)
    np.testing.assert_array_equal(ranked_with(fitted, 16, monkeypatch).track, one.track)


def test_training_rows_do_not_depend_on_the_tile_size(
    toy: ToyDataset, fitted: SourceSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor do the random draws among candidates that are no hits."""
    holdout = Interactions.from_rows([tracks_of(g).tolist()[::3] if g else [5] for g in toy.genre_of])
    config = RankerConfig(negative_share=0.4)
    rows = []
    for size in (128, 4):
        monkeypatch.setattr(recommend, "batch_size", lambda _, size=size: size)
        rows.append(training_rows(fitted, holdout, config, seed=3))
    for name in ("features", "label", "group"):
        np.testing.assert_array_equal(getattr(rows[0], name), getattr(rows[1], name))
    assert rows[0].group.sum() == len(rows[0].label)


# -- orders ---------------------------------------------------------------------------------------


def test_labels() -> None:
    candidates = candidates_of([[[1]] * 3, [], [[1]] * 2], [[2, 4, 6], [], [2, 5]])
    holdout = Interactions.from_rows([[9], [6, 2, 2], [4], [5]])
    assert label_candidates(candidates, holdout, 1).tolist() == [1, 0, 1, 0, 1]


def test_lists_come_in_the_order_of_scores_ties_by_track() -> None:
    dataset = random_dataset(2, queries=3)
    sources = fit_sources(dataset, replace(CONFIG, names=("popularity",)))

    def order(batch: QueryBatch, candidates: Candidates) -> FloatArray:
        return (candidates.track % 3).astype(np.float32)

    lists = rank_queries(sources, order)
    for query in range(3):
        found = lists.track[query][lists.track[query] >= 0].tolist()
        popular = set(np.flatnonzero(sources.index.popularity).tolist())
        expected = popular - set(sources.index.seeds(query).tolist())
        assert found == sorted(expected, key=lambda track: (-(track % 3), track))
        assert (lists.track[query, len(found) :] == -1).all()
        assert (lists.source[query, : len(found)] == 0).all()
        assert (lists.source[query, len(found) :] == -1).all()


def fitted_opinions(sources: SourceSet, query: int) -> list[bool]:
    """Which sources score any track for a query."""
    batch = query_batch(sources.index, query, query + 1)
    return [bool((generator.scores(batch) > 0).any()) for generator in sources.generators]


def test_each_place_names_the_source_that_ranked_it_best(fitted: SourceSet) -> None:
    lists = rank_queries(fitted, blended_order(fitted, {"popularity": 1.0}))
    assert lists.names == COUNTING
    batch = query_batch(fitted.index, 0, 15)
    candidates = merge_candidates(batch, fitted.generators)
    ranks = np.where(candidates.score > 0, ranks_by_source(candidates), np.inf)
    for query in (0, 4):
        assert set(lists.source[query].tolist()) <= {-1, *np.flatnonzero(fitted_opinions(fitted, query))}
        for place in (0, 3, 20):
            here = (candidates.query == query) & (candidates.track == lists.track[query, place])
            assert lists.source[query, place] == np.argmin(ranks[here][0])


def test_recall_is_the_share_of_held_out_tracks_among_candidates(fitted: SourceSet) -> None:
    config = replace(CONFIG, names=("popularity",), popularity=replace(CONFIG.popularity, num_candidates=10))
    sources = fit_sources(fitted.dataset, config)
    order = blended_order(sources, {"popularity": 1.0})
    first = rank_queries(sources, order)
    assert np.isnan(first.recall)
    holdout = Interactions.from_rows([[*row[:3].tolist(), 125] for row in first.track])
    assert rank_queries(sources, order, holdout=holdout).recall == 0.75


def test_blend_by_hand() -> None:
    """Scores are divided by the best of the query; what is negative counts nothing."""
    dataset = random_dataset(0, queries=2)
    sources = fit_sources(dataset, replace(CONFIG, names=("title", "popularity")))
    candidates = candidates_of([[[2, 10], [1, 20]], [[0, -5], [-1, 4], [-3, 2]]])
    batch = query_batch(sources.index, 0, 2)
    found = blended_order(sources, {"title": 1.0, "popularity": 0.5})(batch, candidates)
    np.testing.assert_allclose(found, [1 + 0.25, 0.5 + 0.5, 0, 0.5, 0.25])
    assert not blended_order(sources, {})(batch, candidates).any()


def first_column(names: list[str], monkeypatch: pytest.MonkeyPatch) -> Ranker:
    """A ranker that scores by the first feature."""
    leaf = {"tree_info": [{"tree_structure": {"leaf_value": 0.0}}]}
    ranker = Ranker(SimpleNamespace(dump_model=lambda: leaf), names)
    monkeypatch.setattr(ranker, "scores", lambda features: features[:, 0])
    return ranker


def test_learned_order_asks_the_ranker(fitted: SourceSet, monkeypatch: pytest.MonkeyPatch) -> None:
    ranker = first_column(feature_names(fitted.names), monkeypatch)
    lists = rank_queries(fitted, learned_order(fitted, ranker))
    by_first_source = rank_queries(fitted, blended_order(fitted, {"neighbours": 1.0}))
    for query in (1, 2, 3):
        np.testing.assert_array_equal(lists.track[query], by_first_source.track[query])


def test_a_ranker_of_other_features_is_refused(fitted: SourceSet, monkeypatch: pytest.MonkeyPatch) -> None:
    ranker = first_column(["something", "else"], monkeypatch)
    with pytest.raises(ValueError, match="other features"):
        learned_order(fitted, ranker)


def test_a_tile_without_any_candidate_is_ranked_too(toy: ToyDataset) -> None:
    """Title-only playlists come first in the challenge: with neighbours alone whole batches know nothing."""
    dataset = replace(toy.dataset, queries=toy.dataset.queries.take([0, 6, 13]))
    sources = fit_sources(dataset, replace(CONFIG, names=("neighbours",)))
    names = feature_names(sources.names)
    rng = np.random.default_rng(0)
    rows = TrainingRows(
        rng.random((60, len(names))).astype(np.float32),
        np.tile([0, 1], 30).astype(np.int8),
        np.array([30, 30]),
    )
    ranker = train_ranker(rows, names, RankerConfig(num_iterations=2, min_data_in_leaf=5), seed=0)
    lists = rank_queries(sources, learned_order(sources, ranker))
    assert (lists.track == -1).all()
    assert (rank_queries(sources, blended_order(sources, {"neighbours": 1.0})).track == -1).all()
