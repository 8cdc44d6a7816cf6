"""The device asked for, or why it is not to be had."""

from __future__ import annotations

import pytest
import torch

from challenge.errors import ConfigError
from challenge.lightgcn.device import choose_device


def test_devices() -> None:
    device, reason = choose_device("cpu")
    assert (device.type, reason) == ("cpu", "cpu: as asked")
    with pytest.raises(ConfigError, match="expected auto, cpu"):
        choose_device("abacus")
    if not torch.cuda.is_available():
        assert choose_device("auto")[0].type == "cpu"
        with pytest.raises(ConfigError, match="0 CUDA devices"):
            choose_device("cuda")
