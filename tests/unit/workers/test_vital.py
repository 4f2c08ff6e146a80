"""Vital threads: that one has ended is told, however it ended."""

from __future__ import annotations

import pytest

from medevac.workers import vital


def test_that_it_failed_is_told_with_the_reason_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    def fail() -> None:
        raise LookupError("no board")

    told: list[str] = []
    vital.start("conductor", fail, told.append).join(30)
    assert told == ["its conductor has ended: LookupError: no board"]
    assert "conductor failed" in caplog.text


def test_that_it_returned_is_told_too() -> None:
    told: list[str] = []
    vital.start("triage", lambda: None, told.append).join(30)
    assert told == ["its triage has ended"]
