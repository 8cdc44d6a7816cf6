"""The textbook LightGCN (He et al., SIGIR 2020) by torch-geometric as a source of candidates."""

from dataclasses import dataclass

import numpy as np
import torch
from torch_geometric.nn import LightGCN

from challenge import FitContext, FittedVectors, TrackVectors


@dataclass(frozen=True)
class TextbookLightGCN:
    embedding_size: int = 64
    layers: int = 3
    epochs: int = 20
    batch_size: int = 2048
    num_candidates: int = 300
    weight: float = 0.0

    def fit(self, context: FitContext) -> FittedVectors:
        torch.manual_seed(context.seed)
        graph, n_rows = context.graph, context.graph.n_rows
        rows = torch.from_numpy(np.repeat(np.arange(n_rows), np.diff(graph.row_indptr)))
        edges = torch.stack([rows, torch.from_numpy(graph.row_indices).long() + n_rows])
        both_ways = torch.cat([edges, edges.flip(0)], 1)
        model = LightGCN(n_rows + graph.n_columns, self.embedding_size, self.layers)
        optimiser = torch.optim.Adam(model.parameters(), lr=1e-3)
        for _ in range(self.epochs):
            for batch in torch.randperm(len(rows)).split(self.batch_size):
                positive = edges[:, batch]
                negative = torch.stack([positive[0], torch.randint(n_rows, model.num_nodes, (len(batch),))])
                ranks = model(both_ways, torch.cat([positive, negative], 1)).chunk(2)
                loss = model.recommendation_loss(*ranks, node_id=positive.unique(), lambda_reg=1e-4)
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
        vectors = model.get_embedding(both_ways).detach().numpy()
        return FittedVectors(vectors[:n_rows], TrackVectors(vectors[n_rows : n_rows + graph.n_tracks]))
