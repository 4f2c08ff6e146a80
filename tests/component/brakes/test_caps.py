"""Caps on a real ZooKeeper: hosts recovered at once and fencings of a window, over all conductors together."""

from __future__ import annotations

from medevac.core.event import EventKind
from medevac.sandbox.cloud.model import machines
from medevac.workers.brakes import orders
from tests.component.brakes.conftest import MakeYard
from tests.component.brakes.yard import zone


def test_no_more_hosts_are_recovered_at_once_than_the_cap_allows(make_yard: MakeYard) -> None:
    yard = make_yard(hosts_at_once=2, least=100)
    yard.lose(*zone(4))
    first = yard.going()
    assert len(first) == 2
    assert {yard.incident(host).held_by for host in yard.held()} == {"cap"}
    yard.later(30)
    assert yard.going() == first
    yard.end(first[0])
    yard.later(30)
    assert len(yard.going()) == 2


def test_a_recovery_that_is_on_hold_takes_no_share(make_yard: MakeYard) -> None:
    yard = make_yard(hosts_at_once=1)
    yard.lose("az1-c1")
    orders.hold(yard.client, "host.down:az1-c1:1", yard.said())
    yard.bench.pass_time(5)
    yard.lose("az2-c1")
    assert yard.going() == ["az1-c1", "az2-c1"]


def test_what_is_done_for_living_hosts_takes_no_share_of_the_dead(make_yard: MakeYard) -> None:
    yard = make_yard(hosts_at_once=1)
    for host in ("az2-c1", "az2-c2"):
        machines.kill_compute(yard.bench.site.world, host)
    yard.bench.pass_time(120)
    yard.bench.post(*(yard.bench.host_event(EventKind.NOVA_COMPUTE_DOWN, host) for host in ("az2-c1", "az2-c2")))
    yard.bench.triage.settle_waiting()
    assert yard.going() == ["az2-c1", "az2-c2"]
    yard.lose("az1-c1")
    assert "az1-c1" in yard.going()


def test_fencings_of_one_window_are_limited_and_hosts_that_others_fenced_go(make_yard: MakeYard) -> None:
    yard = make_yard(fencings=2, hosts_at_once=50, least=100)
    yard.lose(*zone(4))
    first = yard.going()
    assert len(first) == 2
    yard.lose("az2-c1", kind=EventKind.HOST_FENCED)
    assert "az2-c1" in yard.going()
    for host in first:
        yard.end(host, off_at=yard.now)
    yard.later(595)
    assert len(yard.going()) == 1
    yard.later(10)
    assert len(yard.going()) == 3


def test_a_fencing_counts_from_when_it_was_done_however_long_the_recovery_had_waited_for_a_worker(
    make_yard: MakeYard,
) -> None:
    yard = make_yard(fencings=1, hosts_at_once=50, least=100)
    yard.lose(*zone(2))
    (first,) = yard.going()
    yard.later(601)
    assert yard.going() == [first]
    assert "or are about to be" in yard.incident(yard.held()[0]).reason
    yard.end(first, off_at=yard.now)
    yard.later(595)
    assert yard.going() == []
    yard.later(10)
    assert len(yard.going()) == 1


def test_a_fencing_is_not_forgotten_when_its_incident_is_let_go_again(make_yard: MakeYard) -> None:
    yard = make_yard(fencings=1, hosts_at_once=50, least=100)
    yard.lose("az1-c1")
    yard.end("az1-c1", off_at=yard.now, held_by="capacity")
    yard.later(1)
    assert yard.going() == ["az1-c1"]
    yard.lose("az1-c2")
    assert yard.incident("az1-c2").held_by == "cap"


def test_fencings_of_hosts_that_live_count_too_where_policies_want_them(make_yard: MakeYard) -> None:
    yard = make_yard(fencings=1, hosts_at_once=50, least=100)
    text = (
        "policy: all\nmatch: everyone\nwhen:\n  nova-compute.down: [fence, evacuate]\n  host.down: [fence, disable]\n"
    )
    (yard.bench.folder / "policies" / "10-all.yaml").write_text(text)
    machines.kill_compute(yard.bench.site.world, "az2-c1")
    yard.bench.pass_time(120)
    yard.bench.post(yard.bench.host_event(EventKind.NOVA_COMPUTE_DOWN, "az2-c1"))
    yard.bench.triage.settle_waiting()
    assert yard.going() == ["az2-c1"]
    yard.lose("az1-c1")
    assert yard.incident("az1-c1").held_by == "cap"
    assert "hosts were fenced within 10m" in yard.incident("az1-c1").reason
