"""Memory that training takes, known before it starts."""

from __future__ import annotations

from dataclasses import dataclass, replace

from challenge.errors import ResourceError
from challenge.graph import BipartiteGraph
from challenge.lightgcn.config import LightGCNConfig
from challenge.machine import Memory, memory

_FIXED = 300_000_000
"""Bytes of the libraries themselves."""
_CHUNK_ROWS = 4096
_ROOMY = 16_000_000_000


@dataclass(frozen=True)
class GraphSize:
    """Rows, columns and edges of a graph."""

    rows: int
    columns: int
    edges: int

    @classmethod
    def of(cls, graph: BipartiteGraph) -> GraphSize:
        """Sizes of ``graph``."""
        return cls(graph.n_rows, graph.n_columns, graph.n_edges)


def rows_per_chunk(device: str, total: int) -> int:
    """Rows of a batch whose logits are held at once on a device with ``total`` bytes of memory.

    A GPU needs large matrices to be busy, and gets them where it has room.
    """
    return 4 * _CHUNK_ROWS if device == "cuda" and total >= _ROOMY else _CHUNK_ROWS


def estimate_memory(size: GraphSize, config: LightGCNConfig, *, chunk_rows: int = _CHUNK_ROWS) -> int:
    """Peak bytes of training; an upper estimate.

    ``embeddings * D * 4 * (parameters + 2 moments + kept best state) + nodes * D * (4 + 2 * storage bytes)``
    for the outputs and the two layers in flight, 28 bytes an edge (both directions, masking and the
    drawing of batches), the logits of ``chunk_rows`` rows of a batch in a few copies, and the libraries.
    """
    nodes = size.rows + size.columns
    trained = nodes if config.row_embeddings else size.columns
    width = 4 if config.storage == "fp32" else 2
    states = trained * config.embedding_size * 4 * 4
    buffers = nodes * config.embedding_size * (4 + 2 * width)
    # The randomised SVD holds a sketch, its product and their orthogonal successors before any moment exists.
    start = nodes * (config.embedding_size + 16) * 4 * 3 if config.initialisation == "spectral" else 0
    edges = size.edges * (28 if config.masking else 20)
    return max(states + buffers, start + buffers) + edges + _batch_bytes(size, config, chunk_rows) + _FIXED


def _batch_bytes(size: GraphSize, config: LightGCNConfig, chunk_rows: int) -> int:
    rows = config.rows_per_batch(size.rows)
    if config.objective == "bpr":
        return rows * config.embedding_size * 4 * 12
    chunk_rows = min(rows, chunk_rows)
    logits = chunk_rows * config.negatives * 4 * 4
    vectors = (chunk_rows * config.positives + config.negatives) * config.embedding_size * 4 * 6
    # The gradients of all parts of a batch are held until its end.
    return logits + vectors + rows * (config.positives + 1) * config.embedding_size * 4


def require_memory(
    size: GraphSize, config: LightGCNConfig, available: int, *, chunk_rows: int = _CHUNK_ROWS
) -> int:
    """Return the estimate, or refuse before anything is allocated.

    Raises:
        ResourceError: more than ``available`` bytes would be needed; the hint names settings that would fit.
    """
    needed = estimate_memory(size, config, chunk_rows=chunk_rows)
    if needed <= available:
        return needed
    raise ResourceError(
        f"training {size.rows:,} rows, {size.columns:,} columns and {size.edges:,} edges with "
        f"embedding_size {config.embedding_size} and storage {config.storage} needs {needed / 1e9:.1f} GB, "
        f"{available / 1e9:.1f} GB are free",
        hint=_what_fits(size, config, available),
    )


def _what_fits(size: GraphSize, config: LightGCNConfig, available: int) -> str:
    for smaller in (config.embedding_size, *halvings(config.embedding_size)):
        changed = replace(config, embedding_size=smaller, storage="bf16")
        if estimate_memory(size, changed) <= available:
            names = [name for name in vars(changed) if getattr(changed, name) != getattr(config, name)]
            return "use " + " and ".join(f"{name} = {getattr(changed, name)}" for name in names)
    return "use a machine with more memory, or fewer playlists"


def halvings(size: int) -> list[int]:
    """Powers of two below ``size``, greatest first, down to 8: what to try where it does not fit."""
    return [1 << power for power in range(max(size - 1, 1).bit_length() - 1, 2, -1)]


def device_memory(device: str = "cpu") -> Memory:
    """Bytes of this process's container or machine, or of the GPU, and what of them is free."""
    if device == "cuda":
        import torch

        free, total = torch.cuda.mem_get_info()
        return Memory(int(total), int(free))
    return memory()
