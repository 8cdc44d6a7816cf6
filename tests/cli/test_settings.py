from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from challenge.cli.app import build_app
from challenge.cli.settings import load_config
from challenge.config import RunConfig, as_dict, dump, load
from challenge.presets import PRESETS
from challenge.setting_list import list_settings, same_kind


def test_every_setting_is_listed_once_with_its_default_and_a_meaning() -> None:
    found = list_settings()
    names = [each.name for each in found]
    assert len(names) == len(set(names))
    assert [each.name for each in found if not each.meaning] == []
    expected = as_dict(RunConfig())
    for each in found:
        table = expected
        for key in each.name.split(".")[:-1]:
            table = table[key]
        assert json.loads(json.dumps(each.value)) == json.loads(json.dumps(table[each.key])), each.name
    flat = sum(
        len([key for key, value in table.items() if not isinstance(value, dict)])
        for table in (
            expected,
            expected["tuning"],
            expected["ranker"],
            expected["sources"],
            *expected["sources"].values(),
        )
        if isinstance(table, dict)
    )
    assert len(found) == flat


def test_ranges_come_from_the_types_and_meanings_from_the_class_that_has_the_field() -> None:
    found = {each.name: each for each in list_settings()}
    assert found["ranker.negative_share"].allowed == "0 to 1"
    assert found["sources.lightgcn.storage"].allowed == "fp32 or bf16"
    assert found["sources.lightgcn.schedule"].allowed == ""  # its meaning names them
    assert found["sources.lightgcn.layers"].meaning.startswith("propagation layers")
    assert found["sources.popularity.num_candidates"].meaning.startswith("how many of its best tracks")


def test_a_second_table_of_one_kind_names_the_first() -> None:
    found = list_settings()
    assert same_kind(found, "sources.lightgcn_paper") == "sources.lightgcn"
    assert same_kind(found, "sources.lightgcn") is None


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_can_be_named_where_a_file_can(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert load_config(Path(name)) == load(PRESETS[name]) != RunConfig()
    (tmp_path / name).write_text("seed = 9\n")  # a file of that name is meant before the preset
    assert load_config(Path(name)).seed == 9
    assert load(PRESETS[name]) == load_from(dump(load(PRESETS[name])), tmp_path)


def load_from(text: str, folder: Path) -> RunConfig:
    path = folder / "again.toml"
    path.write_text(text)
    return load(path)


def challenge(*arguments: str) -> Result:
    return CliRunner(env={"COLUMNS": "80"}).invoke(build_app(), ["settings", *arguments])


def test_the_command_prints_a_table_json_and_presets() -> None:
    shown = challenge()
    assert shown.exit_code == 0
    assert max(map(len, shown.stdout.splitlines())) <= 80
    assert "[sources.lightgcn_paper] as [sources.lightgcn], but for these" in shown.stdout
    listed = json.loads(challenge("ranker", "--json").stdout)
    assert {"name": "ranker.num_leaves", "value": 63}.items() <= {each["key"]: each for each in listed}[
        "num_leaves"
    ].items()
    assert tomllib.loads(challenge("--preset", "quick").stdout) == tomllib.loads(
        PRESETS["quick"].read_text("utf-8")
    )
    wrong = challenge("--preset", "quikc")
    assert wrong.exit_code == 2
    assert "did you mean quick?" in wrong.stderr
