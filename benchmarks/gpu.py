"""A GPU on the whole MPD's size: kernels, a step, training to the end, filling, agreement with a CPU.

Run: python -m benchmarks.gpu [--scale 1.0] [--device auto|cuda|cpu] [--storage fp32|bf16] [--repeats N]
     [--threads N] [--only bandwidth,kernels,step,agreement,training,filling] [--markdown FILE]

The graph is synthetic, of the Million Playlist Dataset's size and shape times ``--scale``. "Arithmetic" is
the bytes that must be moved over the bandwidth that a copy reaches here; caches can bring a time below it. Of
the package's dependencies it needs numpy, scipy, numba, torch, safetensors, psutil and orjson; where the
package is not installed, put its folder on PYTHONPATH. The table is printed at the end and kept with
``--markdown``, written anew after every section. Without a GPU: ``--scale 0.002 --device cpu``.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cached_property

import numpy as np
import torch

from benchmarks._command import parser_of, prepared
from benchmarks._gpu_cases import Row, kernel_rows, min_seconds, step_bytes
from benchmarks._whole_size import whole_size_graph
from challenge.files import write_text
from challenge.graph import BipartiteGraph
from challenge.lightgcn.batches import prepared_batches
from challenge.lightgcn.config import LightGCNConfig
from challenge.lightgcn.device import copy_bandwidth, wait_for
from challenge.lightgcn.embeddings import Embeddings
from challenge.lightgcn.model import LightGCN
from challenge.lightgcn.trainer import Trainer, train
from challenge.lightgcn.validation import hold_out
from challenge.sources.embedding import EmbeddingScores, TrackVectors
from challenge.sources.search.choose import item_search
from challenge.threads import thread_count

QUERIES, QUERY_BATCH, LENGTH, SMALL_SCALE = 10_000, 64, 500, 0.01
SEEDS = 100
"""The most seeds that a query shows; a run asks for as many tracks more, as seeds may be among them."""
CPU = torch.device("cpu")


def column_gradient(model: LightGCN) -> torch.Tensor:
    """Gradient of the columns' embeddings after a step, float64, on the CPU."""
    gradient = model.parameters["columns"].grad
    assert gradient is not None
    return gradient.cpu().double()


