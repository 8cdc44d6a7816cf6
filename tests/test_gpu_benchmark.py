"""The GPU's benchmark runs whole on a CPU and finds it in agreement with itself; no time is checked."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np

from benchmarks._whole_size import whole_size_graph

ROOT = Path(__file__).parent.parent


def test_runs_whole_on_a_cpu(tmp_path: Path) -> None:
    path = tmp_path / "gpu.md"
    options = [
        "--scale",
        "0.0005",
        "--device",
        "cpu",
        "--threads",
        "1",
        "--repeats",
        "1",
        "--markdown",
        str(path),
    ]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.gpu", *options],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    table = path.read_text()
    assert table == done.stdout
    rows = dict(re.findall(r"^\| ([^|]+) \|.*\| ([^|]*) \|$", table, re.MULTILINE))
    assert rows["agreement: batches"] == "equal"
    assert rows["agreement: trained twice here"] == "equal to the last bit"
    assert rows["agreement: lists"].startswith("100.00% of the ranks equal, scores at most 0 apart")
    assert "gradients 0 apart" in rows["agreement: a step"]
    assert rows["filling"].endswith("best 500")
    for name in ("layer, embedding_bag, fp32", "training step, embedding_bag, bf16", "memory"):
        assert name in rows


def test_the_graph_is_shaped_like_the_mpd() -> None:
    graph = whole_size_graph(0.01)
    again, other = whole_size_graph(0.01), whole_size_graph(0.01, seed=1)
    np.testing.assert_array_equal(graph.row_indices, again.row_indices)
    assert not np.array_equal(graph.row_indices[:1000], other.row_indices[:1000])
    assert (graph.n_rows, graph.n_columns) == (10_000, 22_623)
    lengths, degrees = np.diff(graph.row_indptr), np.sort(np.diff(graph.column_indptr))
    assert lengths.min() >= 1
    assert lengths.max() <= 376
    # A power law: the most popular hundredth of the tracks holds a good part of all edges.
    assert 0.25 < degrees[-226:].sum() / graph.n_edges < 0.75
