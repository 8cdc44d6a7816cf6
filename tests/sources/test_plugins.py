"""Sources from outside: installed ones, those named by module, and the one that the documentation shows."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from importlib.metadata import EntryPoint
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from challenge.cli.app import build_app
from challenge.config import RunConfig, dump, load, override
from challenge.data.dataset import Dataset
from challenge.errors import ConfigError
from challenge.playlist import Playlist
from challenge.ranking.features import feature_names
from challenge.recommender import Recommender
from challenge.sources import plugins
from challenge.sources.base import FitContext
from challenge.sources.plugins import installed_sources, named_source
from challenge.sources.popularity import FittedPopularity, Popularity
from challenge.sources.registry import SOURCES, USUAL, SourcesConfig
from tests.tiny_runs import TINY, TinySample

DOCUMENT = Path(__file__).parents[2] / "docs" / "bring-your-own-model.md"
MODULES = {
    "byo_good": "from challenge.sources.popularity import Popularity as Good",
    "byo_broken": "raise RuntimeError('no such driver')",
    "byo_syntax": "def",
    "byo_bad": """
from dataclasses import dataclass

class Plain:
    num_candidates = 5
    weight = 1.0
    def fit(self, context): ...

@dataclass(frozen=True)
class Unfit:
    num_candidates: int = 5

@dataclass(frozen=True)
class Picky:
    size: int
    num_candidates: int = 5
    weight: float = 1.0
    def fit(self, context): ...

def nothing(): return None
def kind(): return Unfit
""",
}


pytestmark = pytest.mark.usefixtures("single_thread")


@pytest.fixture(autouse=True)
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Modules of other people in the current folder; nothing of them is left behind."""
    folder = tmp_path / "modules"
    folder.mkdir()
    svd = re.search(r"```python\n(.*?)```", DOCUMENT.read_text("utf-8"), re.DOTALL)
    assert svd is not None
    for name, text in {**MODULES, "svd": svd.group(1)}.items():
        (folder / f"{name}.py").write_text(text)
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "path", [*sys.path])
    installed_sources.cache_clear()
    yield folder
    installed_sources.cache_clear()
    for name in (*MODULES, "svd"):
        sys.modules.pop(name, None)


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch, modules: Path) -> Callable[..., None]:
    """Pretend that a package with these entry points is installed."""
    monkeypatch.syspath_prepend(modules)

    def call(**targets: str) -> None:
        found = [EntryPoint(name, value, plugins.GROUP) for name, value in targets.items()]

        def entry_points(*, group: str) -> list[EntryPoint]:
            assert group == "challenge.sources"
            return found

        monkeypatch.setattr(plugins, "entry_points", entry_points)
        installed_sources.cache_clear()

    return call


# -- installed --------------------------------------------------------------------------------------


def test_an_installed_source_is_in_use_with_settings_of_its_own(
    install: Callable[..., None], tmp_path: Path, told: list[str]
) -> None:
    install(mine="byo_good:Good")
    assert installed_sources() == {"mine": Popularity()}
    config = RunConfig()
    assert config.sources.names == (*USUAL, "mine")
    assert config.sources.modules == ()
    assert told == []
    (tmp_path / "c.toml").write_text("[sources.mine]\nnum_candidates = 7\n")
    assert load(tmp_path / "c.toml").sources.settings["mine"] == Popularity(num_candidates=7)
    text = dump(override(config, {"sources.mine.num_candidates": 9}))
    assert "[sources.mine]\nnum_candidates = 9\n" in text


