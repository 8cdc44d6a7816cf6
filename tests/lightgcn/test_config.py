"""Settings that cannot work are refused, and those left out are worked out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from challenge.errors import ConfigError
from challenge.lightgcn.config import LightGCNConfig, paper_config


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"layers": 0}, "layers"),
        ({"layers": 3, "layer_weights": (1.0, 1.0)}, "layer_weights"),
        ({"temperature": 0.0}, "temperature"),
        ({"layer_weights": (1.0,)}, "layer_weights"),
        ({"objective": "bpr"}, "objective"),
        ({"min_kept": 0.9, "max_kept": 0.1}, "min_kept"),
    ],
)
def test_impossible_settings_are_refused(changes: dict[str, Any], name: str) -> None:
    with pytest.raises(ConfigError, match=f"^{name} is"):
        LightGCNConfig(**changes)


def test_epochs_end_by_edges_on_a_cpu_only() -> None:
    """The whole MPD: 16 steps an epoch, four passes over 67 million edges each."""
    whole = 16 * 4 * 67_400_000
    assert LightGCNConfig().epochs_at_most(whole, "cpu") == 5
    assert LightGCNConfig().epochs_at_most(whole, "cuda") == 40
    assert LightGCNConfig().epochs_at_most(whole // 10, "cpu") == 40
    assert LightGCNConfig(epochs=3).epochs_at_most(whole, "cpu") == 3
    assert LightGCNConfig(max_edges=0).epochs_at_most(whole, "cpu") == 40
    assert LightGCNConfig(max_edges=1).epochs_at_most(0, "cpu") == 1


def test_readout_is_the_mean_of_the_layers() -> None:
    assert LightGCNConfig(layers=2).readout == (0.0, 0.5, 0.5)
    assert paper_config().readout == (0.25,) * 4
    assert LightGCNConfig(layers=1, layer_weights=(0.3, 0.7)).readout == (0.3, 0.7)


def test_learning_rate_falls_by_half_a_cosine() -> None:
    constant = LightGCNConfig(learning_rate=0.1)
    assert [constant.learning_rate_at(step, 6, 100_000) for step in (0, 3, 6)] == [0.1, 0.1, 0.1]
    falling = LightGCNConfig(learning_rate=0.1, schedule="cosine")
    rates = [falling.learning_rate_at(step, 6, 100_000) for step in (0, 2, 3, 6)]
    np.testing.assert_allclose(rates, [0.1, 0.075, 0.05, 0.0], atol=1e-12)


def test_the_learning_rate_goes_with_the_batch_unless_it_is_named() -> None:
    usual = LightGCNConfig()
    rates = [usual.learning_rate_at(0, 6, rows) for rows in (256, 2048, 4096, 12_500, 65_536)]
    assert rates == pytest.approx([0.002, 0.002, 0.002 * 2**0.75, 0.00776, 0.008], rel=1e-3)
    assert LightGCNConfig(learning_rate=0.002).learning_rate_at(0, 6, 65_536) == 0.002
    assert LightGCNConfig(schedule="cosine").learning_rate_at(3, 6, 65_536) == pytest.approx(0.004)
