"""Similarity of titles by their character n-grams."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import scipy.sparse as sp

from challenge.types import FloatArray


class TitleSimilarity:
    """Cosine of the character n-grams of titles in tf-idf weights, inside word bounds.

    ``keys`` are K distinct known titles, n-grams are of 1 to ``max_ngram`` characters; N of them occur. An
    n-gram that occurs c times in a title and in d of the K known ones weighs
    (1 + ln c)(1 + ln((1 + K) / (1 + d))), and a title's weights are divided by their norm. Source of the
    formula: scikit-learn's TfidfVectorizer (``char_wb``, ``sublinear_tf``), whose float32 results these are.

    Attributes:
        known: weights of the known titles, columns in the n-grams' order, CSR, float32, shape (K, N).
    """

    def __init__(self, keys: Sequence[str], max_ngram: int) -> None:
        self._max_ngram = max_ngram
        found = [list(ngrams(key, max_ngram)) for key in keys]
        self._column = {ngram: i for i, ngram in enumerate(sorted(set().union(*found)))}
        counts = _counts(found, self._column)
        self._rarity = _rarity(counts)
        self.known = _weighed(counts, self._rarity)
        self._by_ngram = self.known.T.tocsr()

    def weights(self, keys: Sequence[str]) -> sp.csr_matrix:
        """Weights of B titles; n-grams that no known title has are left out; CSR, float32, shape (B, N)."""
        known = ([ngram for ngram in ngrams(key, self._max_ngram) if ngram in self._column] for key in keys)
        return _weighed(_counts(list(known), self._column), self._rarity)

    def to(self, keys: Sequence[str]) -> sp.csr_matrix:
        """Return the similarity of B titles to each known one; CSR, float32, shape (B, K)."""
        return sp.csr_matrix(self.weights(keys) @ self._by_ngram)


def ngrams(key: str, max_ngram: int) -> Iterator[str]:
    """Character n-grams of 1 to ``max_ngram`` inside each word, which a space begins and ends."""
    for word in key.split():
        padded = f" {word} "
        for length in range(1, min(max_ngram, len(padded)) + 1):
            for start in range(len(padded) - length + 1):
                yield padded[start : start + length]


def _counts(found: Sequence[Sequence[str]], column: dict[str, int]) -> sp.csr_matrix:
    indptr = np.cumsum([0, *map(len, found)])
    index = np.fromiter((column[ngram] for ngrams in found for ngram in ngrams), np.int32, indptr[-1])
    counts = sp.csr_matrix((np.ones(len(index), np.float32), index, indptr), (len(found), len(column)))
    counts.sum_duplicates()
    return counts


def _rarity(counts: sp.csr_matrix) -> FloatArray:
    keys = np.bincount(counts.indices, minlength=counts.shape[1]).astype(np.float32)
    rarity: FloatArray = np.log(np.float32(counts.shape[0] + 1) / (keys + 1)) + 1
    return rarity


def _weighed(counts: sp.csr_matrix, rarity: FloatArray) -> sp.csr_matrix:
    row = np.repeat(np.arange(counts.shape[0]), np.diff(counts.indptr))
    weight = (np.log(counts.data) + 1) * rarity[counts.indices]
    norm = np.sqrt(np.bincount(row, weight * weight))
    counts.data = (weight / norm[row]).astype(np.float32)
    return counts
