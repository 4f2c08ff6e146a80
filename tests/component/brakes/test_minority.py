"""Whoever is with ZooKeeper's minority can write nothing, and so begins nothing."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest

from medevac.core.errors import StoreUnreachableError
from medevac.core.event import EventKind
from medevac.core.incident import IncidentState
from medevac.sandbox.cloud.model import machines
from medevac.sandbox.zookeeper import ZookeeperEnsemble, ZookeeperMissingError
from medevac.workers.site_brakes import BrakeSettings
from medevac.workers.zookeeper import connect, disconnect, ensure_layout
from tests.component.brakes.yard import Yard
from tests.fixtures.services import require
from tests.fixtures.waiting import until

pytestmark = pytest.mark.slow

HOST = "az1-c1"
PATIENCE = 90.0
"""Seconds; a look that meets no leader takes ten of them."""


def test_with_zookeepers_minority_nothing_begins_and_all_of_it_goes_on_with_the_majority(tmp_path: Path) -> None:
    with contextlib.ExitStack() as stack:
        stack.enter_context(require("ZooKeeper", ZookeeperMissingError))
        ensemble = stack.enter_context(ZookeeperEnsemble(fsync=False))
        client = connect(f"{ensemble.hosts}/medevac", session_timeout=60.0)
        stack.callback(disconnect, client)
        ensure_layout(client)
        yard = Yard.built(client, tmp_path, {"az1": 4}, BrakeSettings())
        world, cloud = yard.bench.site.world, yard.bench.site.cloud
        with world.settled():
            machines.cut_network(world, HOST)
        event = yard.bench.host_event(EventKind.HOST_DOWN, HOST)
        yard.bench.post(event)

        for server in ensemble.servers[:2]:
            server.kill()
        with contextlib.suppress(StoreUnreachableError):  # the last one may answer reads until it has noticed
            assert yard.bench.triage.settle_waiting() == 1, "the event waits"
        with pytest.raises(StoreUnreachableError):
            yard.bench.intake.handle(event)
        assert world.hosts[HOST].powered
        service = cloud.host_service(HOST)
        assert service is not None
        assert (service.enabled, service.forced_down) == (True, False)

        for server in ensemble.servers[:2]:
            server.launch()
        assert until(lambda: bool(client.connected), PATIENCE)
        assert until(lambda: _settled(yard), PATIENCE)
        with yard.conducting():
            assert yard.over(HOST).state is IncidentState.RECOVERED
        assert not world.hosts[HOST].powered


def _settled(yard: Yard) -> bool:
    with contextlib.suppress(StoreUnreachableError):
        return yard.bench.triage.settle_waiting() == 0 and yard.going() == [HOST]
    return False
