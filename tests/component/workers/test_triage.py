"""Triage goes on: whatever one round raises, the next one comes, in the same process."""

from __future__ import annotations

import logging
import threading
from typing import cast

import pytest
from kazoo.client import KazooClient

from medevac.core.errors import CloudUnavailableError
from medevac.workers.intake import Intake
from medevac.workers.triage import Triage
from tests.fixtures.waiting import until


class Failing:
    """An intake whose first look at what is held raises."""

    def __init__(self, error: Exception) -> None:
        self._errors = [error]
        self.looks = 0

    def reconsider(self) -> float | None:
        self.looks += 1
        if self._errors:
            raise self._errors.pop()
        return None


@pytest.mark.parametrize("error", [CloudUnavailableError("Nova is away"), TypeError("nobody has foreseen this")])
def test_what_one_round_raises_does_not_end_triage(
    error: Exception, zk: KazooClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    failing = Failing(error)
    triage = Triage(zk, cast("Intake", failing), "worker")
    thread = threading.Thread(target=triage.run, daemon=True)
    thread.start()
    assert until(lambda: failing.looks > 1)
    triage.stop()
    thread.join(30)
    assert not thread.is_alive()
    assert str(error) in caplog.text
