"""One thread: small graphs gain nothing by more."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from challenge.threads import use_threads


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    use_threads(1)
    yield
    use_threads(None)
