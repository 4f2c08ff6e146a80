"""Fixtures of the simulated cloud's own tests."""

from __future__ import annotations

import pytest

from tests.unit.sandbox.town import Town


@pytest.fixture
def town() -> Town:
    """Return a cloud of three hosts whose time stands still."""
    return Town()