class Bench:
    """Sections of the table, in order; what several need is made once."""

    def __init__(self, scale: float, device: torch.device, config: LightGCNConfig, repeats: int) -> None:
        self._scale, self._device, self._config, self._repeats = scale, device, config, repeats
        self._embeddings: Embeddings | None = None

    @cached_property
    def _graph(self) -> BipartiteGraph:
        return whole_size_graph(self._scale)

    @cached_property
    def _bandwidth(self) -> float:
        return copy_bandwidth(self._device, megabytes=16 if self._device.type == "cpu" else 1024)

    def bandwidth(self) -> Iterator[Row]:
        """The graph, and how fast memory is."""
        start, graph = time.perf_counter(), self._graph
        size = f"{graph.n_rows:,} playlists, {graph.n_columns:,} tracks, {graph.n_edges:,} edges"
        hub = f"most popular track on {np.diff(graph.column_indptr).max():,}"
        yield Row("drawing the graph", time.perf_counter() - start, note=f"{size}, {hub}")
        yield Row("copy bandwidth", note=f"{self._bandwidth / 1e9:,.0f} GB/s, read and written")

    def kernels(self) -> Iterator[Row]:
        """One layer by each kernel."""
        size = self._config.embedding_size
        yield from kernel_rows(self._graph, size, self._device, self._bandwidth, self._repeats)

    def step(self) -> Iterator[Row]:
        """Training steps against the bytes that they must move."""
        core = self._graph.with_columns(self._graph.columns_of_degree(self._config.min_degree))
        for storage in ("fp32", "bf16"):
            model = LightGCN(core, replace(self._config, storage=storage), self._device)
            trainer = Trainer(model)
            seconds = self._seconds_a_step(trainer)
            needed = step_bytes(trainer)
            note = ", ".join(f"{name} {value / 1e9:.2f} GB" for name, value in needed.items())
            arithmetic = sum(needed.values()) / self._bandwidth
            kernel = model.kernel.split(" (", maxsplit=1)[0]
            yield Row(f"training step, {kernel}, {storage}", seconds, arithmetic, note)
            trainer.release()
            yield Row(f"of it, drawing a batch (host, one thread), {storage}", self._draw_seconds(trainer))

    def _seconds_a_step(self, trainer: Trainer, warm_up: int = 3) -> float:
        steps = 6 * self._repeats  # more than are drawn ahead
        for step in range(warm_up + steps):
            if step == warm_up:
                wait_for(self._device)
                start = time.perf_counter()
            trainer.step(step, learning_rate=self._config.learning_rate)
        wait_for(self._device)
        return (time.perf_counter() - start) / steps

    def _draw_seconds(self, trainer: Trainer) -> float:
        return min_seconds(lambda: trainer.sampler.row_draws(0), CPU, 2)

    def training(self) -> Iterator[Row]:
        """Training by the default settings until validation gains no more, and all that goes with it."""
        start = time.perf_counter()
        validation = hold_out(self._graph, n_rows=min(500, self._graph.n_rows // 4))
        yield Row("holding out the validation", time.perf_counter() - start)
        if self._device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self._device)
        start = time.perf_counter()
        result = train(self._graph, self._config, validation=validation, device=str(self._device))
        seconds, report = time.perf_counter() - start, result.report
        scores = [entry.ndcg for entry in report.epochs if entry.ndcg is not None]
        note = (
            f"{report.stopped}; best epoch {report.best_epoch} of {report.epochs[-1].epoch}, NDCG "
            f"{scores[0]:.4f} at the start, {max(scores):.4f} at best"
        )
        yield Row(f"training to convergence, {self._config.storage}", seconds, note=note)
        yield Row("of it, epochs and validations", report.seconds, note=f"{report.steps} steps")
        yield Row("of it, a step", report.seconds_per_step, note=report.kernel)
        peak = torch.cuda.max_memory_allocated() if self._device.type == "cuda" else 0
        estimate = f"{report.memory_estimate / 1e9:.1f} GB estimated"
        yield Row("memory", note=estimate + (f", {peak / 1e9:.1f} GB at the peak" if peak else ""))
        self._embeddings = result.embeddings

    def filling(self) -> Iterator[Row]:
        """The best 500 tracks of 10,000 playlists by exact scores, as a run asks for them."""
        n_queries = min(QUERIES, max(20, int(QUERIES * self._scale)))
        queries, tracks = self._vectors(n_queries)
        vectors = TrackVectors(tracks, logits=True, device=str(self._device))

        def fill() -> None:
            for start in range(0, n_queries, QUERY_BATCH):
                batch = queries[start : start + QUERY_BATCH]
                EmbeddingScores(batch, vectors, np.ones(len(batch), bool)).best(LENGTH + SEEDS)

        seconds = min_seconds(fill, self._device, 1)
        length = min(LENGTH, len(tracks))
        note = f"{n_queries:,} × {len(tracks):,} tracks, size {tracks.shape[1]}, best {length}"
        yield Row("filling", seconds, note=note)

    def _vectors(self, n_queries: int) -> tuple[np.ndarray, np.ndarray]:
        if self._embeddings is not None:
            return self._embeddings.rows[:n_queries], self._embeddings.columns
        rng = np.random.default_rng(0)
        shapes = (
            (n_queries, self._config.embedding_size),
            (self._graph.n_columns, self._config.embedding_size),
        )
        first, second = (rng.standard_normal(shape, np.float32) for shape in shapes)
        return first, second

    def agreement(self) -> Iterator[Row]:
        """The same batches, gradients and lists as on a CPU, at a hundredth of the size at most."""
        graph = whole_size_graph(min(self._scale, SMALL_SCALE))
        yield from self._same_step(graph)
        validation = hold_out(graph, n_rows=100)
        short = replace(self._config, epochs=2)
        cpu, here, again = (
            train(graph, short, validation=validation, device=str(device))
            for device in (CPU, self._device, self._device)
        )
        scores = [result.report.epochs[-1].ndcg for result in (cpu, here)]
        yield Row("agreement: NDCG after two epochs", note=f"{scores[0]:.5f} on a CPU, {scores[1]:.5f} here")
        same = np.array_equal(here.embeddings.columns, again.embeddings.columns)
        yield Row("agreement: trained twice here", note="equal to the last bit" if same else "NOT EQUAL")
        queries, tracks = cpu.embeddings.rows[:200], cpu.embeddings.columns
        lists = [item_search(tracks, str(device)).best(queries, LENGTH) for device in (CPU, self._device)]
        equal = float(np.mean(lists[0].item == lists[1].item))
        off = float(np.abs(lists[0].score - lists[1].score).max())
        yield Row("agreement: lists", note=f"{equal:.2%} of the ranks equal, scores at most {off:.1g} apart")

    def _same_step(self, graph: BipartiteGraph) -> Iterator[Row]:
        models = [LightGCN(graph, self._config, device) for device in (CPU, self._device)]
        for name, parameter in models[1].parameters.items():
            parameter.copy_(models[0].parameters[name])
        trainers = [Trainer(model) for model in models]
        batches = [
            prepared_batches(trainer.sampler, trainer.model.device, 4096).get(0).batch for trainer in trainers
        ]
        same = all(value.equal(getattr(batches[1], name).cpu()) for name, value in vars(batches[0]).items())
        yield Row("agreement: batches", note="equal" if same else "NOT EQUAL")
        losses = [trainer.step(0, learning_rate=0.0).item() for trainer in trainers]
        gradients = [column_gradient(model) for model in models]
        error = ((gradients[0] - gradients[1]).norm() / gradients[0].norm()).item()
        note = f"losses {losses[0]:.6f} and {losses[1]:.6f}, gradients {error:.1g} apart (relative norm)"
        yield Row("agreement: a step", note=note)
        for trainer in trainers:
            trainer.release()


SECTIONS: dict[str, Callable[[Bench], Iterator[Row]]] = {
    "bandwidth": Bench.bandwidth,
    "kernels": Bench.kernels,
    "step": Bench.step,
    "agreement": Bench.agreement,
    "training": Bench.training,
    "filling": Bench.filling,
}


def table(rows: list[Row], device: torch.device) -> str:
    """Markdown with times, what arithmetic says, and how far apart they are."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else f"CPU, {thread_count()} threads"
    lines = [
        f"{name}, torch {torch.__version__}",
        "",
        "| | s | arithmetic, s | ratio | |",
        "|---|---|---|---|---|",
    ]
    for row in rows:
        seconds = "" if row.seconds is None else f"{row.seconds:.4g}"
        arithmetic, ratio = "", ""
        if row.seconds is not None and row.arithmetic is not None:
            arithmetic, ratio = f"{row.arithmetic:.4g}", f"{row.seconds / row.arithmetic:.2f}"
        lines.append(f"| {row.name} | {seconds} | {arithmetic} | {ratio} | {row.note} |")
    return "\n".join(lines)


def main() -> None:
    """Parse the command line and print the table."""
    parser = parser_of(__doc__)
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--device", default="auto")
    parser.add_argument(
        "--storage", choices=("fp32", "bf16"), default="bf16", help="of the training to the end"
    )
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--only", default=",".join(SECTIONS), help="sections, by commas")
    options = parser.parse_args()
    device = prepared(options)
    bench = Bench(options.scale, device, LightGCNConfig(storage=options.storage), options.repeats)
    rows: list[Row] = []
    for section in options.only.split(","):
        for row in SECTIONS[section](bench):
            rows.append(row)
            print(*row, sep="  ", file=sys.stderr, flush=True)
        if options.markdown:
            write_text(options.markdown, table(rows, device) + "\n")
    print(table(rows, device))


if __name__ == "__main__":
    main()
