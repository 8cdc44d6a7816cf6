"""Checkpoints: one safetensors file with its state in the header, and the state again as JSON to read."""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import msgspec
import orjson
import torch
from torch import Tensor

from challenge.errors import FormatError, InputError
from challenge.files import atomic_path, disk_full_explained, write_json
from challenge.graph import BipartiteGraph
from challenge.lightgcn.adam import Adam
from challenge.lightgcn.config import LightGCNConfig
from challenge.lightgcn.model import LightGCN

_TENSORS, _STATE = "checkpoint.safetensors", "checkpoint.json"
_VERSION = "2"
_AGAIN = "delete it, or train without --resume"
_NOT_IN_FINGERPRINT = ("max_edges", "max_seconds", "checkpoint_minutes", "patience")


@dataclass
class TrainingState:
    """All that decides how training goes on.

    Attributes:
        fingerprint: of graph, configuration and seed; only the same may resume.
        step: steps done.
        best_score: best validation NDCG so far; -1 before the first.
        best_epoch: after which epoch that was.
        history: one entry an epoch.
    """

    fingerprint: str
    step: int = 0
    best_score: float = -1.0
    best_epoch: int = 0
    history: list[dict[str, Any]] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        """Seconds of all epochs so far."""
        return float(sum(entry.get("seconds", 0.0) for entry in self.history))


def gathered_tensors(model: LightGCN, adam: Adam, best: dict[str, Tensor]) -> dict[str, Tensor]:
    """All tensors of a checkpoint by name: parameters, Adam's moments, the ``best`` parameters so far.

    All dimensions; views of the arguments where one process trains.
    """
    found = model.parameters | {f"best.{name}": tensor for name, tensor in best.items()}
    for name in model.parameters:
        for key, value in adam.state.get(name, {}).items():
            found[f"adam.{name}.{key}"] = value
    return {name: model.group.all_gather(value) for name, value in found.items()}


def restore_tensors(tensors: dict[str, Tensor], model: LightGCN, adam: Adam) -> dict[str, Tensor]:
    """Put back what :func:`gathered_tensors` gave, and return the best parameters.

    Raises:
        FormatError: they are not those of this model; nothing was put back.
    """
    _require_fitting(tensors, model)
    best: dict[str, Tensor] = {}
    for name, parameter in model.parameters.items():
        parameter.copy_(model.group.shard(tensors[name]))
    for key, tensor in tensors.items():
        kind, _, name = key.partition(".")
        shard = model.group.shard(tensor).to(model.device)
        if kind == "best":
            best[name] = shard
        elif kind == "adam":
            name, _, moment = name.partition(".")
            adam.state.setdefault(name, {})[moment] = shard
    return best


def _require_fitting(tensors: dict[str, Tensor], model: LightGCN) -> None:
    """Refuse tensors that are missing, of another shape or type, or of no parameter of the model."""
    for key in model.parameters.keys() | tensors.keys():
        parts = key.split(".")
        parameter = model.parameters.get(parts[0] if len(parts) == 1 else parts[1])
        tensor = tensors.get(key)
        if parameter is None or tensor is None:
            raise FormatError(f"checkpoint: {key} is missing, or of no parameter of this model")
        shape = list(parameter.shape)
        if parameter.dim() == 2:
            shape[1] *= model.group.size
        if list(tensor.shape) != (shape if parts[-1] != "step" else []) or tensor.dtype != parameter.dtype:
            raise FormatError(f"checkpoint: {key} is {tensor.dtype} of shape {tuple(tensor.shape)}")


def save_checkpoint(folder: Path, tensors: dict[str, Tensor], state: TrainingState) -> None:
    """Write tensors and state so that a kill at any moment leaves the old or the new checkpoint whole.

    Raises:
        ResourceError: the disk is full.
    """
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    path = folder / _TENSORS
    size = sum(tensor.nbytes for tensor in tensors.values())
    contiguous = {name: tensor.contiguous() for name, tensor in tensors.items()}
    text = orjson.dumps(vars(state)).decode()
    metadata = {"version": _VERSION, "state": text, "sha256": _hash(text, contiguous)}
    with disk_full_explained(path, needed=size), atomic_path(path) as temporary:
        try:
            save_file(contiguous, temporary, metadata=metadata)
        except SafetensorError as error:
            raise _of_system(error, path) from error
    write_json(folder / _STATE, vars(state))


def _of_system(error: Exception, path: Path) -> Exception:
    """The system's error that the library tells of in words, or the library's where there is none."""
    found = re.search(r"\(os error (\d+)\)", str(error))
    return OSError(int(found[1]), os.strerror(int(found[1])), str(path)) if found else error


def _hash(state: str, tensors: dict[str, Tensor]) -> str:
    """SHA-256 of a state and of the names, types, shapes and bytes of tensors."""
    digest = hashlib.sha256(state.encode())
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.detach().cpu().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def has_checkpoint(folder: Path) -> bool:
    """Whether ``folder`` holds a checkpoint."""
    return (folder / _TENSORS).exists()


def load_checkpoint(
    folder: Path, *, fingerprint: str | None = None
) -> tuple[dict[str, Tensor], TrainingState]:
    """Read tensors (on the CPU) and state, of the training that ``fingerprint`` stands for or of any.

    Raises:
        FormatError: the file is damaged, or of another version.
        InputError: it was written by another configuration or for another graph.
    """
    from safetensors import SafetensorError, safe_open

    path = folder / _TENSORS
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        state = msgspec.json.decode(metadata["state"], type=TrainingState)
    except (SafetensorError, OSError, KeyError, TypeError, ValueError, msgspec.MsgspecError) as error:
        raise FormatError(f"{path}: not a checkpoint of this program ({error})", hint=_AGAIN) from error
    if metadata.get("version") != _VERSION:
        found = metadata.get("version", "1")
        raise FormatError(f"{path}: of version {found:.20}; expected {_VERSION}", hint=_AGAIN)
    if metadata.get("sha256") != _hash(metadata["state"], tensors):
        raise FormatError(f"{path}: is not as it was written: its checksum differs", hint=_AGAIN)
    if state.step < 0 or not all("epoch" in entry for entry in state.history):
        raise FormatError(f"{path}: its state is none that a training can have", hint=_AGAIN)
    if fingerprint not in (None, state.fingerprint):
        raise InputError(
            f"{path}: written with other settings or other data (fingerprint {state.fingerprint[:12]}, "
            f"now {fingerprint:.12})",
            hint="train without --resume, or give the settings and data of that run",
        )
    return tensors, state


def fingerprint(graph: BipartiteGraph, config: LightGCNConfig, seed: int) -> str:
    """Hash of all that training depends on: graph, seed, and the settings but for those that only end it."""
    left_out = {*_NOT_IN_FINGERPRINT, *(["epochs"] if config.schedule == "constant" else [])}
    # A subclass may have settings of other things.
    names = {setting.name for setting in fields(LightGCNConfig)} - left_out
    settings = {name: getattr(config, name) for name in names} | {"seed": seed}
    digest = hashlib.sha256(orjson.dumps(settings, option=orjson.OPT_SORT_KEYS))
    digest.update(graph.fingerprint.encode())
    return digest.hexdigest()
