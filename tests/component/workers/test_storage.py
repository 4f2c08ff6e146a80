"""Disks that fail on one host are its servers' failure; on many hosts at once they are their storage's."""

from __future__ import annotations

from pathlib import Path

import pytest
from kazoo.client import KazooClient

from medevac.core.event import EventKind
from medevac.core.incident import IncidentState
from medevac.sandbox.cloud.model import machines
from medevac.sandbox.cloud.model.site import HostSpec, ServerSpec, SiteSpec
from medevac.workers.storage import LOOK_AGAIN
from tests.component.workers.bench import SERVERS, Bench

HOSTS = ("compute-1", "compute-2", "compute-3", "compute-4")


@pytest.fixture
def wide(zk: KazooClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """Return a bench with one server on each of four hosts."""
    names = {f"server-{host}": f"{number}" * 8 + "-1111-4111-8111-111111111111" for number, host in enumerate(HOSTS)}
    for name, server in names.items():
        monkeypatch.setitem(SERVERS, name, server)
    servers = tuple(ServerSpec(f"server-{host}", host, id=names[f"server-{host}"]) for host in HOSTS)
    return Bench(zk, tmp_path, SiteSpec(tuple(HostSpec(host, zone="az1") for host in HOSTS), servers))


def fail(bench: Bench, *hosts: str) -> list[str]:
    """Let *hosts* lose their storage, and return the incidents."""
    with bench.site.world.settled() as world:
        for host in hosts:
            machines.break_storage(world, host)
    events = [bench.server_event(EventKind.SERVER_IO_ERROR, f"server-{host}", host, paused="yes") for host in hosts]
    return [bench.settled(event).incident for event in events]


def states(bench: Bench, found: list[str]) -> list[IncidentState]:
    return [bench.incident(each).state for each in found]


def later(bench: Bench) -> None:
    bench.pass_time(LOOK_AGAIN + 1)
    bench.intake.reconsider()


def test_disks_that_fail_on_one_host_are_seen_to_at_once(wide: Bench) -> None:
    assert states(wide, fail(wide, "compute-1", "compute-2")) == [IncidentState.RECOVERING] * 2


def test_disks_that_fail_on_many_hosts_wait_while_one_server_is_tried(wide: Bench) -> None:
    found = fail(wide, *HOSTS)
    assert states(wide, found) == [IncidentState.RECOVERING] * 2 + [IncidentState.HELD] * 2
    last = wide.incident(found[-1])
    assert (last.held_by, last.attempt) == ("storage", 0)
    assert "disks fail on 4 hosts at once" in last.reason
    later(wide)
    assert states(wide, found)[2:] == [IncidentState.HELD] * 2


def test_all_follow_as_soon_as_one_server_runs_again(wide: Bench) -> None:
    found = fail(wide, *HOSTS)
    with wide.site.world.settled() as world:
        for host in HOSTS:
            machines.mend_storage(world, host)
    wide.work()
    later(wide)
    wide.work()
    assert states(wide, found) == [IncidentState.RECOVERED] * 4


def test_while_the_storage_stays_away_one_after_the_other_is_tried(wide: Bench) -> None:
    found = fail(wide, *HOSTS)
    wide.work()
    assert IncidentState.RECOVERED not in states(wide, found[:2])
    later(wide)
    going = [each for each in map(wide.incident, found) if each.state is IncidentState.RECOVERING]
    assert 1 <= len(going) <= 2
