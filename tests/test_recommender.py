"""The recommender: fitted, asked, saved and loaded, and what is said of one that is not whole."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import orjson
import pytest

from challenge import recommender as recommender_module
from challenge.config import dump
from challenge.data.archive import seal_record
from challenge.data.dataset import Dataset
from challenge.errors import ConfigError, FormatError, InputError, MissingInputError, ResourceError
from challenge.files import write_json
from challenge.machine import Memory
from challenge.manifest import ValidationScores
from challenge.ranking.fill import FilledLists
from challenge.ranking.ranker import Ranker
from challenge.ranking.validation import validation_scores
from challenge.recommender import FORMAT_VERSION, Recommender, RecommenderFacts, TrainingSummary
from challenge.sealed import hashes_of, write_sealed
from challenge.sources import ials as ials_module
from challenge.sources.base import IndexedQueries
from challenge.sources.ials import FittedIals
from challenge.sources.lightgcn import FittedLightGCN
from challenge.sources.registry import USUAL, FittedSources
from challenge.split import training_queries
from challenge.split.training_queries import TrainingFold
from challenge.types import LIST_LENGTH
from tests.tiny_runs import TINY, with_sources

COUNTING = ("playlist_knn", "cooccurrence", "title_knn", "popularity")


pytestmark = pytest.mark.usefixtures("single_thread")


@pytest.fixture(scope="module")
def joined() -> Iterator[None]:
    """As beside a large MPD: the training queries join the challenge, so that one fit does."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training_queries, "JOINT_SHARE", 1.0)
        yield


@pytest.fixture(scope="module")
def fitted(dataset: Dataset, joined: None) -> Recommender:
    """The usual sources and a learned ranking."""
    return Recommender.fit(dataset, replace(TINY, device="cpu"))


@pytest.fixture(scope="module")
def answers(fitted: Recommender) -> FilledLists:
    return fitted.fill()


