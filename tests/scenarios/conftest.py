"""What all plays share."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

OFTEN = 50_000
"""Objects that are made before Python looks for cycles: plays make few, and looking takes a fifth of their time."""


@pytest.fixture(scope="session", autouse=True)
def _rare_collections() -> Iterator[None]:
    """Collect garbage seldom."""
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(OFTEN, *before[1:])
    yield
    gc.set_threshold(*before)
    gc.unfreeze()
