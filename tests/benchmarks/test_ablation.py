"""Removing a source after the fact does what never configuring it would have done."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import ablation
from benchmarks._ablation_tables import number
from benchmarks._described import DescribedQueries, describe, kept_rows, rank_without
from benchmarks._recall import fused_places, recalls
from benchmarks._removals import GROUPS, Removal, all_removals, parse_removal
from challenge.config import override
from challenge.data.interactions import Interactions
from challenge.errors import ConfigError
from challenge.ranking import rank
from challenge.ranking.cosine_features import WITH_EMBEDDINGS, cosine_names
from challenge.ranking.features import feature_names, make_features
from challenge.ranking.rank import learned_scorer, rank_queries, training_rows
from challenge.ranking.ranker import RankerConfig
from challenge.sources.base import FitContext
from challenge.sources.merge import Candidates
from challenge.sources.registry import SOURCES, USUAL, FittedSources, SourcesConfig, fit_sources
from challenge.types import FloatArray
from challenge.workflows.compare import compare, only
from tests.fitted import lone_leaf
from tests.tiny_runs import TINY, TinySample, with_sources
from tests.toy_dataset import ToyDataset, tracks_of

USED = tuple(name for name in USUAL if name != "lightgcn")
FEW = override(
    SourcesConfig(names=USED),
    {"ials.embedding_size": 4, "ials.iterations": 2, **{f"{name}.num_candidates": 8 for name in USED}},
)
RANKER = RankerConfig(negative_share=0.4)
NOTHING = Removal("nothing")


pytestmark = pytest.mark.usefixtures("single_thread")


@pytest.fixture(scope="module")
def fitted(toy: ToyDataset) -> FittedSources:
    """Sources that propose little, so that some candidates are proposed by one of them only."""
    return fit_sources(FitContext(toy.dataset, FEW.settings), FEW)


@pytest.fixture(scope="module")
def holdout(toy: ToyDataset) -> Interactions:
    return Interactions.from_rows([tracks_of(g).tolist()[::3] if g else [5] for g in toy.genre_of])


@pytest.fixture(scope="module")
def described(fitted: FittedSources, holdout: Interactions) -> DescribedQueries:
    """In two batches."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rank, "batch_size", lambda *_: 8)
        return describe(fitted, holdout, RANKER, seed=3)


REMOVED = (*USED, "title_knn+artists_in_title", "playlist_knn+ials+popularity+artist_album")


@pytest.mark.parametrize("name", REMOVED)
def test_what_is_left_is_what_the_other_sources_give(
    name: str, fitted: FittedSources, described: DescribedQueries
) -> None:
    removal = parse_removal(name, USED)
    others = only(fitted, removal.kept_sources(USED))
    assert len(described.batches) == 2
    for batch in described.without(removal):
        expected = others.candidates(batch.batch)
        for part in ("indptr", "track", "score"):
            np.testing.assert_array_equal(getattr(batch.candidates, part), getattr(expected, part))
        table = make_features(others, batch.batch, expected)
        np.testing.assert_array_equal(described.features(batch, removal), table)
    assert removal.kept_features(USED) == feature_names(others.names)


def test_candidates_of_one_source_alone_go_with_it(described: DescribedQueries) -> None:
    """With sources that propose little, some removal must cost candidates, or this proves nothing."""
    for batch in described.batches:
        lonely = batch.proposed.sum(axis=1) == 1
        assert lonely.any()
        for column in range(len(USED)):
            left = batch.only([other for other in range(len(USED)) if other != column])
            assert len(batch.label) - len(left.label) == (lonely & batch.proposed[:, column]).sum()
            assert left.proposed.any(axis=1).all()


