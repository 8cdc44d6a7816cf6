"""LightGCN beside the textbook one by torch-geometric, on the same playlists: time to the same NDCG.

Run: python -m benchmarks.textbook --mpd MPD --challenge PATH [--minutes 10] [--threads N] [--markdown FILE]

The textbook one is ``torch_geometric.nn.LightGCN`` as its paper trains it: three layers of 64 dimensions, an
embedding for every playlist and track, BPR on batches of 2,048 edges, Adam at .001. It gets its adjacency as
a sparse matrix, normalised once, which its layers multiply several times faster than by ``edge_index``. Both
see the same graph without the same held-out tracks, and are scored on these. It trains for so many minutes,
and is looked at in between, which is not counted. Then ours is trained with its defaults, for 0, 1, 2, 4, …
epochs, from the beginning each time, until it is as good: all of that training counts, its start by singular
vectors too. One process, one after the other.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import scipy.sparse as sp
import torch
from torch_geometric.nn import LightGCN as TextbookLightGCN
from torch_geometric.typing import Adj

from benchmarks._command import parser_of, prepared
from challenge.config import RunConfig
from challenge.files import write_text
from challenge.graph import BipartiteGraph
from challenge.lightgcn.config import LightGCNConfig
from challenge.lightgcn.trainer import train
from challenge.lightgcn.validation import Validation, hold_out, mean_ndcg
from challenge.sources.base import FitContext
from challenge.threads import thread_count
from challenge.workflows.inputs import load_inputs

BATCH = 2048
LOOKS = 10


@dataclass(frozen=True)
class Look:
    """What a training had reached after some seconds.

    Attributes:
        name: whose training.
        seconds: that it took.
        amount: steps or epochs that it made.
        ndcg: on the held-out tracks.
    """

    name: str
    seconds: float
    amount: str
    ndcg: float


def textbook(graph: BipartiteGraph, validation: Validation, seconds: float, seed: int = 0) -> Iterator[Look]:
    """Train by the book for so many seconds, and yield what it reaches."""
    torch.manual_seed(seed)
    seen = validation.remaining(graph)
    n_rows = seen.n_rows
    rows = torch.from_numpy(np.repeat(np.arange(n_rows), np.diff(seen.row_indptr)))
    columns = torch.from_numpy(seen.row_indices).long() + n_rows
    start = time.perf_counter()
    adjacency: Adj = _adjacency(seen)
    model = TextbookLightGCN(n_rows + seen.n_columns, 64, 3, normalize=False)
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-3)
    taken, n_steps, looked = time.perf_counter() - start, 0, 0.0
    while taken < seconds:
        begin = time.perf_counter()
        chosen = torch.randint(len(rows), (BATCH,))
        negative = torch.randint(n_rows, n_rows + seen.n_tracks, (BATCH,))
        pairs = [torch.stack([rows[chosen], other]) for other in (columns[chosen], negative)]
        positive_rank, negative_rank = model(adjacency, torch.cat(pairs, 1)).chunk(2)
        nodes = torch.unique(torch.cat([*pairs[0], negative]))
        loss = model.recommendation_loss(positive_rank, negative_rank, node_id=nodes, lambda_reg=1e-4)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        n_steps += 1
        taken += time.perf_counter() - begin
        if taken >= min(looked + seconds / LOOKS, seconds):
            looked = taken
            with torch.no_grad():
                vectors = model.get_embedding(adjacency)
                tracks = vectors[n_rows : n_rows + seen.n_tracks]
                ndcg = mean_ndcg(vectors[torch.from_numpy(validation.rows)], tracks, seen, validation)
            yield Look("torch-geometric", taken, f"{n_steps:,} steps", ndcg)


def _adjacency(graph: BipartiteGraph) -> torch.Tensor:
    """The symmetric matrix of all nodes, each edge by one over the root of its nodes' degrees."""
    block = graph.normalised_matrix()
    whole = sp.csr_matrix(sp.bmat([[None, block], [block.T, None]]), dtype=np.float32)
    crow, column = torch.from_numpy(whole.indptr), torch.from_numpy(whole.indices)
    values = torch.from_numpy(whole.data)
    return torch.sparse_csr_tensor(crow, column, values, whole.shape, check_invariants=True)


def ours(graph: BipartiteGraph, validation: Validation, target: float) -> Iterator[Look]:
    """Train ever longer from the beginning, and yield what is reached, until it is ``target``."""
    config = LightGCNConfig()
    for epochs in (0, 1, 2, 4, 8, 16, config.epochs):
        start = time.perf_counter()
        report = train(graph, replace(config, epochs=epochs), validation=validation, device="cpu").report
        best = max(epoch.ndcg or 0.0 for epoch in report.epochs)
        yield Look("ours", time.perf_counter() - start, f"{epochs} epochs", best)
        if best >= target:
            return


def table(graph: BipartiteGraph, book: list[Look], own: list[Look]) -> str:
    """Both trainings as Markdown, and how many times less time the same NDCG took."""
    lines = [
        f"{graph.n_rows:,} playlists, {graph.n_tracks:,} tracks, {graph.n_edges:,} edges; "
        f"{thread_count()} thread{'s' if thread_count() > 1 else ''}.",
        "",
        "| | trained for | seconds | NDCG |",
        "|---|---|---|---|",
    ]
    lines += [
        f"| {look.name} | {look.amount} | {look.seconds:,.1f} | {look.ndcg:.4f} |" for look in (*book, *own)
    ]
    best = max(book, key=lambda look: look.ndcg)
    reached = next((look for look in own if look.ndcg >= best.ndcg), None)
    lines.append("")
    if reached is None:
        lines.append(f"Ours did not reach the {best.ndcg:.4f} of torch-geometric.")
    else:
        lines.append(
            f"As good as torch-geometric's {best.ndcg:.4f} in "
            f"{best.seconds / reached.seconds:,.0f} times less time."
        )
    return "\n".join(lines)


def main() -> None:
    """Train both and print the table."""
    parser = parser_of(__doc__)
    parser.add_argument("--mpd", type=Path, required=True)
    parser.add_argument("--challenge", type=Path, required=True)
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.set_defaults(device="cpu")
    options = parser.parse_args()
    prepared(options)
    results = report(options)
    print(results)
    if options.markdown:
        heading = f"`make bench-textbook`, {time.strftime('%Y-%m-%d')}"
        write_text(options.markdown, f"# LightGCN beside the textbook's\n\n{heading}\n\n{results}\n")


def report(options: argparse.Namespace) -> str:
    """Load the playlists, train on them, and make the table."""
    dataset = load_inputs(options.mpd, options.challenge, cache=options.cache).dataset
    graph = FitContext(dataset, RunConfig().sources.settings).graph
    validation = hold_out(graph)
    book = list(textbook(graph, validation, 60 * options.minutes))
    own = list(ours(graph, validation, max(look.ndcg for look in book)))
    return table(graph, book, own)


if __name__ == "__main__":
    main()
