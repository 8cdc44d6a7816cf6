"""Checkpoints are resumed only where graph, seed and settings are those of the training."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from challenge.errors import FormatError, InputError
from challenge.lightgcn import checkpoint
from challenge.lightgcn.checkpoint import fingerprint, load_checkpoint
from challenge.lightgcn.config import LightGCNConfig
from challenge.lightgcn.trainer import train
from tests.lightgcn.graphs import SMALL, two_genres


def test_checkpoints_of_other_settings_or_damaged_ones_are_refused(tmp_path: Path) -> None:
    graph = two_genres()
    train(graph, replace(SMALL, epochs=1), device="cpu", checkpoint_dir=tmp_path)
    with pytest.raises(InputError, match="other settings"):
        train(graph, replace(SMALL, epochs=1), seed=4, device="cpu", checkpoint_dir=tmp_path, resume=True)
    path = tmp_path / "checkpoint.safetensors"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(FormatError, match="not a checkpoint"):
        load_checkpoint(tmp_path, fingerprint="")


def whole(path: Path) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    with safe_open(path, framework="pt") as file:
        return {name: file.get_tensor(name) for name in file.keys()}, file.metadata()  # noqa: SIM118


def test_what_cannot_be_resumed_is_trained_anew_to_the_same(tmp_path: Path, told: list[str]) -> None:
    graph, config = two_genres(), replace(SMALL, epochs=2)
    expected = train(graph, config, device="cpu", checkpoint_dir=tmp_path).embeddings
    path = tmp_path / "checkpoint.safetensors"
    data = path.read_bytes()
    tensors, metadata = whole(path)
    flipped = bytearray(data)
    flipped[-9] ^= 2
    changed = dict(tensors)
    changed["columns"] = tensors["columns"][:-1]
    state = metadata["state"].replace('"step":', '"step":-')
    damages: dict[str, Callable[[], object]] = {
        "its checksum differs": lambda: path.write_bytes(flipped),
        "not a checkpoint": lambda: path.write_bytes(data[: len(data) // 2]),
        "of version 1; expected 2": lambda: save_file(tensors, path, {"state": metadata["state"]}),
        "columns is torch.float32 of shape": lambda: save_file(changed, path, sealed(metadata, changed)),
        "bias is missing": lambda: save_file(less, path, sealed(metadata, less)),
        "none that a training can have": lambda: save_file(tensors, path, sealed({"state": state}, tensors)),
    }
    less = {name: tensor for name, tensor in tensors.items() if name != "bias"}
    for why, damage in damages.items():
        damage()
        told.clear()
        result = train(graph, config, device="cpu", checkpoint_dir=tmp_path, resume=True)
        assert any(why in text and text.endswith(": the training begins anew") for text in told), why
        np.testing.assert_array_equal(result.embeddings.columns, expected.columns)
    again = train(graph, config, device="cpu", checkpoint_dir=tmp_path, resume=True)
    assert again.report.steps == 0, "the last one is whole"


def sealed(metadata: dict[str, str], tensors: dict[str, torch.Tensor]) -> dict[str, str]:
    """As by a hand that knows how."""
    state = metadata["state"]
    return {"version": "2", "state": state, "sha256": checkpoint._hash(state, tensors)}


def test_a_fingerprint_tells_apart_what_decides_the_training() -> None:
    graph = two_genres()
    now = fingerprint(graph, SMALL, 0)
    assert fingerprint(two_genres(), SMALL, 0) == now
    others = [
        fingerprint(two_genres(seed=1), SMALL, 0),
        fingerprint(graph, replace(SMALL, negatives=17), 0),
        fingerprint(graph, SMALL, 1),
    ]
    assert len({now, *others}) == 4
    # How long training may go on decides nothing, but for a rate that falls to the end.
    longer = replace(SMALL, epochs=50, patience=9, max_seconds=7.0, max_edges=9)
    assert fingerprint(graph, longer, 0) == now
    falling = [replace(SMALL, schedule="cosine", epochs=epochs) for epochs in (6, 7)]
    assert len({fingerprint(graph, config, 0) for config in falling}) == 2


def test_settings_of_a_subclass_leave_the_fingerprint_alone() -> None:
    @dataclass(frozen=True)
    class Source(LightGCNConfig):
        num_candidates: int = 500

    known = {name: getattr(SMALL, name) for name in LightGCNConfig.__dataclass_fields__}
    graph = two_genres()
    for num_candidates in (5, 500):
        source = Source(**known, num_candidates=num_candidates)
        assert fingerprint(graph, source, 0) == fingerprint(graph, SMALL, 0)
