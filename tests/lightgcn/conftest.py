"""One thread: small graphs gain nothing by more."""

import pytest

from challenge.threads import use_threads


@pytest.fixture(autouse=True)
def _one_thread():
    use_threads(1)
    yield
    use_threads(None)
