"""The record of what steps did."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def events(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the file that steps of flows write their record to, in this process and in children."""
    path = tmp_path / "events"
    monkeypatch.setenv("EVENTS", str(path))
    return path
