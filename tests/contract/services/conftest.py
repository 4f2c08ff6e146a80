"""The stage of the fake; that of a real Pacemaker is in tests/pacemaker/test_services.py, beside its cluster."""

from __future__ import annotations

import pytest

from medevac.sandbox.cloud.model import machines
from medevac.sandbox.cloud.model.settings import Settings
from medevac.sandbox.cloud.model.site import HostSpec, SiteSpec
from medevac.sandbox.fakes import FakeSite
from tests.contract.services.stage import Stage


class FakeStage:
    """Implements Stage on a world whose time never passes: a restart is at once."""

    host = "h1"
    service = "nova-compute"
    patience = 1.0

    def __init__(self) -> None:
        self._site = FakeSite(SiteSpec((HostSpec("h1"),)), Settings(service_seconds=0.0))
        self.services = self._site.services

    def lives(self) -> int:
        with self._site.world.settled() as world:
            runs = world.hosts[self.host].compute_running
        return len(self._site.services.restarts) + 1 if runs else 0

    def give_up(self) -> None:
        machines.kill_compute(self._site.world, self.host)


@pytest.fixture
def stage() -> Stage:
    """Return a host whose nova-compute runs."""
    return FakeStage()