@pytest.mark.parametrize(
    ("name", "target", "reason"),
    [
        ("mine", "byo_broken:Good", "RuntimeError('no such driver')"),
        ("mine", "byo_syntax:Good", "SyntaxError("),
        ("mine", "byo_absent:Good", "ModuleNotFoundError("),
        ("mine", "byo_good:Other", "AttributeError("),
        ("mine", "byo_bad:Unfit", "source mine: Unfit has no weight, fit"),
        ("mine", "byo_bad:Plain", "expected a dataclass of its settings, found <byo_bad.Plain object"),
        ("mine", "byo_bad:Picky", "TypeError("),
        ("mine", "byo_bad:nothing", "expected a dataclass of its settings, found None"),
        ("mine", "byo_bad:kind", "expected a dataclass of its settings, found <class 'byo_bad.Unfit'>"),
        ("my-source", "byo_good:Good", "expected a name of letters, digits and underscores"),
        ("popularity", "byo_good:Good", "the name popularity is taken"),
        ("modules", "byo_good:Good", "the name modules is taken"),
    ],
)
def test_an_installed_source_that_does_not_work_is_told_and_left_out(
    install: Callable[..., None], told: list[str], name: str, target: str, reason: str
) -> None:
    install(**{name: target, "zz_good": "byo_good:Good"})
    config = RunConfig()
    assert config.sources.names == (*USUAL, "zz_good")
    assert config.sources.settings.keys() == {*SOURCES, "zz_good"}
    assert config.sources.settings["popularity"] == SOURCES["popularity"]
    assert len(told) == 1, "once, however often settings are made"
    assert told[0].startswith(f"source {name} ({target}) is left out: ")
    assert reason in told[0]


def test_two_packages_with_the_same_name(
    monkeypatch: pytest.MonkeyPatch, install: Callable[..., None], told: list[str]
) -> None:
    install()
    twice = [EntryPoint("mine", target, plugins.GROUP) for target in ("byo_good:Good", "byo_absent:Good")]
    monkeypatch.setattr(plugins, "entry_points", lambda group: twice)
    assert installed_sources() == {"mine": Popularity()}
    assert ["the name mine is taken" in text for text in told] == [True]


# -- named ------------------------------------------------------------------------------------------


