"""The process that dies: triage and a conductor of the product, on a client, a session and a fencer that count points.

It settles the events that wait, then runs jobs until the board is empty, one after the other, so that two runs come
past the same points in the same order.
"""

from __future__ import annotations

import json
import logging
import os
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from kazoo.client import KazooClient

from medevac.core import layout
from medevac.flows.plan import Settings
from medevac.flows.ports import Cloud, Fencer
from medevac.workers.engine.conductor import Conductor
from medevac.workers.fencing.agent import agent_step
from medevac.workers.fencing.device import FenceDevice
from medevac.workers.fencing.fencer import LadderFencer
from medevac.workers.intake import Desk, Intake
from medevac.workers.openstack.nova import NovaCloud
from medevac.workers.openstack.session import open_session
from medevac.workers.promises import Promises
from medevac.workers.recovery import Recovery
from medevac.workers.triage import Triage
from medevac.workers.worker import SystemClock
from medevac.workers.zookeeper import bounded, disconnect
from tests.crash.points import Point, PointedAdapter, PointedClient, PointedFencer, Points
from tests.fixtures.waiting import until

SESSION = 10.0
DEADLINE = 30.0


@dataclass(frozen=True, slots=True)
class Told:
    """What the process is told."""

    name: str
    folder: str
    """Where it leaves NAME.session, NAME.points and NAME.log."""
    zookeeper: str
    policies: str
    environment: Mapping[str, str]
    """Where OpenStack's tools find the cloud."""
    agent: str
    bmc_port: int
    bmc_password: str
    die_at: Point | None = None
    settings: Settings = field(default_factory=lambda: Settings(shared_storage=("*",), grace=0.3))

    def file(self, kind: str) -> Path:
        return Path(self.folder) / f"{self.name}.{kind}"


def run(told: Told) -> None:
    """Do all there is to do, unless it dies on the way."""
    logging.basicConfig(level=logging.INFO)
    os.environ.update(told.environment, BMC_PASSWORD=told.bmc_password)
    points = Points(told.file("points"), told.die_at)
    client = _client(told, points)
    cloud = _cloud(points)
    fencer = PointedFencer(LadderFencer([agent_step(_device(told), "agent")]), points)
    _settle_events(told, client, cloud)
    _run_jobs(told, client, cloud, fencer)
    disconnect(client)


def _client(told: Told, points: Points) -> KazooClient:
    retry = {"max_tries": -1, "delay": 0.1, "max_delay": 1.0}
    client = PointedClient(points, hosts=told.zookeeper, timeout=SESSION, connection_retry=retry)
    assert client.start_async().wait(DEADLINE)
    session, password = client.client_id
    told.file("session").write_text(json.dumps([session, password.hex()]))
    return client


def _cloud(points: Points) -> NovaCloud:
    session = open_session()
    session.session.session.mount("http://", PointedAdapter(points))
    return NovaCloud(session)


def _device(told: Told) -> FenceDevice:
    return FenceDevice(
        agent=told.agent,
        hosts=("*",),
        options={"ip": "127.0.0.1", "ipport": str(told.bmc_port), "username": "root"},
        secret_options={"password": "env:BMC_PASSWORD"},
        interval=0.05,
    )


def _settle_events(told: Told, client: KazooClient, cloud: Cloud) -> None:
    promises = Promises(Path(told.policies))
    desk = Desk(client, cloud, SystemClock(), promises, told.settings, lambda name: name, told.name)
    triage = Triage(client, Intake(desk), told.name)
    leading = threading.Thread(target=triage.run)
    leading.start()
    settled = until(lambda: not bounded(client.get_children_async(layout.EVENTS)), DEADLINE)
    triage.stop()
    leading.join(DEADLINE)
    assert settled, "events are left"


def _run_jobs(told: Told, client: KazooClient, cloud: Cloud, fencer: Fencer) -> None:
    # On a busy machine a proof of ownership could grow old between two steps of one run, and not in the next.
    recovery = Recovery(client, cloud, fencer, SystemClock(), told.name, recent=2 * DEADLINE)
    with ThreadPoolExecutor(1) as executor:
        conductor = Conductor(
            client, executor, prepare=recovery.prepare, finish=recovery.finish, slots=1, name=told.name
        )
        running = threading.Thread(target=conductor.run)
        running.start()
        ended = until(lambda: not bounded(client.get_children_async(layout.BOARD)), DEADLINE)
        conductor.stop()
        running.join(DEADLINE)
    assert ended, "a job is left on the board"
