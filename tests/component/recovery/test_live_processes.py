"""Failures of servers and services on hosts that live, answered by real worker processes through programs of the site.

Nova is reached over HTTP, hypervisors and the cluster by the sandbox's program; the answers are the built-in ones.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from medevac.core import layout
from medevac.core.event import Event, EventKind, Subject, SubjectKind, new_event_id
from medevac.core.wire import encode
from medevac.sandbox.cloud.model.settings import Settings
from medevac.sandbox.cloud.model.site import HostSpec, ServerSpec, SiteSpec
from medevac.sandbox.site import Plan, SandboxSite
from medevac.workers import incidents
from medevac.workers.zookeeper import bounded
from tests.fixtures.sites import SharedSite, shared

PATIENCE = 120.0
HOST = "manned"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def keeper() -> Iterator[SharedSite]:
    """Return the keeper of a site with two servers on a host."""
    hosts = tuple(HostSpec(name, zone="az1") for name in (HOST, "spare-1", "spare-2"))
    servers = tuple(ServerSpec(name, HOST) for name in ("crashes", "runs-on"))
    settings = Settings(move_seconds=0.2, rpc_seconds=0.0, service_seconds=0.2)
    with shared(Plan(SiteSpec(hosts, servers), settings, conductors=1, triages=1)) as keeper:
        yield keeper


@pytest.fixture
def site(keeper: SharedSite, request: pytest.FixtureRequest) -> SandboxSite:
    return keeper.of(request.node)


def post(site: SandboxSite, kind: EventKind, subject: Subject, **facts: str) -> None:
    now = time.time()
    event = Event(new_event_id(now), kind, subject, "libvirt", HOST, now, facts={"host": HOST, "boot": "1", **facts})
    bounded(site.client.create_async(layout.event(event.id), encode(event)))


def finished(site: SandboxSite, incident: str) -> Mapping[str, Any]:
    """Return the report of *incident* once its job is gone."""

    def over() -> bool:
        return incidents.report(site.client, incident) is not None and not site.client.get_children(layout.BOARD)

    site.wait_until(over, f"{incident} has not ended", PATIENCE)
    return incidents.report(site.client, incident) or {}


def server(site: SandboxSite, name: str) -> dict[str, Any]:
    return next(each for each in site.cloud.servers() if each["name"] == name)


def guest(site: SandboxSite, server_id: str) -> dict[str, Any]:
    return next(each for each in site.cloud.guests() if each["server_id"] == server_id)


def test_a_crashed_server_is_restarted_where_it_is(site: SandboxSite) -> None:
    crashed = server(site, "crashes")["id"]
    site.cloud.guest("crash", crashed)
    post(site, EventKind.SERVER_CRASHED, Subject(SubjectKind.SERVER, crashed))
    assert finished(site, f"server.crashed:{crashed}:1")["state"] == "recovered"
    assert guest(site, crashed)["state"] == "running"
    assert server(site, "crashes")["runs_on"] == [HOST]


def test_libvirt_is_started_again_by_the_cluster_while_servers_run_on(site: SandboxSite) -> None:
    site.cloud.host("freeze-libvirt", HOST)
    post(site, EventKind.LIBVIRT_DOWN, Subject(SubjectKind.HOST, HOST))
    finished(site, f"libvirt.down:{HOST}:1")
    found = next(host for host in site.cloud.hosts() if host["name"] == HOST)
    assert (found["libvirt"], found["disabled"], found["forced_down"]) == ("running", False, False)
    assert site.cloud.violations() == []
    assert site.cloud.not_running() == []
