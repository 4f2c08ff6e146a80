"""Recoveries by real worker processes that are killed, frozen and told everything ten times."""

from __future__ import annotations

import json
import signal
import time
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from kazoo.exceptions import NoNodeError

from medevac.core import layout
from medevac.core.event import Event, EventKind, Subject, SubjectKind, new_event_id
from medevac.core.handled import Handled, Outcome
from medevac.core.wire import decode, encode
from medevac.sandbox.processes import Child
from medevac.sandbox.site import SandboxSite
from medevac.workers import incidents
from medevac.workers.zookeeper import bounded
from tests.component.recovery.conftest import PARALLEL, SERVERS

PATIENCE = 120.0

pytestmark = pytest.mark.slow


def post(site: SandboxSite, host: str, reporter: str = "node1") -> str:
    now = time.time()
    event = Event(new_event_id(now), EventKind.HOST_DOWN, Subject(SubjectKind.HOST, host), "pacemaker", reporter, now)
    bounded(site.client.create_async(layout.event(event.id), encode(event)))
    return event.id


def finished(site: SandboxSite, host: str) -> Mapping[str, Any]:
    """Return the report of the host's incident once its job is gone."""
    incident = f"host.down:{host}:1"

    def over() -> bool:
        return incidents.report(site.client, incident) is not None and not site.client.get_children(layout.BOARD)

    site.wait_until(over, f"{incident} has not ended", PATIENCE)
    return incidents.report(site.client, incident) or {}


def owner(site: SandboxSite) -> Child | None:
    """Return the conductor that has claimed the job on the board."""
    for name in site.client.get_children(layout.BOARD):
        if name.endswith(".lock"):
            try:
                data, _ = site.client.get(f"{layout.BOARD}/{name}")
            except NoNodeError:
                continue
            return site.worker_of(json.loads(data)["owner"])
    return None


def busy(site: SandboxSite, host: str) -> Child:
    """Return the conductor that has asked for as many servers of *host* as may go at once, and waits for them."""

    def under_way() -> bool:
        # The next call is two seconds away: what happens to the conductor now does not meet it in the middle of one.
        return PARALLEL <= len(records(site, host)) < SERVERS

    site.wait_until(under_way, f"{host} is not being evacuated", PATIENCE)
    found = owner(site)
    assert found is not None
    return found


def records(site: SandboxSite, host: str) -> Counter[str]:
    return Counter(record["server_id"] for record in site.cloud.migrations() if record["source"] == host)


def assert_recovered(site: SandboxSite, host: str) -> None:
    report = finished(site, host)
    assert (report["state"], len(report["servers"])) == ("recovered", SERVERS)
    assert set(records(site, host).values()) == {1}
    assert len(records(site, host)) == SERVERS
    assert site.cloud.violations() == []
    assert site.cloud.not_running() == []
    commands = Counter(site.cloud.power_commands()[host])
    assert (commands["off"], commands["on"], commands["reboot"]) == (1, 0, 0)


def with_two_conductors(site: SandboxSite) -> None:
    """Make sure that there is somebody to take over, and somebody to open incidents, whoever was killed before."""
    living = sum(child.alive for child in site.conductors)
    for _ in range(2 - living):
        site.start_conductor()
    if not any(child.alive for child in site.triages):
        site.start_triage()

    def ready() -> bool:
        return len(site.client.get_children(layout.WORKERS)) == sum(child.alive for child in site.workers)

    site.wait_until(ready, "the conductors are not ready", PATIENCE)


def power_orders(site: SandboxSite) -> Counter[tuple[str, str]]:
    """Return what devices were told to do; not what they were asked, which an agent of a fence round ends by itself."""
    told = site.cloud.power_commands()
    return Counter({(host, verb): n for host in told for verb, n in told[host].items() if verb != "status"})


def test_ten_copies_of_an_alert_make_one_incident_one_job_and_one_fencing(site: SandboxSite) -> None:
    site.cloud.host("cut-network", "copied")
    with ThreadPoolExecutor(10) as nodes:
        ids = list(nodes.map(lambda n: post(site, "copied", f"node{n % 3 + 1}"), range(10)))
    assert_recovered(site, "copied")
    site.wait_until(lambda: not site.client.get_children(layout.EVENTS), "events wait", PATIENCE)
    handled = [decode(Handled, site.client.get(layout.handled(event_id))[0]) for event_id in ids]
    assert Counter(each.outcome for each in handled) == {Outcome.INCIDENT: 1, Outcome.DUPLICATE: 9}
    assert {each.incident for each in handled} == {"host.down:copied:1"}
    assert [name for name in site.client.get_children(layout.INCIDENTS) if "copied" in name] == ["host.down:copied:1"]
    books = site.client.get_children(f"{layout.BOOKS}/books")
    names = [json.loads(site.client.get(f"{layout.BOOKS}/books/{book}")[0])["name"] for book in books]
    assert [name for name in names if "copied" in name] == ["host.down:copied:1"]


def test_a_conductor_killed_in_the_middle_of_an_evacuation_is_replaced(site: SandboxSite) -> None:
    with_two_conductors(site)
    site.cloud.host("cut-network", "killed")
    post(site, "killed")
    busy(site, "killed").kill()
    assert_recovered(site, "killed")
    claims = [e.actor for e in incidents.journal(site.client, "host.down:killed:1") if e.text.startswith("claimed by")]
    assert len(claims) == len(set(claims)) == 2


def test_a_conductor_frozen_for_longer_than_its_session_does_nothing_more_when_it_thaws(site: SandboxSite) -> None:
    with_two_conductors(site)
    site.cloud.host("cut-network", "frozen")
    post(site, "frozen")
    zombie = busy(site, "frozen")
    zombie.signal(signal.SIGSTOP)
    try:
        assert_recovered(site, "frozen")
        journal = incidents.journal(site.client, "host.down:frozen:1")
        ordered = power_orders(site)
        # Others look at the cloud now and then: what is counted from here on is the zombie's.
        for other in site.workers:
            if other is not zombie:
                other.kill()
        site.cloud.reset_requests()
    finally:
        zombie.signal(signal.SIGCONT)
    assert zombie.wait(PATIENCE) is not None, "the thawed conductor should end: its session is lost"
    assert site.cloud.requests() == {}
    assert power_orders(site) == ordered
    assert incidents.journal(site.client, "host.down:frozen:1") == journal
    assert site.client.get_children(layout.BOARD) == []
    assert_recovered(site, "frozen")
