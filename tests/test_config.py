"""Settings: defaults, files over them, options over those, and what is said of mistakes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, Final

import pytest
import tomli_w

from challenge.config import RunConfig, as_dict, dump, load, merge, override
from challenge.errors import ConfigError, FormatError, InputError, MissingInputError
from challenge.quoting import printable
from challenge.ranking.ranker import RankerConfig
from challenge.sources.lightgcn import LightGCN
from challenge.sources.popularity import Popularity
from challenge.sources.registry import SOURCES, SourcesConfig
from challenge.sources.tuning import TuningConfig

DEFAULTS: Final = as_dict(RunConfig())
OTHER_VALUES: Final[dict[str, Any]] = {
    "team": "another team",
    "email": "other@example.org",
    "device": "cpu",
    "ranking": "blend",
    "sources.names": ("popularity", "title_knn"),
    "sources.lightgcn.layer_weights": (0.4, 0.3, 0.2, 0.1),
    "sources.lightgcn.objective": "bpr",
    "sources.lightgcn.similarity": "dot",
    "sources.lightgcn.schedule": "cosine",
    "sources.lightgcn.initialisation": "normal",
    "sources.lightgcn.storage": "fp32",
    "sources.lightgcn_paper.layer_weights": (0.4, 0.3, 0.1, 0.1, 0.1),
    "sources.lightgcn_paper.objective": "softmax",
    "sources.lightgcn_paper.similarity": "cosine",
    "sources.lightgcn_paper.schedule": "cosine",
    "sources.lightgcn_paper.initialisation": "spectral",
    "sources.lightgcn_paper.storage": "bf16",
}
"""Another value for each key that is neither a number nor true or false."""
NEEDED: Final[dict[str, dict[str, Any]]] = {
    "sources.lightgcn.objective": {"masking": False, "bias": False},
    "sources.lightgcn.layer_weights": {"layers": 3},
    "sources.lightgcn_paper.masking": {"objective": "softmax"},
    "sources.lightgcn_paper.bias": {"objective": "softmax"},
    "sources.lightgcn_paper.layer_weights": {"layers": 4},
}
"""What else a key's other value asks for."""
MODULES: Final = "sources.modules"
"""Brings further keys with it, so it is tested apart from the others."""


