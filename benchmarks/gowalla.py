"""LightGCN on Gowalla: quality against the paper's, and time against the authors' recipe in plain torch.

Run: python benchmarks/gowalla.py FOLDER [--threads N] [--recipe-epochs N] [--recipe-batches N]

FOLDER holds ``train.npz`` and ``test.npz`` (scipy CSR, users × items), the split of the LightGCN paper. The
number of epochs is chosen on a tenth of the training pairs; then training starts afresh on all of them, and
the test pairs are looked at once, at the end. Both trainings count as our time. The recipe is timed on whole
batches (sampling, propagation, backward, Adam) in the same process and extrapolated: batches an epoch times
the 1,000 epochs that its authors train. What it reaches is the paper's figure; it is not run to the end.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import scipy.sparse as sp
import torch

from challenge.artifacts import write_text
from challenge.data.interactions import Interactions
from challenge.graph import BipartiteGraph
from challenge.model.config import LightGCNConfig
from challenge.model.training import train
from challenge.model.validation import Validation
from challenge.threads import thread_count, use_threads

LENGTH = 20
PAPER = (0.1830, 0.1554)
OURS = LightGCNConfig(
    embedding_size=64,
    layers=3,
    row_embeddings=True,
    own_layer=False,
    smoothing=0.0,
    min_degree=0,
    masking=False,
    bias=False,
    temperature=0.1,
    batch_size=4096,
    epochs=60,
    validate_every=3,
    patience=3,
)


def split_pairs(matrix: sp.csr_matrix, share: float, seed: int) -> tuple[sp.csr_matrix, sp.csr_matrix]:
    """Part a random ``share`` of the pairs from the rest, but none whose item would be left without any."""
    rng = np.random.default_rng(seed)
    rows = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    gone = rng.random(matrix.nnz) < share
    left = np.bincount(matrix.indices[~gone], minlength=matrix.shape[1])
    gone &= left[matrix.indices] > 0

    def part(keep: np.ndarray) -> sp.csr_matrix:
        ones = np.ones(np.count_nonzero(keep), np.int8)
        return sp.csr_matrix((ones, (rows[keep], matrix.indices[keep])), shape=matrix.shape)

    return part(~gone), part(gone)


def as_validation(pairs: sp.csr_matrix, n_rows: int, seed: int) -> Validation:
    """Watch the training on some users that have held-out pairs."""
    users = np.flatnonzero(np.diff(pairs.indptr))
    chosen = np.sort(np.random.default_rng(seed).choice(users, min(n_rows, len(users)), replace=False))
    rows = pairs[chosen]
    relevant = Interactions(rows.indptr.astype(np.int64), rows.indices.astype(np.int32), rows.indices)
    return Validation(chosen, relevant, length=LENGTH)


def judge(
    rows: np.ndarray, columns: np.ndarray, seen: sp.csr_matrix, wanted: sp.csr_matrix
) -> tuple[float, float]:
    """Mean Recall@20 and NDCG@20 over users with wanted items; all items ranked but those seen."""
    discount = 1.0 / np.log2(np.arange(LENGTH) + 2.0)
    ideal = np.cumsum(discount)
    recalls, ndcgs = [], []
    users = np.flatnonzero(np.diff(wanted.indptr))
    for start in range(0, len(users), 512):
        tile = users[start : start + 512]
        scores = torch.from_numpy(rows[tile]) @ torch.from_numpy(columns).T
        own = seen[tile].tocoo()
        scores[torch.from_numpy(own.row).long(), torch.from_numpy(own.col).long()] = -torch.inf
        for user, best in zip(tile, torch.topk(scores, LENGTH).indices.numpy(), strict=True):
            relevant = wanted.indices[wanted.indptr[user] : wanted.indptr[user + 1]]
            hits = np.isin(best, relevant)
            recalls.append(hits.sum() / len(relevant))
            ndcgs.append(discount[hits].sum() / ideal[min(len(relevant), LENGTH) - 1])
    return float(np.mean(recalls)), float(np.mean(ndcgs))


def train_ours(pairs: sp.csr_matrix) -> tuple[np.ndarray, np.ndarray, int, float]:
    """Choose the number of epochs on a tenth of the pairs, train on all; vectors, epochs and seconds."""
    start = time.perf_counter()
    fewer, held = split_pairs(pairs, 0.1, seed=0)
    validation = as_validation(held, 5000, seed=1)
    trial = train(BipartiteGraph.from_matrix(fewer), OURS, validation=validation)
    epochs = max(1, trial.report.best_epoch)
    print(
        "validation NDCG@20:", {e["epoch"]: round(e["ndcg"], 4) for e in trial.report.epochs if "ndcg" in e}
    )
    final = train(BipartiteGraph.from_matrix(pairs), replace(OURS, epochs=epochs, patience=0)).embeddings
    return final.rows, final.columns, epochs, time.perf_counter() - start


def seconds_per_recipe_epoch(pairs: sp.csr_matrix, batches: int, size: int = 2048) -> float:
    """Time whole batches of the authors' recipe, written plainly: autograd through a sparse product, Adam."""
    users, items = pairs.shape
    adjacency = _symmetric(pairs)
    embedding = torch.nn.Embedding(users + items, 64)
    torch.nn.init.normal_(embedding.weight, std=0.1)
    optimiser = torch.optim.Adam(embedding.parameters(), lr=1e-3)
    rng = np.random.default_rng(0)
    active = np.flatnonzero(np.diff(pairs.indptr))
    begin = 0.0
    for batch in range(batches + 2):  # two to warm up
        if batch == 2:
            begin = time.perf_counter()
        user = rng.choice(active, size)
        place = (rng.random(size) * np.diff(pairs.indptr)[user]).astype(np.int64)
        chosen = [
            user,
            users + pairs.indices[pairs.indptr[user] + place],
            users + rng.integers(0, items, size),
        ]
        u, i, j = (torch.from_numpy(np.asarray(index, np.int64)) for index in chosen)
        layers = [embedding.weight]
        for _ in range(3):
            layers.append(adjacency @ layers[-1])
        final = torch.stack(layers).mean(0)
        loss = torch.nn.functional.softplus((final[u] * (final[j] - final[i])).sum(1)).mean()
        start = embedding.weight
        penalty = 1e-4 / 2 * (start[u].square() + start[i].square() + start[j].square()).sum() / size
        optimiser.zero_grad()
        (loss + penalty).backward()
        optimiser.step()
    return (time.perf_counter() - begin) / batches * -(-pairs.nnz // size)


def _symmetric(pairs: sp.csr_matrix) -> torch.Tensor:
    graph = BipartiteGraph.from_matrix(pairs)
    block = graph.normalised_matrix()
    whole = sp.csr_matrix(sp.bmat([[None, block], [block.T, None]]), dtype=np.float32)
    crow, column = torch.from_numpy(whole.indptr), torch.from_numpy(whole.indices)
    return torch.sparse_csr_tensor(crow, column, torch.from_numpy(whole.data), whole.shape)


def report(options: argparse.Namespace) -> str:
    """Train, judge and time; a Markdown table."""
    pairs = sp.csr_matrix(sp.load_npz(options.folder / "train.npz"))
    rows, columns, epochs, seconds = train_ours(pairs)
    recall, ndcg = judge(rows, columns, pairs, sp.csr_matrix(sp.load_npz(options.folder / "test.npz")))
    epoch = seconds_per_recipe_epoch(pairs, options.recipe_batches)
    recipe = epoch * options.recipe_epochs
    return "\n".join(
        [
            "| | Recall@20 | NDCG@20 | epochs | time |",
            "|---|---|---|---|---|",
            f"| LightGCN paper | {PAPER[0]:.4f} | {PAPER[1]:.4f} | 1000 | |",
            f"| authors' recipe, plain torch | | | {options.recipe_epochs} | "
            f"{epoch:.0f} s an epoch, so {recipe / 3600:.1f} h |",
            f"| ours, choice of epochs included | {recall:.4f} | {ndcg:.4f} | {epochs} | {seconds:.0f} s |",
            "",
            f"{recipe / seconds:.0f} times less time than {options.recipe_epochs} epochs of the recipe; "
            f"it would have done {seconds / epoch:.1f} epochs in ours. {thread_count()} threads.",
        ]
    )


def main() -> None:
    """Parse the command line and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--recipe-epochs", type=int, default=1000)
    parser.add_argument("--recipe-batches", type=int, default=20)
    parser.add_argument("--markdown", type=Path, help="write the table here too")
    options = parser.parse_args()
    use_threads(options.threads)
    torch.set_num_threads(thread_count())
    table = report(options)
    print(table)
    if options.markdown:
        write_text(options.markdown, table + "\n")


if __name__ == "__main__":
    main()
