"""Weights of character n-grams, whose inner products say how similar two titles are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import scipy.sparse as sp

from challenge.types import FloatArray


def ngrams(key: str, longest: int) -> Iterator[str]:
    """Character n-grams of 1 to ``longest`` inside each word, which a space begins and ends."""
    for word in key.split():
        padded = f" {word} "
        for length in range(1, min(longest, len(padded)) + 1):
            for start in range(len(padded) - length + 1):
                yield padded[start : start + length]


def tfidf_weights(
    keys: Sequence[str], queries: Sequence[str], longest: int
) -> tuple[sp.csr_matrix, sp.csr_matrix]:
    """Weigh the n-grams of known keys and of queries; N of them occur in the known keys.

    An n-gram that occurs c times in a key and in d of K known keys weighs
    (1 + ln c)(1 + ln((1 + K) / (1 + d))), and each key's weights are divided by their norm: inner products
    of two keys' weights are cosines. Other n-grams of queries are left out. Source of the formula:
    scikit-learn's TfidfVectorizer (``char_wb``, ``sublinear_tf``), whose float32 results these are.

    Returns:
        CSR, float32, shapes (K, N) and (Q, N), columns in the n-grams' order.
    """
    known = [list(ngrams(key, longest)) for key in keys]
    column = {ngram: i for i, ngram in enumerate(sorted(set().union(*known)))}
    counts = _counts(known, column)
    rarity = _rarity(counts)
    asked = _counts([[n for n in ngrams(query, longest) if n in column] for query in queries], column)
    return _weighed(counts, rarity), _weighed(asked, rarity)


def _counts(found: Sequence[Sequence[str]], column: dict[str, int]) -> sp.csr_matrix:
    start = np.cumsum([0, *map(len, found)])
    index = np.fromiter((column[ngram] for ngrams in found for ngram in ngrams), np.int32, start[-1])
    counts = sp.csr_matrix((np.ones(len(index), np.float32), index, start), (len(found), len(column)))
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
