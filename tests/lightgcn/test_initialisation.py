"""Where training starts, against numpy's SVD."""

from __future__ import annotations

import numpy as np
import torch

from challenge.lightgcn.initialisation import randomised_svd
from challenge.lightgcn.propagation import Propagation
from tests.lightgcn.graphs import random_graph


def test_randomised_svd_finds_the_leading_triplets() -> None:
    graph = random_graph(30, 25, smoothing=2.0)
    propagation = Propagation(graph, embedding_size=4, layer_weights=(0.5, 0.5))
    generator = torch.Generator().manual_seed(0)
    left, values, right = randomised_svd(propagation, 4, graph.n_columns, generator)
    exact = np.linalg.svd(graph.normalised_matrix().toarray(), compute_uv=False)
    np.testing.assert_allclose(values.numpy(), exact[:4], rtol=1e-3)
    np.testing.assert_allclose((left.T @ left).numpy(), np.eye(4), atol=1e-3)
    product = left.T.double().numpy() @ graph.normalised_matrix().toarray() @ right.double().numpy()
    np.testing.assert_allclose(product, np.diag(exact[:4]), atol=2e-3)
