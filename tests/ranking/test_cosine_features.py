"""Cosines of candidates and seeds, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from challenge.ranking.cosine_features import KINDS, cosine_features, cosine_names, describe_cosines
from challenge.ranking.rank import iterate_batches
from challenge.sources.ials import Ials
from challenge.sources.lightgcn import LightGCN
from tests.fitted import fit
from tests.toy_dataset import ToyDataset

pytestmark = pytest.mark.usefixtures("single_thread")


def test_kinds_by_hand() -> None:
    cosines = np.array([[0.4, -0.2, 0.9, 0.1, 0.3]], np.float32)
    described = dict(zip(KINDS, describe_cosines(cosines)[0].tolist(), strict=True))
    assert described == pytest.approx(
        {
            "min": -0.2,
            "median": 0.3,
            "upper_quartile": 0.4,
            "upper_decile": 0.9,
            "max": 0.9,
            "mean": 0.3,
            "last": 0.3,
            "last_seeds": 1.3 / 3,
        }
    )


def test_one_seed_is_every_percentile_and_every_mean() -> None:
    assert (describe_cosines(np.array([[0.25]], np.float32)) == 0.25).all()


def test_each_source_with_embeddings_compares_each_candidate_with_each_seed(toy: ToyDataset) -> None:
    sources = fit(
        toy.dataset,
        "popularity",
        "ials",
        "lightgcn",
        ials=Ials(embedding_size=4, iterations=1),
        lightgcn=LightGCN(embedding_size=4, epochs=1, batch_size=64, negatives=16),
    )
    names = cosine_names(sources.names)
    assert names == [f"{source}_cosine_{kind}" for source in ("ials", "lightgcn") for kind in KINDS]
    seen = {0: 0, 1: 0}
    for _, batch, candidates in iterate_batches(sources, sources.queries(), "test"):
        features = cosine_features(sources, batch, candidates)
        assert features.shape == (len(candidates.track), len(names))
        for row, (query, track) in enumerate(zip(candidates.query, candidates.track, strict=True)):
            seeds = batch.seeds(query)
            seen[min(len(seeds), 1)] += 1
            for number, source in enumerate(("ials", "lightgcn")):
                own = features[row, 8 * number : 8 * number + 8]
                if not len(seeds):
                    assert not own.any()
                    continue
                vectors = sources.fitted[source].track_embeddings.astype(float)  # type: ignore[attr-defined]
                lengths = np.linalg.norm(vectors, axis=1)
                cosines = vectors[seeds] @ vectors[track] / np.maximum(lengths[seeds] * lengths[track], 1e-12)
                wanted = [cosines.min(), cosines.max(), cosines.mean(), cosines[-1], cosines[-3:].mean()]
                np.testing.assert_allclose(own[[0, 4, 5, 6, 7]], wanted, atol=1e-5)
    assert all(seen.values())
