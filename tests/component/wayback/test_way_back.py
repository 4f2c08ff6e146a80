"""Hosts that died come back, with real workers on real ZooKeeper and Nova's API over HTTP."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
from kazoo.exceptions import NoNodeError

from medevac.core import layout
from medevac.core.event import Event, EventKind, Subject, SubjectKind, new_event_id
from medevac.core.handled import Handled, Outcome
from medevac.core.incident import Incident
from medevac.core.wire import decode, encode
from medevac.sandbox.site import SandboxSite, SiteNotReadyError
from medevac.workers import incidents
from medevac.workers.incidents import NoSuchIncidentError
from medevac.workers.openstack import nova
from medevac.workers.openstack.nova import NovaCloud
from medevac.workers.zookeeper import bounded
from tests.component.wayback.conftest import SERVERS

PATIENCE = 120.0

pytestmark = pytest.mark.slow


@pytest.fixture
def operator(site: SandboxSite, monkeypatch: pytest.MonkeyPatch) -> NovaCloud:
    """Return what an operator asks Nova with."""
    for name, value in site.environment().items():
        monkeypatch.setenv(name, value)
    return nova.connect()


def post(site: SandboxSite, kind: EventKind, host: str) -> str:
    now = time.time()
    event = Event(new_event_id(now), kind, Subject(SubjectKind.HOST, host), "pacemaker", "node1", now)
    bounded(site.client.create_async(layout.event(event.id), encode(event)))
    return event.id


def incident(site: SandboxSite, failure: str, host: str) -> Incident | None:
    try:
        return incidents.read(site.client, f"{failure}:{host}:1").incident
    except NoSuchIncidentError:
        return None


def ended(site: SandboxSite, failure: str, host: str) -> Incident:
    def over() -> bool:
        found = incident(site, failure, host)
        return found is not None and found.state.final

    try:
        site.wait_until(over, f"{failure} of {host} has not ended", PATIENCE)
    except SiteNotReadyError:
        pytest.fail(f"{failure} of {host} has not ended:\n{told(site, f'{failure}:{host}:1')}")
    found = incident(site, failure, host)
    assert found is not None
    return found


def dies(site: SandboxSite, host: str) -> None:
    site.cloud.host("cut-network", host)
    post(site, EventKind.HOST_DOWN, host)


def comes_back(site: SandboxSite, host: str) -> str:
    site.cloud.host("mend-network", host)
    site.cloud.host("power-on", host)
    return post(site, EventKind.HOST_MEMBER, host)


def flags(operator: NovaCloud, host: str) -> tuple[bool, bool]:
    """Return whether the host is enabled, and whether it is forced down."""
    service = operator.host_service(host)
    assert service is not None
    return service.enabled, service.forced_down


def told(site: SandboxSite, incident_id: str) -> str:
    """Return the journal as one text."""
    try:
        return "\n".join(entry.text for entry in incidents.journal(site.client, incident_id))
    except NoNodeError:
        return ""


def statuses(site: SandboxSite, host: str) -> list[str]:
    return [record["status"] for record in site.cloud.migrations() if record["source"] == host]


def test_a_host_dies_is_recovered_comes_back_and_is_in_service_again_with_everything_clean(
    site: SandboxSite, operator: NovaCloud
) -> None:
    dies(site, "returns")
    assert ended(site, "host.down", "returns").state == "recovered"
    comes_back(site, "returns")
    back = ended(site, "host.up", "returns")
    assert back.state == "recovered", back.reason
    assert flags(operator, "returns") == (True, False)
    assert statuses(site, "returns") == ["completed"] * SERVERS
    report = incidents.report(site.client, "host.up:returns:1") or {}
    assert (report["of"], report["cleaned"]) == ("host.down:returns:1", SERVERS)
    assert site.cloud.violations() == []
    assert site.cloud.not_running() == []


def test_an_operators_own_disable_is_never_touched(site: SandboxSite, operator: NovaCloud) -> None:
    dies(site, "kept")
    assert ended(site, "host.down", "kept").state == "recovered"
    service = operator.host_service("kept")
    assert service is not None
    operator.put_back(service, replace(service, disabled_reason="I look at its board"))
    event = comes_back(site, "kept")
    site.wait_until(lambda: bool(site.client.exists(layout.handled(event))), "it was not settled", PATIENCE)
    handled = decode(Handled, site.client.get(layout.handled(event))[0])
    assert handled.outcome is Outcome.IGNORED
    assert incident(site, "host.up", "kept") is None
    service = operator.host_service("kept")
    assert service is not None
    assert (service.enabled, service.forced_down, service.disabled_reason) == (False, True, "I look at its board")


def test_a_host_that_returns_in_the_middle_of_its_recovery_stays_out_until_it_is_clean(
    site: SandboxSite, operator: NovaCloud
) -> None:
    dies(site, "hurries")
    site.wait_until(lambda: len(statuses(site, "hurries")) == SERVERS, "it is not being evacuated", PATIENCE)
    comes_back(site, "hurries")
    seen: list[tuple[bool, bool]] = []

    def recovered() -> bool:
        seen.append(flags(operator, "hurries"))
        death = incident(site, "host.down", "hurries")  # read after the flags: it may only have ended since
        return death is not None and death.state.final

    site.wait_until(recovered, "host.down of hurries has not ended", PATIENCE)
    assert (True, False) not in seen[:-1]
    # It started before the evacuations ended, and cleans up only when it starts: so does Nova's.
    site.cloud.host("kill-compute", "hurries")
    site.cloud.host("start-compute", "hurries")
    assert ended(site, "host.down", "hurries").state == "recovered"
    assert ended(site, "host.up", "hurries").state == "recovered"
    assert flags(operator, "hurries") == (True, False)
    # What nova-compute's start broke off was done again.
    assert set(statuses(site, "hurries")) <= {"completed", "failed"}
    # No real host boots within seconds of being switched off (still_out.BOOTS), as this one does.
    assert [each for each in site.cloud.violations() if "still had power" not in each] == []
    assert site.cloud.not_running() == []
