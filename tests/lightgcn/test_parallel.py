"""Two processes that train together give what one gives."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from challenge.errors import ConfigError
from challenge.lightgcn.config import LightGCNConfig, paper_config
from challenge.lightgcn.parallel import Group
from challenge.lightgcn.trainer import TrainingResult, train
from challenge.lightgcn.validation import hold_out
from tests.lightgcn.graphs import two_genres

CONFIGS = {
    "softmax": LightGCNConfig(
        embedding_size=8, batch_size=15, negatives=16, positives=4, epochs=3, smoothing=1.0, storage="fp32"
    ),
    "bpr": paper_config(embedding_size=8, batch_size=64, epochs=3, learning_rate=0.01, l2=0.01),
}


def run(name: str, folder: Path | None = None) -> TrainingResult:
    graph = two_genres()
    validation = hold_out(graph, n_rows=20)
    return train(graph, CONFIGS[name], validation=validation, device="cpu", checkpoint_dir=folder)


@pytest.fixture(scope="module")
def together(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What two processes made of all settings, in a folder for each."""
    root, folder = Path(__file__).parents[2], tmp_path_factory.mktemp("together")
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    done = subprocess.run(
        [*launcher, __file__, str(folder)],
        check=False,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": f"{root}:{root / 'tests'}", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.parametrize("name", CONFIGS)
def test_two_gloo_processes_equal_one(name: str, together: Path) -> None:
    alone = run(name)
    for rank in range(2):
        found = np.load(together / name / f"{rank}.npz")
        np.testing.assert_allclose(found["rows"], alone.embeddings.rows, atol=1e-4)
        np.testing.assert_allclose(found["columns"], alone.embeddings.columns, atol=1e-4)
        losses = [entry.loss or 0 for entry in alone.report.epochs[1:]]
        np.testing.assert_allclose(found["losses"], losses, rtol=1e-5)
    # What two processes wrote, one can go on from.
    graph = two_genres()
    validation = hold_out(graph, n_rows=20)
    folder = together / name / "checkpoints"
    resumed = train(
        graph, CONFIGS[name], validation=validation, device="cpu", checkpoint_dir=folder, resume=True
    )
    assert resumed.report.steps == 0
    np.testing.assert_allclose(resumed.embeddings.columns, alone.embeddings.columns, atol=1e-4)


def test_dimensions_must_be_dealt_out_evenly() -> None:
    assert Group(0, 4).shard_size(64) == 16
    with pytest.raises(ConfigError, match="embedding_size is 10; with 4 processes"):
        Group(0, 4).shard_size(10)


if __name__ == "__main__":
    import os

    for name in CONFIGS:
        folder = Path(sys.argv[1]) / name
        folder.mkdir(exist_ok=True)
        result = run(name, folder / "checkpoints")
        np.savez(
            folder / f"{os.environ['RANK']}.npz",
            rows=result.embeddings.rows,
            columns=result.embeddings.columns,
            losses=[entry.loss or 0 for entry in result.report.epochs[1:]],
        )
