"""How fast LightGCN's propagation is, against bare kernels and torch-geometric.

Run: python -m benchmarks.propagation [--playlists N] [--tracks N] [--edges N] [--size D] [--threads N]
     [--device cpu|cuda] [--repeats N] [--without-geometric] [--markdown FILE]

A layer goes both ways over a synthetic graph with popularity by a power law, by default a tenth of the
Million Playlist Dataset. All is measured in one run on the same arrays, in turn and repeat after repeat; the
smallest of several times counts. Ours is a third of a whole three-layer propagation with normalisation and
readout; "bare" is the gather and sum alone. torch-geometric's ``LGConv`` gets ``edge_index``, as its
documentation shows, and no readout.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from importlib.util import find_spec

import numpy as np
import scipy.sparse as sp
import torch
from torch.nn.functional import embedding_bag

from benchmarks._command import parser_of, prepared
from challenge.files import write_text
from challenge.graph import BipartiteGraph
from challenge.lightgcn.device import wait_for
from challenge.lightgcn.kernels.base import KernelName
from challenge.lightgcn.propagation import Propagation
from challenge.threads import thread_count

LAYERS = 3


def power_law_graph(playlists: int, tracks: int, edges: int, seed: int = 0) -> BipartiteGraph:
    """Draw edges with a track's probability falling as its rank to the power 0.9."""
    rng = np.random.default_rng(seed)
    cumulative = np.cumsum((np.arange(tracks) + 10.0) ** -0.9)
    track = rng.permutation(tracks)[np.searchsorted(cumulative, rng.random(edges) * cumulative[-1])]
    playlist = rng.integers(0, playlists, edges)
    matrix = sp.csr_matrix((np.ones(edges, np.int8), (playlist, track)), shape=(playlists, tracks))
    return BipartiteGraph.from_matrix(matrix)


def min_seconds(
    cases: dict[str, Callable[[], object]], device: torch.device, repeats: int
) -> dict[str, float]:
    """Smallest time of each case over some repeats, after one that is not counted."""
    best = dict.fromkeys(cases, float("inf"))
    for count in range(repeats + 1):
        for name, work in cases.items():
            wait_for(device)
            start = time.perf_counter()
            work()
            wait_for(device)
            if count > 0:
                best[name] = min(best[name], time.perf_counter() - start)
    return best


def our_layers(
    graph: BipartiteGraph, size: int, device: torch.device, *, storage: str, kernel: KernelName
) -> Callable[[], object]:
    """A whole propagation: all layers, both directions, normalised, with the readout."""
    propagation = Propagation(
        graph,
        embedding_size=size,
        layer_weights=(0.25,) * (LAYERS + 1),
        device=device,
        storage=storage,
        kernel=kernel,
    )
    rows = torch.randn(graph.n_rows, size, device=device)
    columns = torch.randn(graph.n_columns, size, device=device)
    return lambda: propagation.apply_(rows, columns)


def kernels_of(device: torch.device) -> tuple[KernelName, ...]:
    """Kernels that run on the device."""
    if device.type == "cpu":
        return ("embedding_bag", "compiled")
    return ("embedding_bag",) if find_spec("triton") is None else ("embedding_bag", "triton")


def bare_bags(
    graph: BipartiteGraph, size: int, device: torch.device, dtype: torch.dtype
) -> Callable[[], object]:
    """``embedding_bag`` in both directions, alone."""
    rows = torch.randn(graph.n_rows, size, device=device).to(dtype)
    columns = torch.randn(graph.n_columns, size, device=device).to(dtype)
    to_rows, to_columns = (
        [torch.from_numpy(array.astype(np.int32)).to(device) for array in arrays]
        for arrays in (
            (graph.row_indices, graph.row_indptr),
            (graph.column_indices, graph.column_indptr),
        )
    )

    def work() -> None:
        for (indices, offsets), source in ((to_rows, columns), (to_columns, rows)):
            embedding_bag(indices, source, offsets, mode="sum", include_last_offset=True)

    return work


