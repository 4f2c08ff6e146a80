"""The brakes in the product's own processes: what operators type holds through kills, and lets go again."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator

import pytest

from medevac.core import layout
from medevac.core.event import Event, EventKind, Subject, SubjectKind, new_event_id
from medevac.core.incident import Incident, IncidentState
from medevac.core.wire import encode
from medevac.sandbox.cloud.model.settings import Settings
from medevac.sandbox.cloud.model.site import HostSpec, ServerSpec, SiteSpec
from medevac.sandbox.processes import program
from medevac.sandbox.site import Plan, SandboxSite
from medevac.sandbox.zookeeper import ZookeeperMissingError
from medevac.workers import incidents
from medevac.workers.incidents import NoSuchIncidentError
from tests.fixtures.services import require

pytestmark = pytest.mark.slow

HOST = "compute-1"
INCIDENT = f"host.down:{HOST}:1"
PATIENCE = 120.0


@pytest.fixture
def site() -> Iterator[SandboxSite]:
    hosts = tuple(HostSpec(f"compute-{n}", zone="az1") for n in range(1, 5))
    servers = tuple(ServerSpec(f"server-{n}", HOST) for n in range(3))
    cloud = Settings(evacuate_seconds=0.3, rpc_seconds=0.0)
    plan = Plan(SiteSpec(hosts, servers), cloud, conductors=1, triages=1, brakes={"least": 3})
    with require("ZooKeeper", ZookeeperMissingError), SandboxSite(plan) as running:
        yield running


def typed(site: SandboxSite, *words: str) -> str:
    called = [program("medevac"), *words, "--zookeeper", site.hosts]
    done = subprocess.run(called, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def incident(site: SandboxSite) -> Incident | None:
    try:
        return incidents.read(site.client, INCIDENT).incident
    except NoSuchIncidentError:
        return None


def wait_for(site: SandboxSite, state: IncidentState, held_by: str = "") -> None:
    def there() -> bool:
        found = incident(site)
        return found is not None and found.state is state and found.held_by == held_by

    site.wait_until(there, f"the incident is not {state} {held_by}", PATIENCE)


def test_a_site_is_disarmed_its_leader_killed_and_it_is_armed_and_an_incident_is_held_and_released(
    site: SandboxSite,
) -> None:
    typed(site, "site", "disarm", "--scope", "az1", "--until", "2h", "--reason", "the switches are replaced")
    site.cloud.host("cut-network", HOST)
    now = time.time()
    event = Event(new_event_id(now), EventKind.HOST_DOWN, Subject(SubjectKind.HOST, HOST), "pacemaker", "n1", now)
    site.client.create(layout.event(event.id), encode(event))
    wait_for(site, IncidentState.HELD, "disarm")

    for leader in site.triages:
        leader.kill()
    site.start_triage()
    typed(site, "incident", "hold", INCIDENT, "--why", "let me look")
    assert "Nothing was held by it" in typed(site, "site", "arm", "--scope", "az1")
    assert site.cloud.power_commands().get(HOST, {}).get("off", 0) == 0

    typed(site, "incident", "release", INCIDENT, "--why", "looked")
    wait_for(site, IncidentState.RECOVERED)
    assert site.cloud.violations() == []
    assert site.cloud.not_running() == []
    journal = [entry.text for entry in incidents.journal(site.client, INCIDENT)]
    assert any("let me look" in text for text in journal)
