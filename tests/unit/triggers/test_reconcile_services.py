"""What reconciliation makes of failed services: what real clusters said of them, and where it keeps silent."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from medevac.core.cluster_resources import Failure, Instance
from medevac.core.event import Event, EventKind
from medevac.core.wire import decode
from medevac.triggers.pacemaker import classify
from medevac.triggers.pacemaker_resource import Services
from medevac.triggers.pacemaker_status import Status, parse_status
from medevac.triggers.reconcile import OLDEST, Memory, read_memory, write_memory
from medevac.triggers.reconcile_services import MENDING, ServiceFindings, find_services, remember_services
from tests.fixtures.pacemaker import captured

FOLDER = Path(__file__).parent.parent.parent / "data" / "pacemaker-status"
UNSTARTABLE = parse_status((FOLDER / "unstartable.xml").read_text())
RESTARTED = parse_status((FOLDER / "restarted.xml").read_text())
(START,) = UNSTARTABLE.failures
(MONITOR,) = RESTARTED.failures
ALERT = dict(captured("resource"))["s10.004.node2.resource"]
"""The alert of START, on the same cluster."""


def look(
    status: Status, memory: Memory | None = None, after: float = 10.0, services: Services | None = None
) -> ServiceFindings:
    return find_services(
        status, memory or Memory(), services or Services(), reporter="node1", now=status.failures[0].at + after
    )


def down(status: Status, after: float = 100.0) -> list[str]:
    return [f"{event.kind} {event.subject.name}" for event in look(status, after=after).down]


def with_node(status: Status, **changes: bool) -> Status:
    return replace(status, nodes={**status.nodes, "compute2": replace(status.nodes["compute2"], **changes)})


def with_service(**changes: bool) -> Status:
    changed = tuple(
        replace(each, **changes) if each.resource == "nova-compute" else each for each in UNSTARTABLE.instances
    )
    return replace(UNSTARTABLE, instances=changed)


def with_failure(**changes: str | float) -> Status:
    return replace(UNSTARTABLE, failures=(replace(START, **changes),))


def on(node: str, *, failed: bool = False, resource: str = "nova-compute") -> Instance:
    return Instance(resource, (node,), failed=failed, managed=True, disabled=False, orphaned=False)


def running(status: Status, *more: Instance) -> Status:
    return replace(status, instances=(*status.instances, *more))


def test_crm_mon_says_what_failed_and_what_runs_where() -> None:
    assert Failure("nova-compute", "compute2", "start", 0, 1, "complete", 1795340538.0) == START
    assert (MONITOR.task, MONITOR.interval, MONITOR.node) == ("monitor", 5000, "compute1")
    instances = [each for each in UNSTARTABLE.instances if each.resource == "nova-compute"]
    assert [each.nodes for each in instances if each.nodes] == [("compute1",), ("compute3",), ("compute4",)]
    assert all(each.managed and not each.failed and not each.disabled for each in instances)
    assert not UNSTARTABLE.maintenance


def test_a_service_that_cannot_be_started_is_told_as_its_alert_would_have() -> None:
    told = classify(ALERT, reporter="node2", now=START.at)
    (found,) = look(UNSTARTABLE).down
    assert isinstance(told, Event)
    assert (found.kind, found.subject, found.source) == (told.kind, told.subject, told.source)
    assert abs(found.seen_at - told.seen_at) < 1.0
    words = ("service", "task", "rc", "host", "cause")
    assert [found.facts[each] for each in words] == [told.facts[each] for each in words]
    assert found.facts["found"] == "in the cluster's status"
    assert found.reporter == "node1"


def test_every_node_and_every_run_gives_one_failure_the_same_id() -> None:
    there = find_services(UNSTARTABLE, Memory(), Services(), reporter="node2", now=START.at + 500)
    assert [each.id for each in there.down] == [each.id for each in look(UNSTARTABLE).down]
    assert look(with_failure(at=START.at + 1.0)).down[0].id != there.down[0].id


def test_a_service_that_the_cluster_restarted_is_left_alone() -> None:
    assert down(RESTARTED) == []
    assert look(RESTARTED, after=100.0).outages == ()


def test_a_failed_monitor_is_told_once_the_cluster_had_time_to_mend_it() -> None:
    instances = tuple(each for each in RESTARTED.instances if each.nodes != ("compute1",))
    away = replace(RESTARTED, instances=instances)
    assert down(away, after=MENDING - 1) == []
    assert down(away, after=MENDING + 1) == ["nova-compute.down compute1"]


def test_what_is_active_and_failed_or_blocked_does_not_run() -> None:
    assert down(running(UNSTARTABLE, on("compute2"))) == []
    assert down(running(UNSTARTABLE, on("compute2", failed=True))) == ["nova-compute.down compute2"]


@pytest.mark.parametrize(
    "status",
    [
        with_node(UNSTARTABLE, online=False),
        with_node(UNSTARTABLE, unclean=True),
        with_node(UNSTARTABLE, standby=True),
        with_node(UNSTARTABLE, maintenance=True),
        with_failure(node="compute9"),
        with_failure(node="../x"),
        with_failure(task="stop"),
        with_failure(task="monitor"),
        with_failure(status="Not connected"),
        with_failure(resource="nova-compute-gpu"),
        with_service(managed=False),
        with_service(disabled=True),
        with_service(orphaned=True),
        replace(UNSTARTABLE, instances=()),
        replace(UNSTARTABLE, quorum=False),
        replace(UNSTARTABLE, maintenance=True),
        replace(UNSTARTABLE, fencings=(replace(UNSTARTABLE.fencings[0], target="compute2", completed=START.at + 9),)),
    ],
    ids=[
        *("offline", "to be fenced", "standby", "maintenance of the node", "unknown node", "no host's name", "stop"),
        *("probe", "about the host", "not ours", "unmanaged", "disabled", "orphaned", "not configured", "minority"),
        *("maintenance", "fenced since"),
    ],
)
def test_where_the_cluster_or_a_human_may_know_better_nothing_is_told(status: Status) -> None:
    assert down(status) == []


def test_an_old_failure_is_left_to_a_human() -> None:
    assert down(UNSTARTABLE, after=OLDEST - 1)
    assert down(UNSTARTABLE, after=OLDEST + 1) == []


def test_what_serves_the_whole_cloud_may_have_moved() -> None:
    services = Services(nova_compute=("-",), control_plane=("nova-compute",))
    assert look(UNSTARTABLE, services=services).down == ()
    nowhere = tuple(replace(each, nodes=()) for each in UNSTARTABLE.instances)
    (event,) = look(replace(UNSTARTABLE, instances=nowhere), services=services).down
    assert (event.kind, event.facts["service"]) == (EventKind.CONTROL_PLANE_DOWN, "nova-compute")


def test_what_was_looked_up_is_not_looked_up_again() -> None:
    found = look(UNSTARTABLE)
    memory = remember_services(Memory(), found, START.at + 10)
    again = look(UNSTARTABLE, memory, after=70.0)
    assert (again.down, again.up) == ((), ())
    assert again.outages == found.outages
    assert remember_services(memory, again, START.at + 3 * OLDEST).posted == ()


def test_what_was_failed_is_up_when_it_runs_and_no_failure_is_listed() -> None:
    memory = remember_services(Memory(), look(UNSTARTABLE), START.at + 10)
    listed = running(UNSTARTABLE, on("compute2"))
    assert find_services(listed, memory, Services(), reporter="n", now=START.at + 70).up == ()
    cleaned = replace(listed, failures=())
    found = find_services(cleaned, memory, Services(), reporter="node1", now=START.at + 70)
    (event,) = found.up
    assert (event.kind, event.subject.name) == (EventKind.NOVA_COMPUTE_UP, "compute2")
    assert (event.facts["service"], event.seen_at) == ("nova-compute", START.at + 70)
    assert found.outages == ()


def test_what_is_cleaned_up_and_does_not_run_is_not_up() -> None:
    memory = remember_services(Memory(), look(UNSTARTABLE), START.at + 10)
    for status in (UNSTARTABLE, running(UNSTARTABLE, on("compute2", failed=True))):
        found = find_services(replace(status, failures=()), memory, Services(), reporter="n", now=START.at + 70)
        assert found.up == ()
        assert found.outages == memory.failed


def test_a_service_never_seen_failed_is_not_told_up() -> None:
    assert look(RESTARTED, after=100.0).up == ()


def test_the_memory_of_failed_services_survives_and_an_older_one_is_read(tmp_path: Path) -> None:
    memory = remember_services(Memory(), look(UNSTARTABLE), START.at + 10)
    assert [each.host for each in memory.failed] == ["compute2"]
    write_memory(tmp_path / "memory", memory)
    assert read_memory(tmp_path / "memory") == memory
    stored = b'{"online":["compute1"],"posted":["a"],"up_at":{"compute1":1.0}}'
    assert decode(Memory, stored) == Memory(("compute1",), {"compute1": 1.0}, ("a",))


def test_parts_of_an_answer_that_cannot_be_read_are_left_out() -> None:
    failure = "<failure op_key='{}' node='c' exitcode='1' status='complete' last-rc-change='{}' interval='0' {}/>"
    when = "2026-11-22 09:42:18Z"
    said = [("a_start_0", when, "task='start'"), ("a_start_0", "Sun Nov 22", "task='start'"), ("b", when, "")]
    text = "".join(failure.format(*each) for each in said)
    found = parse_status(f"<pacemaker-result><failures>{text}<failure id='x'/></failures></pacemaker-result>")
    assert [each.resource for each in found.failures] == ["a"]


def test_what_a_resource_is_part_of_says_whether_the_cluster_cares_for_it() -> None:
    wanted_stopped = "target_role='Stopped' blocked='true'"
    inner = "<group id='g'><resource id='{}' managed='true' {}/></group>"
    text = (
        f"<clone id='c' managed='false'>{inner.format('a', '')}</clone>"
        f"<clone id='d' managed='true' disabled='true'>{inner.format('b', '')}</clone>"
        f"{inner.format('c', wanted_stopped)}"
    )
    found = parse_status(f"<pacemaker-result><resources>{text}</resources></pacemaker-result>").instances
    told = [(each.resource, each.managed, each.disabled, each.failed) for each in found]
    assert told == [("a", False, False, False), ("b", True, True, False), ("c", True, True, True)]
