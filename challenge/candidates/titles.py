"""Title neighbours: playlists with the same or a similar title vote for their tracks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from challenge.candidates.base import DenseAnswer, QueryTile, dense_answer
from challenge.candidates.index import CorpusIndex
from challenge.candidates.kernels import weighted_row_scores
from challenge.data.corpus import Queries
from challenge.data.playlists import Playlists
from challenge.data.title_similarity import tfidf_weights
from challenge.data.titles import title_key
from challenge.types import FloatArray, Int32Array, Int64Array


@dataclass(frozen=True, eq=False)
class TitleGroups:
    """Training playlists grouped by the key of their title; letter K keys.

    Attributes:
        keys: distinct non-empty keys, sorted.
        group_start: where the playlists of each key begin, int64, shape (K + 1,).
        group_row: playlists by key, int32.
    """

    keys: tuple[str, ...]
    group_start: Int64Array
    group_row: Int32Array

    @property
    def sizes(self) -> Int64Array:
        """Playlists of each key, int64, shape (K,)."""
        return np.diff(self.group_start)


def group_titles(playlists: Playlists) -> TitleGroups:
    """Group playlists whose titles normalise to the same key; those without a title are left out."""
    key_of_title = [title_key(title) for title in playlists.titles]
    used = np.unique(playlists.title_index[playlists.title_index >= 0])
    keys = sorted({key_of_title[title] for title in used} - {""})
    number = {key: i for i, key in enumerate(keys)}
    group_of_title = np.array([number.get(key, -1) for key in key_of_title] + [-1], np.int64)
    group = group_of_title[playlists.title_index]
    titled = np.flatnonzero(group >= 0)
    order = titled[np.argsort(group[titled], kind="stable")]
    start = np.concatenate([[0], np.cumsum(np.bincount(group[titled], minlength=len(keys)))])
    return TitleGroups(tuple(keys), start.astype(np.int64), order.astype(np.int32))


@dataclass(frozen=True)
class TitleNeighbours:
    """Configuration of the title source.

    Similarity of two titles is the cosine of their character n-grams in tf-idf weights, inside word bounds;
    an emoji is a word of its own. Equal titles have similarity 1.

    Attributes:
        longest_ngram: n-grams of 1 to this many characters.
        least_similarity: less similar titles do not vote.
        sharpness: a vote is the similarity to this power.
        similar_titles: how many titles at most vote for a query.
        length_damping: a playlist's vote is divided by its length to this power.
        depth: candidates for each query.
        name: what features call it.
    """

    longest_ngram: int = 4
    least_similarity: float = 0.3
    sharpness: float = 3.0
    similar_titles: int = 200
    length_damping: float = 0.0
    depth: int = 400
    name: str = "title"

    def fit(self, index: CorpusIndex, queries: Queries, groups: TitleGroups) -> TitleGenerator:
        """Find the titles similar to each query's and the playlists behind them."""
        keys = [title_key(title) if title else "" for title in queries.titles]
        similarity = similar_keys(keys, groups.keys, self)
        start, row, weight = _spread(similarity, groups)
        damping = np.maximum(index.row_lengths[row], 1) ** -self.length_damping
        exact = dict(zip(groups.keys, groups.sizes.tolist(), strict=True))
        return TitleGenerator(
            name=self.name,
            depth=self.depth,
            index=index,
            entry_start=start,
            entry_row=row,
            entry_weight=(weight * damping).astype(np.float32),
            namesakes=np.array([exact.get(key, 0) for key in keys], np.float32),
        )


@dataclass(frozen=True, eq=False)
class TitleGenerator:
    """Votes of playlists with similar titles; letter N votes in all.

    Attributes:
        entry_start: where the votes of each query begin, int64, shape (Q + 1,).
        entry_row: voting playlist, int32, shape (N,).
        entry_weight: weight of its vote, float32, shape (N,).
        namesakes: training playlists with exactly the query's title, float32, shape (Q,).
    """

    name: str
    depth: int
    index: CorpusIndex
    entry_start: Int64Array
    entry_row: Int32Array
    entry_weight: FloatArray
    namesakes: FloatArray

    @property
    def support(self) -> FloatArray:
        """Sum of the votes' weights of each query, float32, shape (Q,)."""
        total = np.concatenate([[0], np.cumsum(self.entry_weight, dtype=np.float64)])
        return np.diff(total[self.entry_start]).astype(np.float32)

    def scores(self, tile: QueryTile) -> FloatArray:
        """Weighted votes for each track, float32, shape (B, T)."""
        scores = np.zeros((len(tile), self.index.n_tracks), np.float32)
        start = self.entry_start[tile.start : tile.stop + 1]
        entries = slice(int(start[0]), int(start[-1]))
        weighted_row_scores(
            start - start[0],
            self.entry_row[entries],
            self.entry_weight[entries],
            self.index.row_start,
            self.index.row_track,
            scores,
        )
        return scores

    def answer(self, tile: QueryTile) -> DenseAnswer:
        """See :class:`challenge.candidates.base.CandidateGenerator`."""
        return dense_answer(self.scores(tile), tile, self.depth)


def similar_keys(queries: Sequence[str], keys: Sequence[str], config: TitleNeighbours) -> sp.csr_matrix:
    """Similarity of query keys and known keys to the power of sharpness; CSR, shape (Q, K), float32."""
    if not keys or not any(queries):
        return sp.csr_matrix((len(queries), len(keys)), dtype=np.float32)
    distinct = sorted(set(queries))
    known, asked = tfidf_weights(keys, distinct, config.longest_ngram)
    by_ngram = known.T.tocsr()
    number = {key: i for i, key in enumerate(distinct)}
    rows = [_sharpened(asked[i] @ by_ngram, config) for i in range(len(distinct))]
    return sp.vstack(rows, format="csr")[[number[key] for key in queries]]


def _sharpened(similarity: sp.csr_matrix, config: TitleNeighbours) -> sp.csr_matrix:
    similarity.data[similarity.data < config.least_similarity] = 0
    if similarity.nnz > config.similar_titles:
        cut = np.partition(similarity.data, -config.similar_titles)[-config.similar_titles]
        similarity.data[similarity.data < cut] = 0
    similarity.data **= config.sharpness
    similarity.eliminate_zeros()
    return similarity


def _spread(similarity: sp.csr_matrix, groups: TitleGroups) -> tuple[Int64Array, Int32Array, FloatArray]:
    """Votes of title groups become votes of their playlists."""
    sizes = groups.sizes[similarity.indices]
    ends = np.cumsum(sizes)
    first = groups.group_start[similarity.indices] - (ends - sizes)
    total = int(ends[-1]) if len(ends) else 0
    row = groups.group_row[np.arange(total) + np.repeat(first, sizes)]
    weight = np.repeat(similarity.data, sizes).astype(np.float32)
    start = np.concatenate([[0], ends])[similarity.indptr].astype(np.int64)
    return start, row, weight