def sparse_products(graph: BipartiteGraph, size: int, device: torch.device) -> Callable[[], object]:
    """CSR matrix product in both directions, values stored for each edge."""
    block = graph.normalised_matrix().astype(np.float32)

    def csr(matrix: sp.csr_matrix) -> torch.Tensor:
        indptr, indices, values = map(torch.from_numpy, (matrix.indptr, matrix.indices, matrix.data))
        return torch.sparse_csr_tensor(indptr, indices, values, matrix.shape).to(device)

    to_rows, to_columns = csr(block), csr(block.T.tocsr())
    rows = torch.randn(graph.n_rows, size, device=device)
    columns = torch.randn(graph.n_columns, size, device=device)
    return lambda: (to_rows @ columns, to_columns @ rows)


def geometric_layer(graph: BipartiteGraph, size: int, device: torch.device) -> Callable[[], object]:
    """torch-geometric's LGConv over ``edge_index``, both directions."""
    from torch_geometric.nn import LGConv

    row = np.repeat(np.arange(graph.n_rows), np.diff(graph.row_indptr))
    edges = torch.from_numpy(np.stack([row, graph.row_indices.astype(np.int64) + graph.n_rows])).to(device)
    both = torch.cat([edges, edges.flip(0)], 1)
    nodes = torch.randn(graph.n_rows + graph.n_columns, size, device=device)
    layer = LGConv().to(device)

    def work() -> None:
        with torch.no_grad():
            layer(nodes, both)

    return work


def measure(options: argparse.Namespace, device: torch.device) -> str:
    """Time everything; a Markdown table."""
    graph = power_law_graph(options.playlists, options.tracks, options.edges)
    size = options.size
    cases: dict[str, Callable[[], object]] = {
        "bare embedding_bag, fp32": bare_bags(graph, size, device, torch.float32),
        "bare embedding_bag, bf16": bare_bags(graph, size, device, torch.bfloat16),
        "torch CSR product, fp32": sparse_products(graph, size, device),
    }
    for storage in ("fp32", "bf16"):
        for kernel in kernels_of(device):
            name = f"our layer of three, {kernel}, {storage}"
            cases[name] = our_layers(graph, size, device, storage=storage, kernel=kernel)
    if not options.without_geometric:
        cases["torch-geometric LGConv, edge_index"] = geometric_layer(graph, size, device)
    seconds = min_seconds(cases, device, options.repeats)
    seconds = {name: value / (LAYERS if "our" in name else 1) for name, value in seconds.items()}
    return table(graph, size, seconds, device)


def table(graph: BipartiteGraph, size: int, seconds: dict[str, float], device: torch.device) -> str:
    """Milliseconds, rates and ratios as Markdown."""
    lines = [
        f"One layer, both directions: {graph.n_rows:,} playlists, {graph.n_columns:,} tracks, "
        f"{graph.n_edges:,} edges, size {size}, {device}, {thread_count()} threads.",
        "",
        "| | ms | M edges/s | rate against bare, same format | against LGConv |",
        "|---|---|---|---|---|",
    ]
    slowest = seconds.get("torch-geometric LGConv, edge_index")
    for name, value in seconds.items():
        bare = seconds[f"bare embedding_bag, {'bf16' if 'bf16' in name else 'fp32'}"]
        against = "" if slowest is None else f"{slowest / value:.1f}"
        rate = 2 * graph.n_edges / value / 1e6
        lines.append(f"| {name} | {value * 1e3:.0f} | {rate:,.0f} | {bare / value:.2f} | {against} |")
    return "\n".join(lines)


def main() -> None:
    """Parse the command line and print the table."""
    parser = parser_of(__doc__)
    parser.add_argument("--playlists", type=int, default=100_000)
    parser.add_argument("--tracks", type=int, default=226_000)
    parser.add_argument("--edges", type=int, default=6_600_000)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--device", default="auto")
    parser.add_argument(
        "--without-geometric", action="store_true", help="it needs 4 KB an edge pair at size 64"
    )
    options = parser.parse_args()
    result = measure(options, prepared(options))
    print(result)
    if options.markdown:
        write_text(options.markdown, result + "\n")


if __name__ == "__main__":
    main()
