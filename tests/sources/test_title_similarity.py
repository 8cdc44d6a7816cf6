"""Weights of n-grams, held against the formula written out densely in float64."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st

from challenge.sources.title_similarity import TitleSimilarity, ngrams

KEYS = ["chill", "chill chill", "summer vibes", "summr vibes", "🔥", "🔥 🔥", "été", "a", "日本 語", "1"]
QUERIES = ["chilling", "", "summer", "🔥 summer", "a a a a a", "zzz", "👍", "語"]


def counted(key: str, longest: int) -> Counter[str]:
    """N-grams by trying every place and length."""
    words = [f" {word} " for word in key.split()]
    places = [
        (word, start, start + n)
        for word in words
        for n in range(1, longest + 1)
        for start in range(len(word))
    ]
    return Counter(word[start:stop] for word, start, stop in places if stop <= len(word))


def naive(keys: list[str], queries: list[str], longest: int) -> np.ndarray:
    """Cosines of queries and keys, shape (Q, K)."""
    known = [counted(key, longest) for key in keys]
    features = sorted(set().union(*known))
    rarity = {f: 1 + math.log((1 + len(keys)) / (1 + sum(f in own for own in known))) for f in features}

    def unit(own: Counter[str]) -> np.ndarray:
        weights = np.array([(1 + math.log(own[f])) * rarity[f] if own[f] else 0.0 for f in features])
        direction: np.ndarray = weights / (np.linalg.norm(weights) or 1)
        return direction

    rows, columns = [unit(counted(q, longest)) for q in queries], [unit(own) for own in known]
    table: np.ndarray = np.array(rows).reshape(len(queries), len(features)) @ np.array(columns).T
    return table


def weighed(keys: list[str], queries: list[str], longest: int) -> tuple[sp.csr_matrix, sp.csr_matrix]:
    """Weights of known keys and of queries."""
    similarity = TitleSimilarity(keys, longest)
    return similarity.known, similarity.weights(queries)


@pytest.mark.parametrize("longest", [1, 2, 4, 9])
def test_inner_products_are_the_cosines_of_the_formula(longest: int) -> None:
    known, asked = weighed(KEYS, QUERIES, longest)
    assert known.dtype == asked.dtype == np.float32
    assert known.shape[1] == asked.shape[1] == len(set().union(*(counted(key, longest) for key in KEYS)))
    np.testing.assert_allclose((asked @ known.T).toarray(), naive(KEYS, QUERIES, longest), atol=1e-6)
    np.testing.assert_allclose((known @ known.T).diagonal(), 1, atol=1e-6)
    assert asked[QUERIES.index("")].nnz == 0


words = st.text(st.sampled_from("ab é🔥日"), max_size=8)


@given(
    st.lists(words.filter(lambda key: bool(key.split())), min_size=1, max_size=6), st.lists(words, max_size=4)
)
def test_any_keys_agree_with_the_formula(keys: list[str], queries: list[str]) -> None:
    known, asked = weighed(keys, queries, 4)
    np.testing.assert_allclose((asked @ known.T).toarray(), naive(keys, queries, 4), atol=1e-6)


def test_ngrams_stay_inside_their_word() -> None:
    assert list(ngrams("ab", 2)) == [" ", "a", "b", " ", " a", "ab", "b "]
    assert list(ngrams("a", 9)) == [" ", "a", " ", " a", "a ", " a "]
    assert Counter(ngrams("a bc", 4)) == Counter(ngrams("a", 4)) + Counter(ngrams("bc", 4))
    assert list(ngrams("", 4)) == []


def test_columns_are_in_the_order_of_the_ngrams_and_rows_are_sorted() -> None:
    known, _ = weighed(["ba", "b"], [], 1)
    np.testing.assert_array_equal(known.toarray() > 0, [[True, True, True], [True, False, True]])
    assert known.has_sorted_indices
