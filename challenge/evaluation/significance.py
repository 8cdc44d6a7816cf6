"""How sure a mean is: bootstrap intervals and paired tests over playlists, stratified by category."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from challenge.evaluation.defaults import CONFIDENCE, PERMUTATIONS, RESAMPLES
from challenge.types import Float64Array

_BLOCK: Final = 250


@dataclass(frozen=True)
class Estimate:
    """A mean over playlists, with the ends of its confidence interval."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class PairedDifference:
    """How much a second system differs from a first on the same playlists.

    Attributes:
        first: mean of the first system.
        second: mean of the second.
        difference: second minus first, with its confidence interval.
        p_value: share of random sign changes that give a mean difference at least as large, two-sided.
    """

    first: float
    second: float
    difference: Estimate
    p_value: float

    @property
    def significant(self) -> bool:
        """Whether the difference is larger than chance would make it in one of twenty cases."""
        return self.p_value < 1 - CONFIDENCE


def resampled_means(values: Float64Array, *, seed: int, resamples: int = RESAMPLES) -> Float64Array:
    """Means of ``values`` (Q, metrics) over playlists drawn anew with replacement; (resamples, metrics)."""
    rng = np.random.default_rng(seed)
    count = len(values)
    even = np.full(count, 1 / count)
    means = [
        rng.multinomial(count, even, size=min(_BLOCK, resamples - start)) @ values
        for start in range(0, resamples, _BLOCK)
    ]
    return np.concatenate(means) / count


def estimates(values: Float64Array, resampled: Float64Array) -> tuple[Estimate, ...]:
    """Means of ``values`` (Q, metrics), with percentile intervals from their resampled means.

    Source: Efron 1979, percentile bootstrap.
    """
    tail = 100 * (1 - CONFIDENCE) / 2
    ends = zip(values.mean(axis=0), *np.percentile(resampled, [tail, 100 - tail], axis=0), strict=True)
    return tuple(Estimate(float(mean), float(low), float(high)) for mean, low, high in ends)


def stratified_means(
    values: Float64Array, strata: Sequence[str], *, seed: int, resamples: int = RESAMPLES
) -> dict[str, Float64Array]:
    """Resampled means of ``values`` (Q, metrics) in each stratum.

    Each stratum draws its own playlists, from ``seed`` and its rank among them.
    """
    labels = np.array(strata)
    seeds = np.random.SeedSequence(seed).generate_state(len(set(strata)))
    return {
        name: resampled_means(values[labels == name], seed=int(own), resamples=resamples)
        for name, own in zip(sorted(set(strata)), seeds, strict=True)
    }


def pooled(means: dict[str, Float64Array], strata: Sequence[str]) -> Float64Array:
    """Resampled means over all playlists: each stratum's, weighted by its share of the playlists."""
    names, counts = np.unique(np.array(strata), return_counts=True)
    return sum(
        (means[str(name)] * (count / len(strata)) for name, count in zip(names, counts, strict=True)),
        start=np.zeros_like(means[str(names[0])]),
    )


def paired_differences(
    first: Float64Array,
    second: Float64Array,
    strata: Sequence[str],
    *,
    seed: int = 0,
    resamples: int = RESAMPLES,
    permutations: int = PERMUTATIONS,
) -> tuple[PairedDifference, ...]:
    """Compare the values of two systems (Q, metrics) on the same playlists, a result for each column.

    Source: paired bootstrap and Fisher's randomisation test, as in Smucker et al. 2007.
    """
    change = second - first
    drawn = pooled(stratified_means(change, strata, seed=seed, resamples=resamples), strata)
    p_values = _sign_flip_p_values(change, seed=seed, permutations=permutations)
    return tuple(
        PairedDifference(float(a), float(b), difference, float(p))
        for a, b, difference, p in zip(
            first.mean(axis=0), second.mean(axis=0), estimates(change, drawn), p_values, strict=True
        )
    )


def _sign_flip_p_values(change: Float64Array, *, seed: int, permutations: int) -> Float64Array:
    """Two-sided p-values, counting the observed signs as one of the draws, so that none is 0."""
    # Rounding must not decide between equal sums.
    observed = np.abs(change.sum(axis=0)) * (1 - 1e-12)
    rng = np.random.default_rng(seed)
    extreme = np.ones(change.shape[1])
    for start in range(0, permutations, _BLOCK):
        block = min(_BLOCK, permutations - start)
        flips = np.unpackbits(rng.integers(0, 256, (block, -(-len(change) // 8)), np.uint8), axis=1)
        sums = (1.0 - 2.0 * flips[:, : len(change)]) @ change
        extreme += (np.abs(sums) >= observed).sum(axis=0)
    return extreme / (permutations + 1)