@pytest.fixture(scope="module")
def saved(fitted: Recommender, answers: FilledLists, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("saved") / "recommender"
    fitted.save(folder)
    return folder


@pytest.fixture
def copy(saved: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(saved, tmp_path / "recommender"))


def require_equal(found: FilledLists, expected: FilledLists) -> None:
    assert found.track.tobytes() == expected.track.tobytes()
    assert found.source.tobytes() == expected.source.tobytes()
    assert found.names == expected.names


# -- fitted -----------------------------------------------------------------------------------------


def test_every_query_gets_500_tracks_and_none_of_its_seeds(
    fitted: Recommender, answers: FilledLists, dataset: Dataset
) -> None:
    assert answers.track.shape == (len(dataset.queries), LIST_LENGTH)
    for query, row in enumerate(answers.track):
        assert len(set(row.tolist())) == LIST_LENGTH
        assert not np.isin(row, dataset.queries.seeds.row(query)).any()
    assert len(fitted.sources.context.dataset.queries) > len(dataset.queries), "training queries stand behind"
    assert fitted.queries().queries.pid.tolist() == dataset.queries.pid.tolist()


def test_a_list_is_the_same_whatever_else_is_in_its_batch(fitted: Recommender, answers: FilledLists) -> None:
    queries = fitted.queries()
    for query in range(len(queries)):
        alone = fitted.fill(queries.take([query]))
        assert alone.track[0].tolist() == answers.track[query].tolist()
        assert alone.source[0].tolist() == answers.source[query].tolist()


def test_the_summary_tells_what_was_learned(fitted: Recommender, dataset: Dataset) -> None:
    summary, everything = fitted.summary, fitted.sources.context.dataset
    assert summary.device == "cpu"
    assert len(summary.lightgcn) == 1
    assert summary.ranker_queries == len(everything.queries) - len(dataset.queries)
    assert summary.ranker_rows > summary.ranker_queries
    assert sum(summary.importance.values()) == pytest.approx(1)
    assert set(summary.candidate_recall) == set(everything.queries.categories[len(dataset.queries) :])
    assert all(0 < share <= 1 for share in summary.candidate_recall.values())


@pytest.mark.parametrize("n_folds", [0, 2])
def test_the_ranker_is_validated_on_queries_that_it_did_not_learn_from(
    n_folds: int, dataset: Dataset, joined: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The scores are those of the lists that these queries would get; by hand, from tracks and artists."""
    monkeypatch.setattr(training_queries, "VALIDATION_EVERY", 8)
    seen: list[tuple[TrainingFold, FilledLists]] = []

    def watch(sources: FittedSources, ranker: Ranker, fold: TrainingFold) -> ValidationScores | None:
        queries = sources.queries()
        every = Recommender(config, sources, ranker, len(queries), TrainingSummary()).fill(queries)
        seen.append((fold, every))
        return validation_scores(sources, ranker, fold)

    monkeypatch.setattr(recommender_module, "validation_scores", watch)
    config = with_sources(*COUNTING, ranker=replace(TINY.ranker, num_folds=n_folds))
    found = Recommender.fit(dataset, config).summary.validation
    assert found is not None
    ((fold, lists),) = seen
    rows = fold.validation.tolist()
    artist_of, values = dataset.catalog.track_artist, []
    for row in rows:
        wanted, listed = set(fold.holdout.row(row).tolist()), lists.track[fold.first + row].tolist()
        first = listed[: len(wanted)]
        others = {int(artist_of[track]) for track in first if track not in wanted}
        shared = others.intersection(artist_of[list(wanted)].tolist())
        credit = len(wanted.intersection(first)) + 0.25 * len(shared)
        gain = sum(1 / np.log2(rank + 2) for rank, track in enumerate(listed) if track in wanted)
        ideal = sum(1 / np.log2(rank + 2) for rank in range(len(wanted)))
        pages = next((rank // 10 for rank, track in enumerate(listed) if track in wanted), 51)
        values.append((credit / len(wanted), gain / ideal, pages))
    expected, count = np.array(values), len(rows)
    assert found.queries == count > 2
    for column, each in enumerate((found.r_precision, found.ndcg, found.clicks)):
        assert each.mean == pytest.approx(expected[:, column].mean())
        deviation = np.sqrt(((expected[:, column] - each.mean) ** 2).sum() / (count - 1))
        assert each.standard_error == pytest.approx(deviation / np.sqrt(count))
    assert 0.05 < found.ndcg.mean < 0.8


def test_too_few_training_queries_are_not_scored(dataset: Dataset) -> None:
    few = with_sources("popularity", "title_knn", ranker=replace(TINY.ranker, num_queries=10))
    assert Recommender.fit(dataset, few).summary.validation is None


def test_no_queries_are_not_all_queries(fitted: Recommender) -> None:
    """An empty set of queries counts as false, and is answered by nothing all the same."""
    assert fitted.fill(fitted.queries().take(range(0))).track.shape == (0, LIST_LENGTH)
    assert fitted.fill(fitted.queries().take(range(2))).track.shape == (2, LIST_LENGTH)


def test_strangers_are_continued_like_the_dataset_s_own(
    fitted: Recommender, answers: FilledLists, dataset: Dataset
) -> None:
    """Their twins vouch for them, so that not everything is the same."""
    filled = fitted.fill(IndexedQueries.strangers(fitted.sources.index, dataset.queries))
    shared = [
        len(np.intersect1d(one[:100], two[:100]))
        for one, two in zip(filled.track, answers.track, strict=True)
    ]
    for query, row in enumerate(filled.track):
        assert len(set(row.tolist())) == LIST_LENGTH
        assert not np.isin(row, dataset.queries.seeds.row(query)).any()
    assert np.mean(shared) > 50


def test_the_seed_reaches_every_draw(
    dataset: Dataset, fitted: Recommender, answers: FilledLists, joined: None
) -> None:
    """Training queries, factors, embeddings, the ranker: the same from the same seed, others from another."""
    again = Recommender.fit(dataset, fitted.config)
    other = Recommender.fit(dataset, replace(fitted.config, seed=1))
    require_equal(again.fill(), answers)
    assert again.summary.validation == fitted.summary.validation
    assert fitted.summary.validation is not None
    assert (other.fill().track != answers.track).any()

    def drawn(recommender: Recommender) -> list[np.ndarray]:
        context = recommender.sources.context
        ials, lightgcn = context.fitted("ials"), context.fitted("lightgcn")
        assert isinstance(ials, FittedIals)
        assert isinstance(lightgcn, FittedLightGCN)
        assert recommender.ranker is not None
        features = np.random.default_rng(0).random((500, len(recommender.ranker.names))).astype(np.float32)
        return [
            context.dataset.queries.pid,
            ials.factors.columns[:, 0],
            lightgcn.embeddings.columns[:, 0],
            recommender.ranker.scores(features),
        ]

    for one, same, different in zip(drawn(fitted), drawn(again), drawn(other), strict=True):
        np.testing.assert_array_equal(one, same)
        assert not np.array_equal(one, different)


def test_training_queries_in_folds_leave_the_dataset_as_it_was(dataset: Dataset) -> None:
    config = with_sources("popularity", "title_knn", ranker=replace(TINY.ranker, num_folds=2))
    recommender = Recommender.fit(dataset, config)
    assert recommender.sources.context.dataset is dataset
    assert recommender.summary.ranker_queries > 0
    assert recommender.summary.device == "none"


# -- saved and loaded -------------------------------------------------------------------------------


def test_a_loaded_recommender_answers_byte_for_byte_the_same(saved: Path, answers: FilledLists) -> None:
    loaded = Recommender.load(saved)
    assert loaded.sources.names == USUAL
    require_equal(loaded.fill(), answers)


def test_strangers_too(saved: Path, fitted: Recommender, dataset: Dataset) -> None:
    loaded = Recommender.load(saved)
    queries = dataset.queries.take(range(0, 50, 7))
    expected = fitted.fill(IndexedQueries.strangers(fitted.sources.index, queries))
    require_equal(loaded.fill(IndexedQueries.strangers(loaded.sources.index, queries)), expected)


def test_settings_and_catalog_are_those_that_were_saved(saved: Path, fitted: Recommender) -> None:
    loaded = Recommender.load(saved)
    assert loaded.config == fitted.config
    assert (saved / "config.toml").read_text() == dump(fitted.config)
    catalog, expected = (each.sources.context.dataset.catalog for each in (loaded, fitted))
    assert list(catalog.track_names) == list(expected.track_names)
    assert catalog.tracks.ids.tolist() == expected.tracks.ids.tolist()
    assert loaded.queries().queries.titles == fitted.queries().queries.titles


def test_saving_what_was_loaded_in_its_own_place_keeps_it(copy: Path, answers: FilledLists) -> None:
    """The arrays are mapped from the files that are replaced."""
    before = {path.relative_to(copy): path.read_bytes() for path in copy.rglob("*") if path.is_file()}
    Recommender.load(copy).save(copy)
    after = {path.relative_to(copy): path.read_bytes() for path in copy.rglob("*") if path.is_file()}
    assert after == before
    require_equal(Recommender.load(copy).fill(), answers)
    assert [path.name for path in copy.parent.iterdir()] == [copy.name], "nothing temporary is left"


def test_no_pickle_is_written_or_read(saved: Path) -> None:
    for path in saved.rglob("*.npy"):
        assert np.load(path, allow_pickle=False) is not None
    assert {path.suffix for path in saved.rglob("*") if path.is_file()} == {".npy", ".json", ".toml", ".txt"}


def test_a_blend_needs_no_ranker(dataset: Dataset, tmp_path: Path) -> None:
    recommender = Recommender.fit(dataset, with_sources(*COUNTING, ranking="blend"))
    recommender.save(tmp_path / "recommender")
    assert not (tmp_path / "recommender" / "ranker.txt").exists()
    assert not (tmp_path / "recommender" / "sources").exists(), "what counts is counted again"
    require_equal(Recommender.load(tmp_path / "recommender").fill(), recommender.fill())


def test_a_save_replaces_all_of_the_one_before(copy: Path, dataset: Dataset) -> None:
    recommender = Recommender.fit(dataset, with_sources(*COUNTING, ranking="blend"))
    recommender.save(copy)
    assert not (copy / "sources").exists()
    require_equal(Recommender.load(copy).fill(), recommender.fill())


def test_loading_trains_nothing_and_asks_for_no_memory_to_train(
    saved: Path, answers: FilledLists, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine that could not train answers all the same."""
    monkeypatch.setattr(ials_module, "memory", lambda: Memory(1, 1))
    monkeypatch.setattr(ials_module, "factorise", None)
    loaded = Recommender.load(saved)
    assert "graph" not in vars(loaded.sources.context), "no graph of all playlists is built"
    require_equal(loaded.fill(), answers)


def test_fitting_without_memory_is_refused_beforehand(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ials_module, "memory", lambda: Memory(1, 1))
    for name in ("ials", "ials_knn"):
        with pytest.raises(ResourceError, match="embedding_size 8 needs"):
            Recommender.fit(dataset, with_sources(name, ranking="blend"))


def test_another_device_may_be_asked_for(saved: Path) -> None:
    assert Recommender.load(saved, device="auto").config.device == "auto"
    with pytest.raises(ConfigError, match="device is 'abacus'"):
        Recommender.load(saved, device="abacus").fill()


# -- not whole --------------------------------------------------------------------------------------


def files_of(folder: Path) -> list[Path]:
    found = sorted(path for path in folder.rglob("*") if path.is_file())
    assert len(found) > 60
    return found


def refused(folder: Path) -> InputError:
    with pytest.raises(InputError) as caught:
        Recommender.load(folder)
    assert str(folder) in caught.value.message
    assert caught.value.hint
    return caught.value


def test_a_changed_byte_in_any_file_is_refused(copy: Path) -> None:
    """A letter of the middle for another; every byte of a record is tested with the records."""
    for path in files_of(copy):
        before = path.read_bytes()
        middle = len(before) // 2
        letters = (i for i in range(middle, len(before)) if before[i : i + 1].isalnum())
        place = middle if path.suffix == ".npy" else next(letters)
        changed = bytearray(before)
        changed[place] ^= 1
        path.write_bytes(changed)
        assert isinstance(refused(copy), InputError), path
        path.write_bytes(before)
    assert Recommender.load(copy).config == Recommender.load(copy).config


def test_every_fact_is_vouched_for(copy: Path) -> None:
    path = copy / "recommender.json"
    facts = orjson.loads(path.read_bytes())
    assert {"format", "fingerprint", "queries", "run", "files", "versions", "sha256"} == set(facts)
    for name in facts:
        write_json(path, facts | {name: 51 if name == "queries" else "other"})
        assert isinstance(refused(copy), FormatError), name
        write_json(path, {key: value for key, value in facts.items() if key != name})
        assert isinstance(refused(copy), FormatError), name
    write_json(path, facts)
    Recommender.load(copy)


def test_a_missing_file_is_named(copy: Path, tmp_path: Path) -> None:
    for path in files_of(copy):
        kept = path.rename(tmp_path / "kept")
        assert path.name in refused(copy).message
        kept.rename(path)


def test_a_truncated_file_is_named(copy: Path) -> None:
    for path in files_of(copy):
        before = path.read_bytes()
        path.write_bytes(before[: len(before) // 2])
        assert path.name in refused(copy).message
        path.write_bytes(before)


def test_a_copy_that_broke_off_is_refused(saved: Path, tmp_path: Path) -> None:
    """Whichever files have arrived."""
    names = [path.relative_to(saved) for path in files_of(saved)]
    for order in (names, names[::-1]):
        for count in (0, 1, len(names) // 2, len(names) - 1):
            folder = tmp_path / f"{count}-{order is names}"
            folder.mkdir()
            for name in order[:count]:
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(saved / name, folder / name)
            refused(folder)


def test_parts_of_another_recommender_are_refused(copy: Path, dataset: Dataset, tmp_path: Path) -> None:
    fewer = replace(dataset, queries=dataset.queries.take(range(40)))
    other = Recommender.fit(fewer, with_sources("ials", ranking="blend"))
    other.save(tmp_path / "other")
    for name in ("index", "queries", "sources/ials"):
        shutil.copytree(copy / name, tmp_path / "kept")
        shutil.rmtree(copy / name)
        shutil.copytree(tmp_path / "other" / name, copy / name)
        error = refused(copy)
        assert isinstance(error, FormatError)
        assert (
            error.message == f"{copy / name / 'arrays.json'}: is not as it was written: its checksum differs"
        )
        shutil.rmtree(copy / name)
        (tmp_path / "kept").rename(copy / name)
    Recommender.load(copy)


def test_a_folder_without_a_recommender(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "none"):
        error = refused(folder)
        assert isinstance(error, MissingInputError)
        assert error.message == f"{folder}: holds no recommender (recommender.json is missing)"
        assert "challenge train" in str(error.hint)


@pytest.mark.parametrize("version", [0, FORMAT_VERSION - 1, FORMAT_VERSION + 1, None, str(FORMAT_VERSION)])
def test_another_version_is_refused(copy: Path, version: object) -> None:
    path = copy / "recommender.json"
    write_json(path, orjson.loads(path.read_bytes()) | {"format": version})
    error = refused(copy)
    assert isinstance(error, FormatError)
    assert error.message == f"{path}: format is {version!r}; expected {FORMAT_VERSION}"


@pytest.mark.parametrize("text", ["", "[]", "5", "{}", '{"format": 4}', '{"format": 4, "fingerprint": 3}'])
def test_facts_of_another_shape_are_refused(copy: Path, text: str) -> None:
    (copy / "recommender.json").write_text(text)
    assert isinstance(refused(copy), FormatError)


def sealed_anew(folder: Path) -> None:
    """As by a hand that knows how: every checksum is right."""
    path = folder / "recommender.json"
    facts = msgspec.convert(orjson.loads(path.read_bytes()), RecommenderFacts)
    write_sealed(path, msgspec.structs.replace(facts, files=hashes_of(folder, facts.files)))


WRONG: dict[str, Callable[[Any], Any]] = {
    "index/row_track": lambda a: a + 10_000,
    "index/row_indptr": lambda a: a[::-1],
    "index/track_row": lambda a: -a,
    "index/track_indptr": lambda a: np.where(a > 0, a + 1, a),
    "index/track_artist": lambda a: a + 10_000,
    "index/popularity": lambda a: np.full_like(a, np.inf),
    "index/n_playlists": lambda a: a + 1,
    "index/row_track ": lambda a: a.astype(np.int64),
    "queries/seeds.track_index": lambda a: ~a,
    "queries/seeds.indptr": lambda a: a * 2,
    "queries/categories.blob": lambda a: a + 1,
    "playlists/title_index": lambda a: a + 10_000,
    "catalog/track_album": lambda a: a[1:],
    "columns/n_tracks": lambda a: a - 1,
    "columns/in_training": lambda a: a[1:],
    "sources/lightgcn/columns": lambda a: a[1:],
    "sources/lightgcn/messages": lambda a: a[:, :2],
    "sources/lightgcn/rows": lambda a: a * np.float32(np.nan),
    "sources/ials/queries": lambda a: a[1:],
    "sources/ials/columns": lambda a: a[:, 1:],
}


@pytest.mark.parametrize("name", WRONG)
def test_nothing_is_believed_of_arrays_that_were_sealed_anew(name: str, copy: Path) -> None:
    path = copy / f"{name.strip()}.npy"
    np.save(path, WRONG[name](np.load(path)))
    seal_record(path.parent, of=str(orjson.loads((path.parent / "arrays.json").read_bytes())["of"]))
    with pytest.raises(FormatError, match="checksum differs"):
        Recommender.load(copy)
    sealed_anew(copy)
    assert isinstance(refused(copy), FormatError)


def test_nothing_is_believed_of_a_ranker_that_was_sealed_anew(copy: Path) -> None:
    path = copy / "ranker.txt"
    text = path.read_text()
    changes = {
        "cut short": text[: len(text) // 2],
        "split_feature": re.sub(r"split_feature=\d+", "split_feature=99999", text, count=1),
        "is of other sources": text.replace("ials_score", "other_score"),
    }
    for why, changed in changes.items():
        path.write_text(changed)
        sealed_anew(copy)
        assert why in refused(copy).message


def test_a_save_that_fails_leaves_what_was_there(
    copy: Path, dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {path: path.read_bytes() for path in files_of(copy)}
    recommender = Recommender.fit(dataset, with_sources("popularity", ranking="blend"))

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(recommender_module, "save_record", full)
    with pytest.raises(ResourceError, match="the disk is full"):
        recommender.save(copy)
    assert {path: path.read_bytes() for path in files_of(copy)} == before
    assert [path.name for path in copy.parent.iterdir()] == [copy.name]
