"""Memory is reckoned before training, and what does not fit is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest

from challenge.errors import ResourceError
from challenge.lightgcn.config import LightGCNConfig
from challenge.lightgcn.memory import GraphSize, estimate_memory, require_memory, rows_per_chunk


def test_memory_is_refused_beforehand_with_what_would_fit() -> None:
    size = GraphSize(1_010_000, 2_260_000, 66_000_000)
    config = LightGCNConfig(embedding_size=128)
    needed = estimate_memory(size, config)
    with pytest.raises(ResourceError, match=r"needs \d+\.\d GB, 8\.0 GB are free") as caught:
        require_memory(size, config, 8_000_000_000)
    assert "embedding_size = " in (caught.value.hint or "")
    assert require_memory(size, config, needed) == needed


def test_the_largest_embeddings_that_would_fit_are_named() -> None:
    size = GraphSize(1_010_000, 2_260_000, 66_000_000)

    def hint(config: LightGCNConfig, available: int) -> str:
        with pytest.raises(ResourceError) as caught:
            require_memory(size, config, available)
        return caught.value.hint or ""

    wide = LightGCNConfig(embedding_size=100)
    assert hint(wide, estimate_memory(size, replace(wide, embedding_size=64))) == "use embedding_size = 64"
    exact = LightGCNConfig(embedding_size=100, storage="fp32")
    assert hint(exact, estimate_memory(size, wide)) == "use storage = bf16"
    fits = estimate_memory(size, LightGCNConfig(embedding_size=16))
    assert hint(exact, fits) == "use embedding_size = 16 and storage = bf16"
    assert "more memory" in hint(wide, 1_000_000)


def test_a_roomy_gpu_scores_more_rows_at_once_and_the_estimate_knows() -> None:
    assert rows_per_chunk("cuda", 80_000_000_000) == 4 * rows_per_chunk("cuda", 8_000_000_000)
    assert rows_per_chunk("cpu", 80_000_000_000) == rows_per_chunk("cuda", 8_000_000_000)
    size, config = GraphSize(1_000_000, 1_200_000, 66_000_000), LightGCNConfig()
    few, many = (estimate_memory(size, config, chunk_rows=rows) for rows in (4096, 16_384))
    vectors = config.positives * config.embedding_size * 4 * 6
    assert many - few == (16_384 - 4096) * (config.negatives * 16 + vectors)