def tables(plain: Mapping[str, Any] = DEFAULTS, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Names of all tables, the whole first."""
    yield path
    for key, value in plain.items():
        if isinstance(value, Mapping):
            yield from tables(value, (*path, key))


TABLES: Final = list(tables())


def keys_of(path: tuple[str, ...]) -> dict[str, Any]:
    """Keys of a table that are no tables, with their defaults."""
    found: Any = DEFAULTS
    for name in path:
        found = found[name]
    return {key: value for key, value in found.items() if not isinstance(value, Mapping)}


KEYS: Final = [(*path, key) for path in TABLES for key in keys_of(path)]


def another(dotted: str, default: Any) -> Any:
    """A value that is allowed and not the default."""
    if dotted in OTHER_VALUES:
        return OTHER_VALUES[dotted]
    if isinstance(default, bool):
        return not default
    return default + 1 if isinstance(default, int) else default / 2 if default else 0.5


def nested(path: tuple[str, ...], values: Mapping[str, Any]) -> dict[str, Any]:
    table = dict(values)
    for name in reversed(path):
        table = {name: table}
    return table


def flat(plain: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """All keys by their dotted names."""
    found: dict[str, Any] = {}
    for key, value in plain.items():
        found |= flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {prefix + key: value}
    return found


def write(folder: Path, text: str) -> Path:
    path = folder / "settings.toml"
    path.write_text(text, "utf-8")
    return path


# -- every table and key -----------------------------------------------------------------------------------


def test_all_tables_are_walked() -> None:
    """Every source has a table of its own, and every field of every settings class is a key."""
    assert [(), ("sources",), *(("sources", name) for name in SOURCES), ("tuning",), ("ranker",)] == TABLES
    for name, source in SOURCES.items():
        assert list(keys_of(("sources", name))) == [field.name for field in fields(source)]  # type: ignore[arg-type]
    assert list(keys_of(("tuning",))) == [field.name for field in fields(TuningConfig)]
    assert list(keys_of(("ranker",))) == [field.name for field in fields(RankerConfig)]
    assert list(keys_of(())) == ["team", "email", "seed", "device", "ranking"]
    assert list(keys_of(("sources",))) == ["names", "modules"]
    assert set(OTHER_VALUES) <= {".".join(key) for key in KEYS}


@pytest.mark.parametrize("path", TABLES, ids=lambda path: ".".join(path) or "top")
def test_a_partial_table_keeps_every_other_key(path: tuple[str, ...], tmp_path: Path) -> None:
    """Each key of each table is changed alone, by a file and by an option; all others keep their values."""
    defaults = flat(DEFAULTS)
    for key, default in keys_of(path).items():
        dotted = ".".join((*path, key))
        if dotted == MODULES:
            continue
        changed = NEEDED.get(dotted, {}) | {key: another(dotted, default)}
        expected = defaults | {".".join((*path, name)): value for name, value in changed.items()}
        assert expected != defaults
        of_file = load(write(tmp_path, tomli_w.dumps(nested(path, changed))))
        assert flat(as_dict(of_file)) == expected, dotted
        options = {".".join((*path, name)): value for name, value in changed.items()}
        assert override(RunConfig(), options) == of_file, dotted
        assert load(write(tmp_path, dump(of_file))) == of_file, dotted


def test_the_paper_stays_the_paper(tmp_path: Path) -> None:
    """Two sources of one class have defaults of their own."""
    config = load(write(tmp_path, "[sources.lightgcn_paper]\nnum_candidates = 50\n"))
    assert config.sources.settings["lightgcn_paper"] == replace(LightGCN.of_paper(), num_candidates=50)
    assert config.sources.settings["lightgcn"] == LightGCN()


def test_everything_changed_at_once_reads_back(tmp_path: Path) -> None:
    changes: dict[str, Any] = {}
    for *path, key in KEYS:
        dotted = ".".join((*path, key))
        if dotted != MODULES:
            changes[dotted] = another(dotted, keys_of(tuple(path))[key])
    config = override(RunConfig(), changes)
    defaults = flat(DEFAULTS)
    assert all(value != defaults[key] for key, value in changes.items())
    assert flat(as_dict(config)) == changes | {MODULES: defaults[MODULES]}
    assert load(write(tmp_path, dump(config))) == config
    assert override(RunConfig(), flat(as_dict(config))) == config


def test_defaults_read_back_and_nothing_changes_nothing(tmp_path: Path) -> None:
    assert load(write(tmp_path, dump(RunConfig()))) == RunConfig()
    assert load(write(tmp_path, "")) == RunConfig()
    assert override(RunConfig(), {}) == RunConfig()
    assert override(RunConfig(), dict.fromkeys(".".join(key) for key in KEYS)) == RunConfig()
    assert "layer_weights" not in dump(RunConfig()), "a key without value is left out"


def test_odd_text_reads_back(tmp_path: Path) -> None:
    config = replace(RunConfig(), team='we "two" é\\')
    assert load(write(tmp_path, dump(config))) == config


def test_options_stand_over_a_file_over_defaults(tmp_path: Path) -> None:
    text = "seed = 3\n[sources.ials]\niterations = 2\nembedding_size = 16\n[ranker]\nnum_leaves = 7\n"
    config = override(load(write(tmp_path, text)), {"sources.ials.iterations": 5, "team": None, "seed": 4})
    changes = {
        "seed": 4,
        "sources.ials.iterations": 5,
        "sources.ials.embedding_size": 16,
        "ranker.num_leaves": 7,
    }
    assert flat(as_dict(config)) == flat(DEFAULTS) | changes


def test_a_source_plugged_in_has_a_table_too() -> None:
    few = Popularity(num_candidates=4)
    config = RunConfig(sources=SourcesConfig(("few",), settings={**SOURCES, "few": few}))
    changed = merge(config, {"sources": {"few": {"weight": 0.5}}})
    assert changed.sources.settings["few"] == replace(few, weight=0.5)
    assert changed.sources.names == ("few",)


def test_a_module_adds_a_source_with_a_table_of_its_own(tmp_path: Path) -> None:
    module = "few=challenge.sources.popularity:Popularity"
    config = load(write(tmp_path, f"[sources]\nmodules = ['{module}']\n[sources.few]\nnum_candidates = 4\n"))
    assert config.sources.names == (*RunConfig().sources.names, "few")
    assert config.sources.settings == {**RunConfig().sources.settings, "few": Popularity(num_candidates=4)}
    assert load(write(tmp_path, dump(config))) == config
    with pytest.raises(ConfigError, match=r"unknown setting sources\.few"):
        load(write(tmp_path, "[sources.few]\nnum_candidates = 4\n"))


# -- mistakes -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("tema = 'x'", "unknown setting tema", "did you mean team?"),
        ("epochs = 3", "unknown setting epochs", "did you mean sources.lightgcn.epochs?"),
        ("num_leaves = 3", "unknown setting num_leaves", "did you mean ranker.num_leaves?"),
        ("[ranker]\nnum_leafs = 3", "unknown setting ranker.num_leafs", "did you mean ranker.num_leaves?"),
        ("[ranker]\nepochs = 3", "unknown setting ranker.epochs", "did you mean sources.lightgcn.epochs?"),
        ("[lightgcn]\nepochs = 3", "unknown setting lightgcn", "did you mean sources.lightgcn?"),
        (
            "[sources.lightgcn]\nepoch = 3",
            "unknown setting sources.lightgcn.epoch",
            "did you mean sources.lightgcn.epochs?",
        ),
        (
            "[sources.title]\nmax_ngram = 3",
            "unknown setting sources.title",
            "did you mean sources.title_knn?",
        ),
        (
            "zzz = 1",
            "unknown setting zzz",
            "known here: device, email, ranker, ranking, seed, sources, team, tuning",
        ),
        ("seed = true", "seed is True; expected a whole number", None),
        ("seed = 1.5", "seed is 1.5; expected a whole number", None),
        ("seed = -1", "seed is -1; expected a whole number >= 0", None),
        ("team = 5", "team is 5; expected text in quotes", None),
        ("team = 'a,b'", "team_info: the team name 'a,b' has a comma", None),
        ("email = 'nobody'", "team_info: 'nobody' is not an email", None),
        ("ranker = 5", "ranker is 5; expected a table", None),
        ("sources = 5", "sources is 5; expected a table", None),
        ("[sources]\nials = 5", "sources.ials is 5; expected a table", None),
        ("ranking = 'best'", "ranking is 'best'; expected one of 'learned', 'blend'", None),
        ("[sources]\nnames = 5", "sources.names is 5; expected a list", None),
        ("[sources]\nnames = [5]", "sources.names is [5]; expected text in quotes", None),
        (
            "[sources]\nnames = ['title']",
            "[sources] sources: found title; expected some of playlist_knn, ",
            "did you mean title_knn?",
        ),
        ("[sources]\nnames = []", "[sources] sources: found none; expected some of playlist_knn", None),
        (
            "[sources.lightgcn]\nbias = 1",
            "sources.lightgcn.bias is 1; expected true or false",
            None,
        ),
        (
            "[sources.lightgcn]\nstorage = 'fp8'",
            "sources.lightgcn.storage is 'fp8'; expected one of 'fp32', 'bf16'",
            None,
        ),
        (
            "[sources.lightgcn]\nlayer_weights = ['x']",
            "sources.lightgcn.layer_weights is ['x']; expected a number",
            None,
        ),
        (
            "[sources.lightgcn]\nembedding_size = 0",
            "sources.lightgcn.embedding_size is 0; expected a whole number >= 1",
            None,
        ),
        ("a = ", "not TOML", None),
        ("[sources.ials]\n[sources.ials]\n", "not TOML", None),
    ],
)
def test_mistakes_are_named(tmp_path: Path, text: str, message: str, hint: str | None) -> None:
    path = write(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        load(path)
    assert caught.value.message.startswith(f"{path}: {message}")
    assert hint is None or caught.value.hint == hint


@pytest.mark.parametrize("key", KEYS, ids=".".join)
def test_a_value_of_the_wrong_type_is_named_in_our_words(key: tuple[str, ...], tmp_path: Path) -> None:
    dotted = ".".join(key)
    with pytest.raises(ConfigError) as caught:
        load(write(tmp_path, tomli_w.dumps(nested(key[:-1], {key[-1]: {"x": 1}}))))
    kind = r"(a whole number|a number|true or false|text in quotes|a list|one of '.*')"
    place = re.escape(f"{tmp_path / 'settings.toml'}: {dotted} is {{'x': 1}}; expected ")
    assert re.fullmatch(place + kind, caught.value.message), caught.value.message


NUMBERS: Final = [
    (*path, key)
    for path in TABLES
    for key, default in keys_of(path).items()
    if isinstance(default, int | float) and not isinstance(default, bool)
]


@pytest.mark.parametrize("key", NUMBERS, ids=".".join)
def test_a_number_out_of_range_is_named(key: tuple[str, ...], tmp_path: Path) -> None:
    """No number is below 0; those that divide or count something are above it."""
    with pytest.raises(ConfigError) as caught:
        load(write(tmp_path, tomli_w.dumps(nested(key[:-1], {key[-1]: -1}))))
    place = re.escape(f"{tmp_path / 'settings.toml'}: {'.'.join(key)} is -1; expected ")
    assert re.fullmatch(place + r"a (whole )?number >=? [012](\.\d+|e-\d+)?", caught.value.message)


@pytest.mark.parametrize(
    ("dotted", "value", "expected"),
    [
        ("sources.playlist_knn.num_neighbours", 0, "a whole number >= 1"),
        ("sources.ials.embedding_size", 0, "a whole number >= 1"),
        ("sources.ials.regularisation", 0.0, "a number >= 0.001"),
        ("sources.title_knn.min_similarity", 1.5, "a number <= 1.0"),
        ("sources.popularity.weight", float("nan"), "a number >= 0.0"),
        ("ranker.num_leaves", 1, "a whole number >= 2"),
        ("ranker.bagging_fraction", 0, "a number >= 0.01"),
        ("ranker.feature_fraction", 2, "a number <= 1.0"),
    ],
)
def test_ranges_by_hand(dotted: str, value: object, expected: str) -> None:
    with pytest.raises(ConfigError) as caught:
        override(RunConfig(), {dotted: value})
    assert caught.value.message == f"command line: {dotted} is {value!r}; expected {expected}"


def test_the_ends_of_ranges_are_allowed() -> None:
    ends = {
        "sources.playlist_knn.num_neighbours": 1,
        "sources.playlist_knn.weight": 0.0,
        "sources.title_knn.min_similarity": 1.0,
        "ranker.num_folds": 0,
        "ranker.num_leaves": 2,
        "ranker.bagging_fraction": 1.0,
    }
    assert flat(as_dict(override(RunConfig(), ends))) == flat(DEFAULTS) | ends


def test_whole_numbers_may_stand_for_others_and_not_the_reverse(tmp_path: Path) -> None:
    config = load(write(tmp_path, "[ranker]\nlambda_l2 = 3\n"))
    assert config.ranker == RankerConfig(lambda_l2=3.0)
    assert isinstance(config.ranker.lambda_l2, float)
    with pytest.raises(ConfigError, match=r"ranker\.num_leaves is 3\.0; expected a whole number"):
        load(write(tmp_path, "[ranker]\nnum_leaves = 3.0\n"))


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match=r"none\.toml: no such file"):
        load(tmp_path / "none.toml")
    with pytest.raises(InputError, match="it is a folder; expected a file"):
        load(tmp_path)
    (tmp_path / "settings.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match=r"settings\.toml: not UTF-8 text"):
        load(tmp_path / "settings.toml")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("seed = " + "9" * 5000, "not TOML: "),
        ("team = 0x" + "f" * 5000, "team is a number of about 6,000 digits; expected text in quotes"),
        ("seed = " + "[" * 9_000, "lists or tables are nested too deeply"),
        ("seed = 1\n" + "a." * 100_000 + "a = 1", "a line has 200,005 characters; expected at most 10,000"),
        ("a" * 300_000, "more than 262,144 bytes"),
        ("'\\u001b[31m' = 1", "unknown setting "),
        ('"\\u001b[31m\\nError: forged" = 1', r"unknown setting \\x1b\[31m\\nError: forged"),
        ('seed = "\\u001b[31m"', r"seed is '\\x1b\[31m'"),
        ('team = "\\u009b31m"', "team_info"),
    ],
)
def test_hostile_files_are_refused_in_one_short_line(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "settings.toml").write_text(text)
    with pytest.raises((ConfigError, FormatError), match=message) as caught:
        load(tmp_path / "settings.toml")
    assert len(caught.value.message) < 400
    assert printable(caught.value.message) == caught.value.message


def test_mistakes_of_options_are_named() -> None:
    with pytest.raises(ConfigError) as caught:
        override(RunConfig(), {"sources.lightgcn.epohcs": 5})
    assert caught.value.message == "command line: unknown setting sources.lightgcn.epohcs"
    assert caught.value.hint == "did you mean sources.lightgcn.epochs?"
    with pytest.raises(
        ConfigError, match=r"command line: sources\.lightgcn\.epochs is -1; expected a whole number >= 0"
    ):
        override(RunConfig(), {"sources.lightgcn.epochs": -1})
    with pytest.raises(ConfigError, match=r"\[sources\.lightgcn\] min_kept is 0\.95; expected at most max_k"):
        override(RunConfig(), {"sources.lightgcn.min_kept": 0.95})
    with pytest.raises(ConfigError, match="command line: seed is 'x'; expected a whole number"):
        override(RunConfig(), {"seed": "x"})
    with pytest.raises(ConfigError, match="elsewhere: ranker is 5; expected a table"):
        override(RunConfig(), {"ranker": 5}, where="elsewhere")


def test_settings_that_cannot_be_show_when_they_are_made() -> None:
    with pytest.raises(ConfigError, match="seed is -1; expected a whole number >= 0"):
        RunConfig(seed=-1)
    with pytest.raises(ConfigError, match="team name 'a,b' has a comma"):
        RunConfig(team="a,b")
