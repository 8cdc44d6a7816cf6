"""TOML to dataclasses and back, and what is said of mistakes."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal

import pytest
from challenge.config_file import dump_toml, from_mapping, load_toml, override

from challenge.errors import ConfigError, MissingInputError


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


@dataclass(frozen=True)
class Training:
    epochs: int = 10
    learning_rate: float = 0.1
    colour: Colour = Colour.RED
    layers: tuple[int, ...] = (1, 2)
    pair: tuple[int, str] = (1, "a")
    storage: Literal["fp32", "bf16"] = "fp32"

    def __post_init__(self) -> None:
        if self.epochs < 1:
            raise ValueError(f"epochs = {self.epochs}; expected at least 1")


@dataclass(frozen=True)
class Settings:
    team: str = 'we "two"\n'
    folder: Path = Path("out")
    seed: int | None = None
    fast: bool = False
    weights: dict[str, float] = field(default_factory=dict)
    training: Training = field(default_factory=Training)


def write(folder: Path, text: str) -> Path:
    path = folder / "settings.toml"
    path.write_text(text, "utf-8")
    return path


def test_values_given_replace_defaults(tmp_path: Path) -> None:
    text = """
    seed = 3
    folder = "elsewhere"
    weights = {a = 1, "b c" = 0.5}
    [training]
    learning_rate = 2
    colour = "blue"
    layers = [4]
    pair = [7, "x"]
    storage = "bf16"
    """
    assert load_toml(write(tmp_path, text), Settings) == Settings(
        seed=3,
        folder=Path("elsewhere"),
        weights={"a": 1.0, "b c": 0.5},
        training=Training(learning_rate=2.0, colour=Colour.BLUE, layers=(4,), pair=(7, "x"), storage="bf16"),
    )


@pytest.mark.parametrize(
    "settings",
    [
        Settings(),
        Settings("é\x07\\", Path("a b"), -1, True, {"k": 1e-9}, Training(3, 1e300, Colour.BLUE, ())),
    ],
)
def test_what_is_written_reads_back(tmp_path: Path, settings: Settings) -> None:
    text = dump_toml(settings)
    assert load_toml(write(tmp_path, text), Settings) == settings
    assert ("# seed is not set" in text) == (settings.seed is None)


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("tema = 'x'", "unknown setting tema", "did you mean team?"),
        ("[training]\nepoch = 3", "unknown setting training.epoch", "did you mean training.epochs?"),
        ("zzz = 1", "unknown setting zzz", "known here: fast, folder, seed, team, training, weights"),
        ("fast = 1", "fast is 1; expected true or false", None),
        ("seed = true", "seed is True; expected a whole number", None),
        ("seed = 1.5", "seed is 1.5; expected a whole number", None),
        ("team = 5", "team is 5; expected text in quotes", None),
        ("folder = 5", "folder is 5; expected a path in quotes", None),
        ("training = 5", "training is 5; expected a table", None),
        ("weights = 5", "weights is 5; expected a table", None),
        ("weights = {a = 'x'}", "weights.a is 'x'; expected a number", None),
        ("training.layers = 5", "training.layers is 5; expected a list", None),
        ("training.pair = [5]", "training.pair is [5]; expected a list of 2", None),
        ("training.colour = 'pink'", "training.colour is 'pink'; expected one of 'red', 'blue'", None),
        ("training.storage = 'x'", "training.storage is 'x'; expected one of 'fp32', 'bf16'", None),
        ("training.epochs = 0", " [training] epochs = 0; expected at least 1", None),
        ("a = ", "not TOML", None),
    ],
)
def test_mistakes_are_named(tmp_path: Path, text: str, message: str, hint: str | None) -> None:
    path = write(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        load_toml(path, Settings)
    assert caught.value.message.startswith(f"{path}:")
    assert message in caught.value.message
    assert caught.value.hint == hint


def test_missing_file_and_missing_key(tmp_path: Path) -> None:
    @dataclass(frozen=True)
    class Needy:
        must: int

    with pytest.raises(MissingInputError, match="no such file"):
        load_toml(tmp_path / "none.toml", Settings)
    with pytest.raises(ConfigError, match="must is missing"):
        from_mapping({}, Needy)
    (tmp_path / "settings.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="not UTF-8"):
        load_toml(tmp_path / "settings.toml", Settings)


def test_overriding_changes_what_is_named_only() -> None:
    changes: dict[str, Any] = {"training.epochs": 5, "team": None, "folder": "x", "training.layers": [9]}
    expected = Settings(folder=Path("x"), training=Training(epochs=5, layers=(9,)))
    assert override(Settings(), changes) == expected
    with pytest.raises(ConfigError, match=r"command line: unknown setting training\.epohcs"):
        override(Settings(), {"training.epohcs": 5})
    with pytest.raises(ConfigError, match="expected at least 1"):
        override(Settings(), {"training.epochs": 0})
