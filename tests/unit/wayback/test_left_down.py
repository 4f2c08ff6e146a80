"""A host that is back without all that was to run on it: it is in service, and people are told what is left to them."""

from __future__ import annotations

from medevac.core.incident import IncidentState
from medevac.flows.returning import NAMED, Way
from medevac.sandbox.cloud.model import guests
from tests.unit.flows.recovering import DEAD, policy, trying
from tests.unit.wayback.returns import Return

IN_SERVICE = (False, False, None)


def with_a_guest_that_nova_forgot() -> Return:
    """Return a host of which one server was started elsewhere by an evacuation that Nova calls failed."""
    host = Return("a", "b", recovered=False)
    with host.world.settled() as world:
        world.hosts["spare-2"].disabled = True
        world.mishaps.fail_spawns["spare-1"] = -1
    host.recovery.run(policy(evacuate=trying(0)))
    assert host.site.log.state == "parked"
    host.site.notifier.sent.clear()  # of the recovery
    with host.world.settled() as world:
        guests.define(world, host.recovery.server("a").id, "spare-1").state = guests.RUNNING
    return host


def test_a_server_that_is_not_started_since_it_may_run_elsewhere_is_left_to_people_who_are_paged_once() -> None:
    host = with_a_guest_that_nova_forgot()
    host.power_on()
    host.run()
    server_id = host.recovery.server("a").id
    assert host.ended == "parked", host.told()
    assert host.service() == IN_SERVICE
    assert host.recovery.server("b").vm_state == "active"
    assert f"{DEAD} is in service again" in host.reason
    assert "1 of its servers needs you: a is not started: an evacuation that failed has left its guest on spare-1" in (
        host.reason
    )
    assert f"virsh destroy {server_id}" in host.reason
    assert [sent.target for sent in host.site.notifier.sent] == ["page"]
    assert host.site.notifier.sent[0].text == host.reason


def test_a_return_that_left_nothing_undone_is_told_as_it_is() -> None:
    well = Way(done=("x",)).enabled("c", 1.0)
    assert well.told() == well
    held = Way().missed("a stays down").ended(IncidentState.HELD, "later")
    assert held.told() == held


def test_a_long_list_names_the_first_and_counts_the_rest() -> None:
    way = Way()
    for number in range(NAMED + 2):
        way = way.missed(f"s{number} stays down")
    told = way.enabled("c", 1.0).told()
    assert told.state == "parked"
    assert told.reason.endswith("7 of its servers need you: " + "; ".join(way.undone[:NAMED]) + "; and 2 more")
