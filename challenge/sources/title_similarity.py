"""Similarity of titles by their character n-grams."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy.sparse as sp


class TitleSimilarity:
    """Cosine of the character n-grams of titles in tf-idf weights, inside word bounds.

    ``keys`` are K distinct known titles, n-grams are of 1 to ``max_ngram`` characters.
    """

    def __init__(self, keys: Sequence[str], max_ngram: int) -> None:
        from sklearn.feature_extraction.text import TfidfVectorizer

        self._n_keys = len(keys)
        self._vectorizer = TfidfVectorizer(
            analyzer="char_wb",
            ngram_range=(1, max_ngram),
            sublinear_tf=True,
            lowercase=False,
            dtype=np.float32,
        )
        self._known = self._vectorizer.fit_transform(keys).T.tocsr() if keys else None

    def to(self, key: str) -> sp.csr_matrix:
        """Return the similarity of ``key`` to each known title; CSR, float32, shape (1, K)."""
        if self._known is None or not key:
            return sp.csr_matrix((1, self._n_keys), dtype=np.float32)
        return sp.csr_matrix(self._vectorizer.transform([key]) @ self._known)