@pytest.mark.parametrize("first", [0, 9])
def test_training_rows_are_those_of_the_stage(
    fitted: FittedSources, holdout: Interactions, first: int
) -> None:
    """Where training queries join the challenge, they are the queries behind its own."""
    wanted = holdout.take(range(first, 15))
    expected = training_rows(fitted, wanted, RANKER, seed=3, first=first)
    described = describe(fitted, wanted, RANKER, seed=3, first=first)
    rows = kept_rows(described, NOTHING)
    assert len(described) == 15 - first
    for part in ("features", "label", "group"):
        np.testing.assert_array_equal(getattr(rows, part), getattr(expected, part))


@pytest.mark.parametrize("group", GROUPS)
def test_a_group_takes_its_columns_and_no_others(group: str, described: DescribedQueries) -> None:
    removal, batch = parse_removal(group, USED), described.batches[1]
    names, left = feature_names(USED), removal.kept_features(USED)
    assert [name for name in names if name not in GROUPS[group]] == left
    whole = described.features(batch, NOTHING)
    expected = whole[:, [names.index(name) for name in left]]
    np.testing.assert_array_equal(described.features(batch, removal), expected)


def test_features_are_removed_by_name(described: DescribedQueries) -> None:
    removal, batch = parse_removal("duration+ials_score+query_facts", USED), described.batches[0]
    gone = {"duration", "ials_score", *GROUPS["query_facts"]}
    left = [name for name in feature_names(USED) if name not in gone]
    assert (removal.sources, removal.kept_features(USED)) == ((), left)
    assert described.features(batch, removal).shape[1] == len(feature_names(USED)) - len(gone)


def test_every_feature_belongs_to_a_source_or_to_one_group() -> None:
    grouped = [feature for features in GROUPS.values() for feature in features]
    assert len(grouped) == len(set(grouped))
    of_sources = {f"{source}_{kind}" for source in USED for kind in ("score", "rank", "relative")}
    cosines_of_others = set(cosine_names(WITH_EMBEDDINGS)) - set(cosine_names(USED))
    assert {*grouped, *of_sources, "title_share"} - cosines_of_others == set(feature_names(USED))


def weighed_sum(features: FloatArray) -> FloatArray:
    """A score that all features have a part in."""
    weight = np.random.default_rng(1).standard_normal(features.shape[1])
    return np.asarray(features.astype(float) @ weight, np.float32)


def test_lists_are_those_of_the_stage(
    fitted: FittedSources, described: DescribedQueries, monkeypatch: pytest.MonkeyPatch
) -> None:
    removal = parse_removal("title_knn", USED)
    others = only(fitted, removal.kept_sources(USED))
    ranker = lone_leaf(feature_names(others.names))
    monkeypatch.setattr(ranker, "scores", weighed_sum)
    expected = rank_queries(others, learned_scorer(others, ranker), others.queries())
    found = rank_without(described, removal, ranker)
    np.testing.assert_array_equal(found.track, expected.track)
    np.testing.assert_array_equal(found.source, expected.source)
    assert found.names == expected.names


# -- recall ---------------------------------------------------------------------------------------


def test_places_by_fused_ranks_by_hand() -> None:
    """The middle track of the first query is second and first, the others first and last, last and second."""
    score = np.array([[3, 0], [2, 5], [0, 1], [1, 1], [1, 1]], np.float32)
    candidates = Candidates(np.array([0, 3, 5]), np.array([4, 6, 9, 1, 2], np.int32), score)
    assert fused_places(candidates).tolist() == [1, 0, 2, 0, 1]


def proposed_by(described: DescribedQueries, source: int) -> list[set[int]]:
    """Tracks of each query."""
    found = []
    for batch in described.batches:
        own, candidates = batch.proposed[:, source], batch.candidates
        found += [
            set(candidates.track[own & (candidates.query == q)].tolist()) for q in range(len(batch.batch))
        ]
    return found