def test_a_source_is_named_by_its_module_and_factory() -> None:
    assert named_source("byo_good:Good") == ("Good", Popularity())
    assert named_source("mine=byo_good:Good") == ("mine", Popularity())


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("", "source '': expected module:factory or name=module:factory"),
        ("byo_good", "source 'byo_good': expected module:factory or name=module:factory"),
        ("byo_good:", "source 'byo_good:': expected module:factory or name=module:factory"),
        (":Good", "source ':Good': expected module:factory or name=module:factory"),
        ("byo_absent:Good", "source 'byo_absent:Good': cannot be imported: ModuleNotFoundError"),
        ("byo_broken:Good", "cannot be imported: RuntimeError('no such driver')"),
        ("byo_good:Other", "cannot be imported: AttributeError"),
        ("byo_bad:Picky", "cannot be imported: TypeError"),
        ("byo_bad:Unfit", "source Unfit: Unfit has no weight, fit"),
        ("byo_bad:Plain", "source Plain: expected a dataclass of its settings"),
        ("my-source=byo_good:Good", "source 'my-source': expected a name of letters, digits"),
    ],
)
def test_what_is_wrong_with_a_named_source_is_said(spec: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        named_source(spec)
    assert message in caught.value.message
    with pytest.raises(ConfigError):
        SourcesConfig(modules=(spec,))


def test_a_name_that_is_taken_is_refused() -> None:
    for modules in (("popularity=byo_good:Good",), ("names=byo_good:Good",), ("byo_good:Good",) * 2):
        with pytest.raises(ConfigError, match=r"the name .* is taken") as caught:
            SourcesConfig(modules=modules)
        assert caught.value.hint == "give it another: NAME=byo_good:Good"


def test_named_sources_are_added_to_those_in_use() -> None:
    assert SourcesConfig(("popularity",), ("mine=byo_good:Good",)).names == ("popularity", "mine")
    assert SourcesConfig(("mine", "popularity"), ("mine=byo_good:Good",)).names == ("mine", "popularity")
    changes = {"sources.names": ["mine"], "sources.modules": ["mine=byo_good:Good", "byo_good:Good"]}
    config = override(RunConfig(), changes)
    assert config.sources.names == ("mine", "Good")


def test_settings_of_a_named_source_are_kept(tmp_path: Path) -> None:
    text = '[sources]\nmodules = ["mine=byo_good:Good"]\n[sources.mine]\nweight = 0.5\n'
    (tmp_path / "c.toml").write_text(text)
    config = load(tmp_path / "c.toml")
    assert config.sources.settings["mine"] == Popularity(weight=0.5)
    (tmp_path / "again.toml").write_text(dump(config))
    assert load(tmp_path / "again.toml") == config
    assert replace(config, seed=5).sources == config.sources
    (tmp_path / "c.toml").write_text(text.replace("weight", "wieght"))
    with pytest.raises(ConfigError, match=r"unknown setting sources\.mine\.wieght") as caught:
        load(tmp_path / "c.toml")
    assert caught.value.hint == "did you mean sources.mine.weight?"


# -- in use -----------------------------------------------------------------------------------------

WITH_SVD = {
    "sources.names": ["playlist_knn", "title_knn"],
    "sources.modules": ["svd=svd:Svd"],
    "sources.svd.size": 8,
}


@pytest.fixture
def fitted(dataset: Dataset) -> Recommender:
    """Two sources of ours and the one of the documentation, with a learned ranking."""
    return Recommender.fit(dataset, override(TINY, WITH_SVD))


def test_the_documentation_s_source_has_no_more_than_20_lines() -> None:
    found = re.search(r"```python\n(.*?)```", DOCUMENT.read_text("utf-8"), re.DOTALL)
    assert found is not None
    lines = found.group(1).splitlines()
    body = [line for line in lines if line.strip() and not line.startswith(("from", "import"))]
    assert len(body) <= 20


def test_its_scores_are_products_of_singular_vectors(fitted: Recommender, dataset: Dataset) -> None:
    context = fitted.sources.context
    matrix = context.graph.normalised_matrix()[:, : dataset.n_tracks].toarray()
    # All but the sign of each direction is determined, and the projection on them entirely. The directions
    # are the images of the eigenvectors of the smaller of the two products of the matrix with itself.
    _, vectors = np.linalg.eigh(matrix @ matrix.T)
    directions = vectors[:, :-9:-1].T @ matrix
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    batch = fitted.queries().batch(20, 40)
    scores = fitted.sources.fitted["svd"].score(batch)
    query = np.repeat(np.arange(len(batch), dtype=np.int32), dataset.n_tracks)
    track = np.tile(np.arange(dataset.n_tracks, dtype=np.int32), len(batch))
    seeds = np.zeros((len(batch), dataset.n_tracks))
    seeds[batch.seed_query, batch.seed_track] = 1
    np.testing.assert_allclose(
        scores.of(query, track).reshape(seeds.shape), seeds @ directions.T @ directions, rtol=1e-3, atol=1e-4
    )


def test_it_gives_candidates_features_and_reasons(fitted: Recommender, dataset: Dataset) -> None:
    assert fitted.sources.names == ("playlist_knn", "title_knn", "svd")
    assert fitted.ranker is not None
    assert {"svd_score", "svd_rank", "svd_relative"} < set(fitted.ranker.names)
    assert fitted.ranker.names == tuple(feature_names(fitted.sources.names))
    batch = fitted.queries().batch(49, 50)
    candidates = fitted.sources.candidates(batch)
    own = fitted.sources.fitted["svd"].score(batch).best(200)[0]
    own = own[(own >= 0) & ~np.isin(own, batch.seeds(0))]
    assert len(own) > 20
    assert np.isin(own[:100], candidates.track).all()
    assert (fitted.fill().source == 2).any(), "it is the best proposer of some tracks"
    uris = dataset.catalog.tracks.uris(dataset.queries.seeds.row(49))
    (found,) = fitted.recommend([Playlist(None, uris)], 50, explain=True)
    reasons = [each.reason for each in found if each.reason is not None]
    assert any("svd" in reason.sources for reason in reasons)
    assert all("svd" in reason.contributions for reason in reasons)


def test_a_blend_weighs_it(dataset: Dataset) -> None:
    config = override(TINY, WITH_SVD | {"ranking": "blend", "sources.svd.weight": 2.5})
    recommender = Recommender.fit(dataset, config)
    own = {name: SOURCES[name].weight for name in ("playlist_knn", "title_knn")}
    assert recommender.weights == own | {"svd": 2.5}
    assert (recommender.fill().source == 2).any()


def test_it_is_loaded_where_its_module_is_and_refused_elsewhere(
    fitted: Recommender, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "recommender"
    fitted.save(folder)
    assert not (folder / "sources" / "svd").exists(), "it cannot be saved, so it is fitted again"
    loaded = Recommender.load(folder)
    assert loaded.config == fitted.config
    assert loaded.fill().track.tobytes() == fitted.fill().track.tobytes()
    code = f"from challenge import Recommender; Recommender.load(__import__('pathlib').Path({str(folder)!r}))"
    elsewhere = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
    )
    assert elsewhere.returncode == 1
    assert (
        f"ConfigError: {folder}: source 'svd=svd:Svd': cannot be imported: ModuleNotFoundError"
        in elsewhere.stderr
    )


def test_a_run_with_an_installed_source_is_refused_without_it(
    install: Callable[..., None], dataset: Dataset, tmp_path: Path
) -> None:
    install(mine="byo_good:Good")
    config = replace(TINY, ranking="blend", sources=SourcesConfig(("title_knn", "mine")))
    Recommender.fit(dataset, config).save(tmp_path / "recommender")
    assert Recommender.load(tmp_path / "recommender").sources.names == ("title_knn", "mine")
    install()
    with pytest.raises(ConfigError, match=r"recommender: .*sources\.mine") as caught:
        Recommender.load(tmp_path / "recommender")
    assert str(caught.value.hint).startswith("install the package of each source that is not challenge's own")


def test_it_is_compared_with_the_systems_that_are_here(sample: TinySample, tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text("[sources.svd]\nsize = 4\n")
    paths = ["--mpd", sample.mpd, "--challenge", sample.challenge, "--answers", sample.answers]
    options = ["--cache", sample.cache, "--config", tmp_path / "c.toml", "--threads", 1, "--json", "--quiet"]
    chosen = ["--systems", "svd,title,playlist_knn", "--source", "svd=svd:Svd"]
    result = CliRunner().invoke(build_app(), ["compare", *map(str, [*paths, *options, *chosen])])
    assert result.exit_code == 0, result.output
    systems = json.loads(result.stdout)["systems"]
    assert systems.keys() == {"svd", "title", "playlist_knn"}
    assert len({system["ndcg"] for system in systems.values()}) == 3


# -- saved by itself --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Kept:
    """A source that saves what it was fitted to."""

    num_candidates: int = 50
    weight: float = 1.0

    def fit(self, context: FitContext) -> FittedKept:
        return FittedKept(**vars(Popularity().fit(context)))

    def load(self, folder: Path, context: FitContext) -> FittedKept:
        assert context.saved is not None
        assert (folder / "fingerprint").read_text() == context.saved.fingerprint
        order = np.load(folder / "order.npy")
        return FittedKept(np.load(folder / "popularity.npy"), order)


class FittedKept(FittedPopularity):
    """What it is fitted to."""

    def save(self, folder: Path, fingerprint: str) -> None:
        folder.mkdir(parents=True)
        (folder / "fingerprint").write_text(fingerprint)
        np.save(folder / "popularity.npy", self.popularity)
        np.save(folder / "order.npy", self.order)


def test_a_source_may_save_itself(dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sources = SourcesConfig(("title_knn",), (f"kept={__name__}:Kept",))
    fitted = Recommender.fit(dataset, replace(TINY, ranking="blend", sources=sources))
    fitted.save(tmp_path / "recommender")
    monkeypatch.setattr(Kept, "fit", None)
    loaded = Recommender.load(tmp_path / "recommender")
    assert isinstance(loaded.sources.fitted["kept"], FittedKept)
    assert loaded.fill().track.tobytes() == fitted.fill().track.tobytes()