def test_recall_is_counted_as_sets_are(
    toy: ToyDataset, fitted: FittedSources, holdout: Interactions, described: DescribedQueries
) -> None:
    categories = [category.value for category in toy.dataset.queries.categories]
    groups = sorted(set(categories))
    rows = {row.name: row for row in recalls(described, holdout, categories, groups)}
    proposed = {name: proposed_by(described, number) for number, name in enumerate(USED)}
    proposed["union"] = [set().union(*(proposed[name][q] for name in USED)) for q in range(len(categories))]
    for name, tracks in proposed.items():
        for share, group in zip(rows[name].shares, [None, *groups], strict=True):
            members = [q for q, category in enumerate(categories) if group in (None, category)]
            found = sum(len(tracks[q] & set(holdout.row(q).tolist())) for q in members)
            assert share == pytest.approx(found / sum(len(holdout.row(q)) for q in members))
        assert rows[name].candidates == pytest.approx(np.mean([len(each) for each in tracks]))
    assert rows["union, best 2,000"].shares == rows["union"].shares
    known = [fitted.index.mean_playlist_length[holdout.row(q)] > 0 for q in range(len(categories))]
    assert rows["in any training playlist"].shares[0] == pytest.approx(np.concatenate(known).mean())


# -- the whole ------------------------------------------------------------------------------------


@pytest.mark.parametrize("num_queries", [60, 20])
def test_nothing_removed_scores_as_the_whole_system(
    num_queries: int, sample: TinySample, tmp_path: Path
) -> None:
    """In folds, and with training queries so few that they join the challenge."""
    ranker = replace(TINY.ranker, num_queries=num_queries)
    config = with_sources("playlist_knn", "title_knn", "ials", "popularity", ranker=ranker)
    table = tmp_path / "table.md"
    files = [str(path) for path in (sample.mpd, sample.challenge, sample.answers)]
    kept = ["--cache", str(sample.cache), "--markdown", str(table)]
    options, _ = ablation.parse([*files, *kept, "--only", "ials", "pair_order+query_facts"])
    text = ablation.run(options, config)
    assert table.read_text() == text + "\n"
    inputs: dict[str, Any] = {"challenge": sample.challenge, "answers": sample.answers, "cache": sample.cache}
    card = compare(sample.mpd, config, systems=("full",), **inputs).cards["full"].overall
    ndcg, clicks = number(card.ndcg.mean, 4), number(card.clicks.mean, 3)
    assert f"| {number(card.r_precision.mean, 4)} | {ndcg} | {clicks} |  |  |  |" in text
    assert text.count("| ials |") == 3
    assert text.count("| pair_order+query_facts |") == 2


def test_all_sources_and_groups_in_turn() -> None:
    sources = tuple(SOURCES)
    names = [removal.name for removal in all_removals(sources)]
    assert names[:2] == ["nothing", "nothing_but_the_seed"]
    assert {*SOURCES, *GROUPS, "title_knn+artists_in_title"} < set(names)
    assert all_removals(sources)[1].other_seed
    assert [removal.name for removal in all_removals(sources, ["title_knn"])] == ["nothing", "title_knn"]
    assert not any(removal.sources for removal in all_removals(("title_knn",)))


@pytest.mark.parametrize("name", ["tilte", "title_knn+", "popularity+lightgcn_score", "+".join(USED)])
def test_what_cannot_be_removed(name: str) -> None:
    with pytest.raises(ConfigError, match="expected features or some of playlist_knn"):
        parse_removal(name, USED)


def test_numbers() -> None:
    shown = [number(value, 3) for value in (0.1234, 10.5, float("nan"), 0.0, -0.25)]
    assert shown == [".123", "10.500", "", ".000", "-.250"]
    assert number(0.5, 2, sign="+") == "+.50"


def test_defaults() -> None:
    options, config = ablation.parse(["a", "b", "c", "--num-queries", "7", "--num-leaves", "5"])
    assert (config.ranker.num_queries, config.ranker.num_leaves, config.ranker.num_iterations) == (7, 5, 150)
    assert config.sources == SourcesConfig()
    assert options.only is None
